package history

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// noon is when tests begin.
var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// clock is a time that tests set.
type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func (c *clock) forward(d time.Duration) { c.Time = c.Add(d) }

var (
	curl   = &netstat.Process{PID: 99, Name: "curl", Started: noon.Add(-time.Hour)}
	nginx  = &netstat.Process{PID: 42, Name: "nginx", Module: "nginx.service", Started: noon.Add(-2 * time.Hour)}
	worker = &netstat.Process{PID: 43, Name: "nginx", Module: "nginx.service", Started: noon.Add(-time.Minute)}
)

func own(procs ...*netstat.Process) (all []netstat.Owner) {
	for _, p := range procs {
		all = append(all, netstat.Owner{Process: p, FD: 3})
	}
	return all
}

func socket(cookie uint64, state netstat.State, local, remote string, owners ...*netstat.Process) netstat.Socket {
	return netstat.Socket{Proto: netstat.TCP, State: state, Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote),
		Cookie: cookie, NetNS: 1, HasUID: true, UID: 1000, Owners: own(owners...)}
}

func listener(cookie uint64, local string, owners ...*netstat.Process) netstat.Socket {
	return socket(cookie, netstat.Listen, local, "0.0.0.0:0", owners...)
}

func opened(s netstat.Socket, at time.Time) watch.Event {
	kind := watch.Opened
	if s.State == netstat.Listen {
		kind = watch.ListenerAppeared
	}
	return watch.Event{Kind: kind, Source: watch.FromBPF, Time: at, Since: at, Socket: s, OwnerFrom: watch.OwnerActed}
}

func closed(s netstat.Socket, at time.Time, sent, received uint64) watch.Event {
	e := watch.Event{Kind: watch.Closed, Source: watch.FromBPF, Time: at, Socket: s, OwnerFrom: watch.OwnerActed,
		Bytes: watch.Bytes{Sent: sent, Received: received, Basis: watch.FromTCPInfo}}
	if s.State == netstat.Listen {
		e.Kind, e.Bytes = watch.ListenerVanished, watch.Bytes{}
	}
	return e
}

func flow(s netstat.Socket, sent, received uint64) watch.Flow {
	s.Info = netstat.TCPInfo{Known: s.State != netstat.Listen, Sent: sent, Received: received}
	f := watch.Flow{Socket: &s}
	if s.State != netstat.Listen {
		f.Total = watch.Bytes{Sent: sent, Received: received, Basis: watch.FromTCPInfo}
	}
	return f
}

// before is a flow of which a part had been moved before the watch.
func before(f watch.Flow, sent, received uint64) watch.Flow {
	f.Total.Sent, f.Total.Received = f.Total.Sent-sent, f.Total.Received-received
	return f
}

// script is a Source that tells what it was given, a step after the other; then it is closed.
type script struct {
	clock *clock
	flows []watch.Flow
	steps []func(*script) watch.Report
}

func (s *script) Next(context.Context) (*watch.Report, error) {
	if len(s.steps) == 0 {
		return nil, watch.ErrClosed
	}
	r := s.steps[0](s)
	s.steps = s.steps[1:]
	return &r, nil
}

func (s *script) Flows(yield func(*watch.Flow) bool) {
	for i := range s.flows {
		if !yield(&s.flows[i]) {
			return
		}
	}
}

// events is a step: time passes, and something is told.
func events(after time.Duration, all ...watch.Event) func(*script) watch.Report {
	return func(s *script) watch.Report {
		s.clock.forward(after)
		return watch.Report{Time: s.clock.Time, Elapsed: after, Events: all}
	}
}

// reading is a step with new flows.
func reading(after time.Duration, flows ...watch.Flow) func(*script) watch.Report {
	return func(s *script) watch.Report {
		s.clock.forward(after)
		s.flows = flows
		return watch.Report{Time: s.clock.Time, Elapsed: after}
	}
}

// places are those of a few networks of documentation.
func places(a netip.Addr) *geoip.Location {
	switch a.Unmap().AsSlice()[0] {
	case 192:
		return &geoip.Location{Addr: a, ISO: "NZ", Country: "New Zealand", ASN: 64500, Org: "Example", Source: "test"}
	case 198:
		return &geoip.Location{Addr: a, ISO: "DE", Country: "Germany", ASN: 64501, Source: "test"}
	}
	if a.IsLoopback() {
		return &geoip.Location{Addr: a, Special: "loopback"}
	}
	return &geoip.Location{Addr: a}
}

func details(p *netstat.Process) (netstat.Details, error) {
	return netstat.Details{Exe: "/usr/bin/" + p.Name, Args: []string{p.Name, "-v"}, User: "kim"}, nil
}

// record runs a script into the history of a folder.
func record(t testing.TB, path string, c *clock, s *script) {
	t.Helper()
	store := open(t, path, c)
	defer shut(t, store)
	s.clock = c
	err := Record(context.Background(), store, Recording{Sockets: s, Places: places, Details: details, Trouble: func(err error) {
		if err != nil {
			t.Error(err)
		}
	}})
	if !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
}

func open(t testing.TB, path string, c *clock) *Store {
	t.Helper()
	s, err := Open(Config{Path: path, Now: c.now, Boot: "boot", Host: "box"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func shut(t testing.TB, c interface{ Close() error }) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func reader(t testing.TB, path string) *Reader {
	t.Helper()
	r, err := OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, r) })
	r.SetCalendar(time.UTC) // that of the clocks here
	return r
}

// newFile is a path with what means something in a URI, as far as the system takes it in names.
func newFile(t testing.TB) string {
	name := "a b%20#?.db"
	if runtime.GOOS == "windows" {
		name = "a b%20#&.db"
	}
	return filepath.Join(t.TempDir(), name)
}

func filter(t testing.TB, text string, names *view.Names) *view.Filter {
	t.Helper()
	f, err := view.ParseFilter(text, names)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// lives asks a question.
func lives(t testing.TB, r *Reader, q Query, text string) (all []Life) {
	t.Helper()
	q.Names = new(view.Names)
	q.Filter = filter(t, text, q.Names)
	if err := r.Lives(context.Background(), q, func(l *Life) error {
		all = append(all, *l)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}
