package tui

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
)

// order is what rows are sorted by.
type order struct {
	compare func(a, b *row) int
	value   func(*row) float64 // compare is by this number first, where it is not nil
	down    bool
}

// scratch is memory for resort.
type scratch[T any] struct{ rest, moved []T }

// resort puts a list in order. From one reading to the next few rows change their places: those are taken out, sorted, and
// merged with the rest, so that a table of n rows of which few moved costs about n comparisons.
func (o *scratch[T]) resort(list []T, compare func(a, b T) int) []T {
	o.rest, o.moved = o.rest[:0], o.moved[:0]
	for _, r := range list {
		switch n := len(o.rest); {
		case n == 0 || compare(o.rest[n-1], r) <= 0:
			o.rest = append(o.rest, r)
		case n > 1 && compare(o.rest[n-2], r) <= 0: // the one before stands out, not this one
			o.moved = append(o.moved, o.rest[n-1])
			o.rest[n-1] = r
		default:
			o.moved = append(o.moved, r)
		}
		if len(o.moved) > len(list)/4 {
			slices.SortFunc(list, compare)
			return list
		}
	}
	if len(o.moved) == 0 {
		return list
	}
	slices.SortFunc(o.moved, compare)
	return o.merge(list[:0], compare)
}

// merge writes both lists to dst, which may be the memory that they were taken from.
func (o *scratch[T]) merge(dst []T, compare func(a, b T) int) []T {
	i := 0
	for _, m := range o.moved {
		for i < len(o.rest) && compare(o.rest[i], m) <= 0 {
			dst = append(dst, o.rest[i])
			i++
		}
		dst = append(dst, m)
	}
	return append(dst, o.rest[i:]...)
}

// ranked is a row with what mostly decides its place, so that comparing two of them need not go to the rows themselves, which
// lie all over the memory.
type ranked struct {
	rank   float64
	places [2]uint64 // the beginning of what tie compares
	*row
}

// ranked is a row with its rank.
func (by *order) ranked(r *row) ranked {
	k := ranked{rank: by.value(r), row: r}
	if by.down {
		k.rank = -k.rank
	}
	if r.By == bySocket {
		k.places = placesOf(&r.sock)
	}
	return k
}

// placesOf is the beginning of what tie compares of a socket.
func placesOf(s *netstat.Socket) [2]uint64 {
	return [2]uint64{uint64(s.Proto)<<56 | prefix(s.Local), prefix(s.Remote)}
}

// compareRanked is compare, of rows with their ranks.
func (by *order) compareRanked(a, b ranked) int {
	switch {
	case a.rank != b.rank:
		return cmp.Compare(a.rank, b.rank)
	case a.places[0] != b.places[0]:
		return cmp.Compare(a.places[0], b.places[0])
	case a.places[1] != b.places[1] && exact(a.places[0]):
		return cmp.Compare(a.places[1], b.places[1])
	}
	return by.compare(a.row, b.row)
}

// six marks the prefix of an IPv6 address, which is not all of it, and comes after those of IPv4, as in netip.Addr.Compare.
const six = 1 << 50

// prefix is an IPv4 address with its port, or the beginning of an IPv6 address: two that differ compare as the addresses do.
func prefix(a netip.AddrPort) uint64 {
	switch ip := a.Addr(); {
	case ip.Is4():
		b := ip.As4()
		return 1<<48 | uint64(binary.BigEndian.Uint32(b[:]))<<16 | uint64(a.Port())
	case ip.Is6():
		b := ip.As16()
		return six | binary.BigEndian.Uint64(b[:8])>>16
	}
	return uint64(a.Port())
}

// exact reports whether a prefix is a whole address.
func exact(p uint64) bool { return p&six == 0 }

// tie puts rows that are equal otherwise in an order that stays.
func tie(a, b *row) int {
	if a.By != bySocket {
		return cmp.Or(cmp.Compare(a.key.a, b.key.a), cmp.Compare(a.key.b, b.key.b))
	}
	if c := cmp.Compare(a.sock.Proto, b.sock.Proto); c != 0 {
		return c
	}
	if c := a.sock.Local.Compare(b.sock.Local); c != 0 {
		return c
	}
	return cmp.Or(a.sock.Remote.Compare(b.sock.Remote), cmp.Compare(a.key.a, b.key.a))
}
