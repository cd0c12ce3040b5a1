package history

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Query says which lives are wanted: those that have a moment in common with the time from From to before To. The zero Time
// is no bound.
type Query struct {
	From, To time.Time
	Filter   *view.Filter
	Names    *view.Names // of Filter; nil knows none. Place answers as it was known then, and is set by the reader

	Listeners bool // listeners, else everything else
	Gone      bool // listeners that ended, and whose program listens there no more
	Newest    int  // this many at most, those that began last; of groups the largest, of days and months the last; 0 is all
}

// Lives calls yield with each life that is asked for, by the time at which they began, until it returns an error. The Life is
// valid until yield returns, its Socket.Owners and processes for good.
func (r *Reader) Lives(ctx context.Context, q Query, yield func(*Life) error) error {
	p, err := r.plan(ctx, q, "")
	if err != nil {
		return wrap("read", r.path, err)
	}
	if q.Newest > 0 {
		return r.newest(ctx, p, yield)
	}
	return r.forward(ctx, p, yield)
}

// newest reads backwards, and tells forwards.
func (r *Reader) newest(ctx context.Context, p *plan, yield func(*Life) error) error {
	var last []Life
	order := p.text + " ORDER BY opened DESC"
	if p.exact {
		order += " LIMIT " + strconv.Itoa(p.q.Newest)
	}
	err := r.run(ctx, p, order, func(l *Life) error {
		last = append(last, *l)
		if len(last) == p.q.Newest {
			return errEnough
		}
		return nil
	})
	if err != nil && err != errEnough {
		return err
	}
	for i := range slices.Backward(last) {
		if err := yield(&last[i]); err != nil {
			return err
		}
	}
	return nil
}

// errEnough ends a reading.
var errEnough = fmt.Errorf("enough")

// plan is a query in SQL.
type plan struct {
	q     Query
	text  string
	args  []any
	exact bool  // the condition says all that the filter says
	alive int64 // when the recorder was last known to live

	at int64    // when the life began that was told last
	id identity // which it was
}

// plan makes the query that finds the rows. key is an expression that is wanted instead of the row, if not empty.
func (r *Reader) plan(ctx context.Context, q Query, key string) (*plan, error) {
	r.forgetOld()
	if q.Names == nil {
		q.Names = new(view.Names)
	}
	t := &translator{ctx: ctx, reader: r, names: q.Names}
	x := q.Filter.Expr()
	c, err := t.cond(x)
	if err != nil {
		return nil, err
	}
	p := &plan{q: q, exact: c.exact}
	if p.alive, err = r.alive(ctx); err != nil {
		return nil, err
	}
	names := "c." + strings.ReplaceAll(lifeNames, ", ", ", c.")
	if key != "" {
		names = key + " AS key, c.opened, c.closed, c.rx, c.tx, c.basis"
	}
	if q.Listeners {
		p.listeners(names, c)
		return p, nil
	}
	ways, err := t.way(x)
	if err != nil {
		return nil, err
	}
	for _, w := range ways {
		p.connections(names, w, c)
	}
	p.live(names, c, "c.state != 10")
	p.text = spans(q.From) + p.text
	return p, nil
}

func (p *plan) add(text string, args ...any) {
	if p.text != "" {
		p.text += " UNION ALL "
	}
	p.text, p.args = p.text+text, append(p.args, args...)
}

// connections adds those that one index finds. Where only the newest are wanted, and the condition is all there is to look at,
// each class of lengths is read backwards until it has given enough.
func (p *plan) connections(names string, w way, c cond) {
	c = w.cond.and(c)
	args := append([]any{until(p.q.To), micros(p.q.From)}, c.args...)
	where := " AND c.opened < ? AND c.closed >= ? AND (" + c.or("1") + ")"
	if p.q.Newest <= 0 || !p.exact {
		p.add("SELECT "+names+", 0 AS live FROM w CROSS JOIN connection c INDEXED BY "+w.index+" WHERE c.span = w.span AND c.opened >= w.low"+where, args...)
		return
	}
	for n := range maxSpan + 1 {
		p.add(fmt.Sprintf("SELECT * FROM (SELECT %s, 0 AS live FROM connection c INDEXED BY %s WHERE c.span = %d AND c.opened >= %d%s ORDER BY c.opened DESC LIMIT %d)",
			names, w.index, n, earliest(p.q.From, n), where, p.q.Newest), args...)
	}
}

// earliest is when a life of a class can have begun that was still there at a time.
func earliest(from time.Time, span int) int64 {
	if from.IsZero() || span >= maxSpan {
		return 0
	}
	return max(micros(from)-spanLength(span), 0)
}

// spans are the classes of lengths, with the earliest beginning that is of interest in each.
func spans(from time.Time) string {
	var b strings.Builder
	b.WriteString("WITH w(span, low) AS (VALUES ")
	for n := range maxSpan + 1 {
		if n > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "(%d,%d)", n, earliest(from, n))
	}
	b.WriteString(") ")
	return b.String()
}

// live adds what has not ended.
func (p *plan) live(names string, c cond, which string) {
	if p.alive < micros(p.q.From) {
		return
	}
	p.add("SELECT "+names+", 1 AS live FROM live c WHERE "+which+" AND c.opened < ? AND ("+c.or("1")+")",
		append([]any{until(p.q.To)}, c.args...)...)
}

func (p *plan) listeners(names string, c cond) {
	where := "c.opened < ? AND c.closed >= ? AND (" + c.or("1") + ")"
	if p.q.Gone {
		where += ` AND (c.proto, c.lport, c.local, c.family, c.netns, c.program) NOT IN
			(SELECT proto, lport, local, family, netns, program FROM live WHERE state = 10)`
	}
	p.add("SELECT "+names+", 0 AS live FROM listener c WHERE "+where, append([]any{until(p.q.To), micros(p.q.From)}, c.args...)...)
	if !p.q.Gone {
		p.live(names, c, "c.state = 10")
	}
}

// run reads rows, and leaves those out that the filter does not match.
func (r *Reader) run(ctx context.Context, p *plan, text string, yield func(*Life) error) error {
	rows, err := r.db.QueryContext(ctx, text, p.args...)
	if err != nil {
		return wrap("read", r.path, err)
	}
	defer rows.Close()
	s := scan{reader: r, ctx: ctx, plan: p}
	for rows.Next() {
		l, err := s.life(rows)
		if err != nil {
			return wrap("read", r.path, err)
		}
		s.place(l)
		if !p.exact && !p.q.Filter.Match(&l.Socket) {
			continue
		}
		p.at, p.id = s.row.opened, s.row.identity()
		if err := yield(l); err != nil {
			return err
		}
	}
	return wrap("read", r.path, rows.Err())
}

// scan makes lives of rows.
type scan struct {
	reader *Reader
	ctx    context.Context
	plan   *plan
	row    row
	told   Life
	places map[netip.Addr]*geoip.Location // of this query so far
}

// place has the query's names answer for a life as was known then. They remember places by address, and forget them all
// when one has changed since.
func (s *scan) place(l *Life) {
	a := l.Socket.Remote.Addr()
	if s.places == nil {
		s.places = make(map[netip.Addr]*geoip.Location)
		s.plan.q.Names.Place = func(a netip.Addr) *geoip.Location { return s.places[a] }
	}
	if before, ok := s.places[a]; ok && before != l.Place {
		s.plan.q.Names.ForgetPlaces()
	}
	if len(s.places) > maxDict {
		clear(s.places)
		s.plan.q.Names.ForgetPlaces()
	}
	s.places[a] = l.Place
}

// row is one as it is stored.
type row struct {
	span, opened, closed, flags, proto, family, state     int64
	local, lport, remote, rport, program, process, owners int64
	uid, netns, rx, tx, basis, source, from, missing      int64
	live                                                  int64
}

func (s *scan) life(rows *sql.Rows) (*Life, error) {
	w := &s.row
	err := rows.Scan(&w.span, &w.opened, &w.closed, &w.flags, &w.proto, &w.family, &w.state, &w.local, &w.lport, &w.remote, &w.rport,
		&w.program, &w.process, &w.owners, &w.uid, &w.netns, &w.rx, &w.tx, &w.basis, &w.source, &w.from, &w.missing, &w.live)
	if err != nil {
		return nil, err
	}
	l := &s.told
	*l = Life{Opened: time.UnixMicro(w.opened), Closed: time.UnixMicro(w.closed), Open: w.live != 0, Flags: Flags(w.flags),
		Bytes:  watch.Bytes{Sent: uint64(w.tx), Received: uint64(w.rx), Basis: watch.Basis(w.basis)},
		Source: watch.Source(w.source), OwnerFrom: watch.OwnerFrom(w.from)}
	if l.Open {
		l.Closed = time.UnixMicro(max(s.plan.alive, w.opened))
	}
	s.reader.mu.Lock()
	defer s.reader.mu.Unlock()
	return l, s.fill(l)
}

func (s *scan) fill(l *Life) error {
	w, r := &s.row, s.reader
	local, err := r.host(s.ctx, w.local)
	if err != nil {
		return err
	}
	remote, err := r.host(s.ctx, w.remote)
	if err != nil {
		return err
	}
	prog, err := r.program(s.ctx, w.program)
	if err != nil {
		return err
	}
	l.Socket = netstat.Socket{Proto: netstat.Proto(w.proto), State: netstat.State(w.state), Missing: netstat.Missing(w.missing),
		Local:  netip.AddrPortFrom(address(local.addr, int(w.family), local.zone), uint16(w.lport)),
		Remote: netip.AddrPortFrom(address(remote.addr, int(w.family), remote.zone), uint16(w.rport)),
		NetNS:  uint64(w.netns), UID: uint32(max(w.uid, 0)), HasUID: w.uid >= 0, Module: prog.unit}
	l.Socket.Info = netstat.TCPInfo{Known: w.proto == int64(netstat.TCP) && w.basis != 0, Sent: uint64(w.tx), Received: uint64(w.rx)}
	l.Place = remote.place
	l.Socket.Owners, err = s.owners()
	return err
}

// owners are all of them, the main one first.
func (s *scan) owners() (all []netstat.Owner, err error) {
	p, err := s.reader.process(s.ctx, s.row.process)
	if err != nil || p == nil {
		return nil, err
	}
	all = append(all, netstat.Owner{Process: p, FD: -1})
	if s.row.owners == 0 {
		return all, nil
	}
	rows, err := s.reader.db.QueryContext(s.ctx, "SELECT process FROM owners WHERE id = ? AND process != ?", s.row.owners, s.row.process)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		if p, err = s.reader.process(s.ctx, id); err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, netstat.Owner{Process: p, FD: -1})
		}
	}
	return all, rows.Err()
}
