package cli

import (
	"context"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// placesDB writes a QQWry.dat that knows the addresses of places, and nothing of the rest.
func placesDB(t *testing.T) string {
	t.Helper()
	rows := []testdb.Row{
		{First: netip.MustParseAddr("0.0.0.0"), Last: netip.MustParseAddr("1.2.2.255"), Text: []string{"IANA", ""}},
		{First: netip.MustParseAddr("1.2.3.0"), Last: netip.MustParseAddr("1.2.3.255"), Text: []string{"中国–浙江–杭州", "电信"}},
		{First: netip.MustParseAddr("1.2.4.0"), Last: netip.MustParseAddr("255.255.254.255"), Text: []string{"美国", "EdgeCast, Inc"}},
		{First: netip.MustParseAddr("255.255.255.0"), Last: netip.MustParseAddr("255.255.255.255"), Text: []string{"纯真网络", "2024年10月16日IP数据"}},
	}
	path := filepath.Join(t.TempDir(), "qqwry.dat")
	if err := os.WriteFile(path, testdb.QQWry(rows), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// abroad adds connections to the sample table whose other ends are somewhere.
func abroad(w *world) *world {
	w.table.sockets = append(w.table.sockets, tcp(netstat.Established, "10.0.0.1:8080", "1.2.3.4:5000", worker),
		tcp(netstat.Established, "[::ffff:10.0.0.1]:8080", "[::ffff:1.2.3.5]:5001", worker), tcp(netstat.Established, "10.0.0.1:50002", "93.184.216.34:443", curl))
	return w
}

// noDatabase is what is said where there is none, and the test's Env has no folders.
func noDatabase(w *world) string { return w.errNoDatabase().Error() }

func TestListGeo(t *testing.T) {
	db := placesDB(t)
	for name, line := range map[string]string{
		"geo-bare.txt": "--geo", "geo-tanp.txt": "-tanp --geo", "geo-filter.txt": "-tn country = CN", "geo-special.txt": "-t special = documentation --columns remote,special",
		"geo-columns.txt": "-t --columns remote,country,iso,region,city,isp,place --sort -country,remote country ~ .", "geo-list.jsonl": "-t --jsonl --geo port = 8080",
		"geo-list.csv": "-t --csv --geo state established",
	} {
		w := abroad(newWorld(t))
		w.check(t, line+" --db "+db, exitFound, "")
		golden(t, name, w.out.String())
	}
	w := abroad(newWorld(t))
	w.Terminal, w.Width = true, 80
	w.check(t, "-tanp --geo --db "+db, exitFound, "")
	golden(t, "geo-terminal.txt", w.out.String())
}

// TestListGeoKeeps: --geo adds a column and takes nothing away: the same sockets, and what was shown of them.
func TestListGeoKeeps(t *testing.T) {
	db := placesDB(t)
	for _, line := range []string{"", "-a", "-tl", "-tanp", "-ti", "-e", "-x", "-tu4", "sport = 8080"} {
		plain, geo := abroad(newWorld(t)), abroad(newWorld(t))
		plain.check(t, line+" --csv", exitFound, "")
		geo.check(t, line+" --csv --geo --db "+db, exitFound, "")
		a, errA := csv.NewReader(&plain.out).ReadAll()
		b, errB := csv.NewReader(&geo.out).ReadAll()
		if errA != nil || errB != nil || len(a) != len(b) {
			t.Fatalf("%s: %d rows, %d with places, %v, %v", line, len(a), len(b), errA, errB)
		}
		for i := range a {
			if !slices.Equal(a[i], b[i][:len(a[i])]) || len(b[i]) != len(a[i])+13 {
				t.Errorf("%s: %q\nbecomes %q", line, a[i], b[i])
			}
		}
		if got, want := geo.table.queries, plain.table.queries; len(got) != 1 || got[0].Owner != want[0].Owner || got[0].Info != want[0].Info {
			t.Errorf("%s asks for %+v, want %+v", line, got, want)
		}
	}
}

// TestListWithoutDatabase: what must be told by a database cannot be found out; what need not be is told all the same.
func TestListWithoutDatabase(t *testing.T) {
	for _, line := range []string{"country = CN", "-t asn = 13335 --json", "not city = x", "-t country != CN --geo"} {
		w := abroad(newWorld(t))
		if w.check(t, line, exitUnknown, "sockeye: "+noDatabase(w)+"\n"); w.out.Len() > 0 || w.table.opened > 0 {
			t.Errorf("%s prints %s", line, w.out.String())
		}
	}
	w := abroad(newWorld(t))
	w.check(t, "-tn --geo", exitFound, "sockeye: note: --geo: "+noDatabase(w)+"\n")
	if text := w.out.String(); !strings.Contains(text, "Documentation (TEST-NET-1)") || strings.Contains(text, "CN") {
		t.Errorf("%s", text)
	}
	w.check(t, "-t special = documentation", exitFound, "sockeye: note: --geo: "+noDatabase(w)+"\n")
	if n := strings.Count(w.out.String(), "192.0.2."); n != 5 || strings.Contains(w.out.String(), "1.2.3.4") {
		t.Errorf("%d:\n%s", n, w.out.String())
	}
	w.check(t, "--json --geo -tn", exitFound, "sockeye: note: --geo: "+noDatabase(w)+"\n")
	var doc struct{ Partial []string }
	if err := json.Unmarshal(w.out.Bytes(), &doc); err != nil || len(doc.Partial) != 1 {
		t.Errorf("%v %v", doc, err)
	}
	w.check(t, "proto = unix country = CN", exitNotFound, "")
	w.check(t, "-tn", exitFound, "")
}

// TestFilterNobodyTells: a filter of what no database has is not one that nothing matches.
func TestFilterNobodyTells(t *testing.T) {
	db := placesDB(t)
	says := "sockeye: no database that is used tells of autonomous systems, for which the filter asks; see sockeye geo --where\n"
	for _, line := range []string{"asn = 13335", "-t country = CN or asn != 13335 --json", "watch asn > 5", "traffic --by socket asn = 1"} {
		w := abroad(newWorld(t))
		if w.check(t, line+" --db "+db, exitUnknown, says); w.out.Len() > 0 || w.table.opened > 0 {
			t.Errorf("%s prints %s", line, w.out.String())
		}
	}
	w := abroad(newWorld(t))
	w.check(t, "-t --columns asn,remote isp ~ 电信 --db "+db, exitFound, "")
	w.check(t, "-t asn = 4134 --db "+db+" --db "+writeSystems(t, t.TempDir(), "asn.mmdb"), exitFound, "")
	if n := strings.Count(w.out.String(), "\n"); n != 3 {
		t.Errorf("%s", w.out.String())
	}
	broken := writeDB(t, t.TempDir(), "broken.mmdb", []byte("x"))
	w.check(t, "asn = 4134 --db "+broken+" --db "+db, exitUnknown, "sockeye: note: geoip: open "+broken+": not a database of a known format\n"+says)
}

func TestGeoFlags(t *testing.T) {
	db := placesDB(t)
	w := abroad(newWorld(t))
	w.check(t, "-t --db "+db, exitUnknown, "sockeye: --db goes with --geo, or with columns or a filter of places\n")
	w.check(t, "-t --geo --columns remote --db "+db, exitFound, "")
	w.check(t, "-t country = FR --db "+db, exitNotFound, "")
	w.check(t, "-t asn = FR --db "+db, exitUnknown, "sockeye: filter: expected the number of an autonomous system at \"asn = »FR«\"\n")
	if w.run("-t --geo --db /nowhere/x.dat"); w.out.Len() > 0 || !strings.Contains(w.err.String(), "/nowhere/x.dat") {
		t.Errorf("%s%s", w.out.String(), w.err.String())
	}
	w.check(t, "-tn --geo --db /nowhere/x.dat --db "+db+" country = CN", exitFound, w.noteOf(t, "-tn --geo --db /nowhere/x.dat --db "+db+" country = CN"))
	w.check(t, "traffic --geo", exitUnknown, "sockeye: --geo and --db go with --by remote and --by socket\n")
	w.check(t, "traffic --by process --geo", exitUnknown, "sockeye: --geo goes with --by remote and --by socket\n")
}

// noteOf is what a command says; it must be one note, of a file that cannot be opened.
func (w *world) noteOf(t *testing.T, line string) string {
	t.Helper()
	w.err.Reset()
	w.run(line)
	text := w.err.String()
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "sockeye: note: ") || !strings.Contains(text, "/nowhere/x.dat") {
		t.Errorf("%s says %q", line, text)
	}
	return text
}

// TestListGeoDamaged: where addresses could not be looked up, that nothing was found is no answer.
func TestListGeoDamaged(t *testing.T) {
	path := placesDB(t)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	entry := b[binary.LittleEndian.Uint32(b)+7:] // of the second range
	record := b[int(entry[4])|int(entry[5])<<8|int(entry[6])<<16:]
	copy(record[4:], []byte{1, 0xff, 0xff, 0xff}) // goes on behind the end of the file
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	w := abroad(newWorld(t))
	if code := w.run("-t country = CN --db " + path); code != exitUnknown || !strings.Contains(w.err.String(), "sockeye: note: ") ||
		!strings.HasSuffix(w.err.String(), "sockeye: nothing found, but not every address could be looked up\n") {
		t.Errorf("exit %d: %s", code, w.err.String())
	}
}

// TestDatabaseIsReplaced: a command that runs for long takes up a new database within a minute, and goes on with the old one
// where the new one is broken.
func TestDatabaseIsReplaced(t *testing.T) {
	path := placesDB(t)
	w := newWorld(t)
	names := w.Names
	l, err := w.locate(&placeFlags{geo: true, db: []string{path}}, view.Needs{Geo: true}, &names)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	place := func() string { return names.PlaceOf(netip.MustParseAddr("1.2.3.4")) }
	at := func(after time.Duration, want string) {
		t.Helper()
		if l.refresh(now.Add(after), &names); place() != want {
			t.Errorf("after %v: %s, want %s", after, place(), want)
		}
	}
	replace := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(path+".new", b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	at(0, "CN 浙江 杭州, 电信")
	replace(testdb.QQWry([]testdb.Row{{First: netip.MustParseAddr("0.0.0.0"), Last: netip.MustParseAddr("255.255.255.255"), Text: []string{"日本", "东京"}}}))
	at(59*time.Second, "CN 浙江 杭州, 电信")
	at(60*time.Second, "JP 日本, 东京")
	replace([]byte("no database"))
	at(2*time.Minute, "JP 日本, 东京")
	if n := len(l.missing()); n != 1 {
		t.Errorf("%d notes: %v", n, l.missing())
	}
	at(4*time.Minute, "JP 日本, 东京")
	if n := len(l.missing()); n != 1 {
		t.Errorf("%d notes: %v", n, l.missing())
	}
}

func TestWhoGeo(t *testing.T) {
	db := placesDB(t)
	for name, line := range map[string]string{
		"geo-who-8080-a.txt": "who -a 8080/tcp --geo", "geo-who-50002.txt": "who 50002 --geo", "geo-who.json": "who 50002 8080/tcp --geo --json",
		"geo-who.csv": "who 50002 --geo --csv",
	} {
		w := abroad(newWorld(t))
		w.check(t, line+" --db "+db, exitFound, "")
		golden(t, name, w.out.String())
	}
	w := abroad(newWorld(t))
	w.check(t, "who 50002 --geo", exitFound, "sockeye: note: --geo: "+noDatabase(w)+"\n")
	w.check(t, "who 50002 --json --geo", exitFound, "sockeye: note: --geo: "+noDatabase(w)+"\n")
	var doc struct{ Partial []string }
	if err := json.Unmarshal(w.out.Bytes(), &doc); err != nil || len(doc.Partial) != 1 {
		t.Errorf("%v %s", err, w.out.String())
	}
}

func TestWatchGeo(t *testing.T) {
	db := placesDB(t)
	const hides = "sockeye: note: something is hidden\n"
	for name, line := range map[string]string{
		"geo-watch.txt": "watch --geo", "geo-watch.jsonl": "watch --geo --json", "geo-watch.csv": "watch --geo --csv",
		"geo-watch-us.txt": "watch country = US and event = closed", "geo-watch-us.jsonl": "watch --json iso = US event = closed",
	} {
		w, _, _ := newLive(t, 0)
		w.check(t, line+" --db "+db, exitFound, hides+summary)
		golden(t, name, w.out.String())
		if strings.HasSuffix(name, ".csv") {
			rectangular(t, w.out.Bytes())
		}
	}
	w, _, events := newLive(t, 0)
	w.check(t, "watch -t country = CN sport = 80 --db "+db, exitFound, hides+summary)
	want := watch.Config{Interval: time.Second, Query: netstat.Query{Protos: netstat.QueryTCP, LocalPorts: []uint16{80}, Owner: netstat.OwnerPID}}
	if !sameConfig(*events.config, want) {
		t.Errorf("%+v", *events.config)
	}
	w, _, events = newLive(t, 0)
	if w.check(t, "watch country = CN", exitUnknown, "sockeye: "+noDatabase(w)+"\n"); events.config != nil {
		t.Error("it watches all the same")
	}
	w.check(t, "watch --geo event = closed", exitFound, "sockeye: note: --geo: "+noDatabase(w)+"\n"+hides+summary)
}

func TestUsageGeo(t *testing.T) {
	db := placesDB(t)
	for name, line := range map[string]string{
		"geo-usage-remote.txt": "traffic --by remote -1 --geo", "geo-usage-remote.jsonl": "traffic --by remote -1 --geo --jsonl",
		"geo-usage-remote.csv": "traffic --by remote -1 --geo --csv", "geo-usage-socket.txt": "traffic --by socket -1 --geo country = US",
		"geo-usage-socket.csv": "traffic --by socket -1 --geo --csv",
	} {
		w, _, events := newLive(t, 0)
		events.usage[0].Remote = netip.MustParseAddr("1.2.3.9")
		if code := w.run(line + " --db " + db); code != exitFound {
			t.Errorf("%s: exit %d, %s", line, code, w.err.String())
		}
		golden(t, name, w.out.String())
		if strings.HasSuffix(name, ".csv") {
			rectangular(t, w.out.Bytes())
		}
	}
	w, _, _ := newLive(t, 0)
	w.check(t, "traffic --by socket -1 country = CN", exitUnknown, "sockeye: "+noDatabase(w)+"\n")
}

func TestCompleteGeo(t *testing.T) {
	for line, want := range map[string]string{
		"--columns proto,cou": "proto,country\n", "--columns geo_c": "geo_country\n", "--sort=-as": "-asn\n", "": "country\n",
		"special = ": "private\n", "special ": "loopback\n", "watch special = ": "cgnat\n", "watch ": "event\n", "--ge": "--geo", "who --ge": "--geo", "watch --d": "--db",
	} {
		w := newWorld(t)
		if w.Run(context.Background(), strings.Split("__complete "+line, " ")); !strings.Contains(w.out.String(), want) {
			t.Errorf("%q offers %q, want %q", line, w.out.String(), want)
		}
	}
	w := newWorld(t)
	if w.Run(context.Background(), []string{"__complete", "watch", "special", ""}); strings.Contains(w.out.String(), "event\n") {
		t.Error(w.out.String())
	}
}
