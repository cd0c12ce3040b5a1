package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

func addrRow(first, last string, text ...string) testdb.Row {
	return testdb.Row{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last), Text: text}
}

// writeQQWry makes a QQWry.dat that knows two places.
func writeQQWry(t *testing.T, dir string) string {
	t.Helper()
	return writeDB(t, dir, "qqwry.dat", testdb.QQWry([]testdb.Row{
		addrRow("0.0.0.0", "1.2.2.255", "IANA", "CZ88.NET"),
		addrRow("1.2.3.0", "1.2.3.255", "中国–浙江–杭州", "电信"),
		addrRow("1.2.4.0", "8.8.7.255", "日本", "东京"),
		addrRow("8.8.8.0", "8.8.8.9", "美国", "谷歌公司DNS服务器"),
		addrRow("8.8.8.10", "255.255.254.255", "美国", " CZ88.NET"),
		addrRow("255.255.255.0", "255.255.255.255", "纯真网络", "2024年10月16日IP数据"),
	}))
}

// writeSystems makes an MMDB that knows the autonomous system of 1.2.3.0/24, and nothing else.
func writeSystems(t *testing.T, dir, name string) string {
	t.Helper()
	rows := []testdb.Row{addrRow("1.2.3.0", "1.2.3.255", "4134", "CHINANET-\x1b[31m")}
	return writeDB(t, dir, name, testdb.MMDB(rows, 24, true, "GeoLite2-ASN", func(r testdb.Row) any {
		return map[string]any{"autonomous_system_number": uint32(4134), "autonomous_system_organization": r.Text[1]}
	}))
}

// writeCities makes an MMDB of one city with names in two languages.
func writeCities(t *testing.T, dir, name, kind string) string {
	t.Helper()
	rows := []testdb.Row{addrRow("1.2.3.0", "1.2.3.127", "")}
	return writeDB(t, dir, name, testdb.MMDB(rows, 28, true, kind, func(testdb.Row) any {
		rec := map[string]any{"country": map[string]any{"iso_code": "CN", "names": map[string]any{"en": "China", "zh-CN": "中国"}}}
		if strings.Contains(kind, "Country") {
			rec["country"] = map[string]any{"iso_code": "HK"}
		} else {
			rec["city"] = map[string]any{"names": map[string]any{"en": "Hangzhou", "zh-CN": "杭州"}}
			rec["location"] = map[string]any{"latitude": 30.2936, "longitude": 120.1614}
		}
		return rec
	}))
}

func writeDB(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// geoWorld is a world with one folder of databases, and names that resolve to what a test says.
func geoWorld(t *testing.T) (*world, string) {
	w, dir := newWorld(t), t.TempDir()
	w.vars["SOCKEYE_CONFIG"] = writeDB(t, t.TempDir(), "config.toml", nil)
	w.vars["SOCKEYE_GEO_PATH"] = dir
	w.Databases = func(getenv func(string) string) []string { // but for those of this machine
		return slices.DeleteFunc(geodb.Find(getenv), func(path string) bool { return filepath.Dir(path) != dir })
	}
	w.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "two.example":
			return []netip.Addr{netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("::ffff:8.8.8.8")}, nil
		case "empty.example":
			return nil, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return w, dir
}

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

// TestResolveHost: the system's resolver is asked, which knows this name everywhere (RFC 6761, 6.3).
func TestResolveHost(t *testing.T) {
	addrs, err := resolveHost(t.Context(), "localhost")
	if err != nil {
		t.Skip("there is no localhost here: ", err)
	}
	for _, a := range addrs {
		if !a.Unmap().IsLoopback() {
			t.Errorf("localhost is %v", addrs)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := resolveHost(ctx, "example.invalid"); err == nil {
		t.Error("the context is not obeyed")
	}
}

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
	if d := doc.Databases[1]; d.Format != "qqwry" || d.Date != "2024-10-16" || d.Ranges != 6 {
		t.Errorf("%+v", d)
	}
}

// TestGeoInput: standard input is read in all its forms.
func TestGeoInput(t *testing.T) {
	for name, c := range map[string]struct {
		in   io.Reader
		line string
		code int
		want string // the addresses of the answers
		says string
	}{
		"lines":      {strings.NewReader("\ufeff1.2.3.4\r\n\n  8.8.8.8  \n::1"), "geo", 0, "1.2.3.4 8.8.8.8 ::1", ""},
		"none":       {strings.NewReader(""), "geo", 0, "", ""},
		"nil":        {nil, "geo -", 0, "", ""},
		"among":      {strings.NewReader("8.8.8.8\n"), "geo 1.2.3.4 - 1.2.3.5", 0, "1.2.3.4 8.8.8.8 1.2.3.5", ""},
		"slow bytes": {iotest.OneByteReader(strings.NewReader("1.2.3.4\n8.8.8.8\n")), "geo", 0, "1.2.3.4 8.8.8.8", ""},
		"long line": {strings.NewReader("1.2.3.4\n" + strings.Repeat("x", 200_000) + "\n8.8.8.8\n"), "geo", 2, "1.2.3.4 8.8.8.8",
			"sockeye: line 2 is longer than 1024 bytes: neither an address nor a name\n"},
		"long last": {strings.NewReader("1.2.3.4\n" + strings.Repeat("x", 1500)), "geo", 2, "1.2.3.4",
			"sockeye: line 2 is longer than 1024 bytes: neither an address nor a name\n"},
		"hostile": {strings.NewReader("a b\n\x1b[2J\n1.2.3.4\n" + strings.Repeat("a.", 130) + "\n-rf\n"), "geo", 2, "1.2.3.4",
			"sockeye: a b: neither an address nor the name of a host\nsockeye: \\x1b[2J: neither an address nor the name of a host\n" +
				"sockeye: " + strings.Repeat("a.", 29) + "a…: neither an address nor the name of a host\nsockeye: -rf: neither an address nor the name of a host\n"},
		"failing": {io.MultiReader(strings.NewReader("1.2.3.4\n"), iotest.ErrReader(errors.New("disk on fire"))), "geo", 2, "1.2.3.4",
			"sockeye: reading standard input: disk on fire\n"},
	} {
		t.Run(name, func(t *testing.T) {
			w, dir := geoWorld(t)
			writeQQWry(t, dir)
			w.Stdin = c.in
			w.check(t, c.line, c.code, c.says)
			if got := firstWords(w.out.String()); got != c.want {
				t.Errorf("answers are %q, want %q", got, c.want)
			}
		})
	}
}

// firstWords are those of each line.
func firstWords(text string) string {
	var words []string
	for line := range strings.Lines(text) {
		words = append(words, strings.Fields(line)[0])
	}
	return strings.Join(words, " ")
}

// TestGeoOrder: names that take long do not change the order, several are resolved at once, but not all.
func TestGeoOrder(t *testing.T) {
	w, dir := geoWorld(t)
	writeQQWry(t, dir)
	release, calls := make(chan struct{}), make(chan string, 1000)
	w.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		calls <- host
		<-release
		if host == "n0.example" {
			time.Sleep(20 * time.Millisecond)
		}
		return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
	}
	var in, want strings.Builder
	for i := range 500 {
		fmt.Fprintf(&in, "n%d.example\n1.2.3.%d\n", i, i%256)
		fmt.Fprintf(&want, "n%d.example 1.2.3.%d ", i, i%256)
	}
	w.Stdin = strings.NewReader(in.String())
	done := make(chan int)
	go func() { done <- w.run("geo") }()
	for range 4 {
		<-calls
	}
	time.Sleep(20 * time.Millisecond)
	if n := len(calls); n > maxAsked {
		t.Errorf("%d names are resolved at once", n+4)
	}
	close(release)
	if code := <-done; code != exitFound {
		t.Errorf("exit %d: %s", code, w.err.String())
	}
	if got := firstWords(w.out.String()); got != strings.TrimSpace(want.String()) {
		t.Errorf("answers come as %.200s", got)
	}
}

// TestGeoStreams: what is asked is answered before more is waited for, in each form that has no end.
func TestGeoStreams(t *testing.T) {
	for _, form := range []string{"", "--jsonl", "--csv -H"} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		in, ask := io.Pipe()
		answers, out := io.Pipe()
		w.Stdin, w.Stdout = in, out
		done := make(chan int)
		go func() { done <- w.run("geo " + form); out.Close() }()
		buf := make([]byte, 4096)
		for _, addr := range []string{"1.2.3.4", "8.8.8.8"} {
			fmt.Fprintln(ask, addr)
			n, err := answers.Read(buf)
			if err != nil || !bytes.Contains(buf[:n], []byte(addr)) {
				t.Fatalf("%s: %v %q", form, err, buf[:n])
			}
		}
		ask.Close()
		if code := <-done; code != exitFound {
			t.Errorf("exit %d", code)
		}
	}
}

// TestGeoInterrupted: an interrupt ends the command while it waits for a line, or for a name.
func TestGeoInterrupted(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, line := range []string{"geo", "geo slow.example"} {
		w, dir := geoWorld(t)
		writeQQWry(t, dir)
		in, ask := io.Pipe()
		w.Stdin = in
		w.Resolve = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if code := w.Run(ctx, strings.Fields(line)); code != exitUnknown {
			t.Errorf("%s: exit %d", line, code)
		}
		if w.err.Len() > 0 || w.out.Len() > 0 {
			t.Errorf("%s says %q %q", line, w.err.String(), w.out.String())
		}
		ask.Close()
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

// FuzzGeoInput: each line that is not blank is one question, in its order, whatever it holds; and nothing is asked of a name
// server that is no name.
func FuzzGeoInput(f *testing.F) {
	for _, text := range []string{"1.2.3.4\n", "a.example\r\n\n::1", "\ufeff \n[::1]:80\nx y", "\x00\xff\n-", strings.Repeat("a", 1024) + "\n" + strings.Repeat("b", 1025)} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []string
		for line := range strings.SplitSeq(string(text), "\n") {
			if line = strings.TrimSpace(strings.TrimPrefix(line, "\ufeff")); line != "" {
				want = append(want, line)
			}
		}
		e := &Env{Stdin: bytes.NewReader(text), Resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			if host == "" || len(host) > 253 || strings.Trim(strings.ToLower(host), "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
				t.Errorf("%q is resolved", host)
			}
			return nil, errors.New("no")
		}}
		n := 0
		for q := range e.questions(t.Context(), new(geoFlags), nil) {
			if q.resolved != nil {
				<-q.resolved
			}
			if n == len(want) || !strings.HasPrefix(want[n], q.text) || q.ended || q.err == nil && len(q.addrs) == 0 {
				t.Fatalf("question %d is %+v of %q", n, q, want)
			}
			n++
		}
		if n != len(want) {
			t.Errorf("%d questions of %q", n, want)
		}
	})
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
