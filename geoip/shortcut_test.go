package geoip

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// rowsFrom makes rows that begin at the addresses given and at 0.0.0.0, without a gap.
func rowsFrom(starts []uint32) (rows []testdb.Row) {
	slices.Sort(starts)
	starts = slices.Compact(append([]uint32{0}, starts...))
	for i, s := range starts {
		last := ^uint32(0)
		if i+1 < len(starts) {
			last = starts[i+1] - 1
		}
		rows = append(rows, testdb.Row{First: addr4(s), Last: addr4(last), Text: testdb.Texts(i % 50)})
	}
	return rows
}

// The shortcut finds what a search through the whole index finds, where records are many in few /16 and where there are none.
func TestShortcut(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var starts []uint32
	for _, c := range []struct {
		base, size uint32
		n          int
	}{{0x01020000, 1 << 16, 3000}, {0x01030000, 1 << 16, oneByOne}, {0x01040000, 1 << 16, oneByOne + 1}, {0x05000000, 1 << 20, 500}, {0xffff0000, 1 << 16, 100}} {
		for range c.n {
			starts = append(starts, c.base+r.Uint32N(c.size))
		}
	}
	e, err := openQQWry(testdb.QQWry(rowsFrom(starts)))
	if err != nil {
		t.Fatal(err)
	}
	q := e.(*qqwryEngine)
	s := q.newShortcut()
	for _, start := range append(starts, 0, 0x01010000, 0x02000000, 0xffffffff) {
		for _, ip := range []uint32{start - 1, start, start + 1, start ^ 0x8000, start + 1<<16} {
			if got, want := s.search(ip), q.db.Search(ip, 0, q.db.Len()); got != want {
				t.Fatalf("%v is in record %d, want %d", addr4(ip), got, want)
			}
		}
	}
}

// Lookups before and after the shortcut is there, and from the table, are the same.
func TestShortcutLookups(t *testing.T) {
	rows := rowsFrom([]uint32{0x01020304, 0x01020305, 0x01020400, 0x01ffffff, 0x02000000, 0xdf000000})
	g := &generation{data: testdb.QQWry(rows)}
	if err := g.decode(options{format: QQWry}); err != nil {
		t.Fatal(err)
	}
	for range shortcutAfter {
		for _, row := range rows {
			for _, a := range []netip.Addr{row.First, row.Last} {
				l := Location{Addr: a}
				if err := g.lookup(&l); err != nil || l.First != row.First || l.Last != row.Last || l.Country != "中国" {
					t.Fatalf("%v is %+v, %v; want %v", a, l, err, row)
				}
			}
		}
	}
	if h, ok := g.qqwry.quick(rows[1].First); !ok || h.place.number == 0 {
		t.Error("what was seen is not in the table")
	}
}
