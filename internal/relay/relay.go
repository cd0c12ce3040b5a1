package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"
)

// run is a relay on its way.
type run struct {
	a, b  Address
	cfg   Config
	began time.Time
	pipes pipes
	other *listener // b, where both ends listen

	all    sync.WaitGroup
	mu     sync.Mutex
	joints map[*joint]struct{}
	ids    int
	ended  bool // no joint begins any more
}

// Check says what cannot be joined.
func Check(a, b Address, cfg *Config) error {
	switch {
	case a.Kind == Stdio && b.Kind == Stdio:
		return errors.New("stdio cannot be both ends")
	case a.Kind == Echo && (b.Kind == Echo || b.Kind == Stdio || b.Kind == Exec):
		return errors.New("echo goes with something to connect to it")
	case a.String() == b.String() && a.Kind.Listens():
		return fmt.Errorf("both ends are %v", a)
	case cfg.Messages && !a.Kind.pipe() && !b.Kind.pipe():
		return errors.New("messages need a pipe")
	}
	return nil
}

func (k Kind) pipe() bool { return k == Pipe || k == PipeListen }

// Run joins two ends. Where one listens, each connection to it is joined to an end of its own at the other side, many at
// once, until ctx ends; the error is then nil. Where none does, or with Config.Once, it returns when the one connection has
// ended, with its error.
func Run(ctx context.Context, a, b Address, cfg *Config) error {
	if !a.Kind.Listens() && b.Kind.Listens() {
		a, b = b, a
	}
	r := &run{a: a, b: b, cfg: *cfg, began: time.Now(), joints: make(map[*joint]struct{})}
	r.cfg.Once = cfg.Once || b.Kind == Stdio || !a.Kind.Listens()
	if cfg.Interactive {
		r.cfg.Interactive = a.Kind == Stdio || b.Kind == Stdio
	}
	defer r.pipes.close()
	if !a.Kind.Listens() {
		return r.single(ctx)
	}
	return r.serve(ctx)
}

// single joins two ends of which none listens.
func (r *run) single(ctx context.Context) error {
	e, err := r.dial(ctx, r.a)
	if err != nil {
		return fmt.Errorf("%v: %w", r.a, err)
	}
	stop := context.AfterFunc(ctx, r.endLater)
	defer stop()
	err = r.join(ctx, e)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// serve accepts connections.
func (r *run) serve(ctx context.Context) error {
	l, err := r.listen(r.a)
	if err != nil {
		return fmt.Errorf("%v: %w", r.a, err)
	}
	defer l.close()
	if r.b.Kind.Listens() {
		if r.other, err = r.listen(r.b); err != nil {
			return fmt.Errorf("%v: %w", r.b, err)
		}
		defer r.other.close()
	}
	stop := context.AfterFunc(ctx, func() { r.closeListeners(l) })
	defer stop()
	r.listening(l)
	if r.cfg.Once {
		return r.serveOne(ctx, l)
	}
	err = r.acceptAll(ctx, l)
	r.finish()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (r *run) closeListeners(l *listener) {
	l.close()
	if r.other != nil {
		r.other.close()
	}
}

func (r *run) listening(l *listener) {
	if r.cfg.Listening == nil {
		return
	}
	r.cfg.Listening(l.where)
	if r.other != nil {
		r.cfg.Listening(r.other.where)
	}
}

// serveOne joins one connection. Others are refused meanwhile, unless both ends listen.
func (r *run) serveOne(ctx context.Context, l *listener) error {
	e, err := r.accept(ctx, l)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	l.close()
	stop := context.AfterFunc(ctx, r.endLater)
	defer stop()
	if err := r.join(ctx, e); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func (r *run) acceptAll(ctx context.Context, l *listener) error {
	seats := make(chan struct{}, or(r.cfg.Max, DefaultMax))
	for {
		select {
		case seats <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		e, err := r.accept(ctx, l)
		if err != nil {
			return err
		}
		r.all.Add(1)
		go func() {
			defer r.all.Done()
			defer func() { <-seats }()
			if err := r.join(ctx, e); err != nil && !errors.Is(err, context.Canceled) {
				r.trouble(err)
			}
		}()
	}
}

// How long to wait after accepting has failed, which is for want of descriptors or memory.
const (
	acceptSoon = 5 * time.Millisecond
	acceptLate = time.Second
)

// accept waits for a connection. What is wrong for the moment is told, and does not end it.
func (r *run) accept(ctx context.Context, l *listener) (*end, error) {
	for pause := acceptSoon; ; pause = min(2*pause, acceptLate) {
		e, err := l.accept()
		if err == nil || ctx.Err() != nil || !passing(err) {
			return e, err
		}
		if pause == acceptSoon || pause == acceptLate { // not a line for each attempt
			r.trouble(fmt.Errorf("%s: %w", l.where, err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// passing reports whether accepting may work again.
func passing(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Temporary() bool
	}](err)
	return ok && t.Temporary() || errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM) ||
		errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.ECONNABORTED)
}

func (r *run) trouble(err error) {
	if r.cfg.Trouble != nil {
		r.cfg.Trouble(err)
	}
}

// join opens the other end of a connection and joins them.
func (r *run) join(ctx context.Context, a *end) error {
	c := r.connection(a)
	b, err := r.openB(ctx)
	if err != nil {
		a.close()
		if a.wait != nil {
			a.wait()
		}
		return r.tellClosed(c, fmt.Errorf("%v: %w", r.b, err))
	}
	c.B = b.name
	if r.cfg.Opened != nil {
		r.cfg.Opened(c)
	}
	j := &joint{a: a, b: b, idle: r.cfg.Idle, linger: or(r.cfg.Linger, DefaultLinger), closed: make(chan struct{}), left: make(chan struct{}), pipes: &r.pipes,
		interactive: r.cfg.Interactive}
	r.add(j)
	err = j.run()
	r.remove(j)
	c.AB, c.BA = j.moved[0].Load(), j.moved[1].Load()
	if err != nil {
		err = fmt.Errorf("%s and %s: %w", a.name, b.name, err)
	}
	return r.tellClosed(c, err)
}

func (r *run) openB(ctx context.Context) (*end, error) {
	if r.other != nil {
		return r.accept(ctx, r.other)
	}
	return r.dial(ctx, r.b)
}

func (r *run) connection(a *end) *Connection {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids++
	return &Connection{ID: r.ids, A: a.name, Began: time.Now()}
}

func (r *run) tellClosed(c *Connection, err error) error {
	c.Duration = time.Since(c.Began)
	if r.cfg.Closed != nil {
		r.cfg.Closed(c, err)
	}
	return err
}

// add makes the joint known to who ends the relay.
func (r *run) add(j *joint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.joints[j] = struct{}{}
	if r.ended {
		j.stop()
	}
}

func (r *run) remove(j *joint) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.joints, j)
}

// stopGrace is how long what was read has to be delivered once the relay ends.
const stopGrace = time.Second

// finish waits for the connections that are left: as long as they may take, and then until they have delivered what was
// read.
func (r *run) finish() {
	done := make(chan struct{})
	go func() { r.all.Wait(); close(done) }()
	if !within(done, r.cfg.Drain) {
		r.end()
	}
	<-done
}

// endLater ends all joints when they have had the time that they may take.
func (r *run) endLater() { time.AfterFunc(r.cfg.Drain, r.end) }

// end ends all joints.
func (r *run) end() {
	r.each((*joint).stop)
	time.AfterFunc(stopGrace, func() { r.each((*joint).close) })
}

func (r *run) each(f func(*joint)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for j := range r.joints {
		f(j)
	}
}

func within(done chan struct{}, limit time.Duration) bool {
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
