package netstat

import (
	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// source is one call: which table, and what it is made of.
type source struct {
	proto  Proto
	v6     bool
	kind   miblayout.Kind
	entry  iphlpapi.Entry
	class  uint32 // iphlpapi.TCPClass or UDPClass
	family iphlpapi.Family
}

// sources are the calls that answer a query. No UDP row tells of a peer, so all of them count as Unconnected.
func sources(q *Query) (all []source) {
	for _, v6 := range []bool{false, true} {
		if q.Families != 0 && q.Families&familyOf(v6) == 0 {
			continue
		}
		if q.Protos.Has(TCP) && (q.States == 0 || q.States&^StatesOf(Unconnected) != 0) {
			all = append(all, tcpSource(q, v6))
		}
		if q.Protos.Has(UDP) && q.States.Has(Unconnected) {
			all = append(all, udpSource(q, v6))
		}
	}
	return all
}

func familyOf(v6 bool) Families {
	if v6 {
		return IPv6
	}
	return IPv4
}

func tcpSource(q *Query, v6 bool) source {
	class := uint32(q.Owner)*3 + uint32(tcpClass(q.States))
	if v6 {
		return source{TCP, true, miblayout.TCP6Basic + miblayout.Kind(q.Owner), iphlpapi.TCP6Entry, class, iphlpapi.IPv6}
	}
	return source{TCP, false, miblayout.TCP4Basic + miblayout.Kind(q.Owner), iphlpapi.TCPEntry, class, iphlpapi.IPv4}
}

func udpSource(q *Query, v6 bool) source {
	if v6 {
		return source{UDP, true, miblayout.UDP6Basic + miblayout.Kind(q.Owner), iphlpapi.UDP6Entry, uint32(q.Owner), iphlpapi.IPv6}
	}
	return source{UDP, false, miblayout.UDP4Basic + miblayout.Kind(q.Owner), iphlpapi.UDPEntry, uint32(q.Owner), iphlpapi.IPv4}
}

// tcpClass is the smallest class that surely holds the states: of the three BASIC ones, to which the owner's level is
// added. The manual says of CONNECTIONS only that its endpoints are "connected", and Wine puts none but ESTABLISHED there:
// so a query for other states takes ALL, whose rows are then filtered.
func tcpClass(s States) iphlpapi.TCPClass {
	switch s {
	case StatesOf(Listen):
		return iphlpapi.TCPBasicListener
	case StatesOf(Established):
		return iphlpapi.TCPBasicConnections
	}
	return iphlpapi.TCPBasicAll
}

func (s source) read(b *iphlpapi.Buffer, order bool) ([]byte, error) {
	switch {
	case s.kind == miblayout.TCP6Basic:
		return b.TCP6(order)
	case s.proto == TCP:
		return b.TCP(s.family, iphlpapi.TCPClass(s.class), order)
	default:
		return b.UDP(s.family, iphlpapi.UDPClass(s.class), order)
	}
}
