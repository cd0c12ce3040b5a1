package completion

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strconv"
)

// sockaddr is a struct sockaddr_in or sockaddr_in6 as both systems have it: the family in the machine's order, port and
// address in the network's (ip(7), ipv6(7)).
type sockaddr [28]byte

const sockaddr4Len, sockaddr6Len = 16, 28

var errBadAddr = errors.New("not an address of IPv4 or IPv6")

// put writes a and returns the length. An address of IPv4 on a socket of IPv6 is written as a mapped one.
func (s *sockaddr) put(a netip.AddrPort, six bool) (int, error) {
	ip := a.Addr()
	switch {
	case !ip.IsValid():
		return 0, errBadAddr
	case ip.Is4() && !six:
		*s = sockaddr{}
		binary.NativeEndian.PutUint16(s[0:], familyINET)
		binary.BigEndian.PutUint16(s[2:], a.Port())
		b := ip.As4()
		copy(s[4:], b[:])
		return sockaddr4Len, nil
	}
	zone, err := scope(ip.Zone())
	if err != nil {
		return 0, err
	}
	*s = sockaddr{}
	binary.NativeEndian.PutUint16(s[0:], familyINET6)
	binary.BigEndian.PutUint16(s[2:], a.Port())
	b := ip.As16()
	copy(s[8:], b[:])
	binary.NativeEndian.PutUint32(s[24:], zone)
	return sockaddr6Len, nil
}

// get reads an address of n bytes. One that is mapped is returned as IPv4; one of another family is not valid.
func (s *sockaddr) get(n int) netip.AddrPort {
	if n < sockaddr4Len {
		return netip.AddrPort{}
	}
	port := binary.BigEndian.Uint16(s[2:])
	switch family := binary.NativeEndian.Uint16(s[0:]); {
	case family == familyINET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(s[4:8])), port)
	case family == familyINET6 && n >= sockaddr6Len:
		ip := netip.AddrFrom16([16]byte(s[8:24])).Unmap()
		if zone := binary.NativeEndian.Uint32(s[24:]); zone != 0 && ip.Is6() {
			ip = ip.WithZone(strconv.FormatUint(uint64(zone), 10))
		}
		return netip.AddrPortFrom(ip, port)
	}
	return netip.AddrPort{}
}

// scope is the number of a zone, which is a number already or the name of an interface.
func scope(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}
