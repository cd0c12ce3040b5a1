package geoip_test

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// The proof: a generated database of each format is read back, record by record, and compared with the rows that it was
// made of; those of QQWry and xdb also with a plain reading of the file from one end to the other, without index.

const proofRows, proofPlaces = 120_000, 30_000

func rows4(n int) []testdb.Row { return testdb.Rows4(n, proofPlaces, 1) }

func write(t testing.TB, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// chinese is what is to be said of texts in QQWry's divided form.
func chinese(source string) func(testdb.Row) geoip.Location {
	return func(r testdb.Row) (l geoip.Location) {
		parts := append(strings.Split(r.Text[0], "–"), "", "")
		l.Country, l.Region, l.City = parts[0], parts[1], parts[2]
		if l.ISP = r.Text[1]; strings.Contains(l.ISP, "CZ88") {
			l.ISP = ""
		}
		if l.Country == "中国" {
			l.ISO = "CN"
		}
		if l.Region == "香港" {
			l.ISO = "HK"
		}
		if l.Source = source; l.ISP != "" {
			l.NetworkSource = source
		}
		return l
	}
}

// proof compares a database with its rows: all that it lists, and lookups of each row's ends and middle. A format may
// split a row into pieces.
func proof(t *testing.T, db *geoip.DB, rows []testdb.Row, want func(testdb.Row) geoip.Location) {
	t.Helper()
	i, n, next := 0, 0, rows[0].First
	for got, err := range db.All() {
		if err != nil {
			t.Fatal(err)
		}
		for i < len(rows) && rows[i].Last.Less(got.First) {
			i++
		}
		if i == len(rows) || got.First != next || rows[i].Last.Less(got.Last) {
			t.Fatalf("range %d is %v-%v, to begin at %v in row %d", n, got.First, got.Last, next, i)
		}
		w := want(rows[i])
		if w.First, w.Last, w.Addr = got.First, got.Last, got.First; got != w {
			t.Fatalf("range %d is\n%+v, want\n%+v", n, got, w)
		}
		next = got.Last.Next()
		n++
	}
	if next != rows[len(rows)-1].Last.Next() {
		t.Fatalf("the last range ends before %v", next)
	}
	for _, r := range rows {
		for _, a := range []netip.Addr{r.First, r.Last, middle(r.First, r.Last)} {
			proofLookup(t, db, a, r, want(r))
		}
	}
	t.Logf("%d rows, %d ranges, all as written", len(rows), n)
}

func proofLookup(t *testing.T, db *geoip.DB, a netip.Addr, r testdb.Row, want geoip.Location) {
	t.Helper()
	got, err := db.Lookup(a)
	if err != nil {
		t.Fatal(a, err)
	}
	if got.Special != "" || got.Via != geoip.Direct {
		return
	}
	if got.First.Less(r.First) || r.Last.Less(got.Last) || a.Less(got.First) || got.Last.Less(a) {
		t.Fatalf("%v is in %v-%v, the row is %v-%v", a, got.First, got.Last, r.First, r.Last)
	}
	want.Addr, want.First, want.Last = a, got.First, got.Last
	if got != want {
		t.Fatalf("%v is\n%+v, want\n%+v", a, got, want)
	}
}

func middle(a, b netip.Addr) netip.Addr {
	x, y := new(big.Int).SetBytes(a.AsSlice()), new(big.Int).SetBytes(b.AsSlice())
	m, _ := netip.AddrFromSlice(x.Add(x, y).Rsh(x, 1).FillBytes(a.AsSlice()))
	return m
}

func TestProofQQWry(t *testing.T) {
	rows := rows4(proofRows)
	b := testdb.QQWry(rows)
	plain := plainQQWry(t, b)
	if len(plain) != len(rows) {
		t.Fatalf("the plain reading has %d records of %d", len(plain), len(rows))
	}
	for i := range rows {
		if fmt.Sprint(plain[i]) != fmt.Sprint(rows[i]) {
			t.Fatalf("plain reading: %v, written %v", plain[i], rows[i])
		}
	}
	path := write(t, "qqwry.dat", b)
	for name, opts := range map[string][]geoip.Option{"mapped": nil, "read": {geoip.InMemory()}} {
		t.Run(name, func(t *testing.T) {
			db := open(t, path, opts...)
			proof(t, db, plain, chinese("qqwry"))
			i := db.Info()
			if i.Format != geoip.QQWry || i.Ranges != proofRows || i.Version != "纯真网络 2024年10月16日IP数据" ||
				i.Built.Format("2006-01-02") != "2024-10-16" || !i.HasIPv4 || i.HasIPv6 || i.Mapped != (name == "mapped") && onLinux {
				t.Errorf("info is %+v", i)
			}
		})
	}
}

// plainQQWry goes through the index of a file from its first entry to its last, and reads each text as the description has
// it, with nothing remembered.
func plainQQWry(t *testing.T, b []byte) (rows []testdb.Row) {
	t.Helper()
	u24 := func(p int) int { return int(b[p]) | int(b[p+1])<<8 | int(b[p+2])<<16 }
	u32 := func(p int) netip.Addr { return netip.AddrFrom4([4]byte{b[p+3], b[p+2], b[p+1], b[p]}) }
	var text func(p int) (string, int)
	text = func(p int) (string, int) {
		if b[p] == 1 || b[p] == 2 {
			if u24(p+1) == 0 {
				return "", p + 4
			}
			s, _ := text(u24(p + 1))
			return s, p + 4
		}
		n := strings.IndexByte(string(b[p:min(len(b), p+200)]), 0)
		s, err := simplifiedchinese.GBK.NewDecoder().String(string(b[p : p+n]))
		if err != nil {
			t.Fatal(err)
		}
		return s, p + n + 1
	}
	first, last := int(binary.LittleEndian.Uint32(b)), int(binary.LittleEndian.Uint32(b[4:]))
	for e := first; e <= last; e += 7 {
		at := u24(e + 4)
		p := at + 4
		if b[p] == 1 {
			p = u24(p + 1)
		}
		country, p := text(p)
		area, _ := text(p)
		rows = append(rows, testdb.Row{First: u32(e), Last: u32(at), Text: []string{country, area}})
	}
	return rows
}

func TestProofIPv6Wry(t *testing.T) {
	rows := testdb.Rows6(proofRows, proofPlaces, 2)
	// The file has no end of the last range: it goes to the last address.
	rows[len(rows)-1].Last = netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	db := open(t, write(t, "ipv6wry.db", testdb.IPv6Wry(rows, "20210511")))
	proof(t, db, rows, chinese("ipv6wry"))
	if i := db.Info(); i.Version != "20210511" || i.Built.Year() != 2021 || i.HasIPv4 || !i.HasIPv6 {
		t.Errorf("info is %+v", i)
	}
}

// xdbRows gives rows the fields of ip2region's files of structure 2 or 3.
func xdbRows(rows []testdb.Row, structure int) []testdb.Row {
	out := make([]testdb.Row, len(rows))
	for i, r := range rows {
		l := chinese("xdb")(r)
		f := []string{l.Country, l.Region, l.City, l.ISP, l.ISO}
		if structure == 2 {
			f = []string{l.Country, "", l.Region, l.City, l.ISP}
		}
		for i := range f {
			if f[i] == "" {
				f[i] = "0"
			}
		}
		out[i] = testdb.Row{First: r.First, Last: r.Last, Text: f}
	}
	return out
}

func TestProofXDB(t *testing.T) {
	for name, c := range map[string]struct {
		structure int
		rows      []testdb.Row
	}{
		"structure 2":       {2, rows4(proofRows)},
		"structure 3, IPv4": {3, rows4(proofRows)},
		"structure 3, IPv6": {3, testdb.Rows6(proofRows, proofPlaces, 3)},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range c.rows {
				if strings.Contains(c.rows[i].Text[1], "CZ88") {
					c.rows[i].Text[1] = ""
				}
			}
			b := testdb.XDB(xdbRows(c.rows, c.structure), c.structure)
			plainXDB(t, b, xdbRows(c.rows, c.structure))
			db := open(t, write(t, "ip2region.xdb", b))
			proof(t, db, c.rows, chinese("xdb"))
			if i := db.Info(); i.HasIPv6 != c.rows[0].First.Is6() || i.Built.Year() != 2025 || i.Type != name[:11] {
				t.Errorf("info is %+v", i)
			}
		})
	}
}

// plainXDB reads the index of a file from one end to the other and compares it with rows.
func plainXDB(t *testing.T, b []byte, rows []testdb.Row) {
	t.Helper()
	size, i := 4, 0
	if rows[0].First.Is6() {
		size = 16
	}
	addr := func(p int) netip.Addr {
		if size == 4 {
			return netip.AddrFrom4([4]byte{b[p+3], b[p+2], b[p+1], b[p]})
		}
		return netip.AddrFrom16([16]byte(b[p : p+16]))
	}
	for e := int(binary.LittleEndian.Uint32(b[8:])); e <= int(binary.LittleEndian.Uint32(b[12:])); e += 2*size + 6 {
		n, p := int(binary.LittleEndian.Uint16(b[e+2*size:])), int(binary.LittleEndian.Uint32(b[e+2*size+2:]))
		for rows[i].Last.Less(addr(e)) {
			i++
		}
		if addr(e).Less(rows[i].First) || rows[i].Last.Less(addr(e+size)) || string(b[p:p+n]) != strings.Join(rows[i].Text, "|") {
			t.Fatalf("entry at %d is %v-%v %s, the row %v", e, addr(e), addr(e+size), b[p:p+n], rows[i])
		}
	}
}
