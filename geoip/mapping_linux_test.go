package geoip_test

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// mappings counts how often a file, by a part of its path, is mapped into this process.
func mappings(t *testing.T, part string) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(b, []byte(part))
}

// awaitMappings waits for the garbage collector to undo mappings.
func awaitMappings(t *testing.T, part string, want int) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if mappings(t, part) == want {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%s is mapped %d times, want %d", part, mappings(t, part), want)
}

// Old mappings go when nobody can use them any more, and what was told of them stays.
func TestUnmapped(t *testing.T) {
	for name, b := range map[string][]byte{
		"qqwry.dat":     city("浙江省杭州市", 0),
		"ip2region.xdb": testdb.XDB(xdbRows([]testdb.Row{row("0.0.0.0", "255.255.255.255", "中国–浙江–杭州", "电信")}, 3), 3),
		"city.mmdb":     testdb.MMDB([]testdb.Row{row("8.0.0.0", "8.255.255.255", "中国–浙江–杭州", "电信")}, 24, false, "GeoIP2-City", maxmind),
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, name, b)
			db := open(t, path, geoip.Languages("zh-CN"))
			if !db.Info().Mapped || mappings(t, path) != 1 {
				t.Fatal("the file is not mapped")
			}
			before, err := db.Lookup(netip.MustParseAddr("8.8.8.8"))
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				replace(t, path, b)
				if _, err := db.Reload(); err != nil {
					t.Fatal(err)
				}
			}
			awaitMappings(t, path, 1)
			db.Close()
			awaitMappings(t, path, 0)
			if before.Region != "浙江" || before.City != "杭州" {
				t.Errorf("%+v", before)
			}
		})
	}
}

// What cannot be opened is not mapped any more, without the garbage collector: a program that tries a broken file again
// and again has no more of it.
func TestUnmappedAfterError(t *testing.T) {
	path := write(t, "qqwry.dat", city("浙江省杭州市", 0))
	db := open(t, path)
	broken := write(t, "broken.dat", bytes.Repeat([]byte("no database "), 10_000))
	for range 20 {
		if _, err := geoip.Open(broken); !errors.Is(err, geoip.ErrUnknownFormat) {
			t.Fatal(err)
		}
	}
	replace(t, path, bytes.Repeat([]byte("no database "), 10_000))
	for range 20 {
		if _, err := db.Reload(); !errors.Is(err, geoip.ErrUnknownFormat) {
			t.Fatal(err)
		}
	}
	if n, m := mappings(t, broken), mappings(t, path); n != 0 || m != 1 {
		t.Errorf("the broken file is mapped %d times, the replaced one %d times", n, m)
	}
}

// A pipe is no database, and is not waited for.
func TestOpenPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qqwry.dat")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := geoip.Open(path)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a pipe opens")
		}
	case <-time.After(10 * time.Second):
		t.Error("a pipe is waited for")
		if f, err := os.OpenFile(path, os.O_RDWR, 0); err == nil {
			f.Close() // lets the other one go on
		}
	}
}

// Thousands of reloads leave neither mappings nor descriptors.
func TestManyReloads(t *testing.T) {
	files := [][]byte{city("浙江省杭州市", 0), city("江苏省南京市", 3)}
	path := write(t, "qqwry.dat", files[0])
	db := open(t, path)
	before := descriptors(t)
	for i := range 3000 {
		replace(t, path, files[(i+1)%2])
		if changed, err := db.Reload(); err != nil || !changed {
			t.Fatal(changed, err)
		}
	}
	awaitMappings(t, path, 1)
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors, before %d", after, before)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// An iteration keeps what it reads, whatever happens meanwhile.
func TestAllKeepsMapping(t *testing.T) {
	rows := testdb.Rows4(2000, 100, 1)
	path := write(t, "qqwry.dat", testdb.QQWry(rows))
	db := open(t, path)
	n := 0
	for _, err := range db.All() {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10 {
			db.Close()
			runtime.GC()
			runtime.GC()
		}
	}
	if n != len(rows) {
		t.Errorf("%d ranges of %d", n, len(rows))
	}
	awaitMappings(t, path, 0)
}

// A file that is cut short while it is mapped makes lookups fail; without the guard it would end the process. A database
// in memory does not notice.
func TestCutShortWhileMapped(t *testing.T) {
	rows := testdb.Rows4(50_000, 5000, 1)
	for name, b := range map[string][]byte{
		"qqwry.dat":     testdb.QQWry(rows),
		"ip2region.xdb": testdb.XDB(xdbRows(rows, 3), 3),
		"city.mmdb":     testdb.MMDB(testdb.Rows4(3000, 500, 2), 28, false, "GeoIP2-City", maxmind),
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, name, b)
			mapped, read := open(t, path), open(t, path, geoip.InMemory())
			if err := os.Truncate(path, 4096); err != nil {
				t.Fatal(err)
			}
			a := netip.MustParseAddr("120.1.1.1")
			if _, err := mapped.Lookup(a); !errors.Is(err, geoip.ErrFile) {
				t.Errorf("lookup: %v", err)
			}
			if err := mapped.Verify(); !errors.Is(err, geoip.ErrFile) {
				t.Errorf("verify: %v", err)
			}
			mapped.Info()
			if loc, err := read.Lookup(a); err != nil || !loc.Found() {
				t.Errorf("in memory: %+v, %v", loc, err)
			}
			replace(t, path, b)
			if _, err := mapped.Reload(); err != nil {
				t.Fatal(err)
			}
			if loc, err := mapped.Lookup(a); err != nil || !loc.Found() {
				t.Errorf("after reload: %+v, %v", loc, err)
			}
		})
	}
}

// A caller's own panic in a loop over All is not taken for ours.
func TestPanicInLoop(t *testing.T) {
	db := open(t, write(t, "qqwry.dat", city("浙江省杭州市", 0)))
	defer func() {
		if r := recover(); r != "mine" {
			t.Errorf("recovered %v", r)
		}
	}()
	for range db.All() {
		panic("mine")
	}
}
