package web

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Feed lets a recorder read what a hub reads, as if it were a watcher, and at its own pace: a disk that is slow holds up no
// viewer. What it has not taken yet is kept for it: all events, up to a bound beyond which an Overflow says how many were
// lost, and of several readings the last. Tap is the hub's side; Begin, Next and Flows are for one goroutine.
type Feed struct {
	most  int
	begun chan struct{} // there was a reading
	begin func()
	first bool // given waits for the first Next

	mu    sync.Mutex
	next  fed // what comes
	ready chan struct{}
	given fed // what Next returned last
}

// fed is what a report and its reading told.
type fed struct {
	report watch.Report
	flows  []watch.Flow
	rows   []netstat.Socket
	owners []netstat.Owner // of the rows
	lost   uint64
}

// NewFeed makes a feed that keeps so many events at most.
func NewFeed(most int) *Feed {
	f := &Feed{most: most, ready: make(chan struct{}, 1), begun: make(chan struct{})}
	f.begin = sync.OnceFunc(func() { close(f.begun) })
	return f
}

// Begin waits for the first reading, whose sockets Flows has from then on. The first Next returns its report.
func (f *Feed) Begin(ctx context.Context) error {
	select {
	case <-f.begun:
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := f.Next(ctx)
	f.first = err == nil
	return err
}

// Tap is what the hub is to tell.
func (f *Feed) Tap() Tap { return Tap{Report: f.take} }

func (f *Feed) take(w Watcher, r *watch.Report) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &f.next
	for i := range r.Events {
		if len(n.report.Events) >= f.most {
			n.lost++
			continue
		}
		n.report.Events = append(n.report.Events, copyEvent(&r.Events[i]))
	}
	n.report.Time, n.report.Counts = r.Time, r.Counts
	if r.Elapsed != 0 {
		n.report.Elapsed += r.Elapsed
		n.report.Partial = slices.Clone(r.Partial)
		n.copyFlows(w)
		f.begin()
	}
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// copyFlows keeps the sockets in one array, to which the flows point when it is whole.
func (n *fed) copyFlows(w Watcher) {
	clear(n.owners)
	n.flows, n.rows, n.owners = n.flows[:0], n.rows[:0], n.owners[:0]
	w.Flows(func(f *watch.Flow) bool {
		s := *f.Socket
		ownStrings(&s)
		from := len(n.owners)
		n.owners = append(n.owners, s.Owners...)
		s.Owners = n.owners[from:len(n.owners):len(n.owners)]
		n.flows, n.rows = append(n.flows, *f), append(n.rows, s)
		return true
	})
	for i := range n.flows {
		n.flows[i].Socket = &n.rows[i]
	}
}

func copySocket(from *netstat.Socket) netstat.Socket {
	s := *from
	ownStrings(&s)
	s.Owners = slices.Clone(s.Owners)
	return s
}

func copyEvent(from *watch.Event) watch.Event {
	e := *from
	e.Socket = copySocket(&from.Socket)
	if from.Link != nil {
		e.Link = &ifstat.Change{Event: from.Link.Event, Fields: from.Link.Fields, Old: copyLink(from.Link.Old), New: copyLink(from.Link.New)}
	}
	return e
}

func copyLink(from *ifstat.Interface) *ifstat.Interface {
	if from == nil {
		return nil
	}
	i := *from
	return &i
}

// Next waits for something new. What it returns is valid until the next call. When ctx has ended, what has come before is given
// first.
func (f *Feed) Next(ctx context.Context) (*watch.Report, error) {
	if f.first {
		f.first = false
		return &f.given.report, nil
	}
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	return f.give(), nil
}

// wait prefers what is there: it is given also when the context has ended, so that nothing is lost at the end.
func (f *Feed) wait(ctx context.Context) error {
	select {
	case <-f.ready:
		return nil
	default:
	}
	select {
	case <-f.ready:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// give hands over what has come.
func (f *Feed) give() *watch.Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	last := f.given
	f.given = f.next
	clear(last.report.Events)
	f.next = fed{report: watch.Report{Events: last.report.Events[:0]}, flows: last.flows[:0], rows: last.rows[:0], owners: last.owners[:0]}
	g := &f.given
	if g.report.Elapsed == 0 { // the flows are those of the reading before
		g.flows, f.next.flows = last.flows, g.flows[:0]
		g.rows, f.next.rows = last.rows, g.rows[:0]
		g.owners, f.next.owners = last.owners, g.owners[:0]
	}
	if g.lost > 0 {
		g.report.Events = append(g.report.Events, watch.Event{Kind: watch.Overflow, Source: watch.FromReading, Time: g.report.Time, Lost: g.lost})
	}
	return &g.report
}

// Flows calls yield with the sockets of the last reading, until it returns false.
func (f *Feed) Flows(yield func(*watch.Flow) bool) {
	for i := range f.given.flows {
		if !yield(&f.given.flows[i]) {
			return
		}
	}
}

// Interval is how much time the last report is about.
func (f *Feed) Interval() time.Duration { return f.given.report.Elapsed }
