package cli

import (
	"encoding/json"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestGeoConfig: databases and languages of the file are used, --db and --lang count more, and an error in the file says
// where it is.
func TestGeoConfig(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	conf := filepath.Dir(w.vars["SOCKEYE_CONFIG"])
	writeCities(t, conf, "city.bin", "GeoLite2-City")
	writeDB(t, conf, "config.toml", []byte("[geo]\ndatabases = ['city.bin']\nlanguages = ['zh-CN']\n"))
	for line, want := range map[string]string{
		"geo 1.2.3.4":           "中国 · 杭州",
		"geo 1.2.3.4 --lang en": "China · Hangzhou",
		"geo 1.2.3.4 --db " + filepath.Join(dir, "qqwry.dat"): "中国 · 浙江 · 杭州",
	} {
		if w.check(t, line, exitFound, ""); !strings.Contains(w.out.String(), want) {
			t.Errorf("%s: %s", line, w.out.String())
		}
	}
	writeDB(t, conf, "config.toml", []byte("[geo]\ndatabase = ['city.bin']\n"))
	w.check(t, "geo 1.2.3.4", exitUnknown, "sockeye: configuration "+filepath.Join(conf, "config.toml")+": line 2: there is no key \"geo.database\"\n")
}

// TestGeoFinest: of what is found, a database of countries does not hide the cities of another that does not agree, whatever
// their names.
func TestGeoFinest(t *testing.T) {
	w, dir := geoWorld(t)
	writeCities(t, dir, "a.mmdb", "GeoLite2-Country")
	writeCities(t, dir, "b.mmdb", "GeoLite2-City")
	w.check(t, "geo 1.2.3.4 --lang en", exitFound, "")
	if !strings.Contains(w.out.String(), "China · Hangzhou") {
		t.Errorf("%s", w.out.String())
	}
}

func TestGeoWhere(t *testing.T) {
	w, dir := geoWorld(t)
	w.check(t, "geo --where", exitNotFound, "")
	if !strings.Contains(w.out.String(), "\n  none\n") {
		t.Errorf("%s", w.out.String())
	}
	writeQQWry(t, dir)
	writeSystems(t, dir, "GeoLite2-ASN.mmdb")
	broken := writeDB(t, dir, "x.xdb", []byte{1, 2, 3})
	w.check(t, "geo --where", exitFound, "")
	for _, want := range []string{w.vars["SOCKEYE_CONFIG"] + " (used)", "\n  " + dir + "\n", "qqwry   2024-10-16       6 ", "broken: geoip: open " + broken, "GeoLite2-ASN\n"} {
		if !strings.Contains(w.out.String(), want) {
			t.Errorf("no %q in:\n%s", want, w.out.String())
		}
	}
	w.check(t, "geo --where --json", exitFound, "")
	var doc struct {
		Schema    int
		Config    string
		Folders   []string
		Databases []struct {
			Path, Format, Date string
			Ranges             int
		}
		Partial []string
	}
	if err := json.Unmarshal(w.out.Bytes(), &doc); err != nil {
		t.Fatal(err, w.out.String())
	}
	if doc.Schema != 1 || doc.Config != w.vars["SOCKEYE_CONFIG"] || doc.Folders[0] != dir || len(doc.Databases) != 2 || len(doc.Partial) != 1 {
		t.Errorf("%+v", doc)
	}
	if d := doc.Databases[0]; d.Format != "mmdb" || strings.Count(w.out.String(), `"ranges"`) != 1 { // those of a tree are not known
		t.Errorf("%+v", d)
	}
	if d := doc.Databases[1]; d.Format != "qqwry" || d.Date != "2024-10-16" || d.Ranges != 6 {
		t.Errorf("%+v", d)
	}
}

// TestGeoDoesNotOpenFifo: a pipe that is named like a database would make the command wait for ever.
func TestGeoDoesNotOpenFifo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a fifo has no name in a folder there")
	}
	w, dir := geoWorld(t)
	makeFifo(t, filepath.Join(dir, "qqwry.dat"))
	w.check(t, "geo 127.0.0.1", exitFound, "")
}
