package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/config"
	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/internal/geofetch"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
	"github.com/sockeye-net/sockeye/internal/view"
)

// updateWorld is a world whose update folder is empty, and a server of files.
type updateWorld struct {
	*world
	dir   string // where updates go
	files map[string][]byte
	url   string
}

func newUpdateWorld(t *testing.T) *updateWorld {
	t.Helper()
	u := &updateWorld{world: newWorld(t), files: map[string][]byte{}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, ok := u.files[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		tag := fmt.Sprintf(`"%x"`, sha256.Sum256(b))
		if w.Header().Set("ETag", tag); r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(b)
	}))
	t.Cleanup(s.Close)
	u.url, u.dir = s.URL, filepath.Join(t.TempDir(), "sockeye")
	u.vars["SOCKEYE_GEO_PATH"] = u.dir
	return u
}

// configure writes the configuration.
func (u *updateWorld) configure(t *testing.T, text string) {
	t.Helper()
	u.vars["SOCKEYE_CONFIG"] = writeDB(t, t.TempDir(), "config.toml", []byte(text))
}

// update runs sockeye geo update with these words.
func (u *updateWorld) update(t *testing.T, code int, words ...string) (stdout, stderr string) {
	t.Helper()
	u.out.Reset()
	u.err.Reset()
	if got := u.Run(context.Background(), append([]string{"geo", "update"}, words...)); got != code {
		t.Errorf("update %q: exit %d, want %d; %s", words, got, code, &u.err)
	}
	return u.out.String(), u.err.String()
}

func dated(date string, n int) []byte {
	rows := testdb.Rows4(n, 20, 1)
	rows[len(rows)-1].Text = []string{"纯真网络", date + "IP数据"}
	return testdb.QQWry(rows)
}

func wantText(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestGeoUpdate(t *testing.T) {
	testutil.CheckLeaks(t)
	u := newUpdateWorld(t)
	other := filepath.Join(t.TempDir(), "other.dat")
	u.configure(t, fmt.Sprintf(`
[[geo.update]]
url = "%[1]s/qqwry.dat?key=hush-hush"

[[geo.update]]
url = "%[1]s/missing/a.xdb?key=hush-hush"

[[geo.update]]
url = "%[1]s/download"
file = '%[2]s'
sha256_url = "%[1]s/download.sha256"
`, u.url, other))
	first, second := dated("2024年9月11日", 300), dated("2024年10月16日", 310)
	u.files["/qqwry.dat"], u.files["/download"] = first, second
	sum := sha256.Sum256(second)
	u.files["/download.sha256"] = []byte(hex.EncodeToString(sum[:]) + "  x\n")
	path := filepath.Join(u.dir, "qqwry.dat")
	size := func(b []byte) string { return view.InBytes.Amount(float64(len(b))) }

	out, says := u.update(t, exitUnknown)
	wantText(t, "new", out, fmt.Sprintf("%s: new, %s, 300 ranges of 2024-09-11\n%s: new, %s, 310 ranges of 2024-10-16\n", path, size(first), other, size(second)))
	wantText(t, "one fails", says, fmt.Sprintf("sockeye: %s: %s/missing/a.xdb?key=... answers 404 Not Found; is the address right?\n", filepath.Join(u.dir, "a.xdb"), u.url))

	out, says = u.update(t, exitFound, "qqwry.dat", other)
	wantText(t, "again", out+says, fmt.Sprintf("%s: is up to date, %s, 300 ranges of 2024-09-11\n%s: is up to date, %s, 310 ranges of 2024-10-16\n", path, size(first), other, size(second)))

	u.files["/qqwry.dat"] = second
	out, says = u.update(t, exitFound, "qqwry.dat")
	wantText(t, "another", out+says, fmt.Sprintf("%s: updated, %s, 310 ranges of 2024-10-16, in place of those of 2024-09-11\n", path, size(second)))

	u.files["/qqwry.dat"] = dated("2024年10月17日", 100)
	out, says = u.update(t, exitUnknown, "qqwry.dat")
	wantText(t, "less", out+says, fmt.Sprintf("sockeye: %s: the old file has 310 ranges, the new one only 100; --force replaces it nevertheless\n", path))
	out, says = u.update(t, exitFound, "qqwry.dat", "--force", "--quiet")
	wantText(t, "forced", out+says, "")
	db, err := geoip.Open(path)
	if err != nil || db.Info().Ranges != 100 {
		t.Error(err)
	}

	// The folder has nothing but databases, for those who look there.
	if found := geodb.Find(u.Getenv); len(found) < 1 || found[0] != path || len(found) > 1 && filepath.Dir(found[1]) == u.dir {
		t.Errorf("found: %q", found)
	}
	names, _ := u.completeUpdates(nil, nil, "")
	wantText(t, "completion", strings.Join(names, " "), "qqwry.dat a.xdb other.dat")
}

func TestGeoUpdateURL(t *testing.T) {
	testutil.CheckLeaks(t)
	u := newUpdateWorld(t)
	b := dated("2024年9月11日", 300)
	u.files["/a/qqwry.dat"] = b
	u.files["/b"] = b
	address := strings.Replace(u.url, "http://", "http://user:hush-hush@", 1)
	u.update(t, exitFound, address+"/a/qqwry.dat")
	if got, err := os.ReadFile(filepath.Join(u.dir, "qqwry.dat")); err != nil || len(got) != len(b) {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	u.update(t, exitFound, address+"/b", "--file", "here.dat")
	if _, err := os.Stat("here.dat"); err != nil {
		t.Error(err)
	}
	if _, says := u.update(t, exitUnknown, address+"/a/qqwry.dat", "--force", "--sha256", strings.Repeat("0", 64)); !strings.Contains(says, "the checksum is wrong") {
		t.Error(says)
	}
	big := dated("2024年9月11日", 60000)
	u.files["/big.dat"] = big
	if _, says := u.update(t, exitUnknown, u.url+"/big.dat", "--max-size", "1"); len(big) <= 1<<20 || !strings.Contains(says, "larger than 1048576 bytes") {
		t.Error(says)
	}
}

func TestGeoUpdateUsage(t *testing.T) {
	u := newUpdateWorld(t)
	for _, c := range []struct{ line, says string }{
		{"", `sockeye: it is not configured where databases come from: write [[geo.update]] and, in a line below, url = "https://..." into `},
		{"qqwry.dat", "sockeye: it is not configured"},
		{"https://user:hush-hush@h/download?key=hush-hush", "sockeye: https://...@h/download?key=... is not named like a database: say which file"},
		{"https://h/a.dat https://h/b.dat", "sockeye: one URL at a time"},
		{"https://h/a.dat b.dat", "sockeye: one URL at a time"},
		{"--file a.dat", "sockeye: --file, --sha256 and --sha256-url are for a URL"},
		{"--sha256 x --sha256-url y https://h/a.dat", "sockeye: if any flags in the group"},
		{"--max-size 0 https://h/a.dat", "sockeye: --max-size is a number of MiB"},
		{"ftp://user:hush-hush@h/a.dat", "is not one of the form https://host/path"},
		{"file:///etc/a.dat", "is not one of the form https://host/path"},
		{"https://user:hush/hush@h/a.dat", "sockeye: https://... is not named like a database"},
	} {
		out, says := u.update(t, exitUnknown, strings.Fields(c.line)...)
		if out != "" || !strings.Contains(says, c.says) || strings.Contains(says, "hush") || strings.Count(says, "\n") != 1 {
			t.Errorf("%s: %q, %q; want %q", c.line, out, says, c.says)
		}
	}
	u.configure(t, "[[geo.update]]\nurl = 'https://h/a.dat'\n")
	if _, says := u.update(t, exitUnknown, "b.dat"); !strings.Contains(says, `"b.dat" is neither a URL nor the file of one that is configured`) {
		t.Error(says)
	}
}

// Where a file of the configuration lies.
// TestGeoUpdateTwice: two that are for one file would take turns in replacing it.
func TestGeoUpdateTwice(t *testing.T) {
	u := newUpdateWorld(t)
	u.files["/a/x.dat"], u.files["/b/x.dat.gz"] = dated("2024年9月11日", 300), dated("2024年10月16日", 310)
	both := "[[geo.update]]\nurl = '" + u.url + "/a/x.dat'\n[[geo.update]]\nurl = '" + u.url + "/b/x.dat.gz'\n"
	u.configure(t, both)
	want := fmt.Sprintf("sockeye: configuration %s: [[geo.update]] number 1 and number 2 are both for %s: give one of them another file\n",
		u.vars["SOCKEYE_CONFIG"], filepath.Join(u.dir, "x.dat"))
	for _, words := range [][]string{nil, {"x.dat"}} {
		if out, says := u.update(t, exitUnknown, words...); out != "" || says != want {
			t.Errorf("%q: %q, %q; want %q", words, out, says, want)
		}
	}
	u.configure(t, both+"file = 'y.dat'\n")
	if out, says := u.update(t, exitFound); says != "" || strings.Count(out, "\n") != 2 {
		t.Errorf("%q, %q", out, says)
	}
}

func TestUpdateSource(t *testing.T) {
	u := newUpdateWorld(t)
	home := t.TempDir()
	for _, name := range []string{"HOME", "USERPROFILE", "XDG_DATA_HOME", "LocalAppData"} {
		u.vars[name] = home
	}
	u.vars["SOCKEYE_GEO_PATH"] = ""
	u.dir = geodb.UpdateFolder(u.Getenv)
	if want := filepath.Join(home, "sockeye"); u.dir != want && os.Geteuid() != 0 {
		t.Errorf("%q, want %q", u.dir, want)
	}
	for file, want := range map[string]string{
		"":                                filepath.Join(u.dir, "x.mmdb"),
		"b.mmdb":                          filepath.Join(u.dir, "b.mmdb"),
		"~/b.dat":                         filepath.Join(home, "b.dat"),
		filepath.Join(home, "c", "b.dat"): filepath.Join(home, "c", "b.dat"),
	} {
		u.configure(t, fmt.Sprintf("[[geo.update]]\nurl = 'https://h/x.mmdb'\nfile = '%s'\n", file))
		all, err := u.updatesFor(&geoUpdateFlags{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if src, err := u.updateSource(&all[0]); err != nil || src.File != want {
			t.Errorf("%q: %q, %v; want %q", file, src.File, err, want)
		}
	}
	if runtime.GOOS != "windows" { // elsewhere there is always the machine's folder
		return
	}
	clear(u.vars)
	if src, err := u.updateSource(&config.Update{URL: "https://h/x.mmdb"}); err == nil || !strings.Contains(err.Error(), "write its whole path") {
		t.Errorf("%q, %v", src.File, err)
	}
}

// The line fits in every terminal, and loses what matters least first.
func TestFetchBarLine(t *testing.T) {
	b := &fetchBar{name: "qqwry.dat", ascii: true}
	p := geofetch.Progress{Stage: geofetch.Downloading, Done: 12_300_000, Total: 27_100_000}
	for width, want := range map[int]string{
		120: "#############.................  qqwry.dat  fetching  45%  12.3 MB of 27.1 MB  4.1 MB/s  0:04 left",
		80:  "####......  qqwry.dat  fetching  45%  12.3 MB of 27.1 MB  4.1 MB/s  0:04 left",
		60:  "####......  qqwry.dat  fetching  45%  4.1 MB/s  0:04 left",
		50:  "####......  qqwry.dat  fetching  45%  0:04 left",
		38:  "####.....  qqwry.dat  fetching  45%",
		30:  "qqwry.dat  fetching  45%",
		20:  "qqwry.dat  fetch…",
		2:   "…",
		0:   "…",
	} {
		got := b.line(p, 3*time.Second, width)
		if got != want {
			t.Errorf("%d cells: %q, want %q", width, got, want)
		}
	}
	for _, name := range []string{"qqwry.dat", "纯真网络数据库.dat"} {
		b.name = name
		for _, stage := range []geofetch.Stage{geofetch.Downloading, geofetch.Unpacking, geofetch.Checking} {
			for _, total := range []int64{0, 1, 5_000, 1 << 40} {
				for width := range 200 {
					p := geofetch.Progress{Stage: stage, Done: 5_000, Total: total}
					if got := b.line(p, time.Minute, width); view.Wide(got) > max(width-3, 1) {
						t.Fatalf("%d cells: %q", width, got)
					}
				}
			}
		}
	}
	b.name = "a.xdb"
	wantText(t, "unknown length", b.line(geofetch.Progress{Done: 2_000_000}, 2*time.Second, 80), "a.xdb  fetching  2.0 MB  1.0 MB/s")
	wantText(t, "checking", b.line(geofetch.Progress{Stage: geofetch.Checking, Done: 1_234_567}, time.Second, 80), "a.xdb  checking  1.2M ranges")
	wantText(t, "just begun", b.line(geofetch.Progress{Total: 1000}, 0, 50), "..........  a.xdb  fetching   0%  0 B of 1.0 kB")
	for s, want := range map[float64]string{0: "0:00", 59.6: "1:00", 3599: "59:59", 3723: "1:02:03", 1e30: "277777:46:40"} {
		wantText(t, "remaining", remaining(s), want)
	}
}

// It is drawn ten times a second at most, anew for each stage, and taken away at the end.
func TestFetchBarDraws(t *testing.T) {
	var out strings.Builder
	at := now
	b := &fetchBar{out: &out, width: func() int { return 40 }, now: func() time.Time { return at }, name: "a.dat"}
	for i := range 100 {
		b.show(geofetch.Progress{Done: int64(i), Total: 100})
		at = at.Add(10 * time.Millisecond)
	}
	b.show(geofetch.Progress{Stage: geofetch.Checking, Done: 1, Total: 100})
	b.clear()
	b.clear()
	if n := strings.Count(out.String(), "fetching"); n < 9 || n > 11 || strings.Count(out.String(), "checking") != 1 {
		t.Errorf("drawn %d times: %q", n, out.String())
	}
	if !strings.HasSuffix(out.String(), "\x1b[K\r\x1b[K") || strings.Contains(out.String(), "\n") || strings.Contains(out.String(), "\x1b[3") {
		t.Errorf("%q", out.String())
	}
	var none *fetchBar
	none.show(geofetch.Progress{})
	none.clear()
}
