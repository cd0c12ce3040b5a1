package miblayout

import (
	"encoding/binary"
	"net/netip"
)

// Addresses is a decoded MIB_UNICASTIPADDRESS_TABLE: a view of the bytes it was made from, as Interfaces is.
type Addresses struct{ rows []byte }

// IfAddr is one address of an interface: MIB_UNICASTIPADDRESS_ROW of <netioapi.h>.
type IfAddr struct {
	LUID   uint64
	Index  uint32
	Prefix netip.Prefix // the address, without a zone, and the length of its on-link prefix; zero for an unknown family
	Scope  uint32       // sin6_scope_id
	Dad    uint32       // NL_DAD_STATE: 4 is preferred, 3 deprecated, less is not (or not yet) in use
}

// ParseAddresses checks that b holds the rows that its first word promises and returns them. The error is a *SizeError.
func ParseAddresses(b []byte) (Addresses, error) {
	rows, err := ifRows(IfUnicast, b)
	return Addresses{rows}, err
}

// Len is the number of rows.
func (t Addresses) Len() int { return len(t.rows) / ifLayouts[IfUnicast].size }

// Row decodes the i-th row. It panics unless 0 <= i < Len, as a slice does.
func (t Addresses) Row(i int) IfAddr {
	size := ifLayouts[IfUnicast].size
	b := t.rows[i*size:][:size]
	a, scope := sockaddr(b)
	r := IfAddr{LUID: binary.LittleEndian.Uint64(b[32:]), Index: binary.LittleEndian.Uint32(b[40:]), Scope: scope,
		Dad: binary.LittleEndian.Uint32(b[64:])}
	if bits := int(b[60]); a.IsValid() && bits <= a.BitLen() { // 255 stands for an illegal one
		r.Prefix = netip.PrefixFrom(a, bits)
	} else if a.IsValid() {
		r.Prefix = netip.PrefixFrom(a, a.BitLen())
	}
	return r
}

// sockaddr decodes a SOCKADDR_INET of <ws2ipdef.h>, 28 bytes: the family, then a sockaddr_in or a sockaddr_in6.
func sockaddr(b []byte) (a netip.Addr, scope uint32) {
	const inet, inet6 = 2, 23 // AF_INET, AF_INET6 of <winsock2.h>
	switch binary.LittleEndian.Uint16(b) {
	case inet:
		return netip.AddrFrom4([4]byte(b[4:])), 0
	case inet6:
		return netip.AddrFrom16([16]byte(b[8:])), binary.LittleEndian.Uint32(b[24:])
	}
	return netip.Addr{}, 0
}
