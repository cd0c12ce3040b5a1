package geoip_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// addresses are n random ones of IPv4 that are not special.
func addresses(n int) []netip.Addr {
	r := rand.New(rand.NewPCG(7, 7))
	all := make([]netip.Addr, 0, n)
	for len(all) < n {
		v := r.Uint32()
		a := netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
		if _, special := geoip.Special(a); !special {
			all = append(all, a)
		}
	}
	return all
}

func benchLookup(b *testing.B, path string) {
	db := open(b, path)
	addrs := addresses(1 << 16)
	for _, a := range addrs {
		if _, err := db.Lookup(a); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := db.Lookup(addrs[i&(1<<16-1)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkLookupQQWry(b *testing.B) {
	benchLookup(b, write(b, "qqwry.dat", testdb.QQWry(rows4(500_000))))
}

func BenchmarkLookupXDB(b *testing.B) {
	benchLookup(b, write(b, "ip2region.xdb", testdb.XDB(xdbRows(rows4(500_000), 3), 3)))
}

func BenchmarkLookupMMDB(b *testing.B) {
	benchLookup(b, write(b, "city.mmdb", testdb.MMDB(rows4(50_000), 28, false, "GeoIP2-City", maxmind)))
}

func BenchmarkLookupDebian(b *testing.B) {
	openFile(b, debian4)
	benchLookup(b, debian4)
}

func BenchmarkOpenQQWry(b *testing.B) {
	path := write(b, "qqwry.dat", testdb.QQWry(rows4(500_000)))
	b.ReportAllocs()
	for b.Loop() {
		db, err := geoip.Open(path)
		if err != nil {
			b.Fatal(err)
		}
		db.Close()
	}
}
