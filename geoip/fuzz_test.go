package geoip

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

func FuzzQQWry(f *testing.F) {
	f.Add(testdb.QQWry(fuzzRows()))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOne(t, QQWry, b) })
}

func FuzzIPv6Wry(f *testing.F) {
	f.Add(testdb.IPv6Wry(fuzzRows6(), "20210511"))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOne(t, IPv6Wry, b) })
}

func FuzzMMDB(f *testing.F) {
	record := func(r testdb.Row) any {
		return map[string]any{"country": map[string]any{"iso_code": "CN", "names": map[string]any{"en": r.Text[0]}},
			"location": map[string]any{"latitude": 1.5, "longitude": 2.5}, "subdivisions": []any{map[string]any{}}, "asn": r.Text[1]}
	}
	f.Add(testdb.MMDB(append(fuzzRows()[:2], fuzzRows6()...), 24, true, "x", record))
	f.Add(testdb.MMDB(fuzzRows()[:2], 28, false, "x", record))
	f.Add(testdb.MMDB(fuzzRows()[:2], 32, false, "x", record))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOne(t, MMDB, b) })
}

func FuzzIPDB(f *testing.F) {
	f.Add(testdb.IPDB(append(fuzzRows()[:2], fuzzRows6()...), []string{"country_name", "isp_domain"}, []string{"CN"}))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOne(t, IPDB, b) })
}

func FuzzGeoIPDat(f *testing.F) {
	f.Add(testdb.Legacy(fuzzRows()[:2], 9, 3, func(r testdb.Row) []byte { return []byte("AS1 " + r.Text[1] + "\x00") }))
	f.Add(testdb.Legacy(fuzzRows()[:2], 1, 3, func(r testdb.Row) []byte { return []byte{byte(len(r.Text[0]))} }))
	f.Add(testdb.Legacy(fuzzRows6(), 30, 3, func(r testdb.Row) []byte { return []byte("\x30a\x00b\x00c\x00123456") }))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOne(t, GeoIPDat, b) })
}

// FuzzXDB changes what is not the vector index, which has half a MiB, and the index's cell for 1.0.
func FuzzXDB(f *testing.F) {
	const vector, size, cell = 256, 1 << 19, 256 + 256*8
	b := testdb.XDB(fuzzRows(), 3)
	f.Add(b[:vector], b[cell:cell+8], b[vector+size:])
	whole := make([]byte, vector+size, vector+2*size)
	f.Fuzz(func(t *testing.T, head, at, rest []byte) {
		clear(whole[:vector])
		copy(whole[:vector], head)
		copy(whole[cell:cell+8], at)
		fuzzOne(t, XDB, append(whole, rest...))
	})
}

// FuzzSniff opens what looks like any format as that.
func FuzzSniff(f *testing.F) {
	f.Add(testdb.QQWry(fuzzRows()))
	f.Add([]byte("IPDB"))
	f.Add([]byte("\x00\x00\x00\x10{\"node_count\":1}"))
	f.Fuzz(func(t *testing.T, b []byte) { fuzzOne(t, 0, b) })
}

func fuzzRows() []testdb.Row {
	a := netip.MustParseAddr
	return []testdb.Row{
		{First: a("1.0.0.0"), Last: a("1.0.0.255"), Text: []string{"中国–浙江–杭州", "电信"}},
		{First: a("1.0.1.0"), Last: a("1.0.1.255"), Text: []string{"中国–浙江–杭州", "联通"}},
		{First: a("1.0.2.0"), Last: a("1.255.255.255"), Text: []string{"中国–江苏", "电信"}},
		{First: a("2.0.0.0"), Last: a("2.255.255.255"), Text: []string{"中国–浙江–杭州", "电信"}},
	}
}

func fuzzRows6() []testdb.Row {
	a := netip.MustParseAddr
	return []testdb.Row{
		{First: a("2400::"), Last: a("2400:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), Text: []string{"中国–浙江–杭州", "电信"}},
		{First: a("2401::"), Last: a("2401:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), Text: []string{"中国–江苏", "电信"}},
	}
}

// fuzzOne does with a file what can be done. It must end, and not panic; errors must be of the documented kinds.
func fuzzOne(t *testing.T, f Format, b []byte) {
	g := &generation{data: b}
	if err := g.decode(options{format: f}); err != nil {
		fuzzError(t, err)
		return
	}
	var info Info
	g.engine.describe(&info)
	fuzzLookups(t, g)
	if e, ok := g.engine.(*qqwryEngine); ok {
		e.short.Store(e.newShortcut())
		fuzzLookups(t, g)
		fuzzLookups(t, g)
	}
	n := 0
	if err := g.all(func(l Location) bool {
		if l.Last.Less(l.First) {
			t.Fatalf("%v-%v", l.First, l.Last)
		}
		n++
		return n < 1<<16
	}); err != nil {
		fuzzError(t, err)
	}
}

func fuzzLookups(t *testing.T, g *generation) {
	for _, a := range [...]string{"1.0.0.1", "1.0.1.200", "1.200.0.0", "223.0.0.1", "2400:1::1", "2fff::"} {
		l := Location{Addr: netip.MustParseAddr(a)}
		if err := g.lookup(&l); err != nil {
			fuzzError(t, err)
			continue
		}
		if l.First.IsValid() && (l.Addr.Less(l.First) || l.Last.Less(l.Addr)) {
			t.Fatalf("%v is in %v-%v", l.Addr, l.First, l.Last)
		}
	}
}

func fuzzError(t *testing.T, err error) {
	var fe *FormatError
	if !errors.As(err, &fe) && !errors.Is(err, ErrUnknownFormat) {
		t.Fatalf("%T %v", err, err)
	}
}
