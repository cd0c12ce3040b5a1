package geoip_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	for name, b := range map[string][]byte{"empty": {}, "text": []byte("hello, world: this is no database"), "zeros": make([]byte, 4096),
		"the end of a GeoIP.dat": []byte("hello, world: this is no database \xff\xff\xff\x01")} {
		_, err := geoip.Open(write(t, name, b))
		var oe *geoip.OpError
		if !errors.As(err, &oe) || oe.Op != "open" || filepath.Base(oe.Path) != name {
			t.Errorf("%s: %v", name, err)
		}
		if name != "empty" && !errors.Is(err, geoip.ErrUnknownFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := geoip.Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := geoip.Open(dir); err == nil {
		t.Error("a directory opens")
	}
}

// samples are small files of each format, with what is asked of them.
func samples() map[geoip.Format][]byte {
	rows := []testdb.Row{
		row("1.0.0.0", "1.0.0.255", "中国–浙江–杭州", "电信"), row("1.0.1.0", "1.0.1.255", "中国–浙江–杭州", "联通"),
		row("1.0.2.0", "1.255.255.255", "中国–江苏", "电信"), row("2.0.0.0", "255.255.255.255", "中国–浙江–杭州", "电信"),
	}
	six := []testdb.Row{row("2400::", "2400:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "中国–浙江–杭州", "电信"), row("2401::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "中国–江苏", "电信")}
	return map[geoip.Format][]byte{
		geoip.QQWry:    testdb.QQWry(rows),
		geoip.IPv6Wry:  testdb.IPv6Wry(six, "20210511"),
		geoip.MMDB:     testdb.MMDB(append(rows[:3:3], six...), 24, true, "GeoIP2-City", maxmind),
		geoip.XDB:      testdb.XDB(xdbRows(rows[:3], 3), 3),
		geoip.IPDB:     testdb.IPDB(append(rows[:3:3], six...), []string{"country_name", "isp_domain"}, []string{"CN"}),
		geoip.GeoIPDat: testdb.Legacy(rows[:3], 9, 3, func(r testdb.Row) []byte { return []byte("AS1 " + r.Text[1] + "\x00") }),
	}
}

var asked = []netip.Addr{
	netip.MustParseAddr("1.0.0.1"), netip.MustParseAddr("1.0.1.200"), netip.MustParseAddr("1.200.0.0"), netip.MustParseAddr("223.0.0.1"),
	netip.MustParseAddr("2400:1::1"), netip.MustParseAddr("2fff::"),
}

// use does with a file what can be done. It must end, and not panic; errors must be of the kinds that are documented.
func use(t testing.TB, path string, f geoip.Format) {
	t.Helper()
	db, err := geoip.Open(path, geoip.As(f), geoip.InMemory())
	if err != nil {
		explained(t, err)
		return
	}
	defer db.Close()
	db.Info()
	for range 50 { // of 6 addresses: beyond the number after which lookups go another way
		for _, a := range asked {
			if _, err := db.Lookup(a); err != nil {
				explained(t, err)
			}
		}
	}
	n := 0
	for _, err := range db.All() {
		if err != nil {
			explained(t, err)
		}
		if n++; n > 1<<20 {
			break
		}
	}
}

func explained(t testing.TB, err error) {
	t.Helper()
	var oe *geoip.OpError
	var fe *geoip.FormatError
	if !errors.As(err, &oe) || !errors.As(err, &fe) {
		t.Fatalf("%T %v", err, err)
	}
	if fe.Offset >= 0 && !strings.Contains(err.Error(), "offset ") {
		t.Fatal(err)
	}
}

// Every format is known by its content, and survives to be cut short anywhere and to have any byte changed.
func TestBroken(t *testing.T) {
	for f, b := range samples() {
		t.Run(f.String(), func(t *testing.T) {
			path := write(t, "database", b)
			if i := open(t, path).Info(); i.Format != f {
				t.Fatal("sniffed as ", i.Format)
			}
			if err := open(t, path).Verify(); err != nil {
				t.Fatal(err)
			}
			step := max(1, len(b)/300, len(b)*len(b)/50_000_000) // fewer of those that are large
			for n := 1; n < len(b); n += step {
				try(t, path, f, b[:n])
			}
			for n := 0; n < len(b); n += step {
				for _, v := range []byte{0, 1, 2, 0xff} {
					c := slices.Clone(b)
					c[n] = v
					try(t, path, f, c)
				}
			}
		})
	}
}

// A file whose transfer was cut off is told from a whole one when it is opened: the end of each format is looked at.
func TestCutOff(t *testing.T) {
	for f, b := range samples() {
		for _, n := range []int{1, 2, 3, 5, 7, len(b) / 3, len(b) / 2} {
			if _, err := geoip.Open(write(t, "database", b[:len(b)-n]), geoip.As(f)); err == nil {
				t.Errorf("%v opens without its last %d bytes", f, n)
			} else {
				explained(t, err)
			}
		}
	}
}

func try(t *testing.T, path string, f geoip.Format, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	use(t, path, f)
}

// A file that was cut off is not known by its content any more; but if its name says what it should be, the error says where
// it is broken.
func TestCutOffNamed(t *testing.T) {
	for name, f := range map[string]geoip.Format{"qqwry.dat": geoip.QQWry, "QQWry_20241016.dat": geoip.QQWry, "city.MMDB": geoip.MMDB,
		"qqwry.ipdb": geoip.IPDB, "qqwry.xdb": geoip.XDB, "GeoIPASNum.dat": geoip.GeoIPDat, "GeoLiteCity.dat": geoip.GeoIPDat, "ipv6wry.db": geoip.IPv6Wry} {
		b := samples()[f]
		_, err := geoip.Open(write(t, name, b[:len(b)/2]))
		var fe *geoip.FormatError
		if !errors.As(err, &fe) || fe.Format != f || fe.Offset < 0 {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := geoip.Open(write(t, name, b)); err != nil {
			t.Error(err)
		}
	}
	var fe *geoip.FormatError
	page := []byte("<html>\r\n\t404 没有找到</html>\n")
	if _, err := geoip.Open(write(t, "qqwry.dat", page)); !errors.Is(err, geoip.ErrUnknownFormat) || errors.As(err, &fe) {
		t.Errorf("a page is told to be %v", err)
	}
}

// A record that leads back to itself is an error, not a loop.
func TestEndlessRedirects(t *testing.T) {
	for name, mode := range map[string]byte{"first": 1, "second": 2} {
		b := make([]byte, 8, 64)
		b = append(b, 255, 255, 255, 255, mode, 12, 0, 0) // at 8: the record, whose country is at 12, which is here
		binary.LittleEndian.PutUint32(b, uint32(len(b)))
		binary.LittleEndian.PutUint32(b[4:], uint32(len(b)))
		b = append(b, 0, 0, 0, 0, 8, 0, 0)
		db := open(t, write(t, "qqwry.dat", b))
		_, err := db.Lookup(netip.MustParseAddr("8.8.8.8"))
		var fe *geoip.FormatError
		if !errors.As(err, &fe) || fe.Format != geoip.QQWry || fe.Offset != 12 || !strings.Contains(err.Error(), "redirections") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A tree whose nodes all lead to the next one by both bits has 2^32 ways through few bytes: it must end too.
func TestWideTree(t *testing.T) {
	var nodes []byte
	for i := range 31 {
		nodes = append(nodes, byte(i+1), 0, 0, byte(i+1), 0, 0)
	}
	nodes = append(nodes, 0, 0xff, 0xff, 0, 0xff, 0xff)
	db := open(t, write(t, "GeoIP.dat", append(nodes, 0xff, 0xff, 0xff, 1)))
	if err := db.Verify(); err == nil || !strings.Contains(err.Error(), "two ways") {
		t.Error(err)
	}
}
