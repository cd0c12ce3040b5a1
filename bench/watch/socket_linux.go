package main

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

var (
	localhost4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	localhost6 = netip.IPv6Loopback()
)

// listen listens on a port that the kernel chooses. Descriptors that it makes and accepts do not block if flags has
// SOCK_NONBLOCK.
func listen(ip netip.Addr, flags int) (fd int, port uint16, err error) {
	fd, err = unix.Socket(family(ip), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|flags, 0)
	if err != nil {
		return -1, 0, err
	}
	at := netip.AddrPortFrom(ip, 0)
	if err := errors.Join(unix.Bind(fd, sockaddr(at)), unix.Listen(fd, 4096)); err != nil {
		return -1, 0, errors.Join(err, unix.Close(fd))
	}
	sa, err := unix.Getsockname(fd)
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		port = uint16(sa.Port)
	case *unix.SockaddrInet6:
		port = uint16(sa.Port)
	}
	return fd, port, err
}

// connect connects from the address, or from the one that the kernel takes if that is the zero Addr.
func connect(from netip.Addr, to netip.AddrPort) (int, error) {
	fd, err := unix.Socket(family(to.Addr()), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if from.IsValid() { // the port is chosen when the peer is known, so that one port serves many peers
		err = errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1), unix.Bind(fd, sockaddr(netip.AddrPortFrom(from, 0))))
	}
	if err = errors.Join(err, unix.Connect(fd, sockaddr(to))); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}

func raiseFiles(n uint64) error {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: max(r.Cur, n), Max: max(r.Max, n)})
}
