package geoip

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/internal/geodat"
	"github.com/sockeye-net/sockeye/internal/geolegacy"
)

// legacyEngine finds addresses of a GeoIP.dat.
type legacyEngine struct {
	db     *geolegacy.DB
	places *cache
}

func openLegacy(b []byte) (engine, error) {
	db, err := geolegacy.Open(b)
	if err != nil {
		return nil, err
	}
	return &legacyEngine{db, newCache(len(b))}, nil
}

func (e *legacyEngine) lookup(a netip.Addr) (h hit, err error) {
	if a.Is6() != e.db.IPv6() {
		return noFamily, nil
	}
	var l geodat.Leaf
	if a.Is4() {
		b := a.As4()
		if l, err = e.db.Find(b[:]); err == nil {
			h.first, h.last = geodat.Range4(b, l.Bits)
		}
	} else {
		b := a.As16()
		if l, err = e.db.Find(b[:]); err == nil {
			h.first, h.last = geodat.Range6(b, l.Bits)
		}
	}
	if err == nil && !e.db.Empty(l) {
		h.place, err = e.place(l.Value)
	}
	return h, err
}

func (e *legacyEngine) place(value uint32) (*place, error) {
	if p := e.places.get(uint64(value)); p != nil {
		return p, nil
	}
	r, err := e.db.Record(value)
	if err != nil {
		return nil, err
	}
	return e.places.put(uint64(value), e.decode(r)), nil
}

func (e *legacyEngine) decode(r geolegacy.Record) (p place) {
	p.Region, p.City = latin1(r.Region), latin1(r.City)
	p.setPosition(r.Latitude, r.Longitude, r.HasPosition)
	switch text := latin1(r.Text); e.db.Name() {
	case "asnum":
		p.ASN, p.Org = asNumber(text)
	case "isp":
		p.ISP = text
	case "org":
		p.Org = text
	default:
		p.country("", r.ISO)
	}
	return p
}

// asNumber splits "AS13335 Cloudflare, Inc.".
func asNumber(s string) (uint32, string) {
	number, name, _ := strings.Cut(s, " ")
	n, err := strconv.ParseUint(strings.TrimPrefix(number, "AS"), 10, 32)
	if err != nil {
		return 0, s
	}
	return uint32(n), name
}

// latin1 decodes ISO 8859-1, whose bytes are the first code points.
func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

func (e *legacyEngine) each(yield func(hit) bool) error {
	w := walker{empty: e.db.Empty, place: e.place, yield: yield}
	leaf := w.leaf4
	if e.db.IPv6() {
		leaf = w.leaf6
	}
	_, err := w.end(e.db.Walk(leaf))
	return err
}

func (e *legacyEngine) describe(i *Info) {
	i.Type, i.Version = e.db.Name(), string(e.db.Version())
	i.HasIPv4, i.HasIPv6, i.Built = !e.db.IPv6(), e.db.IPv6(), chineseDate(i.Version)
}
