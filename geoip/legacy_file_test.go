package geoip_test

import (
	"net/netip"
	"os"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
)

// The files that Debian's package geoip-database installs.
const debian4, debian6 = "/usr/share/GeoIP/GeoIP.dat", "/usr/share/GeoIP/GeoIPv6.dat"

func openFile(t testing.TB, path string, opts ...geoip.Option) *geoip.DB {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		t.Skip("not on this machine: ", err)
	}
	return open(t, path, opts...)
}

func open(t testing.TB, path string, opts ...geoip.Option) *geoip.DB {
	t.Helper()
	db, err := geoip.Open(path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestDebianFiles(t *testing.T) {
	for path, addrs := range map[string][2]string{debian4: {"8.8.8.8", "114.114.114.114"}, debian6: {"2001:4860::8888", "240e::1"}} {
		t.Run(path, func(t *testing.T) {
			db := openFile(t, path)
			if i := db.Info(); i.Format != geoip.GeoIPDat || i.Type != "country" || i.Built.IsZero() {
				t.Errorf("info is %+v", i)
			}
			for n, want := range []string{"US", "CN"} {
				loc, err := db.Lookup(netip.MustParseAddr(addrs[n]))
				if err != nil || loc.ISO != want || loc.Source != "geoip.dat" {
					t.Errorf("%s is %+v, %v", addrs[n], loc, err)
				}
			}
			checkAll(t, db, 1000)
		})
	}
}

// checkAll goes through a database: each range must be after the one before, and looking up its ends must give it. Of
// many ranges, one in step is looked up.
func checkAll(t *testing.T, db *geoip.DB, step int) (n int) {
	t.Helper()
	var last netip.Addr
	for l, err := range db.All() {
		if err != nil {
			t.Fatal(err)
		}
		if last.BitLen() == l.First.BitLen() && l.First.Compare(last) <= 0 || l.Last.Less(l.First) {
			t.Fatalf("%v-%v after %v", l.First, l.Last, last)
		}
		if last = l.Last; n%step == 0 {
			checkEnds(t, db, l)
		}
		n++
	}
	return n
}

func checkEnds(t *testing.T, db *geoip.DB, want geoip.Location) {
	t.Helper()
	for _, a := range []netip.Addr{want.First, want.Last} {
		got, err := db.Lookup(a)
		if err != nil {
			t.Fatal(a, err)
		}
		if want.Addr = got.Addr; got.Special == "" && got.Via == geoip.Direct && got != want {
			t.Fatalf("%v is %+v, All has %+v", a, got, want)
		}
	}
}
