package netstat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/netns"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// table reads sockets by one source and is told by it what it could not see. Everything in it is used again.
type table struct {
	src   source
	fixed bool // the method was chosen by the caller
	few   bool // few sockets will be asked for
	netns uint32

	rows    rows
	procs   processes
	names   interfaceNames
	cgroups cgroups
	gaps    []error
	scratch []Owner
}

// source is one way to fill rows. A row that it adds matches the query; a walk that could not see every process says so.
type source interface {
	method() Method
	fill(t *table, q *Query) error
	close() error
}

func openTable(cfg *Config) (*table, error) {
	t := &table{fixed: cfg.Method != Auto, few: cfg.Few}
	ns, err := ownNetNS()
	if err != nil {
		return nil, err
	}
	t.netns = ns
	if t.src, err = t.openSource(cfg.Method); err != nil {
		return nil, err
	}
	return t, nil
}

// ownNetNS is the inode of the calling thread's network namespace.
func ownNetNS() (uint32, error) {
	ns, err := netns.Own()
	if err != nil {
		return 0, fmt.Errorf("the network namespace cannot be told (is /proc mounted?): %w", err)
	}
	return uint32(ns.Inode), nil
}

// openers are the sources in the order in which they are preferred.
var openers = []struct {
	method Method
	open   func(*table) (source, error)
}{{Walker, openWalker}, {TaskFile, openTaskFile}, {Proc, openProc}, {ProcNet, openProcNet}}

// openSource opens the source of a method; for Auto, the first that works.
func (t *table) openSource(m Method) (source, error) {
	if m == Auto {
		return t.openAfter(Auto)
	}
	for _, o := range openers {
		if o.method == m {
			return o.open(t)
		}
	}
	return nil, fmt.Errorf("method %v: %w on Linux", m, errors.ErrUnsupported)
}

// openAfter opens the best source that comes after a method. That a kernel or a sandbox refuses one is no error as long as
// another works.
func (t *table) openAfter(m Method) (source, error) {
	var errs []error
	for _, o := range openers {
		if o.method <= m {
			continue
		}
		s, err := o.open(t)
		if err == nil {
			return s, nil
		}
		errs = append(errs, fmt.Errorf("%v: %w", o.method, err))
	}
	return nil, errors.Join(errs...)
}

// gather fills t.rows with what matches q. When the source is refused what it needs and the caller left the choice to us,
// the next one takes its place for good.
func (t *table) gather(q *Query) error {
	for {
		t.begin()
		err := t.src.fill(t, q)
		if err == nil && q.Held {
			t.dropOwnerless()
		}
		if err == nil || t.fixed || !netlink.Refused(err) {
			return err
		}
		next, nextErr := t.openAfter(t.src.method())
		if next == nil {
			return errors.Join(err, nextErr)
		}
		_ = t.src.close()
		t.src = next
	}
}

// dropOwnerless takes out the rows without an owner, but for those whose owner is only not seen.
func (t *table) dropOwnerless() {
	r := &t.rows
	unseen := t.procs.denied > 0 || t.procs.incomplete
	r.list = slices.DeleteFunc(r.list, func(w row) bool {
		if w.slot == none {
			return true
		}
		s := &r.slots[w.slot]
		return s.owner == none && !unseen && (t.procs.unsearched == nil || !t.procs.unsearched(s.inode))
	})
}

func (t *table) begin() {
	t.rows.reset()
	t.procs.begin()
	t.cgroups.begin()
	t.gaps = t.gaps[:0]
}

// missing notes a part that could not be read.
func (t *table) missing(err error) { t.gaps = append(t.gaps, err) }

func (t *table) read(q *Query, s *Snapshot) error {
	s.Time = now()
	if err := t.gather(q); err != nil {
		return err
	}
	defer t.procs.end()
	s.Method = t.src.method()
	s.Sockets = grow(s.Sockets, len(t.rows.list))
	s.arena.owners = grow(s.arena.owners, len(t.rows.links))
	f := t.filler(q)
	for i := range t.rows.list {
		s.Sockets = s.Sockets[:i+1]
		s.arena.owners = f.socket(&s.Sockets[i], t.rows.list[i], s.arena.owners)
	}
	s.Partial = append(s.Partial, t.gaps...)
	return nil
}

// grow returns an empty slice with room for n.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, 0, n+n/8)
	}
	return s[:0]
}

func (t *table) each(q *Query, yield func(*Socket, error) bool) {
	if err := t.gather(q); err != nil {
		yield(nil, &OpError{Op: "read", Err: err})
		return
	}
	defer t.procs.end()
	f := t.filler(q)
	var s Socket
	for _, r := range t.rows.list {
		t.scratch = f.socket(&s, r, t.scratch[:0])
		if !yield(&s, nil) {
			return
		}
	}
	for _, err := range t.gaps {
		if !yield(nil, err) {
			return
		}
	}
}

func (t *table) close() error { return errors.Join(t.src.close(), t.procs.close()) }

// stateOf maps the kernel's state.
func stateOf(r *rawsock.Record) State {
	if r.Proto == rawsock.ProtoUDP {
		if r.State == rawsock.Established {
			return Established
		}
		return Unconnected
	}
	switch r.State {
	case rawsock.Close, rawsock.BoundInactive:
		return Bound
	case rawsock.NewSynRecv:
		return SynRecv
	}
	return State(r.State)
}

// matches reports whether a record is one of the rows that q asks for. MPTCP sockets are not: their rows are those of
// their subflows, as everywhere else.
func (q *Query) matches(r *rawsock.Record, own uint32) bool {
	switch r.Proto {
	case rawsock.ProtoTCP:
		if !q.Protos.Has(TCP) {
			return false
		}
	case rawsock.ProtoUDP:
		if !q.Protos.Has(UDP) {
			return false
		}
	default:
		return false
	}
	if !q.States.Has(stateOf(r)) || !q.hasFamily(r.Family) || !q.hasPort(r.LocalPort) {
		return false
	}
	return q.AllNetNS || r.NetNS == own
}

func (q *Query) hasFamily(f uint8) bool {
	return q.Families == 0 || f == rawsock.AFInet && q.Families&IPv4 != 0 || f == rawsock.AFInet6 && q.Families&IPv6 != 0
}

func (q *Query) hasPort(p uint16) bool {
	if len(q.LocalPorts) == 0 {
		return true
	}
	for _, w := range q.LocalPorts {
		if w == p {
			return true
		}
	}
	return false
}
