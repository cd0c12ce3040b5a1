package geoip_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// city is a QQWry.dat with one place for all addresses. n makes files of different length.
func city(name string, n int) []byte {
	rows := []testdb.Row{row("0.0.0.0", "127.255.255.255", name, "电信"), row("128.0.0.0", "255.255.255.255", name, "联通")}
	for i := range n {
		rows[1].Last = netip.AddrFrom4([4]byte{200, 0, 0, byte(i)})
	}
	return testdb.QQWry(rows)
}

// replace puts a file in the place of another as one should: at once.
func replace(t testing.TB, path string, b []byte) {
	t.Helper()
	next := filepath.Join(filepath.Dir(path), "next")
	if err := os.WriteFile(next, b, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	path := write(t, "qqwry.dat", city("浙江省杭州市", 0))
	db := open(t, path)
	check := func(city string) {
		t.Helper()
		if loc, err := db.Lookup(netip.MustParseAddr("8.8.8.8")); err != nil || loc.City != city {
			t.Errorf("%+v, %v; want %s", loc, err, city)
		}
	}
	reload := func(changed bool) {
		t.Helper()
		if got, err := db.Reload(); err != nil || got != changed {
			t.Errorf("reload: %v, %v", got, err)
		}
	}
	check("杭州")
	reload(false)
	replace(t, path, city("江苏省南京市", 0))
	check("杭州")
	reload(true)
	check("南京")
	reload(false)

	// What cannot be opened leaves the old one in use.
	var oe *geoip.OpError
	replace(t, path, []byte("no database"))
	if changed, err := db.Reload(); changed || !errors.Is(err, geoip.ErrUnknownFormat) || !errors.As(err, &oe) || oe.Op != "reload" {
		t.Errorf("%v, %v", changed, err)
	}
	check("南京")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Reload(); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	check("南京")

	// Another format may take the place.
	replace(t, path, testdb.XDB(xdbRows([]testdb.Row{row("0.0.0.0", "255.255.255.255", "中国–四川–成都", "移动")}, 3), 3))
	reload(true)
	check("成都")
	if f := db.Info().Format; f != geoip.XDB {
		t.Error(f)
	}
}

// Lookups go on while the file is replaced again and again, and each answer is that of one file or of the other.
func TestReloadConcurrently(t *testing.T) {
	files := [][]byte{city("浙江省杭州市", 0), city("江苏省南京市", 3)}
	path := write(t, "qqwry.dat", files[0])
	db := open(t, path)
	var done atomic.Bool
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			a := netip.AddrFrom4([4]byte{byte(20 + 30*i), 1, 1, 1})
			for !done.Load() {
				loc, err := db.Lookup(a)
				if err != nil || loc.City != "杭州" && loc.City != "南京" {
					t.Errorf("%+v, %v", loc, err)
					return
				}
			}
		})
	}
	for i := range 200 {
		replace(t, path, files[(i+1)%2])
		if changed, err := db.Reload(); err != nil || !changed {
			t.Fatal(changed, err)
		}
	}
	done.Store(true)
	group.Wait()
}

// All that can be done with a database at the same time: what is under way when it is closed ends as if it were open,
// what comes later says that it is closed, and what was told stays as it was after all mappings are gone.
func TestCloseConcurrently(t *testing.T) {
	for f, b := range samples() {
		t.Run(f.String(), func(t *testing.T) { closeConcurrently(t, b) })
	}
}

func closeConcurrently(t *testing.T, b []byte) {
	path := write(t, "database", b)
	want := map[netip.Addr]geoip.Location{}
	for _, a := range asked {
		want[a], _ = open(t, path, geoip.InMemory()).Lookup(a)
	}
	db := open(t, path)
	set := geoip.NewSet(db)
	told := make(chan geoip.Location, 4)
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			var last geoip.Location
			for n := i; ; n++ {
				loc, err := set.Lookup(asked[n%len(asked)])
				if errors.Is(err, geoip.ErrClosed) {
					break
				}
				if last = loc; err != nil || loc != want[loc.Addr] {
					t.Errorf("%+v, %v, want %+v", loc, err, want[loc.Addr])
				}
				if db.Info(); n%64 == 0 {
					if err := db.Verify(); err != nil && !errors.Is(err, geoip.ErrClosed) {
						t.Error(err)
					}
				}
			}
			told <- last
		})
	}
	for range 10 {
		replace(t, path, b)
		if _, err := db.Reload(); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		group.Go(func() { db.Close() })
	}
	group.Wait()
	runtime.GC()
	runtime.GC()
	close(told)
	for l := range told {
		if l != want[l.Addr] && l != (geoip.Location{}) {
			t.Errorf("afterwards it is %+v, want %+v", l, want[l.Addr])
		}
	}
}

// Each place is decoded once, whatever number of goroutines asks for it at the same time: all get the same strings.
func TestLookupConcurrently(t *testing.T) {
	rows := testdb.Rows4(5000, 500, 9)
	db := open(t, write(t, "qqwry.dat", testdb.QQWry(rows)))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, r := range rows {
				proofLookup(t, db, r.First, r, chinese("qqwry")(r))
			}
		})
	}
	group.Wait()
	addrs := addresses(1000)
	if n := testing.AllocsPerRun(10, func() {
		for _, a := range addrs {
			if _, err := db.Lookup(a); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations in 1000 lookups of what was seen before", n)
	}
}
