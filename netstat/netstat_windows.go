package netstat

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// table reads GetExtendedTcpTable and GetExtendedUdpTable. It holds memory only, no handle, and after a query for Info
// connections whose statistics it switched on.
type table struct {
	rows  iphlpapi.Buffer
	stats estats
	procs processes
	zones map[uint32]zone
	owner [1]Owner // of the socket that each yields
}

func openTable(cfg *Config) (*table, error) {
	if cfg.Method != Auto && cfg.Method != IPHelper {
		return nil, fmt.Errorf("method %v on Windows: %w", cfg.Method, errors.ErrUnsupported)
	}
	return &table{zones: map[uint32]zone{}, procs: processes{known: map[uint32]*known{}}, stats: newEStats()}, nil
}

func (t *table) close() error {
	t.stats.close()
	return nil
}

func pin(PinConfig) error { return errors.ErrUnsupported }
func unpin() error        { return errors.ErrUnsupported }

// What a query may ask for that Windows does not have.
var (
	errUnix  = fmt.Errorf("Unix sockets: %w on Windows", errors.ErrUnsupported)
	errNetNS = fmt.Errorf("other network namespaces: %w on Windows", errors.ErrUnsupported)
)

func unsupported(q *Query) (errs []error) {
	if q.Protos&QueryUnix != 0 {
		errs = append(errs, errUnix)
	}
	if q.AllNetNS {
		errs = append(errs, errNetNS)
	}
	return errs
}

func (t *table) read(q *Query, s *Snapshot) error {
	s.Time, s.Method = time.Now(), IPHelper
	problems, err := t.scan(q, func(sock *Socket, owner *Process) bool {
		if owner != nil {
			n := len(s.arena.owners)
			s.arena.owners = append(s.arena.owners, Owner{owner, -1})
			sock.Owners = s.arena.owners[n : n+1 : n+1]
		}
		s.Sockets = append(s.Sockets, *sock)
		return true
	})
	s.Partial = append(s.Partial, problems...)
	return err
}

func (t *table) each(q *Query, yield func(*Socket, error) bool) {
	stopped := false
	problems, err := t.scan(q, func(sock *Socket, owner *Process) bool {
		if owner != nil {
			t.owner[0] = Owner{owner, -1}
			sock.Owners = t.owner[:]
		}
		stopped = !yield(sock, nil)
		return !stopped
	})
	if err != nil {
		problems = []error{&OpError{Op: "read", Err: err}}
	}
	for _, p := range problems {
		if stopped = stopped || !yield(nil, p); stopped {
			return
		}
	}
}

// scan hands every socket that matches q to yield, with its owner if there is one, until it returns false. The *Socket is
// used again for the next. What could not be read is in problems; when nothing could, it is the error.
func (t *table) scan(q *Query, yield func(*Socket, *Process) bool) (problems []error, err error) {
	t.procs.begin(q.Owner)
	t.stats.begin()
	var failed []error
	plan := sources(q)
	for _, src := range plan {
		tab, err := t.load(src, q.Ordered)
		if err != nil {
			failed = append(failed, fmt.Errorf("%w: %w", errRows, err))
			continue
		}
		if !t.walk(q, src, tab, yield) {
			return nil, nil
		}
	}
	problems = append(unsupported(q), failed...)
	problems = append(problems, t.procs.end()...)
	if q.Info {
		problems = append(problems, t.stats.problems()...)
	}
	if q.Info && len(failed) == 0 {
		t.stats.forget(q)
	}
	if len(failed) > 0 && len(failed) == len(plan) {
		return nil, errors.Join(problems...)
	}
	return problems, nil
}

func (t *table) load(src source, order bool) (miblayout.Table, error) {
	raw, err := src.read(&t.rows, order)
	if err != nil {
		return miblayout.Table{}, fmt.Errorf("%v: %w", src.kind, err)
	}
	t.procs.asOf(now())
	return miblayout.Parse(src.kind, raw)
}

// walk goes through one table. It returns false when yield did.
func (t *table) walk(q *Query, src source, tab miblayout.Table, yield func(*Socket, *Process) bool) bool {
	var s Socket
	for i := range tab.Len() {
		if len(q.LocalPorts) > 0 && !slices.Contains(q.LocalPorts, tab.LocalPort(i)) {
			continue
		}
		r := tab.Row(i)
		t.socket(&s, src, &r)
		if !q.States.Has(s.State) {
			continue
		}
		owner := t.attribute(q, &s, src, &r, tab.Raw(i))
		if q.Held && owner == nil && !s.Missing.Hides() {
			continue
		}
		if q.Info && s.Proto == TCP {
			s.Info = t.stats.info(&s, src, tab.Raw(i))
		}
		if !yield(&s, owner) {
			return false
		}
	}
	return true
}
