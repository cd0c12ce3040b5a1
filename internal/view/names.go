package view

import (
	"net/netip"
	"strconv"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/netstat"
)

// Names finds the names behind the numbers of a socket, and keeps them. A nil function, or an empty answer, leaves the
// number. The zero Names, or a nil one, knows no names but the well-known services.
type Names struct {
	UserName      func(uid uint32) string
	InterfaceName func(netns uint64, index uint32) string
	ServicePort   func(name string) (uint16, bool)
	Details       func(*netstat.Process) (netstat.Details, bool)

	// OwnerUser is the user of a process, for systems whose sockets have no user: there the first owner's stands for it.
	OwnerUser func(*netstat.Process) string

	// Place is where an address is, nil where nothing is known. What it returns is not used after the next call. A nil
	// function is for when nobody asks.
	Place func(netip.Addr) *geoip.Location

	event      string // kind of the event that an EventFilter is asked about
	users      map[uint32]string
	lastUID    uint32
	lastUser   string // name of lastUID; empty before the first
	interfaces map[netInterface]string
	owners     map[*netstat.Process]string
	details    map[*netstat.Process][]byte // JSON fields
	book       placeBook
}

// netInterface names an interface: an index means something in its network namespace only.
type netInterface struct {
	netns uint64
	index uint32
}

// Forget drops what was found out about processes and interfaces, so that a command that runs for long does not remember
// all there ever were, and learns new names.
func (n *Names) Forget() {
	clear(n.interfaces)
	clear(n.owners)
	clear(n.details)
}

// ForgetPlaces drops what was found out about addresses, because the databases say something else now.
func (n *Names) ForgetPlaces() { n.book = placeBook{} }

// User is the name of the user, or its number in decimal.
func (n *Names) User(uid uint32) string {
	if n == nil {
		return strconv.FormatUint(uint64(uid), 10)
	}
	if n.lastUser == "" || n.lastUID != uid {
		n.lastUID, n.lastUser = uid, n.user(uid)
	}
	return n.lastUser
}

func (n *Names) user(uid uint32) string {
	if name, ok := n.users[uid]; ok {
		return name
	}
	name := ""
	if n.UserName != nil {
		name = n.UserName(uid)
	}
	if name == "" {
		name = strconv.FormatUint(uint64(uid), 10)
	}
	if n.users == nil {
		n.users = make(map[uint32]string)
	}
	n.users[uid] = name
	return name
}

// ownerUser is the user of the socket's first owner, where that is asked for.
func (n *Names) ownerUser(s *netstat.Socket) string {
	p := firstProcess(s)
	if p == nil || n == nil || n.OwnerUser == nil {
		return ""
	}
	name, ok := n.owners[p]
	if !ok {
		if n.owners == nil {
			n.owners = make(map[*netstat.Process]string)
		}
		name = n.OwnerUser(p)
		n.owners[p] = name
	}
	return name
}

// Interface is the name of the interface the socket is bound to, or its index in decimal; empty when it is bound to none.
func (n *Names) Interface(s *netstat.Socket) string {
	if s.Interface == 0 {
		return ""
	}
	if n == nil {
		return strconv.FormatUint(uint64(s.Interface), 10)
	}
	key := netInterface{s.NetNS, s.Interface}
	if name, ok := n.interfaces[key]; ok {
		return name
	}
	name := n.lookupInterface(key)
	n.nameInterface(key, name)
	return name
}

// nameInterface makes the name of an interface known.
func (n *Names) nameInterface(key netInterface, name string) {
	if n.interfaces == nil {
		n.interfaces = make(map[netInterface]string)
	}
	n.interfaces[key] = name
}

func (n *Names) lookupInterface(key netInterface) string {
	if n.InterfaceName != nil {
		if name := n.InterfaceName(key.netns, key.index); name != "" {
			return name
		}
	}
	return strconv.FormatUint(uint64(key.index), 10)
}

// Service is the port of a service name.
func (n *Names) Service(name string) (uint16, bool) {
	if port, ok := services[name]; ok {
		return port, true
	}
	if n == nil || n.ServicePort == nil {
		return 0, false
	}
	return n.ServicePort(name)
}

// services are names that need no file; the ports are IANA's.
var services = map[string]uint16{
	"ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "dns": 53, "bootps": 67, "bootpc": 68, "tftp": 69,
	"http": 80, "kerberos": 88, "pop3": 110, "sunrpc": 111, "ntp": 123, "imap2": 143, "imap": 143, "snmp": 161,
	"bgp": 179, "ldap": 389, "https": 443, "microsoft-ds": 445, "submission": 587, "ldaps": 636, "imaps": 993,
	"pop3s": 995, "mysql": 3306, "rdp": 3389, "postgresql": 5432, "mdns": 5353, "redis": 6379, "http-alt": 8080,
}
