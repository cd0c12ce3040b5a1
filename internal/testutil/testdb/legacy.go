package testdb

import "slices"

// Legacy writes rows as a GeoIP.dat. data makes of a row the bytes of its record; in a country edition that is one byte,
// the country's number. size is that of a number in the tree, in bytes.
func Legacy(rows []Row, edition byte, size int, data func(Row) []byte) []byte {
	country := edition == 1 || edition == 12
	t := treeOf(rows, rows[0].First.Is6(), false)
	n := len(t.nodes)
	if country {
		n = 0xffff00
	}
	all, at := []byte{0}, map[string]int{} // a record at 0 would be "nothing"
	value := make([]int, len(rows))
	for i, r := range rows {
		b := data(r)
		if country {
			value[i] = n + int(b[0])
			continue
		}
		if _, ok := at[string(b)]; !ok {
			at[string(b)] = len(all)
			all = append(all, b...)
		}
		value[i] = n + at[string(b)]
	}
	var out []byte
	for _, node := range t.nodes {
		for _, l := range node {
			v := n
			switch {
			case l.node != 0:
				v = l.node
			case l.value >= 0:
				v = value[l.value]
			}
			out = append(out, []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}[:size]...)
		}
	}
	end := []byte{0xff, 0xff, 0xff, edition}
	if !country {
		out = append(out, all...)
		end = append(end, byte(n), byte(n>>8), byte(n>>16))
	}
	return slices.Concat(out, []byte{0, 0, 0}, []byte("TEST 20260704 Build"), end)
}
