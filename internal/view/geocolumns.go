package view

import (
	"cmp"
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
)

func textPlace(n *Names, dst []byte, s *netstat.Socket) []byte {
	if p := n.placeOf(s); p != nil {
		return append(dst, p.text...)
	}
	return dst
}

func jsonPlace(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	p := n.placeOf(s)
	if p == nil {
		return dst, false
	}
	return append(dst, p.object...), true
}

func jsonPlaceText(n *Names, dst []byte, s *netstat.Socket) ([]byte, bool) {
	p := n.placeOf(s)
	if p == nil {
		return dst, false
	}
	return jsonText(dst, p.text)
}

// byPlace puts sockets without a place first, then sorts from the large to the small.
func byPlace(n *Names, a, b *netstat.Socket) int {
	return byKnownPlace(n, a, b, func(p, q *place) int {
		return cmp.Or(cmp.Compare(cmp.Or(p.iso, p.country), cmp.Or(q.iso, q.country)), cmp.Compare(p.region, q.region),
			cmp.Compare(p.city, q.city), cmp.Compare(p.special, q.special), cmp.Compare(p.isp, q.isp), cmp.Compare(p.asn, q.asn))
	})
}

func byKnownPlace(n *Names, a, b *netstat.Socket, compare func(p, q *place) int) int {
	p, q := n.placeOf(a), n.placeOf(b)
	if p == nil || q == nil || p == q {
		return compareBool(p != nil, q != nil)
	}
	return compare(&p.place, &q.place)
}

// geoColumn makes the column of a part of the place; those of CSV, where the geo object does not fit in.
func geoColumn(name, header string) Column {
	i := slices.IndexFunc(placeFields[:], func(f placeField) bool { return f.name == name })
	f := &placeFields[i]
	c := Column{Name: "geo_" + name, Header: header, Needs: geoNeeds, aliases: []string{name}}
	if f.text != nil {
		c.wide, c.shrink = true, 8
		c.text, c.json, c.compare = partText(f.text), jsonPartText(f.text), byPart(f.text)
		return c
	}
	c.Right, c.text, c.json, c.compare = true, partNumber(f.append), jsonPart(f.append), byPartNumber(f.number)
	return c
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

func byPart(get func(*place) string) compareFunc {
	return func(n *Names, a, b *netstat.Socket) int {
		return byKnownPlace(n, a, b, func(p, q *place) int { return cmp.Compare(get(p), get(q)) })
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

func byPartNumber(get func(*place) float64) compareFunc {
	return func(n *Names, a, b *netstat.Socket) int {
		return byKnownPlace(n, a, b, func(p, q *place) int { return cmp.Compare(get(p), get(q)) })
	}
}
