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
	Sinks      []Sink                                          // told what is new
	Learn      time.Duration                                   // how long a new history learns before it tells: 24 h; negative: not at all
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
	defer r.herald.end()
	if err := r.begin(); err != nil {
		return err
	}
	for {
		fresh := false
		report, err := r.what.Sockets.Next(ctx)
		switch {
		case err == nil:
			r.trouble("watch", nil)
			r.take(report)
			fresh = report.Elapsed != 0
		case ctx.Err() != nil, errors.Is(err, watch.ErrClosed):
			return r.end(ctx, err)
		default:
			r.trouble("watch", err)
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
	taken   bool
	old     map[cookieKey]oldLife
	news    []News // of this batch

	more    []addition // of this batch
	sums    totals     // that wait to be added
	adding  bool       // this batch adds them
	totaled time.Time  // when they were added last

	learns int64 // until when
	herald *herald

	flushed  time.Time // last tried
	tidied   time.Time
	problems map[string]string // told last, by what was being done
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
	if what.Learn == 0 {
		what.Learn = defaultLearn
	}
	if what.Every <= 0 {
		what.Every = 2 * time.Second
	}
	s.places = what.Places
	return &recorder{herald: startHerald(what.Sinks), store: s, what: what, book: newBook(), procs: make(map[processKey]*process), problems: make(map[string]string)}
}

// begin begins, with a new file if the one that is there turns out to be damaged.
func (r *recorder) begin() error {
	if r.what.Interfaces != nil { // what the next reading is compared with
		r.trouble("interfaces", r.traffic.read(r.what.Interfaces, r.store.cfg.Now()))
	}
	err := r.takeOver()
	if err == nil {
		r.sweep()
		err = r.flush(context.Background())
	}
	if errors.Is(err, ErrDamaged) {
		err = r.renew(err)
	}
	r.trouble("write", err)
	if passes(err) {
		return nil
	}
	return err
}

// takeOver reads what the last recorder left, once for each file.
func (r *recorder) takeOver() error {
	if r.taken {
		return nil
	}
	if r.store.conn == nil { // there was no room for a new file
		if err := r.store.open(); err != nil {
			return err
		}
	}
	old, last, err := r.store.left()
	if err != nil {
		return wrap("read", r.store.cfg.Path, schemaDamage(err))
	}
	first, err := r.store.first()
	if err != nil {
		return wrap("read", r.store.cfg.Path, schemaDamage(err))
	}
	if r.sums, err = r.store.pending(); err != nil {
		return wrap("read", r.store.cfg.Path, schemaDamage(err))
	}
	r.old, r.lastID, r.taken = old, max(last, r.lastID), true
	r.learns = first.Add(r.what.Learn).UnixMicro()
	return nil
}

// end writes the last. The session ends as it was asked to.
func (r *recorder) end(ctx context.Context, why error) error {
	if ctx.Err() != nil {
		why = nil
	}
	r.book.settle()
	err := r.write(ctx, true)
	if err == nil {
		r.done()
	} else if errors.Is(err, ErrDamaged) {
		err = r.renew(err)
	}
	return errors.Join(why, err)
}

// take notes what a report tells.
func (r *recorder) take(report *watch.Report) {
	for i := range report.Events {
		r.event(&report.Events[i])
	}
	if report.Elapsed != 0 && r.what.Interfaces != nil {
		r.trouble("interfaces", r.traffic.read(r.what.Interfaces, r.store.cfg.Now()))
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
		if err = r.renew(err); err != nil && !passes(err) {
			return err
		}
	}
	r.trouble("write", err)
	return nil
}

// passes reports whether something may go better the next time.
func passes(err error) bool { return errors.Is(err, ErrFull) || errors.Is(err, ErrBusy) }

// renew begins a new file in the place of a damaged one, with all that is open now.
func (r *recorder) renew(damage error) error {
	if !r.store.cfg.SetAside {
		return damage
	}
	r.trouble("write", damage)
	if err := r.store.setAside(); err != nil {
		return errors.Join(damage, wrap("set aside", r.store.cfg.Path, err))
	}
	r.session, r.old, r.taken = 0, nil, false
	r.book.unstore()
	r.gaps = append(r.gaps, gap{micros(r.store.cfg.Now()), 0, "damaged"})
	return r.flush(context.Background())
}

// trouble tells of a problem with what was being done once, and of the end of all problems.
func (r *recorder) trouble(doing string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == r.problems[doing] {
		return
	}
	if r.problems[doing] = text; err == nil {
		delete(r.problems, doing)
	}
	if r.what.Trouble != nil && (err != nil || len(r.problems) == 0) {
		r.what.Trouble(err)
	}
}

// flush writes what has changed since the last time.
func (r *recorder) flush(ctx context.Context) error {
	r.flushed = r.store.cfg.Now()
	r.bound()
	if err := r.write(ctx, false); err != nil {
		return err
	}
	r.done()
	return r.tidy()
}

func (r *recorder) write(ctx context.Context, last bool) error {
	if err := r.takeOver(); err != nil {
		return err
	}
	return r.store.write(ctx, func(b *batch) error { return r.put(b, last) })
}

// tidy is housekeeping, which does not keep from recording: what does not fit into a slice of time waits until after the next write.
func (r *recorder) tidy() error {
	now := r.store.cfg.Now()
	if since := now.Sub(r.tidied); since >= 0 && since < tidyEvery {
		return nil
	}
	done, err := r.store.tidySome()
	if errors.Is(err, ErrDamaged) {
		return err
	}
	if done || err != nil {
		r.tidied = now
	}
	r.trouble("tidy", err)
	return nil
}

// maxWaiting bounds how many ended lives wait for a file that cannot be written, some 100 MB; maxGaps how many remarks; maxProcs
// how many processes are remembered, each with its command line.
const maxWaiting, maxGaps, maxProcs = 200_000, 1000, 20_000

// bound forgets the oldest of what waits, and remembers that it did.
func (r *recorder) bound() {
	if lost := r.book.shed(maxWaiting, r.abandon); lost > 0 {
		r.gaps = append(r.gaps, gap{micros(r.store.cfg.Now()), uint64(lost), "not written"})
	}
	r.traffic.bound(r.store.cfg.Now())
	if len(r.procs) > maxProcs {
		clear(r.procs)
	}
	for len(r.gaps) > maxGaps {
		r.gaps[1].lost += r.gaps[0].lost
		r.gaps = r.gaps[1:]
	}
}

// abandon is for a life that ended and whose end is not told any more: where its beginning is stored, it ends with what is stored.
func (r *recorder) abandon(e *entry) {
	if !e.stored || e.id == 0 {
		return
	}
	if r.old == nil {
		r.old = make(map[cookieKey]oldLife)
	}
	r.old[nobody(e.id)] = oldLife{id: e.id, opened: e.opened, end: e.closed, listens: e.socket.State == netstat.Listen, known: true}
}

// done forgets what was written.
func (r *recorder) done() {
	r.book.written(micros(r.store.cfg.Now()))
	r.added()
	r.herald.tell(r.news)
	r.news = nil
	select {
	case err := <-r.herald.fails:
		r.trouble("news", err)
	default:
	}
	r.traffic.written()
	r.gaps, r.old = r.gaps[:0], nil
}
