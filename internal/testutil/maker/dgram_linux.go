package main

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

func udp4(m *maker, n int) { m.datagrams(n, loop4) }
func udp6(m *maker, n int) { m.datagrams(n, loop6) }

func (m *maker) datagrams(n int, addr netip.AddrPort) {
	for range n {
		fd := socket(addr, unix.SOCK_DGRAM, 0)
		bindTo(fd, addr)
		m.own(fd, "UNCONN")
	}
}

func udpConnected(m *maker, n int) { m.connectedUDP(n, loop4, loop6) }
func udpMapped(m *maker, n int)    { m.connectedUDP(n, loopMapped) }

// connectedUDP connects n sockets to each address, to one that is bound there.
func (m *maker) connectedUDP(n int, addrs ...netip.AddrPort) {
	for _, addr := range addrs {
		to := socket(addr, unix.SOCK_DGRAM, 0)
		at := bindTo(to, addr)
		m.own(to, "UNCONN")
		for range n {
			m.own(connect(at, unix.SOCK_DGRAM, 0), "ESTABLISHED")
		}
	}
}
