package watch_test

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/watch"
)

// TestPoll follows a connection by readings alone, which is what every system has.
func TestPoll(t *testing.T) {
	w, err := watch.Open(&watch.Config{Method: watch.Poll, Interval: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	local := c.LocalAddr().String()
	e := next(t, w, watch.Opened, local)
	if o := e.Socket.Owners; len(o) != 1 || o[0].Process.PID != os.Getpid() || e.Socket.Remote.String() != l.Addr().String() {
		t.Errorf("%+v", e.Socket)
	}
	s, err := l.Accept() // else its end would wait for that of the other side
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	_ = c.Close()
	e = next(t, w, watch.Closed, local)
	if life, known := e.Lifetime(); !known || life <= 0 || e.Source != watch.FromReading {
		t.Errorf("%v %v %v", life, known, e.Source)
	}
}

// next waits for an event of a socket with that local address.
func next(t *testing.T, w *watch.Watcher, k watch.Kind, local string) watch.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		r, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for %v: %v", k, err)
		}
		for i := range r.Events {
			if e := r.Events[i]; e.Kind == k && e.Socket.Local.String() == local {
				return e
			}
		}
	}
}
