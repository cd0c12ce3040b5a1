package geoip

import (
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/internal/geodat"
	"github.com/sockeye-net/sockeye/internal/xdb"
)

// xdbEngine finds addresses of an xdb file, which has each text once.
type xdbEngine struct {
	db     *xdb.DB
	places *cache
}

func openXDB(b []byte) (engine, error) {
	db, err := xdb.Open(b)
	if err != nil {
		return nil, err
	}
	return &xdbEngine{db, newCache(len(b))}, nil
}

func (e *xdbEngine) lookup(a netip.Addr) (h hit, err error) {
	if a.Is6() != e.db.IPv6() {
		return noFamily, nil
	}
	var entry xdb.Entry
	var found bool
	if a.Is4() {
		b := a.As4()
		entry, found, err = e.db.Find(b[:])
	} else {
		b := a.As16()
		entry, found, err = e.db.Find(b[:])
	}
	if err != nil || !found || entry.Size == 0 {
		return h, err
	}
	return e.hit(entry)
}

func (e *xdbEngine) hit(x xdb.Entry) (h hit, err error) {
	if h.place, err = e.place(x.Text, x.Size); err != nil {
		return h, err
	}
	if e.db.IPv6() {
		h.first, h.last = netip.AddrFrom16(x.First), netip.AddrFrom16(x.Last)
	} else {
		h.first, h.last = addr4(binary.BigEndian.Uint32(x.First[:])), addr4(binary.BigEndian.Uint32(x.Last[:]))
	}
	return h, nil
}

// place returns the place of the text at off.
func (e *xdbEngine) place(off, size int) (*place, error) {
	key := uint64(off)<<16 | uint64(size)
	if p := e.places.get(key); p != nil {
		return p, nil
	}
	b, err := e.db.Text(off, size)
	if err != nil {
		return nil, err
	}
	return e.places.put(key, xdbPlace(utf8Text(b), e.db.Structure())), nil
}

// xdbPlace splits a text at its bars. What is unknown is "0". Files of structure 3 have country, region, city, provider
// and code, early ones no code, and others put more behind it; those of structure 2 have country, area, region, city and
// provider, where the area is mostly unknown. In these, what looks like a code may be a provider (BT), so it is
// one only if it is that of the country.
func xdbPlace(s string, structure int) (p place) {
	f := strings.Split(s, "|")
	for i := range f {
		if f[i] = strings.TrimSpace(f[i]); f[i] == "0" {
			f[i] = ""
		}
	}
	iso := ""
	if len(f) >= 5 {
		code := isISO(f[4]) && (structure >= 3 || codeOf(f[0]) == f[4])
		switch {
		case code || structure >= 3 && f[4] == "":
			iso = f[4]
		case len(f) == 5:
			f = []string{f[0], f[2], f[3], f[4]}
		}
	}
	for len(f) < 4 {
		f = append(f, "")
	}
	p.Region, p.City, p.ISP = f[1], f[2], f[3]
	p.country(f[0], iso)
	return p
}

func (e *xdbEngine) each(yield func(hit) bool) error {
	var last [16]byte
	for i := range e.db.Len() {
		x := e.db.At(i)
		if i > 0 && string(x.First[:]) <= string(last[:]) || string(x.Last[:]) < string(x.First[:]) {
			return geodat.Errorf(e.db.EntryOffset(i), "the index is not in order")
		}
		last = x.Last
		if x.Size == 0 {
			continue
		}
		if h, err := e.hit(x); err != nil || !yield(h) {
			return err
		}
	}
	return nil
}

func (e *xdbEngine) describe(i *Info) {
	i.Ranges, i.HasIPv4, i.HasIPv6, i.Built = e.db.Len(), !e.db.IPv6(), e.db.IPv6(), e.db.Built()
	i.Type = "structure " + string(rune('0'+e.db.Structure()))
}
