package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// recorded is a history of what sampleWatcher tells, recorded at noon; the last of it is a quarter of an hour old.
func recorded(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.db")
	at := now.Add(-15 * time.Minute)
	s, err := history.Open(history.Config{Path: path, Now: func() time.Time { return at }, Boot: "boot"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn := tcp(netstat.Established, "10.0.0.5:50001", "198.51.100.9:22", curl)
	conn.Cookie = 77
	watcher := &historyWatcher{sampleWatcher(), &at}
	watcher.flows = []watch.Flow{{Socket: &conn}}
	gone := tcp(netstat.Listen, "0.0.0.0:631", "0.0.0.0:0", nginx)
	for i, kind := range []watch.Kind{watch.ListenerAppeared, watch.ListenerVanished} {
		watcher.reports[i].Events = append(watcher.reports[i].Events, watch.Event{Kind: kind, Source: watch.FromBPF, Time: now.Add(time.Duration(5+i) * time.Millisecond), Socket: gone, OwnerFrom: watch.OwnerActed})
	}
	for i := range watcher.reports {
		for j := range watcher.reports[i].Events {
			e := &watcher.reports[i].Events[j]
			e.Time = e.Time.Add(-15 * time.Minute)
			if !e.Since.IsZero() {
				e.Since = e.Since.Add(-15 * time.Minute)
			}
		}
	}
	err = history.Record(context.Background(), s, history.Recording{Sockets: watcher, Interfaces: sampleInterfaces(), Details: details, Learn: -1, Places: func(a netip.Addr) *geoip.Location {
		if a.String() == "93.184.216.34" {
			return &geoip.Location{Addr: a, ISO: "US", Country: "United States", City: "Norwell", ASN: 15133, Latitude: 42.1615, Longitude: -70.79375, HasPosition: true, Source: "test"}
		}
		return nil
	}, Trouble: func(err error) {
		if err != nil {
			t.Error(err)
		}
	}})
	if !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
	return path
}

// historyWatcher is closed at its end, as a watcher is. Each of its reports takes two seconds.
type historyWatcher struct {
	*fakeWatcher
	at *time.Time
}

func (w *historyWatcher) Next(ctx context.Context) (*watch.Report, error) {
	*w.at = w.at.Add(2 * time.Second)
	r, err := w.fakeWatcher.Next(ctx)
	if errors.Is(err, context.Canceled) {
		err = watch.ErrClosed
	}
	return r, err
}

func TestHistory(t *testing.T) {
	w := newWorld(t)
	w.vars["SOCKEYE_HISTORY"] = recorded(t)
	var all bytes.Buffer
	for _, line := range []string{
		"history --at 11:45", "history --at 11:45 --json process = curl", "history --at 11:45 --csv country = us", "history --gone sport = 631", "history -l --jsonl --at 11:45",
		"history --at 11:45 --by process", "history --at 11:45 --by host --json", "history --from today --by country", "history --at 11:45 --news",
		"history --from 11:40 --to 11:50 --interfaces", "history --at 11:45 --newest 1", "history --at 11:45 -u", "history --at 11:45 --news --json country = US",
	} {
		w.out.Reset()
		w.err.Reset()
		code := w.run(line)
		all.WriteString("$ sockeye " + line + "\n" + w.out.String() + w.err.String())
		if code != 0 {
			t.Errorf("sockeye %s: exit %d: %s", line, code, w.err.String())
		}
		if strings.Contains(line, "--json ") && !json.Valid(w.out.Bytes()) {
			t.Errorf("sockeye %s: %s", line, w.out.String())
		}
	}
	golden(t, "history.txt", all.String())
}

func TestHistoryAnswers(t *testing.T) {
	w := newWorld(t)
	path := recorded(t)
	w.vars["SOCKEYE_HISTORY"] = path
	w.check(t, "history --from 11:45:01 --to 11:45:02 port = 9", exitNotFound, "")
	w.check(t, "history --at yesterday", exitUnknown, "sockeye: note: nothing was recorded from 2026-03-03 00:00:00 to 2026-03-04 00:00:00\nsockeye: nothing was found, but not all of that time was recorded\n")
	w.check(t, "history --at parsec", exitUnknown, `sockeye: --at: no time is called "parsec"; examples: "2026-11-20 15:04", "yesterday 15:00", "3h ago", "this month"`+"\n")
	w.check(t, "history --from today --to yesterday", exitUnknown, "sockeye: --from is not before --to\n")
	w.check(t, "history --by colour", exitUnknown, `sockeye: --by is one of process, unit, host, country, asn, port, day, month, not "colour"`+"\n")
	w.check(t, "history --interfaces port = 1", exitUnknown, "sockeye: --interfaces takes no filter\n")
	w.check(t, "history --file /nonexistent/history.db", exitUnknown, "sockeye: history: open "+filepath.Clean("/nonexistent/history.db")+": there is no history\n")
	w.vars["SOCKEYE_HISTORY"] = path + ".not"
	w.check(t, "history", exitUnknown, "sockeye: there is no history at "+path+".not; sockeye serve records one\n")
	if err := os.WriteFile(path, bytes.Repeat([]byte("x"), 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	w.vars["SOCKEYE_HISTORY"] = path
	w.check(t, "history", exitUnknown, "sockeye: history: open "+path+": the history is damaged: file is not a database (26)\n")
}

func TestHoles(t *testing.T) {
	at := func(m int) time.Time { return now.Add(time.Duration(m) * time.Minute) }
	sessions := []history.Session{{From: at(-100), To: at(-80)}, {From: at(-80).Add(5 * time.Second), To: at(-50)}, {From: at(-40), To: at(-10)}}
	for _, c := range []struct {
		from, to int
		want     string
	}{
		{-70, -60, ""},
		{-90, -60, ""},
		{-45, -42, "nothing was recorded from 2026-03-04 11:15:00 to 2026-03-04 11:18:00"},
		{-60, 0, "nothing was recorded from 2026-03-04 11:10:00 to 2026-03-04 11:20:00; nothing was recorded since 2026-03-04 11:50:00"},
		{-200, -150, "nothing was recorded from 2026-03-04 08:40:00 to 2026-03-04 09:30:00"},
		{-120, -90, "nothing was recorded from 2026-03-04 10:00:00 to 2026-03-04 10:20:00"},
	} {
		var got []string
		for _, err := range holes(sessions, at(c.from), at(c.to), now) {
			got = append(got, err.Error())
		}
		if strings.Join(got, "; ") != c.want {
			t.Errorf("%d to %d: %q", c.from, c.to, got)
		}
	}
}

var _ history.Interfaces = (*fakeInterfaces)(nil)
var _ history.Interfaces = (*ifstat.Table)(nil)
