package view

import (
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
	"github.com/sockeye-net/sockeye/netstat"
)

// connections are 100,000 sockets with the other end at one of so many addresses.
func connections(addresses int) []netstat.Socket {
	r := rand.New(rand.NewPCG(8, uint64(addresses)))
	remotes := make([]netip.Addr, addresses)
	for i := range remotes {
		remotes[i] = netip.AddrFrom4([4]byte{byte(11 + r.IntN(80)), byte(r.IntN(256)), byte(r.IntN(256)), byte(r.IntN(256))})
	}
	all := manySockets(100_000, false)
	for i := range all {
		all[i].Remote = netip.AddrPortFrom(remotes[r.IntN(addresses)], all[i].Remote.Port())
	}
	return all
}

// BenchmarkGeo writes, filters and sorts 100,000 sockets with places and without, each time as a new command whose database
// has decoded the places before. The difference of two ns/row is what a place costs.
func BenchmarkGeo(b *testing.B) {
	path := filepath.Join(b.TempDir(), "qqwry.dat")
	if err := os.WriteFile(path, testdb.QQWry(testdb.Rows4(200_000, 20_000, 1)), 0o644); err != nil {
		b.Fatal(err)
	}
	db, err := geoip.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	var loc geoip.Location
	place := func(a netip.Addr) *geoip.Location {
		loc, _ = db.Lookup(a)
		return &loc
	}
	write := func(f Format, cols ...*Column) func(*Names, []netstat.Socket) {
		return func(n *Names, sockets []netstat.Socket) {
			w := NewWriter(io.Discard, Options{Format: f, Names: n, Columns: cols})
			for i := range sockets {
				_ = w.Row(&sockets[i])
			}
		}
	}
	filter := func(expr string) func(*Names, []netstat.Socket) {
		return func(n *Names, sockets []netstat.Socket) {
			f, err := ParseFilter(expr, n)
			if err != nil {
				b.Fatal(err)
			}
			matching0(f, sockets)
		}
	}
	sort := func(by string) func(*Names, []netstat.Socket) {
		return func(n *Names, sockets []netstat.Socket) {
			o, _, err := ParseOrder(by, n)
			if err != nil {
				b.Fatal(err)
			}
			o.Sort(sockets)
		}
	}
	for _, addresses := range []struct {
		name  string
		count int
	}{{"1k", 1_000}, {"100k", 100_000}} {
		sockets := connections(addresses.count)
		for _, c := range []struct {
			name string
			run  func(*Names, []netstat.Socket)
		}{
			{"table", write(Table, Columns(tanp...)...)}, {"table-geo", write(Table, append(Columns(tanp...), Columns("place")...)...)},
			{"json", write(JSONL, SchemaColumns(Needs{})...)}, {"json-geo", write(JSONL, SchemaColumns(Needs{Geo: true})...)},
			{"csv", write(CSV, FlatColumns(Needs{})...)}, {"csv-geo", write(CSV, FlatColumns(Needs{Geo: true})...)},
			{"filter", filter("dport = 1")}, {"filter-geo", filter("country = JP")},
			{"sort", sort("remote_addr")}, {"sort-geo", sort("city")},
			{"lookup", func(_ *Names, sockets []netstat.Socket) {
				for i := range sockets {
					place(sockets[i].Remote.Addr())
				}
			}},
		} {
			b.Run(c.name+"/"+addresses.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					c.run(&Names{Place: place}, sockets)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(sockets)), "ns/row")
			})
		}
	}
}
