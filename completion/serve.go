package completion

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Handler is called with each block of bytes that a connection received, in their order, and answers with [Conn.Send]. An
// error ends the connection, once what was sent before has gone.
//
// It runs on the thread of the connection's port and must not block, unless Options.Goroutines is set. The block is valid
// until the handler returns. It may be written to.
type Handler func(c *Conn, block []byte) error

// Options says how [Serve] works. The zero Options, or nil, are good for an echo on a trusted network: they have no limits on
// time and number.
type Options struct {
	Backend Backend

	// Workers is how many ports there are, each with a thread of its own: 0 is one for each processor (GOMAXPROCS).
	Workers int

	// Goroutines has handlers run in so many goroutines, where they may block. One connection's blocks are still handled
	// one after the other. 0 has them run on the ports' threads, which costs less. Serve waits for them before it returns.
	Goroutines int

	// MaxConns is how many connections there are at once. More wait until one of them ends. 0 is no limit but the system's.
	MaxConns int

	// FirstBlock is how long a new connection may be silent, and Idle how long an older one may neither send nor take
	// anything. Then it is closed, with os.ErrDeadlineExceeded; it may take a quarter longer, and 10 ms. 0 is no limit.
	// One whose handler is at work in a goroutine is not idle.
	FirstBlock, Idle time.Duration

	// Grace is how long connections may take, after the context's end, to receive what was sent to them and to close their
	// end: 0 is 5 seconds.
	Grace time.Duration

	// Unsent is how many bytes may wait to be sent on a connection before no more is received from it: 0 is 256 KiB.
	Unsent int

	// BlockSize is how large a block may be, and Pool how many bytes of blocks each port has for all its connections
	// together: 0 are 4 KiB and 4 MiB.
	BlockSize, Pool int

	// Spin and Hold are as in Config. With Hold 0 ports hold their processors where there are more of those than ports.
	Spin, Hold time.Duration

	// Opened is called for each new connection, before anything is received, and Closed when it is over, with nil where the
	// peer ended it in good order. Both run on the connection's port and must not block. A connection that is ended while
	// the peer still sends has a second until it is over, in which the peer can read what was sent to it.
	Opened func(*Conn) error
	Closed func(*Conn, error)

	// Failed is told of what is wrong and mends by itself, such as no descriptor being left to accept with.
	Failed func(error)

	plain bool // bytes are moved by operations, on every backend: for tests
}

const (
	defaultGrace     = 5 * time.Second
	defaultUnsent    = 256 << 10
	defaultBlockSize = 4 << 10
	defaultPool      = 4 << 20
	defaultHold      = 100 * time.Microsecond
	maxBlocks        = 32768 // of a ring of buffers
)

func (o *Options) normal() (Options, error) {
	var n Options
	if o != nil {
		n = *o
	}
	set(&n.Workers, runtime.GOMAXPROCS(0))
	set(&n.Grace, defaultGrace)
	set(&n.Unsent, defaultUnsent)
	set(&n.BlockSize, defaultBlockSize)
	set(&n.Pool, max(defaultPool, 16*n.BlockSize))
	if n.Hold == 0 && n.Workers < runtime.GOMAXPROCS(0) {
		n.Hold = defaultHold
	}
	if n.Workers < 1 || n.Goroutines < 0 || n.MaxConns < 0 || n.FirstBlock < 0 || n.Idle < 0 || n.Grace < 0 || n.Unsent < 1 ||
		n.BlockSize < 16 || n.Pool < n.BlockSize {
		return n, fmt.Errorf("options that are negative or too small: %+v", n)
	}
	return n, nil
}

func set[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// blocks is how many blocks a pool has: a power of two.
func (o *Options) blocks() int {
	n := 16
	for n*2*o.BlockSize <= o.Pool && n < maxBlocks {
		n *= 2
	}
	return n
}

// server is what the workers of a Serve share.
type server struct {
	opts    Options
	handler Handler
	workers []*worker
	jobs    *taskQueue   // nil: handlers run on the ports' threads
	count   atomic.Int64 // of connections
	parts   bool         // a short read does not mean that a socket is empty
}

// Serve takes the listener's connections and calls the handler with what they send, until the context ends. Then it takes no
// more, lets each connection receive what was sent to it, closes all, and returns nil. Other errors are *OpError. The
// listener is closed in any case.
//
// One port and thread for each processor does all the work; see [Options] for limits.
func Serve(ctx context.Context, l *Listener, handler Handler, opts *Options) error {
	defer l.Close()
	o, err := opts.normal()
	if err != nil {
		return &OpError{Op: "serve", Err: err}
	}
	s := &server{opts: o, handler: handler}
	if err := s.open(l); err != nil {
		return &OpError{Op: "serve", Err: err}
	}
	if err := s.run(ctx); err != nil {
		return &OpError{Op: "serve", Err: err}
	}
	return nil
}

// open makes the workers. None runs yet.
func (s *server) open(l *Listener) error {
	cfg := &Config{Backend: s.opts.Backend, Exclusive: true, Spin: s.opts.Spin, Hold: s.opts.Hold, Entries: 4096}
	for i := range s.opts.Workers {
		w, err := newWorker(s, cfg)
		if err != nil {
			return errors.Join(err, s.discard())
		}
		s.workers = append(s.workers, w)
		if i > 0 {
			continue
		}
		s.parts = readsInParts(l.fd)
		if err := w.listenTo(l); err != nil {
			return errors.Join(err, s.discard())
		}
	}
	if s.opts.Goroutines > 0 {
		s.jobs = newTaskQueue()
	}
	return nil
}

func (s *server) discard() (err error) {
	for _, w := range s.workers {
		if w.listener != nil {
			_ = w.listener.Close()
		}
		err = errors.Join(err, w.port.Close())
	}
	return err
}

// run has the workers work until the context ends or one of them fails.
func (s *server) run(ctx context.Context) error {
	var threads, hands sync.WaitGroup
	for range s.opts.Goroutines {
		hands.Go(func() { handle(s.jobs) })
	}
	stop := context.AfterFunc(ctx, s.drain)
	defer stop()
	failed := make([]error, len(s.workers))
	for i, w := range s.workers {
		threads.Go(func() {
			if failed[i] = w.run(); failed[i] != nil {
				s.drain()
			}
		})
	}
	threads.Wait()
	if s.jobs != nil {
		s.jobs.close()
	}
	hands.Wait()
	return errors.Join(failed...)
}

// drain asks all workers to come to an end.
func (s *server) drain() {
	for _, w := range s.workers {
		_ = w.port.loop.request(request{run: w.drain}) // closed: it has ended
	}
}

// fewest is the worker with the fewest connections.
func (s *server) fewest() *worker {
	best := s.workers[0]
	for _, w := range s.workers[1:] {
		if w.load.Load() < best.load.Load() {
			best = w
		}
	}
	return best
}

func (s *server) complain(err error) {
	if s.opts.Failed != nil {
		s.opts.Failed(err)
	}
}
