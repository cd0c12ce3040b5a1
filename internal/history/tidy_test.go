package history

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// steady is a source of connections that come at a pace, each to another host.
type steady struct {
	clock  *clock
	steps  int
	each   int
	pace   time.Duration
	number int
}

func (s *steady) Flows(func(*watch.Flow) bool) {}

func (s *steady) Next(context.Context) (*watch.Report, error) {
	if s.steps--; s.steps < 0 {
		return nil, watch.ErrClosed
	}
	s.clock.forward(s.pace)
	r := &watch.Report{Time: s.clock.Time, Elapsed: s.pace}
	for range s.each {
		s.number++
		to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, byte(s.number >> 16), byte(s.number >> 8), byte(s.number)}), 443)
		p := &netstat.Process{PID: s.number, Name: fmt.Sprint("p", s.number%100), Started: noon}
		conn := socket(uint64(s.number), netstat.Established, "10.0.0.1:1000", to.String(), p)
		r.Events = append(r.Events, opened(conn, s.clock.Time), closed(conn, s.clock.Time, 1000, 10))
	}
	return r, nil
}

// lo is an interface that moves 1000 bytes between two readings.
type lo struct {
	clock *clock
	bytes uint64
}

func (l *lo) Read(s *ifstat.Snapshot) error {
	l.bytes += 1000
	s.Time = l.clock.Time
	s.Interfaces = append(s.Interfaces[:0], ifstat.Interface{ID: 1, Index: 1, Name: "lo", Kind: ifstat.Loopback, Width: 64, Counters: ifstat.Counters{RxBytes: l.bytes}})
	return nil
}

func run(t *testing.T, path string, limits Limits, src *steady, interfaces Interfaces) {
	t.Helper()
	s, err := Open(Config{Path: path, Now: src.clock.now, Limits: limits, Boot: "boot"})
	if err != nil {
		t.Fatal(err)
	}
	defer shut(t, s)
	s.slice = time.Hour // however slow this machine is
	err = Record(context.Background(), s, Recording{Sockets: src, Interfaces: interfaces, Details: details, Places: places, Trouble: func(err error) { t.Error(err) }})
	if !errors.Is(err, watch.ErrClosed) {
		t.Fatal(err)
	}
}

func rows(t *testing.T, r *Reader, from string) (n int) {
	t.Helper()
	if err := r.db.QueryRow("SELECT count(*) FROM " + from).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestAge records four days, of which lives are kept for one, and totals by day for two.
func TestAge(t *testing.T) {
	path, c := newFile(t), &clock{noon}
	run(t, path, Limits{Lives: day, Days: 2 * day}, &steady{clock: c, steps: 4 * 24, each: 2, pace: time.Hour}, nil)
	r := reader(t, path)
	all := lives(t, r, Query{}, "")
	if n := len(all); n < 46 || n > 52 {
		t.Errorf("%d lives of two an hour", n)
	}
	if first := all[0].Opened; first.Before(c.Add(-26 * time.Hour)) {
		t.Errorf("the oldest is of %v, now is %v", first, c.Time)
	}
	if n := rows(t, r, "(SELECT DISTINCT start FROM total WHERE grain = 1)"); n != 3 {
		t.Errorf("%d days of totals", n)
	}
	if n := rows(t, r, "total WHERE grain = 2 AND program = 0"); n != 4*24*2 {
		t.Errorf("%d hosts in the month", n)
	}
	if n := rows(t, r, "process"); n > 2*(24*4) {
		t.Errorf("%d processes", n)
	}
	if d, ok := r.Details(all[len(all)-1].Socket.Owners[0].Process); !ok || d.Exe == "" || all[0].Place == nil || len(all[0].Socket.Owners) != 1 {
		t.Errorf("what lives refer to is gone: %+v", all[0])
	}
}

// TestDictionaryAge: what nothing refers to is deleted, what something refers to is not.
func TestDictionaryAge(t *testing.T) {
	testutil.NotRaced(t)
	path, c := newFile(t), &clock{noon}
	limits := Limits{Lives: day, Days: day, Months: 10 * day}
	const total = 40 * 24
	run(t, path, limits, &steady{clock: c, steps: total, each: 1, pace: time.Hour}, nil)
	r := reader(t, path)
	if n := rows(t, r, "process"); n > total/4 || n < 24 {
		t.Errorf("%d processes of %d", n, total)
	}
	for _, l := range lives(t, r, Query{}, "") {
		if len(l.Socket.Owners) != 1 || l.Place == nil || !l.Socket.Remote.IsValid() {
			t.Fatalf("%+v", l)
		}
	}
}

// TestSize: the file does not grow beyond its bound, and the newest is what stays.
func TestSize(t *testing.T) {
	testutil.NotRaced(t)
	path, c := newFile(t), &clock{noon}
	const most = 1 << 20
	src := &steady{clock: c, steps: 30, each: 300, pace: 30 * time.Minute}
	run(t, path, Limits{Size: most}, src, nil)
	info, err := os.Stat(path)
	if err != nil || info.Size() > most+most/4 {
		t.Errorf("%d bytes, %v", info.Size(), err)
	}
	r := reader(t, path)
	n := rows(t, r, "connection")
	var last int
	if err := r.db.QueryRow("SELECT max(pid) FROM process").Scan(&last); err != nil || last != src.number {
		t.Errorf("the last is %d of %d (%v)", last, src.number, err)
	}
	if n < 300 || n > 6000 {
		t.Errorf("%d lives", n)
	}
	t.Logf("%d of %d lives in %d bytes", n, src.number, info.Size())
}

// TestRings: seconds are kept for an hour, minutes for a month, hours for years.
func TestRings(t *testing.T) {
	testutil.NotRaced(t)
	path, c := newFile(t), &clock{noon}
	src := &steady{clock: c, steps: 3 * 3600 / 5, pace: 5 * time.Second}
	run(t, path, Limits{}, src, &lo{clock: c})
	r := reader(t, path)
	for length, want := range map[time.Duration][2]int{time.Second: {720, 735}, time.Minute: {180, 180}, time.Hour: {3, 3}} {
		n, bytes := 0, uint64(0)
		if err := r.Traffic(context.Background(), length, time.Time{}, time.Time{}, func(x *Traffic) error {
			if x.Interface == "lo" {
				n, bytes = n+1, bytes+x.RxBytes
				if length == time.Minute && (x.RxBytes != 12_000 || x.Covered != time.Minute) {
					t.Errorf("%+v", x)
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if n < want[0] || n > want[1] || length > time.Second && bytes != 3*720*1000 {
			t.Errorf("%v: %d slots, %d bytes", length, n, bytes)
		}
	}
}
