package web

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Watcher is what the hub needs of a *watch.Watcher.
type Watcher interface {
	Next(context.Context) (*watch.Report, error)
	Partial() []error
	Source() watch.Source
	Usage(watch.By, []watch.Usage) []watch.Usage
	Flows(func(*watch.Flow) bool)
	Interval() time.Duration
}

// Interfaces is what it needs of an *ifstat.Table.
type Interfaces interface {
	Read(*ifstat.Snapshot) error
}

// Tap is told of all that the hub reads, such as metrics and a recorder. Its functions are called by the goroutine that runs
// the hub, in order, and must not wait; what they are given is valid during the call. Either may be nil.
type Tap struct {
	Report     func(Watcher, *watch.Report)
	Interfaces func(*ifstat.Snapshot, []ifstat.Reading)
}

// HubConfig says what a hub reads.
type HubConfig struct {
	Watcher    Watcher
	Interfaces Interfaces // nil: there are none to show
	Names      view.Names // with Place where places are to be shown; the hub alone uses it from now on
	Details    func(*netstat.Process) (netstat.Details, error)
	Refresh    func(*view.Names) // called once a reading, before anything is written; nil is nothing to do
	Missing    func() []error    // what is missing beyond what the watcher says, for who holds the token; nil is nothing
	Taps       []Tap
	Host       string
	Now        func() time.Time
	MaxViewers int // of the stream at once; 0 is DefaultMaxViewers
}

// DefaultMaxViewers is how many may look at the stream at once.
const DefaultMaxViewers = 256

// Hub reads the machine, once for all viewers. Run reads; all other methods may be called from any goroutine meanwhile.
type Hub struct {
	cfg HubConfig

	mu       sync.Mutex // guards all below, names and pictures too
	names    view.Names
	details  map[*netstat.Process]*knownDetails
	now      *picture
	spare    *picture // the one before, whose memory the next one takes
	ids      identities
	counts   watch.Counts
	began    time.Time
	channels map[channelKey]*channel
	groups   map[string]*group
	flushed  time.Time // when something was sent last
	viewers  map[*viewer]struct{}
	ended    bool
	behind   [accesses]atomic.Int64 // bytes that viewers have not taken

	failing    error // why there is no reading; nil is that all is well
	failsSince time.Time

	set, gone []byte // memory of what frames are made of
	wholes    int    // bytes of all channels' whole

	snap  ifstat.Snapshot
	meter ifstat.Meter
	base  ifstat.Counters
	first bool
}

// NewHub makes a hub that has read nothing.
func NewHub(cfg HubConfig) *Hub {
	if cfg.MaxViewers <= 0 {
		cfg.MaxViewers = DefaultMaxViewers
	}
	h := &Hub{cfg: cfg, names: cfg.Names, details: make(map[*netstat.Process]*knownDetails), now: new(picture), spare: new(picture), first: true,
		began: cfg.Now(), channels: make(map[channelKey]*channel), groups: make(map[string]*group), viewers: make(map[*viewer]struct{})}
	h.names.Details = h.detailsOf
	if cfg.Names.OwnerUser != nil {
		h.names.OwnerUser = func(p *netstat.Process) string {
			d, _ := h.detailsOf(p)
			return d.User
		}
	}
	return h
}

// patience is how long readings may fail, all of them, before the hub gives up: a machine without memory or descriptors may have
// some again.
const patience = time.Minute

// afterFailure is the time to the next attempt, beside what the watcher takes.
const afterFailure = 50 * time.Millisecond

// Run reads until the context ends, which is no error. All streams end with it.
func (h *Hub) Run(ctx context.Context) error {
	defer h.end()
	for {
		report, err := h.cfg.Watcher.Next(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			h.take(report)
		case errors.Is(err, watch.ErrClosed) || h.failed(err) > patience:
			return fmt.Errorf("reading the sockets: %w", err)
		default:
			select {
			case <-ctx.Done():
			case <-time.After(afterFailure):
			}
		}
	}
}

// failed notes a failure, for the status, and says for how long there were nothing but failures.
func (h *Hub) failed(err error) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.cfg.Now()
	if h.failing == nil {
		h.failsSince = now
	}
	h.failing = err
	return now.Sub(h.failsSince)
}

// take shows a report to the taps, and then to the viewers.
func (h *Hub) take(r *watch.Report) {
	for _, t := range h.cfg.Taps {
		if t.Report != nil {
			t.Report(h.cfg.Watcher, r)
		}
	}
	var links []view.TrafficRow
	var failed error
	if r.Elapsed != 0 {
		links, failed = h.readInterfaces()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts, h.failing = r.Counts, nil
	h.tell(r.Events, r.Elapsed != 0)
	if r.Elapsed != 0 {
		h.draw(r, links, failed)
		h.tick()
	}
}

// readInterfaces is outside of the lock, as it asks the system.
func (h *Hub) readInterfaces() (rows []view.TrafficRow, err error) {
	if h.cfg.Interfaces == nil {
		return nil, nil
	}
	if err := h.cfg.Interfaces.Read(&h.snap); err != nil {
		return nil, fmt.Errorf("reading the interfaces: %w", err)
	}
	readings := h.meter.Add(&h.snap)
	total := h.meter.Total()
	if h.first {
		for _, i := range total.Counted {
			h.base = view.Plus(h.base, i.Counters)
		}
	}
	for i := range readings {
		rows = append(rows, view.ReadingRow(&readings[i], h.snap.Time, h.first))
	}
	rows = append(rows, view.TotalRow(total, h.snap.Time, h.base))
	h.first = false
	for _, t := range h.cfg.Taps {
		if t.Interfaces != nil {
			t.Interfaces(&h.snap, readings)
		}
	}
	return rows, errors.Join(h.snap.Partial...)
}

// end ends all streams.
func (h *Hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for v := range h.viewers {
		h.leave(v)
	}
}

// knownDetails are those of a process, which are asked for again from time to time: exec(3) changes them.
type knownDetails struct {
	netstat.Details
	ok    bool
	asked time.Time
	seen  uint64 // the last picture that had the process
}

// askAgain is how long details are believed.
const askAgain = time.Minute

// detailsOf asks the system for what the names want to know of a process, or remembers it.
func (h *Hub) detailsOf(p *netstat.Process) (netstat.Details, bool) {
	k := h.details[p]
	if now := h.cfg.Now(); k == nil || now.Sub(k.asked) > askAgain {
		d, err := h.cfg.Details(p)
		if k == nil || err == nil {
			k = &knownDetails{Details: d, ok: err == nil}
		}
		k.asked = now
		h.details[p] = k
	}
	k.seen = h.now.seq
	return k.Details, k.ok
}

// Process is the process of the table of processes, as it was read last, that is the one sought; nil where none is.
func (h *Hub) Process(is func(*netstat.Process) bool) *netstat.Process {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, row := range h.now.usage[watch.ByProcess] {
		if row.Process != nil && is(row.Process) {
			return row.Process
		}
	}
	return nil
}

// forgetDetails drops what nobody has asked for in a while, so that processes that are gone are not kept.
func (h *Hub) forgetDetails() {
	for p, k := range h.details {
		if h.now.seq-k.seen > 5 {
			delete(h.details, p)
		}
	}
}
