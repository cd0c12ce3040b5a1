// Package watch says what changes among the sockets and interfaces of the machine: what opened and closed, who did it and
// how many bytes it moved.
//
//	w, err := watch.Open(nil)
//	...
//	defer w.Close()
//	for {
//		r, err := w.Next(ctx)
//		if err != nil {
//			return err
//		}
//		for i := range r.Events {
//			fmt.Println(r.Events[i].Kind, r.Events[i].Socket.Remote)
//		}
//	}
//
// A watcher reads the socket table at a chosen pace and compares each reading with the one before ([Diff]). What lives and
// dies between two readings comes from the kernel: on Linux from BPF programs where they are allowed, else from the notices
// that sock_diag(7) sends to everyone when a connection is destroyed. Every [Event] says where it is from. When the kernel's
// queue overflows, an [Overflow] says how much was lost, and a fresh reading of everything mends the picture.
//
// What is watched: TCP sockets that listen or are connected, and all UDP sockets; on Linux also Unix sockets if the query
// asks for them. A connection is closed when its socket is gone. What the kernel remembers of it afterwards (TIME_WAIT)
// belongs to nobody, moves nothing, and is no event.
package watch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// Method is the way in which a watcher learns of what happens between two readings.
type Method uint8

// The methods. Auto takes the first that works here: BPF programs (Linux, root); the kernel's notices of destroyed sockets
// (Linux, everyone); comparing readings only.
const (
	Auto    Method = iota // auto
	BPF                   // bpf
	Notices               // notices
	Poll                  // poll
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -linecomment -type=Method,Kind,Source,Basis,OwnerFrom,By -output=zstring.go

// Config says what is watched and how. The zero Config, or a nil one, watches TCP and UDP sockets of this network
// namespace and its interfaces, once a second.
type Config struct {
	// Query says which sockets. Of its fields States, Held, Incremental, FirstOwner, Ordered and Cookies are the watcher's
	// own business, Info is always on, and Owner is at least OwnerPID.
	Query netstat.Query

	Method Method

	// Table is the way in which readings are made; Auto is right for nearly everyone.
	Table netstat.Method

	// Interval is the time from one reading to the next: 0 is a second, and less than 10 ms is an error.
	Interval time.Duration

	// Latency bounds how long an event that the kernel tells of waits until Next returns it: 0 is 100 ms.
	Latency time.Duration

	States  bool // an event for every change of state
	NoLinks bool // no events of interfaces

	// Queue is the size in bytes of the queue that the kernel puts events into: 0 is 4 MiB with BPF, which 40,000 connections
	// a second with both ends here do not overflow, and 8 MiB for notices. It is rounded up to what the kernel takes; an
	// ordinary user's notices get what net.core.rmem_max allows.
	Queue int
}

// The defaults and the least.
const (
	defaultInterval = time.Second
	defaultLatency  = 100 * time.Millisecond
	minInterval     = 10 * time.Millisecond
)

// ErrClosed is returned by the methods of a closed watcher.
var ErrClosed = errors.New("watcher is closed")

// OpError is the error of an operation of a watcher. Unwrap reaches the system's error number.
type OpError struct {
	Op  string // what was being done: "open", "read", "events"
	Err error
}

func (e *OpError) Error() string { return "watch: " + e.Op + ": " + e.Err.Error() }

// Unwrap gives the error underneath.
func (e *OpError) Unwrap() error { return e.Err }

func (c *Config) normal() (Config, error) {
	var n Config
	if c != nil {
		n = *c
	}
	if n.Interval == 0 {
		n.Interval = defaultInterval
	}
	if n.Latency == 0 {
		n.Latency = defaultLatency
	}
	if n.Interval < minInterval || n.Latency < 0 || n.Queue < 0 {
		return n, fmt.Errorf("an interval of %v, a latency of %v or a queue of %d bytes cannot be had; the interval is at least %v",
			n.Interval, n.Latency, n.Queue, minInterval)
	}
	n.Query.Owner = max(n.Query.Owner, netstat.OwnerPID)
	n.Query.Info = true
	n.Query.Held, n.Query.FirstOwner, n.Query.Ordered = false, false, false
	return n, nil
}

// Watcher watches. It owns descriptors, kernel objects and two readings of the table until Close. It is for one goroutine
// at a time.
type Watcher struct {
	cfg   Config
	table *netstat.Table
	feed  feed // nil: readings only
	links *links

	now, before *netstat.Snapshot // the last reading, and the memory of the one before it
	match       matcher
	book        book
	usage       ledger
	others      others
	useless     []uint64 // cookies of counts that nobody wants
	netns       uint64   // this process's, 0 on Windows
	self        int      // this process
	report      Report
	pending     []notice // of the kernel, not yet applied

	nextRead  time.Time
	nextDrain time.Time
	lastRead  time.Time
	timer     *time.Timer
	mend      bool // events were lost: the next reading asks for everything
	delivered bool // the report was returned
	sinceFull int  // readings since the last that read everything
	partial   []error
	closed    bool
}

// Open begins to watch. What is there already is read, and is no event.
//
// With Config.Method Auto, a method that is refused gives way to the next one; Report.Partial says what that costs. Any
// other is used alone, and its refusal is the error.
func Open(cfg *Config) (*Watcher, error) {
	c, err := cfg.normal()
	if err != nil {
		return nil, &OpError{Op: "open", Err: err}
	}
	w := &Watcher{cfg: c, self: os.Getpid(), now: new(netstat.Snapshot), before: new(netstat.Snapshot), timer: time.NewTimer(0)}
	if err := w.open(); err != nil {
		return nil, errors.Join(&OpError{Op: "open", Err: err}, w.Close())
	}
	return w, nil
}

func (w *Watcher) open() (err error) {
	w.book.open()
	w.usage.open()
	w.others = make(others)
	if w.table, err = netstat.Open(&netstat.Config{Method: w.cfg.Table}); err != nil {
		return err
	}
	if w.feed, err = w.openFeed(); err != nil {
		return err
	}
	if !w.cfg.NoLinks {
		if w.links, err = openLinks(w.cfg.Query.AllNetNS); err != nil {
			w.partial = append(w.partial, fmt.Errorf("interfaces are not watched: %w", err))
		}
	}
	return w.baseline()
}

// Source says where the watcher has the events between two readings from.
func (w *Watcher) Source() Source {
	if w.feed == nil {
		return FromReading
	}
	return w.feed.source()
}

// Partial says what this watcher does not see for as long as it is open, and what to do about it. Every Report of a reading
// repeats it.
func (w *Watcher) Partial() []error { return w.partial }

// Snapshot is the last reading. It is valid until the next call of Next.
func (w *Watcher) Snapshot() *netstat.Snapshot { return w.now }

// Next waits until there is something to tell: the next reading, which comes at the pace of Config.Interval whether
// something changed or not (Report.Elapsed is not 0 then), or, before it, events. The Report and what it refers to are
// valid until the next call, but for the events' Process pointers, which are valid for good.
//
// The error is the context's, ErrClosed, or that of a reading, after which Next may be called again: nothing is lost.
func (w *Watcher) Next(ctx context.Context) (*Report, error) {
	if w.delivered {
		w.report.reset()
		w.delivered = false
	}
	for {
		if w.closed {
			return nil, ErrClosed
		}
		if err := w.sleep(ctx); err != nil {
			return nil, err
		}
		if err := w.step(); err != nil {
			return nil, err
		}
		if len(w.report.Events) > 0 || w.report.Elapsed != 0 {
			w.delivered = true
			return &w.report, nil
		}
	}
}

// sleep waits for what is due next.
func (w *Watcher) sleep(ctx context.Context) error {
	due := w.nextRead
	if w.feed != nil && w.nextDrain.Before(due) {
		due = w.nextDrain
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w.timer.Reset(time.Until(due))
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.timer.C:
		return nil
	}
}

// step reads, or drains the kernel's queue.
func (w *Watcher) step() error {
	now := time.Now()
	if !now.Before(w.nextRead) {
		return w.read(now)
	}
	w.nextDrain = now.Add(w.cfg.Latency)
	if err := w.drain(); err != nil {
		w.mend = true
		return &OpError{Op: "events", Err: err}
	}
	w.applyPending()
	w.readLinks()
	return nil
}

// Close ends the watch. It is safe to call more than once.
func (w *Watcher) Close() error {
	if w.closed {
		return nil
	}
	w.closed = true
	w.timer.Stop()
	var errs []error
	if w.feed != nil {
		errs = append(errs, w.feed.close())
	}
	if w.links != nil {
		errs = append(errs, w.links.close())
	}
	if w.table != nil {
		errs = append(errs, w.table.Close())
	}
	return errors.Join(errs...)
}
