package cli

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/internal/web"
	"github.com/sockeye-net/sockeye/watch"
)

// recordFlags are the flags of what serve records.
type recordFlags struct {
	file  string
	none  bool
	keep  ageFlag
	size  sizeFlag
	learn time.Duration
}

func (f *recordFlags) addTo(cmd *cobra.Command) {
	fs := cmd.Flags()
	f.keep, f.size = ageFlag(92*24*time.Hour), 4<<30
	fs.StringVar(&f.file, "history", "", "the file to record into; default: SOCKEYE_HISTORY, else the user's, for root the machine's")
	fs.BoolVar(&f.none, "no-history", false, "record nothing")
	fs.Var(&f.keep, "history-keep", "how long connections are kept; sums are kept for years; 0 is for ever")
	fs.Var(&f.size, "history-size", "the size that the file is kept below, the oldest going first; 0 is any")
	fs.DurationVar(&f.learn, "history-learn", 24*time.Hour, "how long a new history learns what is usual before anything is news")
	cmd.MarkFlagsMutuallyExclusive("history", "no-history")
}

// limits are those flags as history has them: nothing is its default there, and less no bound.
func (f *recordFlags) limits() history.Limits {
	l := history.Limits{Lives: time.Duration(f.keep), Size: int64(f.size)}
	if l.Lives == 0 {
		l.Lives = -1
	}
	if l.Size == 0 {
		l.Size = -1
	}
	return l
}

// learning is --history-learn as history has it, where 0 is the default.
func (f *recordFlags) learning() time.Duration {
	if f.learn == 0 {
		return -1
	}
	return f.learn
}

// recording is the recorder of a server. It outlives troubles: what cannot be recorded is said, and tried again.
type recording struct {
	env    *Env
	flags  *serveFlags
	path   string
	host   string
	sinks  []history.Sink
	places *locator // its own: the hub's are for the hub
	links  InterfaceTable
	recall *recall
	store  *history.Store // that Open has given and nobody records into yet
	source atomic.Pointer[web.Feed]

	life context.Context
	stop context.CancelFunc

	mu      sync.Mutex
	began   time.Time // zero: nothing is recorded
	trouble error     // what keeps it from recording or from writing

	extentMu sync.Mutex
	known    extent
}

// How long after a failure it is tried again to record: twice as long each time, up to a bound.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// maxHeld is how many events wait for a disk that is slow.
const maxHeld = 100_000

// openRecording opens the history. A file that was named has to be had; without that one, serving goes on.
func (e *Env) openRecording(f *serveFlags) (*recording, error) {
	if f.record.none {
		return nil, nil
	}
	r := &recording{env: e, flags: f, path: f.record.file, host: e.Hostname(), recall: newRecall(e.Details)}
	r.life, r.stop = context.WithCancel(context.Background())
	if r.path == "" {
		files := history.Files(e.Getenv)
		if len(files) == 0 {
			return nil, nil
		}
		r.path = files[0]
	}
	err := r.open()
	switch {
	case err != nil && f.record.file != "":
		return nil, err
	case err != nil:
		r.tell(fmt.Errorf("nothing is recorded: %w", err))
	}
	return r, nil
}

// open opens the file. Its folder is made where nobody has named one.
func (r *recording) open() (err error) {
	if r.flags.record.file == "" {
		if err := privateFolder(filepath.Dir(r.path)); err != nil {
			return err
		}
	}
	r.store, err = history.Open(history.Config{Path: r.path, Limits: r.flags.record.limits(), Now: r.env.Now, Host: r.host, SetAside: true})
	if err == nil && r.store.Aside() != "" {
		r.env.note(fmt.Errorf("the history was damaged: it is kept as %s, and a new one begins", r.store.Aside()))
	}
	return err
}

// tell remembers a trouble, and says it once.
func (r *recording) tell(err error) {
	r.mu.Lock()
	same := r.trouble == err || err != nil && r.trouble != nil && r.trouble.Error() == err.Error()
	r.trouble = err
	r.mu.Unlock()
	if err != nil && !same {
		r.env.note(err)
	}
}

// missing is for the status.
func (r *recording) missing() []error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.trouble == nil {
		return nil
	}
	return []error{r.trouble}
}

// tap hands what the hub reads to the recorder, while there is one.
func (r *recording) tap() web.Tap {
	return web.Tap{Report: func(w web.Watcher, report *watch.Report) {
		if f := r.source.Load(); f != nil {
			f.Tap().Report(w, report)
		}
	}}
}

// end says that the hub reads no more: what it has read is written, and run returns.
func (r *recording) end() { r.stop() }

// run records until end, whatever goes wrong.
func (r *recording) run() {
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		err := r.record(r.life)
		if r.life.Err() != nil {
			if err != nil {
				r.env.complain(err)
			}
			return
		}
		r.tell(fmt.Errorf("nothing is recorded: %w", err))
		if errors.Is(err, history.ErrNewer) || errors.Is(err, history.ErrForeign) { // which do not pass
			return
		}
		_ = wait(r.life, time.Now().Add(pause)) // record looks why
	}
}

// record is one time of recording. That the hub has ended is no error.
func (r *recording) record(ctx context.Context) error {
	store := r.store
	if r.store = nil; store == nil {
		if err := r.open(); err != nil || ctx.Err() != nil {
			return err
		}
		store, r.store = r.store, nil
	}
	feed := web.NewFeed(maxHeld)
	r.source.Store(feed)
	defer r.source.Store(nil)
	err := feed.Begin(ctx)
	if err == nil {
		err = history.Record(ctx, store, r.what(feed))
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil
	}
	r.running(time.Time{})
	return errors.Join(err, store.Close())
}

// what says what is recorded.
func (r *recording) what(feed *web.Feed) history.Recording {
	r.running(r.env.Now())
	r.tell(nil)
	what := history.Recording{Sockets: feed, Details: r.recall.Details, Sinks: r.sinks, Learn: r.flags.record.learning(),
		Trouble: func(err error) {
			switch {
			case err == nil:
				r.tell(nil)
			case !ended(err):
				r.tell(fmt.Errorf("recording: %w", err))
			}
		}}
	if r.links != nil {
		what.Interfaces = r.links
	}
	if r.places != nil {
		what.Places = r.place
	}
	return what
}

func (r *recording) running(since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began = since
}

// place asks the recorder's own databases, which are looked at for newer ones from time to time.
func (r *recording) place(a netip.Addr) *geoip.Location {
	var names view.Names
	r.places.refresh(r.env.Now(), &names)
	if l := r.places.place(a); l.Found() {
		return l
	}
	return nil
}

// openSides opens what the recorder reads beside the sockets. Without them it records less.
func (r *recording) openSides() {
	var names view.Names
	var err error
	if r.places, err = r.env.locate(&placeFlags{geo: true, db: r.flags.db}, view.Needs{Geo: true}, &names); err != nil {
		r.env.note(err)
	}
	if r.links, err = r.env.OpenInterfaces(&ifstat.Config{AllNetNS: r.flags.allNetNS}); err != nil {
		r.links = nil // which serve says for the page, too
	}
}

// Close releases what was not taken by a recording.
func (r *recording) Close() error {
	var errs []error
	r.stop()
	if r.store != nil {
		errs = append(errs, r.store.Close())
		r.store = nil
	}
	if r.links != nil {
		errs = append(errs, r.links.Close())
	}
	r.places.close()
	return errors.Join(errs...)
}
