package watch

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// fullEvery is after how many readings one asks for everything, though the kernel tells of all that happens: it finds
// what went wrong unnoticed.
const fullEvery = 300

// query is what the next reading asks for.
func (w *Watcher) query() netstat.Query {
	q := w.cfg.Query
	q.States = readStates
	q.Incremental, q.Cookies = true, true
	q.Held = w.complete() && !w.mend && w.sinceFull < fullEvery
	return q
}

// readStates are all but two, of which a busy server has many.
var readStates = netstat.States(1<<(netstat.DeleteTCB+1)-2) &^ netstat.StatesOf(netstat.TimeWait, netstat.SynRecv)

func (w *Watcher) complete() bool { return w.feed != nil && w.feed.complete() }

// baseline is the first reading, of everything that is there already.
func (w *Watcher) baseline() error {
	q := w.query()
	q.Held = false
	if err := w.table.Read(q, w.now); err != nil {
		return err
	}
	w.lastRead = time.Now()
	w.schedule(w.lastRead)
	w.book.unite(w.now.Sockets)
	w.match.match(nil, w.now.Sockets)
	w.reconcile(true)
	return nil
}

func (w *Watcher) schedule(now time.Time) {
	for w.nextRead = w.nextRead.Add(w.cfg.Interval); !w.nextRead.After(now); {
		w.nextRead = now.Add(w.cfg.Interval)
	}
	w.nextDrain = now.Add(w.cfg.Latency)
}

// read makes a reading and tells what changed. What the kernel told is applied before where it tells everything, and after
// where it tells of endings only: then the reading brings the sockets that ended since.
func (w *Watcher) read(now time.Time) error {
	w.schedule(now)
	q := w.query()
	if err := w.table.Read(q, w.before); err != nil {
		return &OpError{Op: "read", Err: err}
	}
	mending := w.mend
	w.mend = false // what overflows from now on is not in this reading
	if err := w.drain(); err != nil {
		w.mend = true
		return &OpError{Op: "events", Err: err}
	}
	w.compare(&q, mending)
	w.readLinks()
	return nil
}

// compare makes events of the reading in w.before, which becomes w.now, and of what is pending. If it is one that mends, and
// nothing was lost since, the picture is right again.
func (w *Watcher) compare(q *netstat.Query, mending bool) {
	if w.complete() {
		w.applyPending()
	}
	w.begin(q)
	if !q.Held {
		w.book.unite(w.now.Sockets)
	}
	w.match.match(w.before.Sockets, w.now.Sockets)
	w.reconcile(false)
	if err := w.datagrams(); err != nil {
		w.report.Partial = append(w.report.Partial, fmt.Errorf("UDP traffic could not be counted: %w", err))
	}
	w.forgetOthers(w.now.Time)
	w.sweep(!q.Held, mending)
	w.applyPending()
	w.usage.tick(w.report.Elapsed)
	if mending && !w.mend {
		w.report.add(Event{Kind: Repaired, Source: FromReading, Time: w.now.Time})
	}
}

// begin turns to the new reading.
func (w *Watcher) begin(q *netstat.Query) {
	w.now, w.before = w.before, w.now
	now := time.Now()
	w.report.Time, w.report.Elapsed = w.now.Time, max(now.Sub(w.lastRead), 1)
	w.lastRead = now
	w.report.Partial = append(append(w.report.Partial, w.partial...), w.now.Partial...)
	if w.sinceFull++; !q.Held {
		w.sinceFull = 0
	}
}

// drain takes what the kernel has told.
func (w *Watcher) drain() error {
	if w.feed == nil {
		return nil
	}
	lost, overflow, err := w.feed.drain(func(n *notice) {
		w.pending = append(w.pending, *n)
	})
	if overflow {
		w.mend = true
		w.report.add(Event{Kind: Overflow, Source: w.feed.source(), Time: time.Now(), Lost: lost})
	}
	return err
}

// reconcile goes through the rows of the reading. The first, of what is there already, makes no events.
func (w *Watcher) reconcile(first bool) {
	b := &w.book
	rows := grow(b.spare, len(w.now.Sockets))
	for _, i := range w.match.gone {
		if n := b.rows[i]; n != none {
			w.lose(n, &w.before.Sockets[i])
		}
	}
	w.usage.hear(w.now.Sockets, w.match.ears)
	for j, i := range w.match.of {
		n := none
		if i != none {
			n = b.rows[i]
		}
		switch s := &w.now.Sockets[j]; {
		case n != none && w.match.still[j]:
			b.row[n] = int32(j)
		case n != none:
			w.follow(n, int32(j), &w.before.Sockets[i], s)
		case watched(s):
			n = w.meet(int32(j), s, first)
		}
		rows[j] = n
	}
	b.rows, b.spare = rows, b.rows
	maps.DeleteFunc(b.nameless, func(p pair, n int32) bool { return !w.isNameless(n, p) })
}

// lose notes that a socket is in the table no more. Whether it is closed is decided by sweep.
func (w *Watcher) lose(n int32, s *netstat.Socket) {
	e := &w.book.slab[n]
	if e.flags&(ended|awaited) == ended {
		w.book.drop(n)
		return
	}
	if e.own == nil {
		e.own = copyOf(s)
	}
	e.lost = w.now.Time
	w.book.loosen(n)
}

// meet takes a row that has no entry yet, or one that notices made.
func (w *Watcher) meet(j int32, s *netstat.Socket, first bool) int32 {
	id := identify(s)
	n := w.book.find(id)
	known := n != none
	if known && w.book.row[n] != none {
		return none // a second row of what the system does not tell apart
	}
	if !known {
		n = w.book.add(id)
	}
	e := &w.book.slab[n]
	w.book.row[n] = j
	switch {
	case e.flags&ended != 0 || e.heard.After(w.now.Time):
		return n // closed, or changed, while the reading was made
	case known:
	case first:
		e.flags |= told
		e.counted = bytesOf(s)
		e.opening = e.counted
		if !s.Created.IsZero() {
			e.since = s.Created
		}
	default:
		e.since = w.now.Time
	}
	e.own = nil
	if e.state == 0 {
		e.state = s.State
	}
	w.charge(n, s)
	if e.flags&told == 0 {
		w.tellOpened(n, FromReading)
	}
	w.weigh(n, s)
	if s.Cookie == 0 && s.Proto == netstat.TCP {
		w.book.nameless[pairOf(s)] = n
	}
	return n
}

// follow takes a row that was there in the reading before.
func (w *Watcher) follow(n, j int32, old, s *netstat.Socket) {
	e := &w.book.slab[n]
	moved := e.own == nil && s.Proto == netstat.TCP && (old.Remote != s.Remote || old.Local.Port() != s.Local.Port())
	w.book.row[n] = j
	if s.Cookie == 0 || s.Cookie != e.id.cookie {
		w.book.rename(n, identify(s))
	}
	switch {
	case e.heard.After(w.now.Time):
		return // the row is older than what the kernel has told meanwhile
	case e.flags&ended != 0:
		if watched(s) && !watched(old) {
			w.restart(n, s)
		}
		return
	case e.flags&told == 0:
		e.own = nil
		w.tellOpened(n, FromReading)
	case !watched(s):
		e.own = copyOf(old)
		e.own.Info = s.Info
		w.tellClosed(n, FromReading, w.now.Time, w.lifeBytes(e, s))
		return
	case moved:
		w.reuse(n, old, s)
	case s.State != e.state:
		w.tellState(n, FromReading, w.now.Time, e.state, s.State)
	}
	e.own = nil
	w.charge(n, s)
	w.weigh(n, s)
}

// reuse is for a socket that was disconnected and connected anew between two readings: two connections.
func (w *Watcher) reuse(n int32, old, s *netstat.Socket) {
	e := &w.book.slab[n]
	e.own = copyOf(old)
	w.tellClosed(n, FromReading, w.now.Time, w.lifeBytes(e, old))
	w.restart(n, s)
}

// restart is for a socket that is in use again after an end that has been told.
func (w *Watcher) restart(n int32, s *netstat.Socket) {
	e := &w.book.slab[n]
	if e.flags&awaited != 0 {
		w.book.awaited--
	}
	*e = entry{id: e.id, self: n, flags: e.flags & loose, since: w.now.Time, state: s.State}
	w.charge(n, s)
	w.tellOpened(n, FromReading)
	w.weigh(n, s)
}

// sweep decides what became of the entries without a row.
func (w *Watcher) sweep(full, mending bool) {
	b := &w.book
	left := b.loose[:0]
	for _, n := range b.loose {
		e := &b.slab[n]
		e.flags &^= loose
		switch {
		case e.id == identity{} || b.row[n] != none:
			continue
		case e.flags&(ended|awaited) == ended:
			b.drop(n)
			continue
		case e.flags&ended == 0 && w.gone(e, full, mending) && !w.conclude(n):
			continue
		}
		e.flags |= loose
		left = append(left, n)
	}
	b.loose = left
}

// conclude ends an entry that is gone. It reports whether the entry is kept, because the kernel will tell of it.
func (w *Watcher) conclude(n int32) bool {
	if e := &w.book.slab[n]; e.flags&told == 0 && e.own.Local.Port() == 0 {
		w.unwanted(n) // it never got a port
		return false
	}
	w.tellClosed(n, FromReading, w.now.Time, w.lastBytes(&w.book.slab[n]))
	if w.book.slab[n].flags&awaited == 0 {
		w.book.drop(n)
		return false
	}
	return true
}

// patience is how long a notice of an ending is waited for. The kernel sends them from a work queue, which on a busy machine
// comes to it late.
const patience = 5 * time.Second

// gone decides whether an entry without a row is closed. One that began after the reading did is not. Where the kernel tells
// of every end of a TCP connection, one without a row is merely held by nobody any more, unless everything was read. Where it
// tells of every end a little late, its notice is waited for, which knows the last bytes; unless notices were lost.
func (w *Watcher) gone(e *entry, full, mending bool) bool {
	if e.since.After(w.now.Time) {
		return false
	}
	switch tcp := e.own.Proto == netstat.TCP; {
	case w.feed == nil || w.complete() && !tcp || e.own.Proto == netstat.Unix:
		return true
	case w.complete():
		return full
	}
	return mending || w.now.Time.Sub(e.lost) > patience
}

// socketOf is what is known of an entry's socket.
func (w *Watcher) socketOf(e *entry) *netstat.Socket {
	row := w.book.row[e.self]
	if e.own != nil || row == none {
		return e.own
	}
	return &w.now.Sockets[row]
}

// copyOf is a socket that does not share memory with a snapshot.
func copyOf(s *netstat.Socket) *netstat.Socket {
	c := cloneOf(s)
	return &c
}

func cloneOf(s *netstat.Socket) netstat.Socket {
	c := *s
	c.Owners = slices.Clone(s.Owners)
	c.Path, c.Module = strings.Clone(s.Path), strings.Clone(s.Module)
	return c
}
