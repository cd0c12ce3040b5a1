package watch

import (
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// tellOpened makes the event of a beginning.
func (w *Watcher) tellOpened(n int32, from Source) {
	e := &w.book.slab[n]
	e.flags |= told
	s := w.socketOf(e)
	ev := Event{Kind: newKind(s), Source: from, Time: e.since, Since: e.since, Socket: cloneOf(s)}
	w.setOwners(&ev, e)
	w.usage.opened(e, s)
	w.report.add(ev)
}

// tellState makes the event of a change, if such are wanted, and remembers the state.
func (w *Watcher) tellState(n int32, from Source, at time.Time, old, state netstat.State) {
	e := &w.book.slab[n]
	e.state = state
	if e.own != nil {
		e.own.State = state
	}
	if !w.cfg.States {
		return
	}
	ev := Event{Kind: StateChanged, Source: from, Time: at, Since: e.since, Socket: cloneOf(w.socketOf(e)), OldState: old}
	ev.Socket.State = state
	w.setOwners(&ev, e)
	w.report.add(ev)
}

// tellClosed makes the event of an end, and counts what had not been counted.
func (w *Watcher) tellClosed(n int32, from Source, at time.Time, b Bytes) {
	e := &w.book.slab[n]
	w.settle(e, b)
	w.report.add(w.closing(e, from, at, b))
	w.usage.closed(e)
	e.late = [2]*account{e.process, e.remote}
	w.usage.release(e)
	if from == FromReading && w.feed != nil && (e.own == nil || e.own.Proto == netstat.TCP || !w.complete()) {
		w.book.await(n)
	}
	if w.feed != nil && e.counted.Basis == FromSocketBPF {
		w.feed.forget(e.id.cookie)
	}
	e.flags |= ended | told // forgotten by sweep: the reading that is going on may still have its row
}

// closing is the event of an end.
func (w *Watcher) closing(e *entry, from Source, at time.Time, b Bytes) Event {
	ev := Event{Source: from, Time: at, Since: e.since, Socket: cloneOf(w.socketOf(e)), Bytes: b}
	ev.Socket.State = e.state
	ev.Kind = goneKind(&ev.Socket)
	if e.actor != nil {
		ev.Socket.Owners, ev.Socket.Missing = ownedBy(e.actor), netstat.NotMissing
		ev.OwnerFrom = OwnerActed
		return ev
	}
	w.setOwners(&ev, e)
	return ev
}

// setOwners says who owns the socket of an event, and how that is known.
func (w *Watcher) setOwners(ev *Event, e *entry) {
	switch s := &ev.Socket; {
	case e.actor != nil && (len(s.Owners) == 0 || s.Owners[0].Process == e.actor && s.Owners[0].FD < 0):
		s.Owners, s.Missing, ev.OwnerFrom = ownedBy(e.actor), netstat.NotMissing, OwnerActed
	case len(s.Owners) > 0:
		ev.OwnerFrom = OwnerHolds
	case e.heir != nil:
		s.Owners, s.Missing, ev.OwnerFrom = ownedBy(e.heir), netstat.MissingUnknown, OwnerOfListener
	case s.Missing == netstat.NotMissing:
		s.Missing = netstat.MissingUnknown
	}
}
