package web

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// fewFlows is a watcher whose memory is overwritten after each reading.
type fewFlows struct {
	Watcher
	sockets []netstat.Socket
}

func (w *fewFlows) Flows(yield func(*watch.Flow) bool) {
	for i := range w.sockets {
		if !yield(&watch.Flow{Socket: &w.sockets[i], Total: watch.Bytes{Sent: uint64(i + 1)}}) {
			return
		}
	}
}

// TestFeed: a recorder that is slow gets all events, the last reading, and no memory of the watcher's; beyond the bound it is
// told what it lost.
func TestFeed(t *testing.T) {
	f := NewFeed(3)
	take := f.Tap().Report
	now := time.Unix(1, 0)
	w := &fewFlows{sockets: []netstat.Socket{{Local: netip.MustParseAddrPort("10.0.0.1:1"), Owners: []netstat.Owner{{FD: 1}}}}}
	event := func(lost uint64) []watch.Event { return []watch.Event{{Kind: watch.Opened, Lost: lost}} }
	take(w, &watch.Report{Time: now, Elapsed: time.Second, Events: event(1)})
	take(w, &watch.Report{Time: now, Events: event(2)})
	take(w, &watch.Report{Time: now.Add(time.Second), Elapsed: time.Second, Events: append(event(3), event(4)...)})
	w.sockets[0].Owners[0].FD = 99
	r, err := f.Next(t.Context())
	if err != nil || r.Elapsed != 2*time.Second || len(r.Events) != 4 || r.Events[2].Lost != 3 || r.Events[3].Kind != watch.Overflow || r.Events[3].Lost != 1 {
		t.Fatalf("%v %+v", err, r)
	}
	count := func() (n int, fd int32) {
		f.Flows(func(fl *watch.Flow) bool { n++; fd = fl.Socket.Owners[0].FD; return true })
		return n, fd
	}
	if n, fd := count(); n != 1 || fd != 1 || f.Interval() != 2*time.Second {
		t.Errorf("%d flows, descriptor %d", n, fd)
	}
	take(w, &watch.Report{Time: now, Events: event(5)})
	if r, err := f.Next(t.Context()); err != nil || r.Elapsed != 0 || len(r.Events) != 1 || r.Events[0].Lost != 5 {
		t.Errorf("%v %+v", err, r)
	}
	if n, fd := count(); n != 1 || fd != 1 {
		t.Errorf("between readings: %d flows, descriptor %d", n, fd)
	}
	take(w, &watch.Report{Time: now, Elapsed: time.Second})
	if r, err := f.Next(t.Context()); err != nil || len(r.Events) != 0 {
		t.Errorf("%v %+v", err, r)
	}
	if _, fd := count(); fd != 99 {
		t.Errorf("the next reading has descriptor %d", fd)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Next(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestFeedBegins: recording begins with the first reading, whose report is not lost, nor what came before it; what is there when
// the context ends is still given.
func TestFeedBegins(t *testing.T) {
	f := NewFeed(10)
	take := f.Tap().Report
	w := &fewFlows{sockets: []netstat.Socket{{Local: netip.MustParseAddrPort("10.0.0.1:1"), Owners: []netstat.Owner{{FD: 7}}}}}
	take(w, &watch.Report{Time: time.Unix(1, 0), Events: []watch.Event{{Kind: watch.Opened, Lost: 1}}})
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := f.Begin(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before a reading it begins: %v", err)
	}
	go take(w, &watch.Report{Time: time.Unix(2, 0), Elapsed: time.Second, Events: []watch.Event{{Kind: watch.Closed, Lost: 2}}})
	if err := f.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	var fd int32
	f.Flows(func(fl *watch.Flow) bool { fd = fl.Socket.Owners[0].FD; return true })
	if fd != 7 {
		t.Errorf("the first reading is not there: descriptor %d", fd)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	r, err := f.Next(ended)
	if err != nil || len(r.Events) != 2 || r.Events[0].Lost != 1 || r.Events[1].Lost != 2 {
		t.Errorf("%v %+v", err, r)
	}
	take(w, &watch.Report{Time: time.Unix(3, 0), Elapsed: time.Second})
	if r, err := f.Next(ended); err != nil || r.Elapsed != time.Second {
		t.Errorf("what came before the end: %v %+v", err, r)
	}
	if _, err := f.Next(ended); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
