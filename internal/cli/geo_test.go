package cli

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func TestGeoOutputs(t *testing.T) {
	for name, line := range map[string]string{
		"geo.txt":       "geo 1.2.3.4 8.8.8.8 10.0.0.1 [2001:db8::1]:443 ::ffff:1.2.3.4 2002:102:304::1 9.9.9.9",
		"geo-host.txt":  "geo 1.2.3.4 two.example 255.255.255.255",
		"geo.json":      "geo --json 1.2.3.4 two.example 10.0.0.1 2002:102:304::1",
		"geo.jsonl":     "geo --jsonl 1.2.3.4 8.8.8.8:53 192.0.2.1",
		"geo.csv":       "geo --csv 1.2.3.4 two.example 127.0.0.1",
		"geo-lang.json": "geo --jsonl --lang zh-CN --db CITY 1.2.3.4",
		"geo-en.txt":    "geo --lang en,zh-CN --db CITY --db ASN 1.2.3.4 1.2.3.200",
	} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		asn := writeSystems(t, dir, "GeoLite2-ASN.mmdb")
		city := writeCities(t, t.TempDir(), "GeoLite2-City.mmdb", "GeoLite2-City")
		w.check(t, strings.NewReplacer("CITY", city, "ASN", asn).Replace(line), exitFound, "")
		golden(t, name, w.out.String())
	}
}

// TestGeoAligned: characters that take two cells are counted as two.
func TestGeoAligned(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	w.Terminal, w.Width = true, 60
	w.check(t, "geo 1.2.3.4 8.8.8.8 100.100.100.100", exitFound, "")
	golden(t, "geo-narrow.txt", w.out.String())
	w.Width = 80 // the place is what was asked for: the range goes before it is cut
	w.check(t, "geo 1.2.3.4 8.8.8.8 --db "+writeFarCities(t)+" --db "+filepath.Join(dir, "qqwry.dat"), exitFound, "")
	golden(t, "geo-80.txt", w.out.String())
	w.Width = 30
	w.check(t, "geo 1.2.3.4 --db "+writeFarCities(t), exitFound, "")
	if got := w.out.String(); got != "1.2.3.4  United States · Cali…\n" {
		t.Errorf("%q", got)
	}
}

func TestGeoExitCodes(t *testing.T) {
	for _, c := range []struct {
		line string
		code int
		says string
	}{
		{"geo 1.2.3.4", 0, ""},
		{"geo 5.5.5.5 --db ASN", 1, ""},
		{"geo 1.2.3.4 5.5.5.5 --db ASN", 1, ""},
		{"geo 10.0.0.1 --db ASN", 0, ""},
		{"geo nowhere.example 1.2.3.4", 2, "sockeye: nowhere.example: there is no such host\n"},
		{"geo empty.example", 2, "sockeye: empty.example: the name has no address\n"},
		{"geo 1.2.3.400", 2, "sockeye: 1.2.3.400: neither an address nor the name of a host\n"},
		{"geo 1.2.3.0/24", 2, "sockeye: 1.2.3.0/24: neither an address nor the name of a host\n"},
		{"geo -- -n", 2, "sockeye: -n: neither an address nor the name of a host\n"},
		{"geo -n two.example", 2, "sockeye: two.example: not an address, and names are not looked up with -n\n"},
		{"geo --json --csv 1.2.3.4", 2, "sockeye: --json, --jsonl and --csv exclude each other\n"},
		{"geo --color blue 1.2.3.4", 2, "sockeye: --color is auto, always or never, not \"blue\"\n"},
		{"geo --annotate 1.2.3.4", 2, "sockeye: --where and --annotate take no addresses; there is \"1.2.3.4\"\n"},
		{"geo --where 1.2.3.4", 2, "sockeye: --where and --annotate take no addresses; there is \"1.2.3.4\"\n"},
	} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		asn := writeSystems(t, t.TempDir(), "a.mmdb")
		w.check(t, strings.ReplaceAll(c.line, "ASN", asn), c.code, c.says)
	}
}

// TestGeoErrorRows: in output for programs a question that failed has its place too.
func TestGeoErrorRows(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	w.check(t, "geo --jsonl 1.2.3.4 nowhere.example 8.8.8.8", exitUnknown, "sockeye: nowhere.example: there is no such host\n")
	lines := strings.Split(w.out.String(), "\n")
	if len(lines) != 4 || lines[1] != `{"host":"nowhere.example","error":"nowhere.example: there is no such host"}` {
		t.Errorf("%q", lines)
	}
}

func TestGeoWithoutDatabase(t *testing.T) {
	w, dir := geoWorld(t)
	says := "sockeye: " + w.errNoDatabase().Error() + "\n"
	if !strings.Contains(says, dir) || !strings.Contains(says, "sockeye geo update") {
		t.Errorf("it says %q", says)
	}
	w.check(t, "geo 127.0.0.1 224.0.0.1 fe80::1%eth0", exitFound, "")
	if out := w.out.String(); strings.Count(out, "\n") != 3 || !strings.Contains(out, "Loopback") {
		t.Errorf("%s", out)
	}
	w.check(t, "geo 8.8.8.8 10.0.0.1 9.9.9.9", exitUnknown, says) // once
	if out := w.out.String(); strings.Count(out, "unknown") != 2 || !strings.Contains(out, "Private-Use") {
		t.Errorf("%s", out)
	}
}

// TestGeoBroken: one broken file is a note, and what the others know is told; where none of those that were named opens,
// nothing is.
func TestGeoBroken(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	broken := writeDB(t, dir, "broken.mmdb", []byte("<html>not found</html>"))
	note := fmt.Sprintf("sockeye: note: geoip: open %s: not a database of a known format\n", broken)
	w.check(t, "geo 1.2.3.4", exitFound, note)
	if !strings.Contains(w.out.String(), "浙江") {
		t.Errorf("%s", w.out.String())
	}
	w.check(t, "geo --json 1.2.3.4", exitFound, note)
	var doc struct{ Partial []string }
	if err := json.Unmarshal(w.out.Bytes(), &doc); err != nil || len(doc.Partial) != 1 {
		t.Errorf("%v: %s", err, w.out.String())
	}
	w.check(t, "geo 10.0.0.1 --db "+broken, exitUnknown, strings.Replace(note, "note: ", "", 1))
	w.check(t, "geo 10.0.0.1 --db "+dir, exitUnknown, "sockeye: geoip: open "+dir+": not a regular file\n")
	w.check(t, "geo 1.2.3.4 --db "+broken+" --db "+filepath.Join(dir, "qqwry.dat"), exitFound, note)
	if w.run("geo 1.2.3.4 --db " + broken + " --db " + broken); strings.Count(w.err.String(), "\n") != 3 { // a line each, behind the note
		t.Errorf("%q", w.err.String())
	}
	missing := filepath.Join(dir, "missing.mmdb")
	w.err.Reset()
	if code := w.run("geo 1.2.3.4 --db " + missing); code != exitUnknown || strings.Count(w.err.String(), missing) != 1 {
		t.Errorf("exit %d: %q", code, w.err.String())
	}
}

// TestGeoUnasked: what is not known may be in the database that was named and does not open. One that was found in a folder
// may be anything.
func TestGeoUnasked(t *testing.T) {
	w, dir := geoWorld(t)
	asn := writeSystems(t, dir, "asn.mmdb")
	broken := writeDB(t, dir, "broken.mmdb", []byte("x"))
	note := fmt.Sprintf("sockeye: note: geoip: open %s: not a database of a known format\n", broken)
	w.check(t, "geo 5.5.5.5", exitNotFound, note)
	w.check(t, "geo 5.5.5.5 --db "+asn+" --db "+broken, exitUnknown, note)
	writeDB(t, filepath.Dir(w.vars["SOCKEYE_CONFIG"]), "config.toml", []byte("[geo]\ndatabases = ['"+asn+"', '"+broken+"']\n"))
	w.check(t, "geo 5.5.5.5", exitUnknown, note)
	w.check(t, "geo 1.2.3.4", exitFound, note)
}

// TestGeoEmpty: an argument that is empty, as a variable of a shell may be, can be seen in what is said of it.
func TestGeoEmpty(t *testing.T) {
	for _, args := range [][]string{{"geo", ""}, {"geo", "--db", "", "1.2.3.4"}} {
		w, _ := geoWorld(t)
		if code := w.Run(context.Background(), args); code != exitUnknown || !strings.Contains(w.err.String(), `"": n`) {
			t.Errorf("%q: exit %d, %q", args, code, w.err.String())
		}
	}
}

// TestGeoDamaged: where an address could not be looked up, that nothing is known about it is no answer.
func TestGeoDamaged(t *testing.T) {
	w, dir := geoWorld(t)
	path := writeQQWry(t, dir)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entry := b[binary.LittleEndian.Uint32(b)+7:] // of the second range
	record := b[int(entry[4])|int(entry[5])<<8|int(entry[6])<<16:]
	copy(record[4:], []byte{1, 0xff, 0xff, 0xff}) // goes on behind the end of the file
	writeDB(t, dir, "qqwry.dat", b)
	for _, line := range []string{"geo 1.2.3.4 8.8.8.8", "geo --json 8.8.8.8 1.2.3.4"} {
		if code := w.run(line); code != exitUnknown {
			t.Errorf("%s: exit %d", line, code)
		}
		if got := w.err.String(); strings.Count(got, "\n") != 1 || !strings.HasPrefix(got, "sockeye: note: geoip: lookup "+path) {
			t.Errorf("%s says %q", line, got)
		}
		if !strings.Contains(w.out.String(), "美国") {
			t.Errorf("%s: %s", line, w.out.String())
		}
		w.out.Reset()
		w.err.Reset()
	}
	w.Stdin = strings.NewReader("1.2.3.4 8.8.8.8\n")
	if code := w.run("geo -a"); code != exitFound || w.out.String() != "1.2.3.4 8.8.8.8 [美国, 谷歌公司DNS服务器]\n" ||
		!strings.HasPrefix(w.err.String(), "sockeye: note: geoip: lookup "+path) {
		t.Errorf("exit %d: %q, %q", code, w.out.String(), w.err.String())
	}
}

func TestGeoWriteFails(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, line := range []string{"geo 1.2.3.4", "geo --json 1.2.3.4", "geo", "geo --csv -", "geo --where", "geo --where --json"} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		w.Stdin, w.Stdout = strings.NewReader(strings.Repeat("1.2.3.4\n", 2000)), fullDisk{errors.New("no space left")}
		w.check(t, line, exitUnknown, "sockeye: writing the output: no space left\n")
	}
}

// TestGeoTerminal: a person is told that the command waits.
func TestGeoTerminal(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	w.Interactive, w.Stdin = true, strings.NewReader("1.2.3.4\n")
	w.check(t, "geo", exitFound, "sockeye: reading addresses and names from the terminal, one a line\n")
	w.check(t, "geo 1.2.3.4", exitFound, "")
}
