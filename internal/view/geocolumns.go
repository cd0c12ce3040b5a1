package view

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/sockeye-net/sockeye/netstat"
)

func textPlace(n *Names, dst []byte, s *netstat.Socket) []byte {
	if p := n.placeOf(s); p != nil {
		return append(dst, p.forPeople()...)
	}
	return dst
}

func jsonPlace(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	p := n.placeOf(s)
	if p == nil {
		return dst, false
	}
	return append(dst, p.asObject()...), true
}

func jsonPlaceText(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	p := n.placeOf(s)
	if p == nil || len(p.forPeople()) == 0 {
		return dst, false
	}
	dst = append(dst, '"')
	for text := p.forPeople(); len(text) > 0; {
		r, size := utf8.DecodeRune(text)
		dst, text = appendRune(dst, r), text[size:]
	}
	return append(dst, '"'), true
}

type placeOrder = func(p, q *place) int

// byPlace sorts from the large to the small.
func byPlace(p, q *place) int {
	return cmp.Or(cmp.Compare(cmp.Or(p.iso, p.country), cmp.Or(q.iso, q.country)), cmp.Compare(p.region, q.region),
		cmp.Compare(p.city, q.city), cmp.Compare(p.special, q.special), cmp.Compare(p.isp, q.isp), cmp.Compare(p.asn, q.asn))
}

// known puts what has no place first.
func known(order placeOrder) placeOrder {
	return func(p, q *place) int {
		if !p.known || !q.known {
			return compareBool(p.known, q.known)
		}
		return order(p, q)
	}
}

// compareRemotes compares sockets by the places of their remote ends.
func compareRemotes(order placeOrder) compareFunc {
	return func(n *Names, a, b *netstat.Socket) int {
		p, q := n.placeOf(a), n.placeOf(b)
		if p == q && p != nil && a.Remote.Addr() != b.Remote.Addr() { // the one has taken the slot of the other
			other := *q
			p, q = n.placeOf(a), &other
		}
		return order(p.orNowhere(), q.orNowhere())
	}
}

var nowhere place

func (p *seenPlace) orNowhere() *place {
	if p == nil {
		return &nowhere
	}
	return &p.place
}

// placeColumn completes a column of places.
func placeColumn(c Column, order placeOrder) Column {
	c.Needs, c.byPlace = geoNeeds, known(order)
	c.compare = compareRemotes(c.byPlace)
	return c
}

// geoColumn makes the column of a part of the place; those of CSV, where the geo object does not fit in.
func geoColumn(name, header string) Column {
	i := slices.IndexFunc(placeFields[:], func(f placeField) bool { return f.name == name })
	f := &placeFields[i]
	c := Column{Name: "geo_" + name, Header: header, aliases: []string{name}}
	if f.text != nil {
		c.wide, c.shrink, c.text, c.json = true, 8, partText(f.text), jsonPartText(f.text)
		return placeColumn(c, func(p, q *place) int { return cmp.Compare(f.text(p), f.text(q)) })
	}
	c.Right, c.text, c.json = true, partNumber(f.append), jsonPart(f.append)
	return placeColumn(c, func(p, q *place) int { return cmp.Compare(f.number(p), f.number(q)) })
}

// GeoColumns are where the remote end is, in a form of output for programs: an object, or side by side.
func GeoColumns(f Format) []*Column {
	if f == CSV {
		return geoColumns()
	}
	return Columns("geo")
}

// geoColumns are all of them, in the order of the geo object.
func geoColumns() (cols []*Column) {
	for i := range placeFields {
		cols = append(cols, columnByName("geo_"+placeFields[i].name))
	}
	return cols
}

func partText(get func(*place) string) textFunc {
	return func(n *Names, dst []byte, s *netstat.Socket) []byte {
		if p := n.placeOf(s); p != nil {
			dst = appendClean(dst, get(&p.place))
		}
		return dst
	}
}

func jsonPartText(get func(*place) string) jsonFunc {
	return func(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
		if p := n.placeOf(s); p != nil {
			return jsonText(dst, get(&p.place))
		}
		return dst, false
	}
}

func partNumber(write func(*place, []byte) []byte) textFunc {
	return func(n *Names, dst []byte, s *netstat.Socket) []byte {
		if p := n.placeOf(s); p != nil {
			dst = write(&p.place, dst)
		}
		return dst
	}
}

func jsonPart(write func(*place, []byte) []byte) jsonFunc {
	text := partNumber(write)
	return func(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
		start := len(dst)
		dst = text(n, dst, s)
		return dst, len(dst) > start
	}
}
