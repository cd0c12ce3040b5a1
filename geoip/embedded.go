package geoip

import (
	"encoding/binary"
	"net/netip"
)

// start begins the answer for an address: the address that is looked up, and its special-purpose range. It tells whether
// a database has to be asked. l must be zero.
func (l *Location) start(a netip.Addr) bool {
	l.Addr, l.Via = embedded(a)
	l.First, l.Last = l.Addr, l.Addr
	if !l.Addr.IsValid() {
		return false
	}
	s := findSpecial(l.Addr)
	if s == nil {
		return true
	}
	l.Special, l.Source = s.name, sourceIANA
	if !s.global {
		l.First, l.Last = rangeOf(s.prefix(l.Addr.Is4()))
	}
	return s.global
}

// embedded returns the IPv4 address inside an IPv6 one, or the address itself, without its zone. It knows the forms that
// the address alone tells: v4-mapped (RFC 4291, 2.5.5.2), 6to4 (RFC 3056), Teredo (RFC 4380; the client's own address,
// which is inverted) and NAT64's well-known prefix (RFC 6052).
func embedded(a netip.Addr) (netip.Addr, Via) {
	a = a.WithZone("")
	if !a.Is6() {
		return a, Direct
	}
	b := a.As16()
	switch hi := binary.BigEndian.Uint64(b[:8]); {
	case a.Is4In6():
		return a.Unmap(), Mapped
	case hi>>48 == 0x2002:
		return netip.AddrFrom4([4]byte(b[2:6])), SixToFour
	case hi>>32 == 0x20010000:
		return netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}), Teredo
	case hi == 0x0064ff9b<<32 && binary.BigEndian.Uint32(b[8:]) == 0:
		return netip.AddrFrom4([4]byte(b[12:])), NAT64
	}
	return a, Direct
}

// rangeOf returns the first and the last address of a prefix.
func rangeOf(p netip.Prefix) (first, last netip.Addr) {
	first = p.Masked().Addr()
	b := first.AsSlice()
	for i := range b {
		b[i] |= byte(0xff >> min(8, max(0, p.Bits()-8*i)))
	}
	last, _ = netip.AddrFromSlice(b)
	return first, last
}

// prefixOf returns the prefix that is the same range, where there is one.
func prefixOf(first, last netip.Addr) (netip.Prefix, bool) {
	if !first.IsValid() || first.BitLen() != last.BitLen() {
		return netip.Prefix{}, false
	}
	a, b := first.AsSlice(), last.AsSlice()
	bits := 0
	for bits < len(a)*8 && a[bits>>3]>>(7-bits&7)&1 == b[bits>>3]>>(7-bits&7)&1 {
		bits++
	}
	p := netip.PrefixFrom(first, bits)
	lo, hi := rangeOf(p)
	return p, lo == first && hi == last
}
