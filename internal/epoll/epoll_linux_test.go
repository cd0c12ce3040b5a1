package epoll

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func open(t *testing.T, coarse bool) (*Poller, *Bell) {
	t.Helper()
	testutil.CheckLeaks(t)
	p, err := New(4)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewBell()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = p.Close(), b.Close() })
	p.coarse = coarse
	if err := p.Add(b.FD(), unix.EPOLLIN, 5, -9); err != nil {
		t.Fatal(err)
	}
	return p, b
}

// TestBell rings while nobody waits, and while somebody does, with both of the kernel's calls.
func TestBell(t *testing.T) {
	for _, coarse := range []bool{false, true} {
		p, b := open(t, coarse)
		for _, raw := range []bool{false, true} {
			if e, err := p.Wait(2*time.Millisecond, raw); len(e) != 0 || err != nil {
				t.Errorf("%v, %v", e, err)
			}
		}
		go func() {
			time.Sleep(time.Millisecond)
			b.Ring()
			b.Ring()
		}()
		e, err := p.Wait(-1, false)
		if err != nil || len(e) != 1 || e[0].Fd != 5 || e[0].Pad != -9 || e[0].Events != Readable&unix.EPOLLIN {
			t.Fatalf("%+v, %v", e, err)
		}
		time.Sleep(2 * time.Millisecond)
		b.Silence()
		if e, err := p.Wait(0, true); len(e) != 0 || err != nil {
			t.Errorf("%v, %v", e, err)
		}
	}
}

// TestShortWait: a wait of less than a millisecond is neither none nor a millisecond. One may be cut short by a signal, as
// those by which Go's scheduler preempts, and be long on a busy machine: not all of them.
func TestShortWait(t *testing.T) {
	p, _ := open(t, false)
	const d = 100 * time.Microsecond
	whole, short := 0, 0
	for range 200 {
		start := time.Now()
		if e, err := p.Wait(d, true); len(e) != 0 || err != nil {
			t.Fatal(e, err)
		}
		took := time.Since(start)
		if took >= d {
			whole++
		}
		if took < time.Millisecond {
			short++
		}
	}
	if whole < 100 || short == 0 {
		t.Errorf("of 200 waits of %v, %d were as long, and %d shorter than a millisecond", d, whole, short)
	}
}

func TestRemove(t *testing.T) {
	p, b := open(t, false)
	Remove(p.FD(), b.FD())
	b.Ring()
	if e, err := p.Wait(0, true); len(e) != 0 || err != nil {
		t.Errorf("%v, %v", e, err)
	}
}

func TestMillis(t *testing.T) {
	for d, want := range map[time.Duration]uintptr{-1: ^uintptr(0), 0: 0, 1: 1, time.Millisecond: 1, 1500 * time.Microsecond: 2} {
		if got := millis(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

// TestLimit waits with limits for what does not come. On a machine of 32 bits (GOARCH=386) the limit has to be read as it was
// meant too.
func TestLimit(t *testing.T) {
	p, err := New(1)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, d := range []time.Duration{time.Millisecond, 30 * time.Millisecond, 1100 * time.Millisecond} {
		start := time.Now()
		e, err := p.Wait(d, false)
		if took := time.Since(start); len(e) != 0 || err != nil || took > d+5*time.Second {
			t.Errorf("a wait of %v took %v: %d events, %v", d, took, len(e), err)
		}
	}
}
