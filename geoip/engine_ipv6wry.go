package geoip

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/internal/geodat"
	"github.com/sockeye-net/sockeye/internal/qqwry"
)

// ipv6wryEngine finds addresses of an ipv6wry.db. A range ends where the next one begins.
type ipv6wryEngine struct {
	db     *qqwry.DB6
	places *cache
}

func openIPv6Wry(b []byte) (engine, error) {
	db, err := qqwry.Open6(b)
	if err != nil {
		return nil, err
	}
	return &ipv6wryEngine{db, newCache(len(b))}, nil
}

// number is the address as the index has it.
func (e *ipv6wryEngine) number(a netip.Addr) (uint64, bool) {
	switch {
	case a.Is4() && e.db.IPv4():
		b := a.As4()
		return uint64(binary.BigEndian.Uint32(b[:])), true
	case a.Is6() && !e.db.IPv4():
		b := a.As16()
		return binary.BigEndian.Uint64(b[:8]), true
	}
	return 0, false
}

func (e *ipv6wryEngine) lookup(a netip.Addr) (h hit, err error) {
	n, ok := e.number(a)
	if !ok {
		return noFamily, nil
	}
	i := e.db.Search(n)
	if i < 0 {
		return h, nil
	}
	return e.hit(i)
}

func (e *ipv6wryEngine) hit(i int) (h hit, err error) {
	off, err := e.db.Record(i)
	if err != nil {
		return h, err
	}
	last := ^uint64(0)
	if i+1 < e.db.Len() {
		last = e.db.First(i+1) - 1
	}
	if h.place, err = e.place(off); err != nil {
		return h, err
	}
	if e.db.IPv4() {
		h.first, h.last = addr4(uint32(e.db.First(i))), addr4(uint32(last))
	} else {
		h.first, h.last = addr6(e.db.First(i), 0), addr6(last, ^uint64(0))
	}
	return h, nil
}

// place returns the place of the record at off.
func (e *ipv6wryEngine) place(off int) (*place, error) {
	t, err := e.db.Text(off)
	if err != nil {
		return nil, err
	}
	key := uint64(t.Country)<<32 | uint64(t.Area)
	if p := e.places.get(key); p != nil {
		return p, nil
	}
	country, err := e.db.Bytes(t.Country)
	if err != nil {
		return nil, err
	}
	area, err := e.db.Bytes(t.Area)
	if err != nil {
		return nil, err
	}
	return e.places.put(key, chinese(utf8Text(country), utf8Text(area))), nil
}

func (e *ipv6wryEngine) each(yield func(hit) bool) error {
	for i := range e.db.Len() {
		if i+1 < e.db.Len() && e.db.First(i+1) <= e.db.First(i) {
			return geodat.Errorf(e.db.EntryOffset(i+1), "the index is not in order")
		}
		if h, err := e.hit(i); err != nil || !yield(h) {
			return err
		}
	}
	return nil
}

func (e *ipv6wryEngine) describe(i *Info) {
	i.Ranges, i.HasIPv4, i.HasIPv6 = e.db.Len(), e.db.IPv4(), !e.db.IPv4()
	i.Version = utf8Text(e.db.Version())
	i.Built = chineseDate(i.Version)
}

// utf8Text copies a text. What is not UTF-8 becomes U+FFFD.
func utf8Text(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

func addr6(hi, lo uint64) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], hi)
	binary.BigEndian.PutUint64(b[8:], lo)
	return netip.AddrFrom16(b)
}
