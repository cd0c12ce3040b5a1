package netstat

import (
	"net"
	"strconv"
)

// interfaceNames keeps the names of interfaces, as zones of addresses.
type interfaceNames struct {
	byIndex map[uint32]string
}

// zone is the name of the interface in this namespace, or its number in another one.
func (n *interfaceNames) zone(index uint32, own bool) string {
	if !own {
		return strconv.Itoa(int(index))
	}
	if name, ok := n.byIndex[index]; ok {
		return name
	}
	name := strconv.Itoa(int(index))
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		name = i.Name
	}
	if n.byIndex == nil {
		n.byIndex = make(map[uint32]string)
	}
	n.byIndex[index] = name
	return name
}
