package geodb_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

func vars(pairs ...string) func(string) string {
	m := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestFolders(t *testing.T) {
	if runtime.GOOS == "windows" {
		got := geodb.Folders(vars("LocalAppData", `C:\L`, "ProgramData", `C:\P`, "USERPROFILE", `C:\U`, "SOCKEYE_GEO_PATH", `D:\a;D:\b`))
		want := []string{`D:\a`, `D:\b`, `C:\L\sockeye`, `C:\P\sockeye`, `C:\P\MaxMind\GeoIPUpdate\GeoIP`, `C:\L\nali`, `C:\U\.nali`}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q", got)
		}
		return
	}
	system := []string{"/usr/local/share/sockeye", "/usr/share/sockeye", "/var/lib/sockeye", "/usr/share/GeoIP", "/var/lib/GeoIP", "/usr/local/share/GeoIP"}
	for _, c := range []struct {
		vars          []string
		before, after []string
	}{
		{nil, nil, nil},
		{[]string{"HOME", "/h"}, []string{"/h/.local/share/sockeye"}, []string{"/h/.local/share/nali", "/h/.nali"}},
		{[]string{"HOME", "/h", "XDG_DATA_HOME", "/d"}, []string{"/d/sockeye"}, []string{"/d/nali", "/h/.nali"}},
		{[]string{"XDG_DATA_HOME", "not/absolute"}, nil, nil},
		{[]string{"SOCKEYE_GEO_PATH", "/a::/b:"}, []string{"/a", "/b"}, nil},
	} {
		if got, want := geodb.Folders(vars(c.vars...)), slices.Concat(c.before, system, c.after); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %q", c.vars, got)
		}
	}
}

func TestUpdateFolder(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.mmdb")
	touch(t, file)
	home := vars("HOME", dir, "LocalAppData", dir)
	want := geodb.Folders(home)[0]
	if os.Geteuid() == 0 { // it is -1 on Windows
		want = "/var/lib/sockeye"
	}
	if got := geodb.UpdateFolder(home); got != want || !slices.Contains(geodb.Folders(home), got) {
		t.Errorf("%q, want %q", got, want)
	}
	if os.Geteuid() != 0 && !strings.HasPrefix(want, dir) {
		t.Errorf("%q is not the user's", want)
	}
	path := vars("HOME", dir, "SOCKEYE_GEO_PATH", file+string(filepath.ListSeparator)+filepath.Join(dir, "new"))
	if got := geodb.UpdateFolder(path); got != filepath.Join(dir, "new") {
		t.Errorf("%q", got)
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
}

// found is what Find finds under a folder, relative to it: the machine may have databases of its own.
func found(getenv func(string) string, dir string) (names []string) {
	for _, path := range geodb.Find(getenv) {
		if rel, err := filepath.Rel(dir, path); err == nil && !strings.HasPrefix(rel, "..") {
			names = append(names, filepath.ToSlash(rel))
		}
	}
	return names
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"own/QQWry.Dat", "own/my.dat", "own/a.MMDB", "own/b.xdb", "own/c.ipdb", "own/zxipv6wry.db", "own/history.db", "own/note.txt",
		"own/.qqwry.dat.part", "own/dir.mmdb/x", "d/nali/qqwry.dat", "d/nali/cdn.dat", "d/nali/GeoLite2-City.mmdb", "single.bin", "d/sockeye/geoip.dat",
	} {
		touch(t, filepath.Join(dir, name))
	}
	list := strings.Join([]string{filepath.Join(dir, "own"), filepath.Join(dir, "missing"), filepath.Join(dir, "single.bin"), filepath.Join(dir, "own")},
		string(filepath.ListSeparator))
	getenv := vars("SOCKEYE_GEO_PATH", list, "XDG_DATA_HOME", filepath.Join(dir, "d"), "LocalAppData", filepath.Join(dir, "d"))
	want := []string{"own/QQWry.Dat", "own/a.MMDB", "own/b.xdb", "own/c.ipdb", "own/my.dat", "own/zxipv6wry.db", "single.bin",
		"d/sockeye/geoip.dat", "d/nali/GeoLite2-City.mmdb", "d/nali/qqwry.dat"}
	if got := found(getenv, dir); !reflect.DeepEqual(got, want) {
		t.Errorf("found %q\nwant  %q", got, want)
	}
}

// TestFindLinks: a file with two names is found once, one whose link leads nowhere is not there.
func TestFindLinks(t *testing.T) {
	dir := t.TempDir()
	touch(t, filepath.Join(dir, "a.mmdb"))
	for name, to := range map[string]string{"b.mmdb": "a.mmdb", "c.mmdb": "nowhere", "d.mmdb": "d.mmdb"} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip("links cannot be made here: ", err)
		}
	}
	if got := found(vars("SOCKEYE_GEO_PATH", dir), dir); !reflect.DeepEqual(got, []string{"a.mmdb"}) {
		t.Errorf("found %q", got)
	}
}

func mmdb(t *testing.T, dir, name, kind string, with ...string) string {
	t.Helper()
	rows := []testdb.Row{{First: netip.MustParseAddr("1.2.3.0"), Last: netip.MustParseAddr("1.2.3.255")}}
	data := testdb.MMDB(rows, 24, true, kind, func(testdb.Row) any {
		if len(with) == 0 {
			return map[string]any{"country": map[string]any{"iso_code": "HK"}}
		}
		rec := map[string]any{"country": map[string]any{"iso_code": "CN"}}
		for _, city := range with {
			rec["city"] = map[string]any{"names": map[string]any{"en": city}}
		}
		return rec
	})
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	testutil.CheckLeaks(t)
	dir := t.TempDir()
	countries, cities := mmdb(t, dir, "a.mmdb", "DBIP-Country-Lite"), mmdb(t, dir, "b.mmdb", "GeoLite2-City", "Hangzhou")
	broken := filepath.Join(dir, "c.mmdb")
	touch(t, broken)
	files := []string{countries, broken, cities, dir, filepath.Join(dir, "missing.mmdb")}
	for _, c := range []struct {
		name             string
		open             func([]string, ...geoip.Option) *geodb.Databases
		first, iso, city string
	}{{"named", geodb.Open, countries, "HK", ""}, {"found", geodb.OpenFound, cities, "CN", "Hangzhou"}} {
		d := c.open(files)
		if len(d.Open) != 2 || len(d.Failed) != 3 || d.Open[0].Info().Path != c.first {
			t.Errorf("%s: %d open, failed: %v", c.name, len(d.Open), d.Failed)
		}
		loc, err := d.Set.Lookup(netip.MustParseAddr("1.2.3.4"))
		if err != nil || loc.City != c.city || loc.ISO != c.iso {
			t.Errorf("%s: %+v %v", c.name, loc, err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if _, err := d.Set.Lookup(netip.MustParseAddr("1.2.3.4")); err == nil {
			t.Errorf("%s: they are open after Close", c.name)
		}
	}
}
