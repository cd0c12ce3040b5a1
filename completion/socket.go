package completion

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Socket makes a socket that is not connected: network is tcp4, tcp6, udp4 or udp6. Bind it with [Handle.Bind], or let
// Connect do so.
func (p *Port) Socket(network string) (*Handle, error) {
	six, stream, err := parseNetwork(network)
	if err != nil {
		return nil, &OpError{Op: "socket", Err: err}
	}
	fd, err := newSocket(six, stream)
	if err != nil {
		return nil, &OpError{Op: "socket", Err: err}
	}
	return p.AttachFD(uintptr(fd))
}

func parseNetwork(network string) (six, stream bool, err error) {
	switch network {
	case "tcp4", "tcp6", "udp4", "udp6":
		return strings.HasSuffix(network, "6"), strings.HasPrefix(network, "tcp"), nil
	}
	return false, false, fmt.Errorf("network %q is none of tcp4, tcp6, udp4, udp6", network)
}

// Bind gives a socket its local address.
func (h *Handle) Bind(a netip.AddrPort) error {
	if err := bind(h.fd, a); err != nil {
		return &OpError{Op: "bind", Err: err}
	}
	return nil
}

// backlog is how many connections may wait to be accepted: what the system allows, at most 65535 (listen(2)).
const backlog = 65535

// Listen makes a TCP listener: network is tcp4, tcp6 or tcp, and address like that of net.Listen. One for tcp without a
// host takes connections of both families where the machine has IPv6.
func (p *Port) Listen(network, address string) (*Handle, error) {
	fd, err := listen(network, address)
	if err != nil {
		return nil, &OpError{Op: "listen", Err: err}
	}
	return p.AttachFD(uintptr(fd))
}

func listen(network, address string) (sysFD, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return badFD, fmt.Errorf("network %q is none of tcp, tcp4, tcp6", network)
	}
	to, err := net.ResolveTCPAddr(network, address)
	if err != nil {
		return badFD, err
	}
	return listenAny(network, to)
}

// listenAny tries IPv6 for both families first, where no host was named.
func listenAny(network string, to *net.TCPAddr) (sysFD, error) {
	a := to.AddrPort()
	if a.Addr().IsValid() {
		a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
		return listenOn(a, false)
	}
	if network != "tcp4" {
		fd, err := listenOn(netip.AddrPortFrom(netip.IPv6Unspecified(), a.Port()), network == "tcp")
		if err == nil || network == "tcp6" {
			return fd, err
		}
	}
	return listenOn(netip.AddrPortFrom(netip.IPv4Unspecified(), a.Port()), false)
}

// listenOn makes a listener; both lets one of IPv6 take connections of IPv4 too.
func listenOn(a netip.AddrPort, both bool) (sysFD, error) {
	fd, err := newSocket(a.Addr().Is6(), true)
	if err != nil {
		return badFD, err
	}
	if err := startListening(fd, a, both); err != nil {
		_ = closeFD(&Handle{fd: fd})
		return badFD, err
	}
	return fd, nil
}
