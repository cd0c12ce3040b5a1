package fdwalk

import (
	"os"
	"slices"
	"testing"
)

// recheck gathers what a recheck emits.
func recheck(w *Walker, held []Process, want *Set) (map[int]Process, Report) {
	got := map[int]Process{}
	r := w.Recheck(held, want, func(p *Process) {
		c := *p
		c.FDs = slices.Clone(p.FDs)
		got[p.PID] = c
	})
	return got, r
}

func TestRecheck(t *testing.T) {
	w := open(t)
	f1, i1 := socket(t)
	f2, i2 := socket(t)
	both, second := hold(t, f1, f2), hold(t, f2)
	found, _ := collect(t, w, Options{Want: want(i1, i2)})
	p := found[both]
	for _, c := range []struct {
		name string
		held Process
		want *Set
		fds  []FD
	}{
		{"unchanged", p, want(i1, i2), p.FDs},
		{"only one wanted", p, want(i2), []FD{{i2, 4}}},
		{"nothing wanted", p, new(Set), nil},
		{"another socket there now", Process{PID: both, FDs: []FD{{i2, 3}}}, want(i1, i2), nil},
		{"no socket there", Process{PID: both, FDs: []FD{{i1, 0}}}, want(i1), nil},
		{"closed", Process{PID: both, FDs: []FD{{i1, 77}, {i1, 3}}}, want(i1), []FD{{i1, 3}}},
		{"no such process", Process{PID: 1 << 30, FDs: []FD{{i1, 3}}}, want(i1), nil},
		{"the id of another process", Process{PID: second, Comm: "old", Start: 1, FDs: []FD{{i1, 3}}}, want(i1, i2), nil},
		{"the id of another process that holds it", Process{PID: second, Comm: "old", Start: 1, FDs: []FD{{i2, 3}}}, want(i2), []FD{{i2, 3}}},
	} {
		got, _ := recheck(w, []Process{c.held}, c.want)
		if fds := got[c.held.PID].FDs; !slices.Equal(fds, c.fds) {
			t.Errorf("%s: %v, want %v", c.name, fds, c.fds)
		}
		if now := found[c.held.PID]; len(c.fds) > 0 && (got[c.held.PID].Comm != now.Comm || got[c.held.PID].Start != now.Start) {
			t.Errorf("%s: told as %+v, but it is %+v", c.name, got[c.held.PID], now)
		}
	}
}

// A recheck reads no directory: it looks at as many links as there are descriptors to recheck.
func TestRecheckCost(t *testing.T) {
	w := open(t)
	f, inode := socket(t)
	pid := hold(t, f, f)
	_, r := recheck(w, []Process{{PID: pid, FDs: []FD{{inode, 3}, {inode, 4}}}}, want(inode))
	if r != (Report{Processes: 1, Descriptors: 2}) {
		t.Errorf("report %+v", r)
	}
}

func TestDenied(t *testing.T) {
	w := open(t)
	_, r := collect(t, w, Options{})
	n, err := w.Denied()
	if err != nil {
		t.Fatal(err)
	}
	if r.Hidden {
		r.Denied++
	}
	if n != r.Denied {
		t.Errorf("%d processes are denied, a walk counts %d", n, r.Denied)
	}
}

func TestRecheckClosed(t *testing.T) {
	w := open(t)
	w.Close()
	got, r := recheck(w, []Process{{PID: os.Getpid(), FDs: []FD{{1, 0}}}}, want(1))
	if _, err := w.Denied(); len(got) > 0 || r != (Report{}) || err == nil {
		t.Errorf("a closed walker finds %v (%+v), %v", got, r, err)
	}
}

func BenchmarkDenied(b *testing.B) {
	w := open(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Denied(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(w.pids)), "processes")
}
