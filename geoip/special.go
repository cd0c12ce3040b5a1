package geoip

import (
	"encoding/binary"
	"net/netip"
)

// SpecialRange is a range of addresses that is set aside for a purpose.
type SpecialRange struct {
	Prefix netip.Prefix
	Name   string // as the registry has it: "Private-Use"
	RFC    string // "RFC 1918"
	// Global tells that addresses in it may be reached from everywhere: somebody has them, and a database may know who.
	Global bool
}

// special is a row of the tables. IPv4 is in the upper half of hi.
type special struct {
	hi, lo uint64
	bits   uint8
	global bool
	name   string
	rfc    string
}

// Special returns the special-purpose range that an address is in, the smallest where several are nested. An address
// with a zone counts as one without, a v4-mapped one as the IPv4 address inside.
//
// The ranges are those of the IANA IPv4 and IPv6 Special-Purpose Address Registries
// (iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry, as of 2025), and multicast and site-local
// addresses from the registries of the address spaces.
func Special(a netip.Addr) (SpecialRange, bool) {
	s := findSpecial(a.Unmap().WithZone(""))
	if s == nil {
		return SpecialRange{}, false
	}
	return SpecialRange{s.prefix(a.Unmap().Is4()), s.name, s.rfc, s.global}, true
}

func (s *special) prefix(is4 bool) netip.Prefix {
	if is4 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint64(nil, s.hi))), int(s.bits))
	}
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, s.hi), s.lo)
	return netip.PrefixFrom(netip.AddrFrom16([16]byte(b)), int(s.bits))
}

// findSpecial looks through a table, in which small ranges stand before those around them.
func findSpecial(a netip.Addr) *special {
	if a.Is4() {
		b := a.As4()
		if !special4First(b[0]) {
			return nil
		}
		return search(special4[:], uint64(binary.BigEndian.Uint32(b[:]))<<32, 0)
	}
	if !a.Is6() {
		return nil
	}
	b := a.As16()
	if !special6First(b[0]) {
		return nil
	}
	return search(special6[:], binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:]))
}

func search(table []special, hi, lo uint64) *special {
	for i := range table {
		s := &table[i]
		if s.bits <= 64 {
			if (hi^s.hi)>>(64-s.bits) == 0 {
				return s
			}
		} else if hi == s.hi && (lo^s.lo)>>(128-s.bits) == 0 {
			return s
		}
	}
	return nil
}

// special4First tells whether any range of special4 has addresses that begin with b, special6First the same of special6.
// They keep most addresses from a search.
func special4First(b byte) bool {
	switch b {
	case 0, 10, 100, 127, 169, 172, 192, 198, 203:
		return true
	}
	return b >= 224
}

func special6First(b byte) bool {
	switch b {
	case 0x00, 0x01, 0x20, 0x26, 0x3f, 0x5f:
		return true
	}
	return b >= 0xfc
}

var special4 = [...]special{
	{0x00000000 << 32, 0, 32, false, "This host on this network", "RFC 1122"},
	{0x00000000 << 32, 0, 8, false, "This network", "RFC 791"},
	{0x0a000000 << 32, 0, 8, false, "Private-Use", "RFC 1918"},
	{0x64400000 << 32, 0, 10, false, "Shared Address Space", "RFC 6598"},
	{0x7f000000 << 32, 0, 8, false, "Loopback", "RFC 1122"},
	{0xa9fe0000 << 32, 0, 16, false, "Link Local", "RFC 3927"},
	{0xac100000 << 32, 0, 12, false, "Private-Use", "RFC 1918"},
	{0xc0000008 << 32, 0, 32, false, "IPv4 dummy address", "RFC 7600"},
	{0xc0000009 << 32, 0, 32, true, "Port Control Protocol Anycast", "RFC 7723"},
	{0xc000000a << 32, 0, 32, true, "Traversal Using Relays around NAT Anycast", "RFC 8155"},
	{0xc00000aa << 32, 0, 32, false, "NAT64/DNS64 Discovery", "RFC 8880"},
	{0xc00000ab << 32, 0, 32, false, "NAT64/DNS64 Discovery", "RFC 8880"},
	{0xc0000000 << 32, 0, 29, false, "IPv4 Service Continuity Prefix", "RFC 7335"},
	{0xc0000000 << 32, 0, 24, false, "IETF Protocol Assignments", "RFC 6890"},
	{0xc0000200 << 32, 0, 24, false, "Documentation (TEST-NET-1)", "RFC 5737"},
	{0xc01fc400 << 32, 0, 24, true, "AS112-v4", "RFC 7535"},
	{0xc034c100 << 32, 0, 24, true, "AMT", "RFC 7450"},
	{0xc0586302 << 32, 0, 32, false, "6a44-relay anycast address", "RFC 6751"},
	{0xc0586300 << 32, 0, 24, true, "Deprecated (6to4 Relay Anycast)", "RFC 7526"},
	{0xc0a80000 << 32, 0, 16, false, "Private-Use", "RFC 1918"},
	{0xc0af3000 << 32, 0, 24, true, "Direct Delegation AS112 Service", "RFC 7534"},
	{0xc6120000 << 32, 0, 15, false, "Benchmarking", "RFC 2544"},
	{0xc6336400 << 32, 0, 24, false, "Documentation (TEST-NET-2)", "RFC 5737"},
	{0xcb007100 << 32, 0, 24, false, "Documentation (TEST-NET-3)", "RFC 5737"},
	{0xe0000000 << 32, 0, 4, false, "Multicast", "RFC 5771"},
	{0xffffffff << 32, 0, 32, false, "Limited Broadcast", "RFC 919"},
	{0xf0000000 << 32, 0, 4, false, "Reserved", "RFC 1112"},
}

var special6 = [...]special{
	{0, 0, 128, false, "Unspecified Address", "RFC 4291"},
	{0, 1, 128, false, "Loopback Address", "RFC 4291"},
	{0, 0xffff00000000, 96, false, "IPv4-mapped Address", "RFC 4291"},
	{0x0064ff9b << 32, 0, 96, true, "IPv4-IPv6 Translat.", "RFC 6052"},
	{0x0064ff9b0001 << 16, 0, 48, false, "IPv4-IPv6 Translat.", "RFC 8215"},
	{0x0100 << 48, 0, 64, false, "Discard-Only Address Block", "RFC 6666"},
	{0x0100<<48 | 1, 0, 64, false, "Dummy IPv6 Prefix", "RFC 9780"},
	{0x20010001 << 32, 1, 128, true, "Port Control Protocol Anycast", "RFC 7723"},
	{0x20010001 << 32, 2, 128, true, "Traversal Using Relays around NAT Anycast", "RFC 8155"},
	{0x20010001 << 32, 3, 128, true, "DNS-SD Service Registration Protocol Anycast", "RFC 9665"},
	{0x20010000 << 32, 0, 32, true, "TEREDO", "RFC 4380"},
	{0x200100020000 << 16, 0, 48, false, "Benchmarking", "RFC 5180"},
	{0x20010003 << 32, 0, 32, true, "AMT", "RFC 7450"},
	{0x200100040112 << 16, 0, 48, true, "AS112-v6", "RFC 7535"},
	{0x20010010 << 32, 0, 28, false, "Deprecated (previously ORCHID)", "RFC 4843"},
	{0x20010020 << 32, 0, 28, true, "ORCHIDv2", "RFC 7343"},
	{0x20010030 << 32, 0, 28, true, "Drone Remote ID Protocol Entity Tags (DETs) Prefix", "RFC 9374"},
	{0x20010000 << 32, 0, 23, false, "IETF Protocol Assignments", "RFC 2928"},
	{0x20010db8 << 32, 0, 32, false, "Documentation", "RFC 3849"},
	{0x2002 << 48, 0, 16, true, "6to4", "RFC 3056"},
	{0x2620004f8000 << 16, 0, 48, true, "Direct Delegation AS112 Service", "RFC 7534"},
	{0x3fff << 48, 0, 20, false, "Documentation", "RFC 9637"},
	{0x5f00 << 48, 0, 16, false, "Segment Routing (SRv6) SIDs", "RFC 9602"},
	{0xfc00 << 48, 0, 7, false, "Unique-Local", "RFC 4193"},
	{0xfe80 << 48, 0, 10, false, "Link-Local Unicast", "RFC 4291"},
	{0xfec0 << 48, 0, 10, false, "Deprecated (Site-Local Unicast)", "RFC 3879"},
	{0xff00 << 48, 0, 8, false, "Multicast", "RFC 4291"},
}
