package annotate

import (
	"encoding/binary"
	"net/netip"
)

const (
	// minSlots and maxSlots are how many addresses are remembered, at first and at most.
	minSlots, maxSlots = 1 << 8, 1 << 16
	// longText is how long a text may be to be remembered, so that all of them take 16 MiB at most.
	longText = 256
)

// cache remembers what was appended for an address. Each address has one slot, which it takes from the one that had it
// before; the slot keeps its memory, so that nothing is allocated when addresses change.
type cache struct {
	place Place
	slots []slot
	used  int
}

type slot struct {
	addr netip.Addr // the zero Addr, which is no address, in an empty slot
	text []byte
}

func newCache(place Place) cache { return cache{place: place, slots: make([]slot, minSlots)} }

// append appends what place does.
func (c *cache) append(dst []byte, a netip.Addr) []byte {
	s := &c.slots[index(a)&uint64(len(c.slots)-1)]
	if s.addr == a {
		return append(dst, s.text...)
	}
	before := len(dst)
	dst = c.place(dst, a)
	if text := dst[before:]; len(text) <= longText {
		c.put(s, a, text)
	}
	return dst
}

func (c *cache) put(s *slot, a netip.Addr, text []byte) {
	if !s.addr.IsValid() {
		c.used++
	}
	s.addr, s.text = a, append(s.text[:0], text...)
	if c.used > len(c.slots)/2 && len(c.slots) < maxSlots {
		c.slots, c.used = make([]slot, 4*len(c.slots)), 0 // to ask again costs less than to move
	}
}

// index mixes the address's bits (Fibonacci hashing); addresses of a network differ in their low ones.
func index(a netip.Addr) uint64 {
	const golden = 0x9e3779b97f4a7c15
	b := a.As16()
	h := binary.BigEndian.Uint64(b[:8])*golden>>32 ^ binary.BigEndian.Uint64(b[8:])
	return h * golden >> 40
}
