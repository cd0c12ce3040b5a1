package watch

import (
	"github.com/sockeye-net/sockeye/netstat"
)

// applyPending makes events of what the kernel has told.
func (w *Watcher) applyPending() {
	for i := range w.pending {
		n := &w.pending[i]
		if !w.wants(&n.socket) && w.book.find(identify(&n.socket)) == none {
			continue
		}
		switch n.kind {
		case changed:
			w.applyChange(n)
		case destroyed:
			w.applyEnd(n)
		case talked:
			w.applyTalk(n)
		}
	}
	clear(w.pending)
	w.pending = w.pending[:0]
}

// applyChange is for a TCP socket that changed its state.
func (w *Watcher) applyChange(c *notice) {
	id := identify(&c.socket)
	n := w.book.find(id)
	switch s := c.socket.State; {
	case s == netstat.SynSent || s == netstat.Listen || c.old == netstat.SynRecv && s == netstat.Established && !w.dialling(n):
		w.begun(n, id, c)
	case n == none || w.book.slab[n].flags&ended != 0:
		// Of a socket that was closed, or never watched.
	case c.old == netstat.Listen:
		w.unlisten(n, c)
	default:
		w.moved(n, c)
	}
}

// dialling reports whether an entry is of a socket that connects: when both ends do at once, or it connects to itself, it is
// half open on the way.
func (w *Watcher) dialling(n int32) bool {
	return n != none && w.book.slab[n].flags&(dialled|ended) == dialled
}

// begun is for a connection, or a listener, that begins. An entry that is there already was read before, in which case this
// says more of it, or belongs to a socket that is used again.
func (w *Watcher) begun(n int32, id identity, c *notice) {
	if n != none {
		w.retire(n, c)
	} else {
		n = w.book.add(id)
	}
	e := &w.book.slab[n]
	e.own, e.since, e.actor, e.state, e.heard = copyOf(&c.socket), c.time, c.actor, c.socket.State, c.time
	e.own.Owners = ownedBy(c.actor)
	if c.socket.State == netstat.SynSent {
		e.flags |= dialled
	}
	if c.actor == nil {
		e.heir = w.usage.listenerOf(e.own)
	}
	w.charge(n, e.own)
	if c.socket.Local.Port() == 0 {
		return // chosen later
	}
	if c.socket.State == netstat.Listen {
		w.usage.listens(e.own)
	}
	w.tellOpened(n, FromBPF)
}

// retire prepares an entry for the next connection of its socket, after the end of the one before. One that a reading found
// while it began is this very connection.
func (w *Watcher) retire(n int32, c *notice) {
	e := &w.book.slab[n]
	s := w.socketOf(e)
	if another := e.flags&unhooked != 0 || s != nil && s.Remote != c.socket.Remote; another && e.flags&(told|ended) == told && s.State != netstat.Listen {
		e.own = copyOf(s)
		b := w.lastBytes(e)
		w.settle(e, b)
		w.report.add(w.closing(e, FromBPF, c.time, b))
		w.usage.closed(e)
	}
	w.usage.release(e)
	if e.flags&awaited != 0 {
		w.book.awaited--
	}
	e.flags &= loose
	e.counted, e.opening, e.last, e.info, e.heir = Bytes{}, Bytes{}, Bytes{}, netstat.TCPInfo{}, nil
}

// moved is for a change of state within a connection's life.
func (w *Watcher) moved(n int32, c *notice) {
	e := &w.book.slab[n]
	e.heard = c.time
	w.credit(e, c.actor)
	if c.bytes.Basis != NotCounted {
		e.last, e.info = c.bytes, c.socket.Info
	}
	if c.socket.State == netstat.Closed {
		e.flags |= unhooked
	}
	if e.flags&told == 0 { // connected, so that its port is known by now; or not connected, and its last words are all there is
		if !w.wants(&c.socket) {
			w.unwanted(n)
			return
		}
		e.own = copyOf(w.socketOf(e))
		e.own.Local, e.own.Remote = c.socket.Local, c.socket.Remote
		if c.socket.State == netstat.Established {
			e.own.State, e.state = c.socket.State, c.socket.State
		}
		w.tellOpened(n, FromBPF)
		return
	}
	if watched(&c.socket) {
		w.tellState(n, FromBPF, c.time, c.old, c.socket.State)
	}
}

// unwanted forgets a connection that had no port yet, and got one that the query does not ask for.
func (w *Watcher) unwanted(n int32) {
	w.usage.release(&w.book.slab[n])
	w.book.drop(n)
}

func (w *Watcher) unlisten(n int32, c *notice) {
	e := &w.book.slab[n]
	e.heard = c.time
	w.credit(e, c.actor)
	w.tellClosed(n, FromBPF, c.time, Bytes{})
}

// entryOf finds the entry of a socket that the kernel tells of, by its cookie; or, where a reading had the socket without one, by
// its addresses.
func (w *Watcher) entryOf(s *netstat.Socket) int32 {
	n := w.book.find(identify(s))
	if n != none || len(w.book.nameless) == 0 || s.Proto != netstat.TCP {
		return n
	}
	p := pairOf(s)
	n, ok := w.book.nameless[p]
	if !ok || !w.isNameless(n, p) {
		return none
	}
	delete(w.book.nameless, p)
	w.book.rename(n, identify(s)) // the next connection with these addresses is another
	return n
}

func (w *Watcher) isNameless(n int32, p pair) bool {
	e := &w.book.slab[n]
	s := w.socketOf(e)
	return e.id != identity{} && e.id.cookie == 0 && e.flags&(ended|awaited) != ended && s != nil && pairOf(s) == p
}

// applyEnd is for a socket that is gone.
func (w *Watcher) applyEnd(c *notice) {
	n := w.entryOf(&c.socket)
	if n == none {
		w.inferred(c)
		return
	}
	e := &w.book.slab[n]
	e.heard = c.time
	if e.flags&ended != 0 {
		if e.flags&awaited != 0 { // told already, and now it is over
			e.flags &^= awaited
			w.book.awaited--
			w.settleLate(e, c.bytes)
		}
		return
	}
	if e.flags&told == 0 && !w.wants(&c.socket) {
		w.unwanted(n)
		return
	}
	w.credit(e, c.actor)
	if e.flags&told == 0 {
		w.tellOpened(n, w.feed.source())
	}
	if c.bytes.Sent < e.last.Sent || c.bytes.Received < e.last.Received || c.bytes.Basis == NotCounted {
		c.bytes, c.socket.Info = w.lastBytes(e), e.info // the counters were set back when it was disconnected
	}
	if c.socket.Info.Known {
		e.own = copyOf(w.socketOf(e))
		e.own.Info = c.socket.Info
	}
	w.tellClosed(n, w.feed.source(), c.time, c.bytes)
}

// inferred is for a connection of which nothing was known. What never had a peer is no connection, and what never had a
// port was not used.
func (w *Watcher) inferred(c *notice) {
	if c.socket.Local.Port() == 0 || c.socket.Proto == netstat.TCP && c.socket.Remote.Port() == 0 {
		return
	}
	n := w.book.add(identify(&c.socket))
	e := &w.book.slab[n]
	e.own, e.state = copyOf(&c.socket), c.socket.State
	if c.actor == nil || c.actor.PID == w.self {
		e.heir = w.usage.listenerOf(e.own)
	}
	w.credit(e, c.actor)
	e.heard = c.time
	w.charge(n, e.own)
	w.tellClosed(n, w.feed.source(), c.time, c.bytes)
	w.report.infer()
}

// credit takes who acted on a socket that was there already. The last to let go of it need not be one of its holders: BPF's
// task_file iterators, this package's on older kernels among them, hold each file while they look at it, and where its process
// closes it meanwhile, the connection is ended by the one who looks. So whoever opened it stays its owner, and this process is
// never one for having ended it.
func (w *Watcher) credit(e *entry, p *netstat.Process) {
	if p == nil {
		return
	}
	var holders []netstat.Owner
	if s := w.socketOf(e); s != nil {
		holders = s.Owners
	}
	known, holds := e.actor != nil, e.heir != nil && e.heir.PID == p.PID
	for _, o := range holders {
		known = known || o.FD >= 0
		holds = holds || o.FD >= 0 && o.Process.PID == p.PID
	}
	if holds || !known && p.PID != w.self {
		e.actor = p
	}
}

// applyTalk is for a datagram socket that was used for the first time since the watch began.
func (w *Watcher) applyTalk(c *notice) {
	id := identify(&c.socket)
	if w.book.find(id) != none {
		return
	}
	n := w.book.add(id)
	e := &w.book.slab[n]
	e.own, e.since, e.actor, e.state = copyOf(&c.socket), c.time, c.actor, c.socket.State
	e.own.Owners = ownedBy(c.actor)
	w.charge(n, e.own)
	w.tellOpened(n, FromBPF)
}

func ownedBy(p *netstat.Process) []netstat.Owner {
	if p == nil {
		return nil
	}
	return []netstat.Owner{{Process: p, FD: -1}}
}
