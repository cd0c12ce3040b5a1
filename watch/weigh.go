package watch

import "github.com/sockeye-net/sockeye/netstat"

// weigh counts what a row says has been moved since it was last looked at.
func (w *Watcher) weigh(n int32, s *netstat.Socket) {
	e := &w.book.slab[n]
	if !s.Info.Known {
		return
	}
	now := e.payload(s)
	if now.Sent == e.counted.Sent && now.Received == e.counted.Received {
		e.counted.Basis = infoBasis
		return
	}
	w.countUp(e, now)
}

// payload is what the counters of a row say, without the SYN of the side that connected.
func (e *entry) payload(s *netstat.Socket) Bytes {
	b := bytesOf(s)
	if e.flags&dialled != 0 && b.Sent > 0 {
		b.Sent--
	}
	return b
}

// countUp brings what is counted of an entry up to now. A counter that fell began anew.
func (w *Watcher) countUp(e *entry, now Bytes) {
	e.delta = Bytes{Sent: moved(e.counted.Sent, now.Sent), Received: moved(e.counted.Received, now.Received), Basis: now.Basis}
	e.counted, e.at = now, w.usage.reading
	w.usage.count(e.process, e.delta)
	w.usage.count(e.remote, e.delta)
}

// moved is by how much a counter rose. One that fell began anew, unless it fell by no more than a SYN and a FIN, which the
// last word on a connection does not count.
func moved(from, to uint64) uint64 {
	switch {
	case to >= from:
		return to - from
	case from-to <= 2:
		return 0
	}
	return to
}

// settle counts the last bytes of a connection that is closed.
func (w *Watcher) settle(e *entry, last Bytes) {
	if last.Basis != NotCounted {
		w.countUp(e, last)
	}
}

// settleLate counts the last bytes of a connection whose closing had been concluded before the kernel told of it.
func (w *Watcher) settleLate(e *entry, last Bytes) {
	if last.Basis == NotCounted {
		return
	}
	b := Bytes{Sent: moved(e.counted.Sent, last.Sent), Received: moved(e.counted.Received, last.Received), Basis: last.Basis}
	e.counted = last
	for _, a := range e.late {
		w.usage.count(a, b)
	}
}

// lastBytes is what was counted of an entry over its life, as far as it is known.
func (w *Watcher) lastBytes(e *entry) Bytes {
	if e.last.Basis != NotCounted {
		return e.last
	}
	return e.counted
}

// lifeBytes is what a row says of a connection that is closed.
func (w *Watcher) lifeBytes(e *entry, s *netstat.Socket) Bytes {
	if b := w.lastBytes(e); !s.Info.Known || b.Sent > s.Info.Sent || b.Received > s.Info.Received {
		return b // more than the row has, whose socket may have been disconnected
	}
	return e.payload(s)
}

// datagrams counts what BPF programs have counted of sockets that the kernel does not count.
func (w *Watcher) datagrams() error {
	if w.feed == nil {
		return nil
	}
	w.useless = w.useless[:0]
	err := w.feed.count(func(d *datagrams) {
		if !w.wants(&d.socket) {
			w.useless = append(w.useless, d.socket.Cookie)
			return
		}
		if d.socket.Proto == 0 {
			w.other(d)
			return
		}
		n := w.book.find(identify(&d.socket))
		if n == none {
			w.applyTalk(&notice{kind: talked, time: d.first, socket: d.socket, actor: d.actor})
			n = w.book.find(identify(&d.socket))
		}
		w.countUp(&w.book.slab[n], d.bytes)
	})
	for _, cookie := range w.useless {
		w.feed.forget(cookie)
	}
	return err
}
