package view

import (
	"cmp"
	"encoding/binary"
	"math"
	"net/netip"
	"strconv"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/netstat"
)

// place is what is shown of where an address is.
type place struct {
	country, iso, region, city, district string
	isp, org, special, via, source       string
	asn                                  uint32
	latitude, longitude                  float64
	hasPosition                          bool
	known                                bool // else nothing is known
}

// seenPlace is the place of an address, and how it is written, once somebody asks for that.
type seenPlace struct {
	addr  netip.Addr
	wrote bool // text is written
	place
	text   []byte // for people
	object []byte // JSON
}

// placeBook remembers where addresses are. Most are asked for several times: by the filter, by one column after the other,
// and by the many connections to one host. The slot of an address is its own until another one with the same hash is asked
// for, so that nothing has to be allocated for it.
type placeBook struct{ slots []seenPlace }

// placeSlots is a power of two. They take 2 MB where all are used.
const (
	placeBits  = 13
	placeSlots = 1 << placeBits
)

// PlaceOf is the text that says for people where an address is; empty where nothing is known.
func (n *Names) PlaceOf(a netip.Addr) string {
	if p := n.placeAt(a); p != nil {
		return string(p.forPeople())
	}
	return ""
}

// placeOf is where the remote end of a socket is; a listener and an unconnected socket have none. It is valid until the
// next place is asked for.
func (n *Names) placeOf(s *netstat.Socket) *seenPlace {
	return n.placeAt(s.Remote.Addr())
}

func (n *Names) placeAt(a netip.Addr) *seenPlace {
	if n == nil || n.Place == nil || !a.IsValid() || a.Unmap().IsUnspecified() {
		return nil
	}
	p := n.book.slot(a)
	if p.addr != a {
		p.set(a, n.Place(a))
	}
	if !p.known {
		return nil
	}
	return p
}

// slot is where the place of an address is, or is to be put.
func (b *placeBook) slot(a netip.Addr) *seenPlace {
	if b.slots == nil {
		b.slots = make([]seenPlace, placeSlots)
	}
	ip := a.As16()
	const mix = 0x9e3779b97f4a7c15 // Fibonacci hashing
	hi, lo := binary.LittleEndian.Uint64(ip[:8]), binary.LittleEndian.Uint64(ip[8:])
	return &b.slots[(hi*mix^lo)*mix>>(64-placeBits)]
}

// set takes over the memory of another place.
func (p *seenPlace) set(a netip.Addr, loc *geoip.Location) {
	*p = seenPlace{addr: a, text: reusable(p.text), object: reusable(p.object)}
	if loc == nil || !loc.Found() {
		return
	}
	p.place = place{known: true, country: loc.Country, iso: loc.ISO, region: loc.Region, city: loc.City, district: loc.District,
		isp: loc.ISP, org: loc.Org, special: loc.Special, source: sourceOf(loc), asn: loc.ASN}
	if loc.HasPosition && finite(loc.Latitude) && finite(loc.Longitude) {
		p.latitude, p.longitude, p.hasPosition = loc.Latitude, loc.Longitude, true
	}
	if loc.Via != geoip.Direct {
		p.via = loc.Via.String()
	}
}

// reusable is memory for another text, unless a database had filled it with more than a place has to say.
func reusable(b []byte) []byte {
	if cap(b) > 2048 {
		return nil
	}
	return b[:0]
}

// forPeople is the place in a line.
func (p *seenPlace) forPeople() []byte {
	if !p.wrote {
		p.text, p.wrote = p.appendText(p.text), true
	}
	return p.text
}

// asObject is the place as the geo object of JSON.
func (p *seenPlace) asObject() []byte {
	if len(p.object) == 0 {
		p.object = p.appendObject(p.object)
	}
	return p.object
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

// finite tells what JSON has a form for.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
