package main

import (
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func listen4(m *maker, n int)     { m.listeners(n, loop4, 0) }
func listen6(m *maker, n int)     { m.listeners(n, loop6, 0) }
func listenDual(m *maker, n int)  { m.listeners(n, any6, 0) }
func listenPlain(m *maker, n int) { m.listeners(n, loop4, unix.IPPROTO_TCP) }

func (m *maker) listeners(n int, addr netip.AddrPort, proto int) {
	for range n {
		fd, _ := listener(addr, proto, 16)
		m.own(fd, "LISTEN")
	}
}

// listenGo listens as a Go program does: with MPTCP, where the kernel has it.
func listenGo(m *maker, n int) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		check(err, "listen")
		c, err := l.(*net.TCPListener).SyscallConn()
		check(err, "syscallconn")
		check(c.Control(func(fd uintptr) { m.own(int(fd), "LISTEN") }), "control")
		keep = append(keep, l)
	}
}

// keep holds what the garbage collector would close.
var keep []any

func pair4(m *maker, n int)      { m.pairs(n, loop4, loop4, 0) }
func pair6(m *maker, n int)      { m.pairs(n, loop6, loop6, 0) }
func pairMPTCP(m *maker, n int)  { m.pairs(n, loop4, loop4, mptcp()) }
func pairMapped(m *maker, n int) { m.pairs(n, any6, loopMapped, 0) }

// mptcp is IPPROTO_MPTCP where the kernel has it, else TCP.
func mptcp() int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err != nil {
		return 0
	}
	closeFD(fd)
	return unix.IPPROTO_MPTCP
}

// pairs opens a listener and n connections to it, and holds both ends.
func (m *maker) pairs(n int, at, to netip.AddrPort, proto int) {
	l, addr := listener(at, proto, n+1)
	m.own(l, "LISTEN")
	for range n {
		c, s := pairOn(l, netip.AddrPortFrom(to.Addr(), addr.Port()), proto)
		m.own(c, "ESTABLISHED")
		m.own(s, "ESTABLISHED")
	}
}

func pairOn(l int, to netip.AddrPort, proto int) (client, server int) {
	client = connect(to, unix.SOCK_STREAM, proto)
	return client, accept(l)
}

// bound sockets have a port but neither listen nor are connected; sock_diag tells of them since Linux 6.8, /proc/net never.
func bound(m *maker, n int) {
	for i := range n {
		addr := loop4
		if i%2 == 1 {
			addr = loop6
		}
		fd := socket(addr, unix.SOCK_STREAM, 0)
		bindTo(fd, addr)
		m.own(fd, "BOUND")
	}
}

// unbound sockets have no port: they are in no table of the kernel and must not be listed, by any method.
func unbound(m *maker, n int) {
	for range n {
		m.absent(socket(loop4, unix.SOCK_STREAM, 0))
		m.absent(socket(loop6, unix.SOCK_STREAM, 0))
		m.absent(socket(loop4, unix.SOCK_DGRAM, 0))
	}
}

// finished sockets were connected and were reset by the peer: an open descriptor, a socket in no table.
func finished(m *maker, n int) {
	l, at := listener(loop4, 0, n+1)
	m.own(l, "LISTEN")
	for range n {
		c, s := pairOn(l, at, 0)
		check(unix.SetsockoptLinger(s, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}), "linger")
		closeFD(s)
		m.absent(c)
	}
}

func (m *maker) absent(fd int) {
	r := describe(fd)
	r.Kind, r.PID, r.Absent = m.kind, pid, true
	m.emit(r)
}

// linkLocal listens on every link-local address of the namespace, in TCP and UDP, and on each of those interfaces alone.
func linkLocal(m *maker, n int) {
	ifs, err := net.Interfaces()
	check(err, "interfaces")
	for _, ifc := range ifs {
		addrs, err := ifc.Addrs()
		check(err, "addresses")
		for _, a := range addrs {
			if p, ok := a.(*net.IPNet); ok && p.IP.To4() == nil && p.IP.IsLinkLocalUnicast() {
				m.onLink(n, netip.AddrFrom16([16]byte(p.IP)), ifc)
			}
		}
	}
}

func (m *maker) onLink(n int, a netip.Addr, ifc net.Interface) {
	for range n {
		for typ, state := range map[int]string{unix.SOCK_STREAM: "LISTEN", unix.SOCK_DGRAM: "UNCONN"} {
			fd := socket(any6, typ, 0)
			check(unix.Bind(fd, &unix.SockaddrInet6{Addr: a.As16(), ZoneId: uint32(ifc.Index)}), "bind")
			if typ == unix.SOCK_STREAM {
				check(unix.Listen(fd, 1), "listen")
			}
			r := describe(fd)
			r.Kind, r.PID, r.State, r.Interface = m.kind, pid, state, uint32(ifc.Index)
			r.Local = netip.AddrPortFrom(a.WithZone(ifc.Name), localOf(fd).Port()).String()
			m.emit(r)
		}
	}
}

// reuseport makes n processes that listen on one port of one address.
func reuseport(m *maker, n int)    { m.group(n, unix.SOCK_STREAM) }
func reuseportUDP(m *maker, n int) { m.group(n, unix.SOCK_DGRAM) }

func (m *maker) group(n, typ int) {
	at := m.member(loop4, typ)
	for range n - 1 {
		m.spawn(nil, "-reuseport", strconv.Itoa(int(at.Port())), strconv.Itoa(typ))
	}
}

func (m *maker) member(addr netip.AddrPort, typ int) netip.AddrPort {
	fd := socket(addr, typ, 0)
	setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	at, state := bindTo(fd, addr), "UNCONN"
	if typ == unix.SOCK_STREAM {
		check(unix.Listen(fd, 16), "listen")
		state = "LISTEN"
	}
	m.own(fd, state)
	return at
}

func reuseportMember(m *maker, port int) {
	typ, err := strconv.Atoi(os.Args[3])
	check(err, "the type")
	m.member(netip.AddrPortFrom(loop4.Addr(), uint16(port)), typ)
}

// many holds n connections with both ends on one listener: the load of the allocation and churn tests.
func many(m *maker, n int) { m.pairs(n, loop4, loop4, 0) }
