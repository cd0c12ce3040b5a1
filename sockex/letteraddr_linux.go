package sockex

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// sockaddrFor is an address as a socket of its family wants it: one of IPv4 is mapped on a socket of IPv6.
func sockaddrFor(fd int, to netip.AddrPort) ([]byte, error) {
	family, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	if err != nil {
		return nil, err
	}
	ip := to.Addr()
	switch {
	case family == unix.AF_INET6:
		return sockaddr6(to)
	case family != unix.AF_INET || !ip.Unmap().Is4():
		return nil, ErrAddrFamily
	}
	b := make([]byte, unix.SizeofSockaddrInet4)
	binary.NativeEndian.PutUint16(b, unix.AF_INET)
	binary.BigEndian.PutUint16(b[2:], to.Port())
	four := ip.Unmap().As4()
	copy(b[4:], four[:])
	return b, nil
}

func sockaddr6(to netip.AddrPort) ([]byte, error) {
	b := make([]byte, unix.SizeofSockaddrInet6)
	binary.NativeEndian.PutUint16(b, unix.AF_INET6)
	binary.BigEndian.PutUint16(b[2:], to.Port())
	sixteen := to.Addr().As16()
	copy(b[8:], sixteen[:])
	zone, err := scopeID(to.Addr().Zone())
	binary.NativeEndian.PutUint32(b[24:], zone)
	return b, err
}

// scopeID is the number of a zone, which is a number already or the name of an interface.
func scopeID(zone string) (uint32, error) {
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil || zone == "" {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}
