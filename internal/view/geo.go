package view

import (
	"cmp"
	"math"
	"net/netip"
	"strconv"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/netstat"
)

// place is what is shown of where an address is. Equal places are kept once, however many addresses are there.
type place struct {
	country, iso, region, city, district string
	isp, org, special, via, source       string
	asn                                  uint32
	latitude, longitude                  float64
	hasPosition                          bool
}

// seenPlace is a place and how it is written.
type seenPlace struct {
	place
	text   string // for people
	object []byte // JSON
}

// placeBook remembers the places of addresses; nil is an address of which nothing is known.
type placeBook struct {
	lastAddr netip.Addr // the columns and the filter ask for one address one after the other
	last     *seenPlace
	byAddr   map[netip.Addr]*seenPlace
	places   map[place]*seenPlace
}

// maxRemembered bounds the addresses that are remembered: they take some 5 MB, and their places some 300 bytes each.
const maxRemembered = 1 << 16

// PlaceOf is the text that says for people where an address is; empty where nothing is known.
func (n *Names) PlaceOf(a netip.Addr) string {
	if p := n.placeAt(a); p != nil {
		return p.text
	}
	return ""
}

// placeOf is where the remote end of a socket is. A listener and an unconnected socket have none.
func (n *Names) placeOf(s *netstat.Socket) *seenPlace {
	return n.placeAt(s.Remote.Addr())
}

func (n *Names) placeAt(a netip.Addr) *seenPlace {
	if n == nil || n.Place == nil || !a.IsValid() || a.Unmap().IsUnspecified() {
		return nil
	}
	if b := &n.book; b.lastAddr != a {
		b.lastAddr, b.last = a, n.remembered(a)
	}
	return n.book.last
}

func (n *Names) remembered(a netip.Addr) *seenPlace {
	b := &n.book
	p, ok := b.byAddr[a]
	if !ok {
		if b.byAddr == nil || len(b.byAddr) >= maxRemembered {
			b.byAddr, b.places = make(map[netip.Addr]*seenPlace), make(map[place]*seenPlace)
		}
		p = b.see(n.Place(a))
		b.byAddr[a] = p
	}
	return p
}

// see finds the place of a location among those that were seen before, or writes it.
func (b *placeBook) see(loc *geoip.Location) *seenPlace {
	if loc == nil || !loc.Found() {
		return nil
	}
	key := place{country: loc.Country, iso: loc.ISO, region: loc.Region, city: loc.City, district: loc.District,
		isp: loc.ISP, org: loc.Org, special: loc.Special, source: sourceOf(loc), asn: loc.ASN}
	if loc.HasPosition && finite(loc.Latitude) && finite(loc.Longitude) {
		key.latitude, key.longitude, key.hasPosition = loc.Latitude, loc.Longitude, true
	}
	if loc.Via != geoip.Direct {
		key.via = loc.Via.String()
	}
	p := b.places[key]
	if p == nil {
		p = &seenPlace{place: key, text: string(key.appendText(nil)), object: key.appendObject(nil)}
		b.places[key] = p
	}
	return p
}

// sourceOf names the database that told the place, else the one that told the network.
func sourceOf(loc *geoip.Location) string { return cmp.Or(loc.Source, loc.NetworkSource) }

// appendText writes "CN Zhejiang Hangzhou, China Telecom AS4134": the code of the country, from the large to the small, who
// connects it. Where there is no more than a country its name is written too; a special-purpose range is named where there is
// no place.
func (p *place) appendText(dst []byte) []byte {
	parts := [...]string{cmp.Or(p.iso, p.country), p.country, p.region, cmp.Or(p.city, p.district)}
	if parts[2] != "" || parts[3] != "" {
		parts[1] = ""
	}
	if parts[0] == "" && parts[2] == "" && parts[3] == "" {
		parts[0] = p.special
	}
	start, last := len(dst), ""
	for _, part := range parts {
		if part != "" && part != last {
			dst, last = appendClean(appendSeparator(dst, start, " "), part), part
		}
	}
	if who := cmp.Or(p.isp, p.org); who != "" {
		dst = appendClean(appendSeparator(dst, start, ", "), who)
	}
	if p.asn != 0 {
		dst = appendUint(append(appendSeparator(dst, start, " "), "AS"...), uint64(p.asn))
	}
	if p.via != "" && p.via != geoip.Mapped.String() {
		dst = append(append(append(appendSeparator(dst, start, " "), '('), p.via...), ')')
	}
	return dst
}

// appendSeparator writes what stands between two parts, unless the second one is the first.
func appendSeparator(dst []byte, start int, between string) []byte {
	if len(dst) > start {
		dst = append(dst, between...)
	}
	return dst
}

// appendObject writes the geo object of JSON. What is not known is left out.
func (p *place) appendObject(dst []byte) []byte {
	start := len(dst)
	for i := range placeFields {
		f := &placeFields[i]
		if f.text != nil {
			dst = appendField(dst, f.name, f.text(p))
			continue
		}
		mark := len(dst)
		dst = append(append(append(dst, `,"`...), f.name...), `":`...)
		value := len(dst)
		if dst = f.append(p, dst); len(dst) == value {
			dst = dst[:mark]
		}
	}
	if len(dst) == start {
		return append(dst, '{', '}')
	}
	dst[start] = '{' // for the comma
	return append(dst, '}')
}

// placeField is a part of a place, by its name in the geo object. It is a text, or a number that writes nothing where it is
// not known.
type placeField struct {
	name   string
	text   func(*place) string
	number func(*place) float64
	append func(*place, []byte) []byte
}

// placeFields are in the order of the geo object.
var placeFields = [...]placeField{
	{name: "country", text: func(p *place) string { return p.country }},
	{name: "iso", text: func(p *place) string { return p.iso }},
	{name: "region", text: func(p *place) string { return p.region }},
	{name: "city", text: func(p *place) string { return p.city }},
	{name: "district", text: func(p *place) string { return p.district }},
	{name: "isp", text: func(p *place) string { return p.isp }},
	{name: "org", text: func(p *place) string { return p.org }},
	{name: "asn", number: func(p *place) float64 { return float64(p.asn) }, append: (*place).appendSystem},
	{name: "latitude", number: func(p *place) float64 { return p.latitude },
		append: func(p *place, dst []byte) []byte { return p.appendPosition(dst, p.latitude) }},
	{name: "longitude", number: func(p *place) float64 { return p.longitude },
		append: func(p *place, dst []byte) []byte { return p.appendPosition(dst, p.longitude) }},
	{name: "special", text: func(p *place) string { return p.special }},
	{name: "via", text: func(p *place) string { return p.via }},
	{name: "source", text: func(p *place) string { return p.source }},
}

func (p *place) appendSystem(dst []byte) []byte {
	if p.asn == 0 {
		return dst
	}
	return appendUint(dst, uint64(p.asn))
}

func (p *place) appendPosition(dst []byte, v float64) []byte {
	if !p.hasPosition {
		return dst
	}
	return appendDegrees(dst, v)
}

// appendDegrees writes a latitude or longitude with at most four decimals, which is 11 m: databases know no more.
func appendDegrees(dst []byte, v float64) []byte {
	return strconv.AppendFloat(dst, math.Round(v*1e4)/1e4+0, 'f', -1, 64) // -0 + 0 is 0
}

// finite tells what JSON has a form for, and a table of places can find again.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
