package history

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// put writes everything that has changed.
func (r *recorder) put(b *batch, last bool) error {
	r.news = nil
	if err := r.putSession(b, last); err != nil {
		return err
	}
	for _, g := range r.gaps {
		if _, err := b.exec("INSERT INTO gap(time, lost, why) VALUES (?, ?, ?)", g.time, int64(g.lost), g.why); err != nil {
			return err
		}
	}
	r.more = r.more[:0]
	if err := r.endAll(b); err != nil {
		return err
	}
	for _, e := range r.book.dirty {
		e.summing = last || e.closed != 0 || e.due(b.now)
		if err := r.putEntry(b, e); err != nil {
			return err
		}
	}
	if err := r.putTotals(b, last); err != nil {
		return err
	}
	return r.traffic.put(b)
}

// putSession says that the recorder lives.
func (r *recorder) putSession(b *batch, last bool) (err error) {
	ended := int64(0)
	if last {
		ended = b.now
	}
	if r.session != 0 {
		n, err := b.exec("UPDATE session SET alive = max(alive, ?), ended = ? WHERE id = ?", b.now, ended, r.session)
		if err != nil || n > 0 {
			return err
		}
	}
	r.session, err = b.id("INSERT INTO session(started, alive, ended, boot, host) VALUES (?, ?, ?, ?, ?) RETURNING id",
		b.now, b.now, ended, b.store.cfg.Boot, b.store.cfg.Host)
	return err
}

// ids are what a life refers to.
type ids struct{ local, remote, program, process, owners int64 }

func (b *batch) ids(e *entry) (i ids, remote host, err error) {
	own, err := b.host(e.socket.Local.Addr())
	if err == nil {
		remote, err = b.host(e.socket.Remote.Addr())
	}
	if err != nil {
		return i, remote, err
	}
	i.local, i.remote = own.id, remote.id
	if len(e.owners) == 0 {
		i.program, err = b.program(program{unit: e.socket.Module})
		return i, remote, err
	}
	if i.process, err = b.process(e.owners[0]); err == nil {
		i.program, err = b.program(e.owners[0].program)
	}
	if err == nil {
		i.owners, err = b.ownerSet(e.owners)
	}
	return i, remote, err
}

// putEntry writes a life to where it belongs.
func (r *recorder) putEntry(b *batch, e *entry) error {
	if e.stored && !e.more && !e.summing && e.closed == 0 {
		_, err := b.exec("UPDATE live SET rx = ?, tx = ?, basis = ? WHERE id = ?", int64(e.bytes.Received), int64(e.bytes.Sent), int64(e.bytes.Basis), e.id)
		return err
	}
	i, remote, err := b.ids(e)
	if err != nil {
		return err
	}
	if err := r.learn(b, e, i, remote); err != nil {
		return err
	}
	if e.summing && e.socket.State != netstat.Listen {
		r.add(addition{e.moment(b.now), i.program, i.remote, somebody(e.socket.Remote.Addr()), e.unsummedYet()})
	}
	if e.closed == 0 {
		return r.putLive(b, e, i)
	}
	into := insertConnection
	if e.socket.State == netstat.Listen {
		into = insertListener
	}
	if _, err = b.exec(into, e.values(i)...); err == nil && e.stored && e.id != 0 {
		_, err = b.exec("DELETE FROM live WHERE id = ?", e.id)
	}
	return err
}

// putLive writes what is open, and how much of it is in totals.
func (r *recorder) putLive(b *batch, e *entry, i ids) error {
	if e.id == 0 {
		r.lastID++
		e.id = r.lastID
	}
	known, counted := e.known, e.counted
	if e.summing {
		known, counted = true, e.bytes
	}
	_, err := b.exec(replaceLive, append([]any{e.id, int64(e.socket.Cookie), known, int64(counted.Received), int64(counted.Sent)}, e.values(i)...)...)
	return err
}

// moment is that of which totals a life is counted in now.
func (e *entry) moment(now int64) int64 {
	if e.closed != 0 {
		return e.closed
	}
	return now
}

// unsummedYet is what totals do not have of it.
func (e *entry) unsummedYet() sum {
	more := sum{rx: beyond(e.bytes.Received, e.counted.Received), tx: beyond(e.bytes.Sent, e.counted.Sent)}
	if e.closed != 0 {
		more.closed = 1
	}
	if !e.known {
		more.opened = 1
	}
	return more
}

// somebody reports whether an address is that of a host.
func somebody(a netip.Addr) bool { return a.IsValid() && !a.Unmap().IsUnspecified() }

// values are those of lifeNames.
func (e *entry) values(i ids) []any {
	s := &e.socket
	span, uid := 0, int64(-1)
	if e.closed != 0 {
		span = spanOf(time.Duration(e.closed-e.opened) * time.Microsecond)
	}
	if s.HasUID {
		uid = int64(s.UID)
	}
	return []any{span, e.opened, e.closed, int64(e.flags), int64(s.Proto), family(s), int64(s.State),
		i.local, int64(s.Local.Port()), i.remote, int64(s.Remote.Port()), i.program, i.process, i.owners,
		uid, int64(s.NetNS), int64(e.bytes.Received), int64(e.bytes.Sent), int64(e.bytes.Basis), int64(e.source), int64(e.ownerFrom), int64(s.Missing)}
}

// oldLife is what an earlier recorder left open.
type oldLife struct {
	id, opened, end  int64
	flags            Flags
	bytes, counted   watch.Bytes
	listens, matches bool
	known            bool // its beginning is in totals
	program, remote  int64
	host             bool
}

// left reads what was open when the last recorder ended, by cookie in this boot; the rest under keys that nothing has. last
// is the highest id there.
func (s *Store) left() (old map[cookieKey]oldLife, last int64, err error) {
	ctx := background
	rows, err := s.conn.QueryContext(ctx, `SELECT l.id, l.cookie, l.netns, l.opened, l.flags, l.state, l.rx, l.tx, l.basis,
		l.summed, l.summed_rx, l.summed_tx, l.program, l.remote, coalesce((SELECT addr FROM host WHERE id = l.remote), x''),
		coalesce((SELECT alive FROM session ORDER BY id DESC LIMIT 1), 0), coalesce((SELECT boot FROM session ORDER BY id DESC LIMIT 1), '') FROM live l`)
	if err != nil {
		return nil, 0, err
	}
	defer rows.Close()
	old = make(map[cookieKey]oldLife)
	for rows.Next() {
		var o oldLife
		var cookie, netns, rx, tx, countedRx, countedTx int64
		var addr []byte
		var state netstat.State
		var boot string
		if err := rows.Scan(&o.id, &cookie, &netns, &o.opened, &o.flags, &state, &rx, &tx, &o.bytes.Basis,
			&o.known, &countedRx, &countedTx, &o.program, &o.remote, &addr, &o.end, &boot); err != nil {
			return nil, 0, err
		}
		o.bytes.Received, o.bytes.Sent, o.end = uint64(rx), uint64(tx), max(o.end, o.opened)
		o.counted, o.host = watch.Bytes{Received: uint64(countedRx), Sent: uint64(countedTx)}, somebody(address(addr, 6, ""))
		o.listens, o.matches = state == netstat.Listen, cookie != 0 && boot != "" && boot == s.cfg.Boot
		key := cookieKey{uint64(netns), uint64(cookie)}
		if !o.matches {
			key = nobody(o.id)
		}
		old[key], last = o, max(last, o.id)
	}
	return old, last, rows.Err()
}

// nobody is a key that no socket has.
func nobody(id int64) cookieKey { return cookieKey{^uint64(0), uint64(id)} }

// first is when something was first recorded here: now, if nothing was.
func (s *Store) first() (time.Time, error) {
	var at int64
	err := s.conn.QueryRowContext(background, "SELECT coalesce((SELECT started FROM session ORDER BY id LIMIT 1), 0)").Scan(&at)
	if at == 0 {
		return s.cfg.Now(), err
	}
	return time.UnixMicro(at), err
}

// adopt goes on with a life that an earlier recorder began.
func (r *recorder) adopt(n *entry) {
	key := cookieKey{n.socket.NetNS, n.socket.Cookie}
	o, ok := r.old[key]
	if !ok || !o.matches || o.listens != (n.socket.State == netstat.Listen) {
		return
	}
	delete(r.old, key)
	n.id, n.stored, n.known = o.id, true, o.known
	n.opened, n.flags = o.opened, o.flags
	n.counted = o.counted
	if n.base.Received < o.bytes.Received || n.base.Sent < o.bytes.Sent { // not counted by the kernel
		n.base = o.bytes
	}
	n.bytes = n.base
	n.bytes.Basis = o.bytes.Basis
}

// endAll ends what was left open. What it refers to was seen until now.
func (r *recorder) endAll(b *batch) error {
	if len(r.old) == 0 {
		return nil
	}
	if err := b.see(); err != nil {
		return err
	}
	for _, o := range r.old {
		if err := b.endOld(o); err != nil {
			return err
		}
		more := sum{rx: beyond(o.bytes.Received, o.counted.Received), tx: beyond(o.bytes.Sent, o.counted.Sent)}
		if !o.known {
			more.opened = 1
		}
		if !o.listens {
			r.add(addition{o.end, o.program, o.remote, o.host, more})
		}
	}
	return nil
}

// endOld ends what was open when the last recorder ended, and is not there any more: when it was last known to be there.
func (b *batch) endOld(o oldLife) error {
	into := "connection"
	if o.listens {
		into = "listener"
	}
	span := spanOf(time.Duration(o.end-o.opened) * time.Microsecond)
	_, err := b.exec("INSERT INTO "+into+"("+lifeNames+`) SELECT ?, opened, ?, flags | ?, proto, family, state, local, lport, remote, rport,
		program, process, owners, uid, netns, rx, tx, basis, source, owner_from, missing FROM live WHERE id = ?`, span, o.end, int64(EndUnknown), o.id)
	if err == nil {
		_, err = b.exec("DELETE FROM live WHERE id = ?", o.id)
	}
	return err
}
