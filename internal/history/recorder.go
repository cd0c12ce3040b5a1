package history

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Source is what a recorder needs of a *watch.Watcher. Its Query.Owner should be netstat.OwnerModule.
type Source interface {
	Next(context.Context) (*watch.Report, error)
	Flows(func(*watch.Flow) bool)
}

// Interfaces is what it needs of an *ifstat.Table.
type Interfaces interface {
	Read(*ifstat.Snapshot) error
}

// Recording says what is recorded.
type Recording struct {
	Sockets    Source
	Interfaces Interfaces                                      // nil: none
	Places     func(netip.Addr) *geoip.Location                // where an address is; nil: not known. The result is not kept
	Details    func(*netstat.Process) (netstat.Details, error) // nil is (*netstat.Process).Details
	Trouble    func(error)                                     // told once of what goes wrong, and when it is over with nil; may be nil
	Every      time.Duration                                   // from one write to the next: 2 s. It bounds what a kill loses
}

// Record records until ctx ends, which is no error, or the source is closed.
//
// What happened is held in memory for Every, and written in one transaction. A write that fails is tried again, with what
// came meanwhile; what has no room in memory any more is counted and said (see Gaps). A file that turns out to be damaged is
// set aside and a new one begun if Config.SetAside says so, and is the error otherwise.
//
// The end of what was open when recording ended is not known: the next Record goes on with what is still there (by its
// cookie, in the same boot of the machine), and ends the rest when it was last known to be there.
func Record(ctx context.Context, s *Store, what Recording) error {
	r := newRecorder(s, what)
	if err := r.begin(); err != nil {
		return err
	}
	for {
		fresh := false
		report, err := r.what.Sockets.Next(ctx)
		switch {
		case err == nil:
			r.take(report)
			fresh = report.Elapsed != 0
		case ctx.Err() != nil, errors.Is(err, watch.ErrClosed):
			return r.end(ctx, err)
		default:
			r.trouble(err)
			if wait(ctx, time.Second) != nil {
				return r.end(ctx, ctx.Err())
			}
		}
		if err := r.flushWhenDue(ctx, fresh); err != nil {
			return err
		}
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// recorder is a Record on its way.
type recorder struct {
	store   *Store
	what    Recording
	book    book
	traffic traffic
	procs   map[processKey]*process
	gaps    []gap
	session int64
	lastID  int64 // in table live
	old     map[cookieKey]oldLife

	flushed time.Time // last tried
	tidied  time.Time
	problem string // told last
}

type gap struct {
	time int64
	lost uint64
	why  string
}

func newRecorder(s *Store, what Recording) *recorder {
	if what.Details == nil {
		what.Details = (*netstat.Process).Details
	}
	if what.Every <= 0 {
		what.Every = 2 * time.Second
	}
	s.places = what.Places
	return &recorder{store: s, what: what, book: newBook(), procs: make(map[processKey]*process)}
}

// begin takes over what the last recorder left, and what is there now.
func (r *recorder) begin() (err error) {
	if r.old, r.lastID, err = r.store.left(); err != nil {
		return wrap("read", r.store.cfg.Path, err)
	}
	r.sweep()
	return r.flush(context.Background())
}

// end writes the last. The session ends as it was asked to.
func (r *recorder) end(ctx context.Context, why error) error {
	if ctx.Err() != nil {
		why = nil
	}
	err := r.store.write(ctx, func(b *batch) error { return r.put(b, true) })
	if err == nil {
		r.done()
	}
	return errors.Join(why, err)
}

// take notes what a report tells.
func (r *recorder) take(report *watch.Report) {
	for i := range report.Events {
		r.event(&report.Events[i])
	}
	if report.Elapsed != 0 && r.what.Interfaces != nil {
		if err := r.traffic.read(r.what.Interfaces, r.store.cfg.Now()); err != nil {
			r.trouble(err)
		}
	}
}

func (r *recorder) event(e *watch.Event) {
	switch e.Kind {
	case watch.Overflow:
		r.gaps = append(r.gaps, gap{micros(e.Time), e.Lost, "overflow"})
	case watch.Opened, watch.ListenerAppeared:
		r.opened(e)
	case watch.Closed, watch.ListenerVanished:
		r.closed(e)
	}
}

// flushWhenDue writes when it is time, after a reading if one comes in time, whose bytes are then written too. It fails only where going on makes no sense.
func (r *recorder) flushWhenDue(ctx context.Context, fresh bool) error {
	since := r.store.cfg.Now().Sub(r.flushed)
	late := since >= r.what.Every+time.Second || since < 0
	if !late && (since < r.what.Every || !fresh) {
		return nil
	}
	if fresh {
		r.sweep()
	}
	err := r.flush(ctx)
	if errors.Is(err, ErrDamaged) {
		if err = r.renew(err); err != nil {
			return err
		}
	}
	r.trouble(err)
	return nil
}

// renew begins a new file in the place of a damaged one, with all that is open now.
func (r *recorder) renew(damage error) error {
	if !r.store.cfg.SetAside {
		return damage
	}
	r.trouble(damage)
	if err := r.store.setAside(); err != nil {
		return errors.Join(damage, wrap("set aside", r.store.cfg.Path, err))
	}
	if err := r.store.open(); err != nil {
		return errors.Join(damage, err)
	}
	r.session, r.old = 0, nil
	r.book.unstore()
	r.gaps = append(r.gaps, gap{micros(r.store.cfg.Now()), 0, "damaged"})
	return r.flush(context.Background())
}

// trouble tells of a problem once, and of its end.
func (r *recorder) trouble(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == r.problem {
		return
	}
	if r.problem = text; r.what.Trouble != nil {
		r.what.Trouble(err)
	}
}

// flush writes what has changed since the last time.
func (r *recorder) flush(ctx context.Context) error {
	r.flushed = r.store.cfg.Now()
	r.bound()
	err := r.store.write(ctx, func(b *batch) error { return r.put(b, false) })
	if err != nil {
		return err
	}
	r.done()
	if now := r.store.cfg.Now(); now.Sub(r.tidied) >= tidyEvery || now.Before(r.tidied) {
		r.tidied = now
		return r.store.Tidy(ctx)
	}
	return nil
}

// maxWaiting bounds how many ended lives wait for a file that cannot be written, some 100 MB; maxGaps how many remarks.
const maxWaiting, maxGaps = 200_000, 1000

// bound forgets the oldest of what waits, and remembers that it did.
func (r *recorder) bound() {
	if lost := r.book.shed(maxWaiting); lost > 0 {
		r.gaps = append(r.gaps, gap{micros(r.store.cfg.Now()), uint64(lost), "not written"})
	}
	for len(r.gaps) > maxGaps {
		r.gaps[1].lost += r.gaps[0].lost
		r.gaps = r.gaps[1:]
	}
}

// done forgets what was written.
func (r *recorder) done() {
	r.book.written()
	r.traffic.written()
	r.gaps, r.old = r.gaps[:0], nil
	if len(r.procs) > 20_000 {
		clear(r.procs)
	}
}
