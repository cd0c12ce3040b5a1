package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// What one recorder leaves the next, and one file another.

// idle passes time without an event.
func idle(hours int, flows ...watch.Flow) (steps []func(*script) watch.Report) {
	for range hours {
		steps = append(steps, reading(time.Hour, flows...))
	}
	return steps
}

// TestIdleIsRemembered: a connection that did nothing for hours keeps its owner and addresses when nobody saw its end.
func TestIdleIsRemembered(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	out := flow(socket(4, netstat.Established, "10.0.0.1:40000", "192.0.2.5:443", curl, worker), 1, 2)
	ear := flow(listener(5, "10.0.0.9:443", nginx), 0, 0)
	record(t, path, c, &script{flows: []watch.Flow{out, ear}, steps: idle(6, out, ear)})
	c.forward(time.Hour)
	record(t, path, c, &script{steps: idle(1)})
	r := reader(t, path)
	for _, q := range []Query{{}, {Listeners: true}} {
		all := lives(t, r, q, "")
		if len(all) != 1 || all[0].Flags&EndUnknown == 0 || len(all[0].Socket.Owners) == 0 || !all[0].Socket.Local.Addr().IsValid() || !all[0].Socket.Remote.Addr().IsValid() {
			t.Errorf("%+v", all)
		}
	}
	if n := len(lives(t, r, Query{}, "")[0].Socket.Owners); n != 2 {
		t.Errorf("%d owners", n)
	}
}

// TestNewFileLearns: what is open when a damaged file is replaced by a new one is no news.
func TestNewFileLearns(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	s, err := Open(Config{Path: path, Now: c.now, Boot: "boot", SetAside: true})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	e := new(ear)
	out := opened(socket(4, netstat.Established, "10.0.0.1:40000", "192.0.2.5:443", curl), noon)
	more := opened(socket(5, netstat.Established, "10.0.0.1:40001", "198.51.100.5:443", curl), noon.Add(50*time.Hour))
	r := newRecorder(s, Recording{Sockets: &script{clock: c}, Details: details, Places: places, Sinks: []Sink{e}, Learn: time.Hour})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(r.begin())
	r.event(&out)
	check(r.flush(context.Background()))
	c.forward(50 * time.Hour) // it has learned
	check(r.renew(ErrDamaged))
	r.event(&more)
	check(r.flush(context.Background()))
	r.herald.end()
	for i := range e.news {
		t.Errorf("news: %s", newsText(&e.news[i]))
	}
	if s.Aside() == "" {
		t.Error("nothing was set aside")
	}
	if all := lives(t, reader(t, path), Query{}, ""); len(all) != 2 {
		t.Errorf("%d lives in the new file", len(all))
	}
}

// TestAbandoned: a life whose end found no room is not open for ever.
func TestAbandoned(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	s := open(t, path, c)
	defer shut(t, s)
	r := newRecorder(s, Recording{Sockets: &script{clock: c}, Details: details})
	defer r.herald.end()
	out := socket(4, netstat.Established, "10.0.0.1:40000", "192.0.2.5:443", curl)
	begun, ended := opened(out, noon), closed(out, noon.Add(time.Minute), 1, 2)
	err := r.begin()
	r.event(&begun)
	err = errors.Join(err, r.flush(context.Background()))
	r.event(&ended)
	if lost := r.book.shed(0, r.abandon); lost != 1 {
		t.Errorf("%d lost", lost)
	}
	if err = errors.Join(err, r.flush(context.Background())); err != nil {
		t.Fatal(err)
	}
	if all := lives(t, reader(t, path), Query{}, ""); len(all) != 1 || all[0].Open || all[0].Flags&EndUnknown == 0 || !all[0].Closed.Equal(noon.Add(time.Minute)) {
		t.Errorf("%+v", all)
	}
}

// TestCameIn: a connection came in if somebody listens on its port, in whatever order both are found.
func TestCameIn(t *testing.T) {
	in := flow(socket(4, netstat.Established, "10.0.0.1:443", "192.0.2.5:40000", nginx), 1, 2)
	web := flow(listener(5, "0.0.0.0:443", nginx), 0, 0)
	bound := listener(6, "0.0.0.0:8080", curl)
	bound.State = netstat.Closed
	other := listener(7, "0.0.0.0:8080", worker)
	late := socket(8, netstat.Established, "10.0.0.1:8080", "192.0.2.5:40001", curl)
	path, c := newFile(t), &clock{noon}
	record(t, path, c, &script{flows: []watch.Flow{in, web, flow(bound, 0, 0)}, steps: []func(*script) watch.Report{
		reading(time.Minute, in, web, flow(listener(6, "0.0.0.0:8080", curl), 0, 0)),
		events(time.Minute, opened(other, c.Time)), events(time.Minute, closed(other, c.Time, 0, 0)),
		events(time.Minute, opened(late, noon.Add(4*time.Minute))),
	}})
	for _, l := range lives(t, reader(t, path), Query{}, "state established") {
		if l.Flags&Incoming == 0 {
			t.Errorf("%v came in: %+v", l.Socket.Local, l)
		}
	}
}

// TestDatagramsGoOn: what BPF counted for an earlier recorder is not forgotten.
func TestDatagramsGoOn(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	s := socket(4, netstat.Established, "10.0.0.1:40000", "192.0.2.5:53", curl)
	s.Proto = netstat.UDP
	counted := func(n uint64) watch.Flow {
		return watch.Flow{Socket: &s, Total: watch.Bytes{Sent: n, Received: 2 * n, Basis: watch.FromSocketBPF}}
	}
	record(t, path, c, &script{flows: []watch.Flow{counted(0)}, steps: []func(*script) watch.Report{reading(time.Minute, counted(100))}})
	end := closed(s, noon.Add(2*time.Minute), 7, 14)
	end.Bytes.Basis = watch.FromSocketBPF
	record(t, path, c, &script{flows: []watch.Flow{counted(0)}, steps: []func(*script) watch.Report{reading(time.Minute, counted(5)), events(time.Minute, end)}})
	r := reader(t, path)
	if all := lives(t, r, Query{}, ""); len(all) != 1 || all[0].Bytes.Sent != 107 || all[0].Bytes.Received != 214 {
		t.Errorf("%+v", all)
	}
	groups, _, err := r.Groups(context.Background(), Query{From: midnight(noon, 0)}, ByProcess)
	if err != nil || len(groups) != 1 || groups[0].Bytes.Sent != 107 {
		t.Errorf("%+v %v", groups, err)
	}
}

// TestClockAhead: while the clock is years ahead nothing is thrown away for its age.
func TestClockAhead(t *testing.T) {
	path, c := sample(t), &clock{noon.AddDate(5, 0, 0)}
	var steps []func(*script) watch.Report
	for range 55 {
		steps = append(steps, reading(time.Minute))
	}
	steps = append(steps, func(s *script) watch.Report { // it has been put right
		s.clock.Time = noon.Add(time.Hour)
		return watch.Report{Time: s.clock.Time, Elapsed: time.Minute}
	})
	record(t, path, c, &script{steps: append(steps, idle(3)...)})
	r := reader(t, path)
	if n := len(lives(t, r, Query{}, "")); n != 4 {
		t.Errorf("%d lives of 4 are left", n)
	}
	if groups, totals, err := r.Groups(context.Background(), Query{From: firstOf(2026, 11, time.UTC)}, ByHost); err != nil || !totals || len(groups) != 4 {
		t.Errorf("%+v %v %v", groups, totals, err)
	}
}

// TestOtherName: the lock is the file's, by whatever name it is opened.
func TestOtherName(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	s := open(t, path, c)
	defer shut(t, s)
	other := filepath.Join(t.TempDir(), "other.db")
	if err := os.Symlink(path, other); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	if real, err := filepath.EvalSymlinks(other); err != nil || real == other { // Wine
		t.Skip("symbolic links are not told from files here: ", err)
	}
	if s, err := Open(Config{Path: other, Now: c.now}); !errors.Is(err, ErrLocked) {
		t.Errorf("a second recorder: %v", err)
		shut(t, s)
	}
}

// TestSinkRecovers: that a sink does not fail any more is told, too.
func TestSinkRecovers(t *testing.T) {
	testutil.CheckLeaks(t)
	path, c := newFile(t), &clock{noon}
	s := open(t, path, c)
	defer shut(t, s)
	e := &ear{err: errors.New("no route")}
	var told []error
	step := func(n uint64, err error) func(*script) watch.Report {
		return func(s *script) watch.Report {
			for begun := time.Now(); n > 1 && time.Since(begun) < 5*time.Second; time.Sleep(time.Millisecond) {
				e.mu.Lock()
				heard := len(e.news)
				e.err = err
				e.mu.Unlock()
				if heard > 0 {
					break
				}
			}
			s.clock.forward(time.Minute)
			out := socket(n, netstat.Established, "10.0.0.1:40000", "192.0.2.5:443", curl)
			out.Remote = listener(0, "192.0.2.5:443").Local
			out.Owners = own(&netstat.Process{PID: int(n), Name: string(rune('a' + n)), Started: noon})
			return watch.Report{Time: s.clock.Time, Elapsed: time.Minute, Events: []watch.Event{opened(out, s.clock.Time)}}
		}
	}
	var steps []func(*script) watch.Report
	for n := range uint64(20) {
		steps = append(steps, step(n+1, nil))
		steps = append(steps, func(s *script) watch.Report { time.Sleep(5 * time.Millisecond); return events(time.Minute)(s) })
	}
	err := Record(context.Background(), s, Recording{Sockets: &script{clock: c, steps: steps}, Details: details, Learn: -1, Sinks: []Sink{e}, Trouble: func(err error) { told = append(told, err) }})
	if !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
	if len(told) != 2 || told[0] == nil || told[1] != nil {
		t.Errorf("told %v", told)
	}
}

// TestTotalsAfterKill: what a recorder that was killed had not added to totals yet, the next one adds.
func TestTotalsAfterKill(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	stays, ends := socket(4, netstat.Established, "10.0.0.1:40000", "192.0.2.5:443", curl), socket(5, netstat.Established, "10.0.0.1:40001", "192.0.2.6:443", nginx)
	src := &script{clock: c, flows: []watch.Flow{flow(stays, 100, 0), flow(ends, 30, 0)}}
	for i := range src.flows {
		src.flows[i].Since = noon
	}
	s := open(t, path, c)
	r := newRecorder(s, Recording{Sockets: src, Details: details})
	if err := r.begin(); err != nil {
		t.Fatal(err)
	}
	ended := closed(socket(6, netstat.Established, "10.0.0.1:40002", "192.0.2.7:443", &netstat.Process{PID: 5, Name: "ssh"}), noon, 9, 0)
	r.event(&ended)
	if err := r.flush(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.herald.end()
	shut(t, s) // and no word more
	ask := func(want string) {
		t.Helper()
		groups, totals, err := reader(t, path).Groups(context.Background(), Query{From: midnight(noon, 0)}, ByProcess)
		got := ""
		for _, g := range groups {
			got += fmt.Sprintf("%s %d %d ", g.Key, g.Lives, g.Bytes.Sent)
		}
		if err != nil || !totals || got != want {
			t.Errorf("%q (%v, %v), want %q", got, totals, err, want)
		}
	}
	ask("ssh 1 9 ") // it waits, and is counted
	c.forward(time.Second)
	record(t, path, c, &script{flows: []watch.Flow{before(flow(stays, 100, 0), 100, 0)}, steps: []func(*script) watch.Report{
		events(time.Second), func(*script) watch.Report { ask("nginx 1 30 ssh 1 9 "); return watch.Report{} },
		reading(time.Minute, before(flow(stays, 150, 0), 100, 0)), func(*script) watch.Report { ask("curl 1 150 nginx 1 30 ssh 1 9 "); return watch.Report{} },
	}})
	ask("curl 1 150 nginx 1 30 ssh 1 9 ")
}
