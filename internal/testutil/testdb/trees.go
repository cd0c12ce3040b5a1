package testdb

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
)

// IPDB writes rows as an ipdb file with the fields given, in the languages given: a row has the texts of one language
// after those of the other. Its families are those of the rows.
func IPDB(rows []Row, fields, languages []string) []byte {
	version := 0
	for _, r := range rows {
		version |= map[bool]int{true: 2, false: 1}[r.First.Is6()]
	}
	t := treeOf(rows, true, true)
	data, at := []byte{}, map[string]int{}
	for _, r := range rows {
		s := strings.Join(r.Text, "\t")
		if _, ok := at[s]; !ok {
			at[s] = len(data)
			data = append(binary.BigEndian.AppendUint16(data, uint16(len(s))), s...)
		}
	}
	n := len(t.nodes)
	var out []byte
	for _, node := range t.nodes {
		for _, l := range node {
			v := n
			switch {
			case l.node != 0:
				v = l.node
			case l.value >= 0:
				v = n + 8 + at[strings.Join(rows[l.value].Text, "\t")]
			}
			out = binary.BigEndian.AppendUint32(out, uint32(v))
		}
	}
	out = append(append(out, make([]byte, 8)...), data...)
	names := map[string]int{}
	for i, l := range languages {
		names[l] = i * len(fields)
	}
	about, _ := json.Marshal(map[string]any{"build": 1535696240, "ip_version": version, "languages": names,
		"node_count": n, "total_size": len(out), "fields": fields})
	return slices.Concat(binary.BigEndian.AppendUint32(nil, uint32(len(about))), about, out)
}

// MMDB writes rows as an MMDB with records of 24, 28 or 32 bits; record makes of a row a value of maps, slices, strings,
// float64, uint32 and bool. Trees of IPv6 have the aliases that MaxMind's have.
func MMDB(rows []Row, bits int, with6 bool, kind string, record func(Row) any) []byte {
	t := treeOf(rows, with6, false)
	if with6 {
		t.alias()
	}
	var data []byte
	at := map[string]int{}
	value := make([]int, len(rows))
	for i, r := range rows {
		b := appendMMDB(nil, record(r))
		off, ok := at[string(b)]
		if !ok {
			off = len(data)
			at[string(b)] = off
			data = append(data, b...)
		}
		value[i] = off
	}
	n := len(t.nodes)
	var out []byte
	for _, node := range t.nodes {
		var v [2]uint32
		for s, l := range node {
			switch {
			case l.node != 0:
				v[s] = uint32(l.node)
			case l.value >= 0:
				v[s] = uint32(n + 16 + value[l.value])
			default:
				v[s] = uint32(n)
			}
		}
		out = appendNode(out, v, bits)
	}
	version := uint32(4)
	if with6 {
		version = 6
	}
	out = slices.Concat(out, make([]byte, 16), data, []byte("\xab\xcd\xefMaxMind.com"))
	return appendMMDB(out, map[string]any{"node_count": uint32(n), "record_size": uint32(bits), "ip_version": version,
		"database_type": kind, "languages": []any{"en", "zh-CN"}, "binary_format_major_version": uint32(2),
		"binary_format_minor_version": uint32(0), "build_epoch": uint32(1757030400),
		"description": map[string]any{"en": kind + " for tests"}})
}

// alias makes ::ffff:0:0/96 and 2002::/16 lead to the tree of IPv4.
func (t *tree) alias() {
	root4 := 0
	for range 96 {
		root4 = t.nodes[root4][0].node
	}
	if root4 == 0 {
		return
	}
	t.lead(append(make([]byte, 80), slices.Repeat([]byte{1}, 16)...), root4)
	t.lead([]byte{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}, root4)
}

func (t *tree) lead(path []byte, to int) {
	n := 0
	for _, side := range path[:len(path)-1] {
		if t.nodes[n][side].node == 0 {
			t.nodes = append(t.nodes, [2]link{{0, -1}, {0, -1}})
			t.nodes[n][side].node = len(t.nodes) - 1
		}
		n = t.nodes[n][side].node
	}
	t.nodes[n][path[len(path)-1]] = link{to, -1}
}

func appendNode(out []byte, v [2]uint32, bits int) []byte {
	switch bits {
	case 24:
		return append(out, byte(v[0]>>16), byte(v[0]>>8), byte(v[0]), byte(v[1]>>16), byte(v[1]>>8), byte(v[1]))
	case 28:
		return append(out, byte(v[0]>>16), byte(v[0]>>8), byte(v[0]), byte(v[0]>>24<<4|v[1]>>24), byte(v[1]>>16), byte(v[1]>>8), byte(v[1]))
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(out, v[0]), v[1])
}

// appendMMDB encodes a value (MaxMind DB File Format Specification, "Output Data Section").
func appendMMDB(out []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return append(control(out, 2, len(v)), v...)
	case float64:
		return binary.BigEndian.AppendUint64(control(out, 3, 8), math.Float64bits(v))
	case uint32:
		return binary.BigEndian.AppendUint32(control(out, 6, 4), v)
	case bool:
		return control(out, 14, map[bool]int{true: 1}[v])
	case []any:
		out = control(out, 11, len(v))
		for _, e := range v {
			out = appendMMDB(out, e)
		}
		return out
	case map[string]any:
		out = control(out, 7, len(v))
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			out = appendMMDB(appendMMDB(out, k), v[k])
		}
		return out
	}
	panic(fmt.Sprintf("testdb: %T in an MMDB", v))
}

// control encodes type and size. Types above 7 have a byte of their own.
func control(out []byte, typ, size int) []byte {
	var extra []byte
	first := size
	switch {
	case size >= 285:
		first, extra = 30, []byte{byte((size - 285) >> 8), byte(size - 285)}
	case size >= 29:
		first, extra = 29, []byte{byte(size - 29)}
	}
	if typ > 7 {
		return append(append(out, byte(first), byte(typ-7)), extra...)
	}
	return append(append(out, byte(typ<<5|first)), extra...)
}
