package annotate

import (
	"encoding/binary"
	"net/netip"
)

const (
	// minSlots and maxSlots are how many addresses are remembered, at first and at most.
	minSlots, maxSlots = 1 << 9, 1 << 17
	// longText is how long a text may be to be remembered, so that all of them take 16 MiB at most, beside 6 MiB of slots.
	longText = 128
)

// cache remembers what was appended for an address. An address has two slots, which are beside each other, and takes the
// one that was filled longer ago; the slot keeps its memory, so that nothing is allocated when addresses change.
type cache struct {
	place Place
	slots []slot
	puts  int // since slots was made
}

type slot struct {
	addr netip.Addr // the zero Addr, which is no address, in an empty slot
	text []byte
}

func newCache(place Place) cache { return cache{place: place, slots: make([]slot, minSlots)} }

// append appends what place does.
func (c *cache) append(dst []byte, a netip.Addr) []byte {
	i := index(a) & uint64(len(c.slots)-1)
	newer, older := &c.slots[i], &c.slots[i^1]
	switch a {
	case newer.addr:
		return append(dst, newer.text...)
	case older.addr:
		return append(dst, older.text...)
	}
	before := len(dst)
	dst = c.place(dst, a)
	if text := dst[before:]; len(text) <= longText {
		*newer, *older = *older, *newer
		c.put(newer, a, text)
	}
	return dst
}

// put makes room when as many were put as fill a quarter of it, also where they took each other's slots.
func (c *cache) put(s *slot, a netip.Addr, text []byte) {
	s.addr, s.text = a, append(s.text[:0], text...)
	if c.puts++; c.puts > len(c.slots)/4 && len(c.slots) < maxSlots {
		c.slots, c.puts = make([]slot, 4*len(c.slots)), 0 // to ask again costs less than to move
	}
}

// index mixes the address's bits (Fibonacci hashing); addresses of a network differ in their low ones.
func index(a netip.Addr) uint64 {
	const golden = 0x9e3779b97f4a7c15
	b := a.As16()
	h := binary.BigEndian.Uint64(b[:8])*golden>>32 ^ binary.BigEndian.Uint64(b[8:])
	return h * golden >> 40
}
