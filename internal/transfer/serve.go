package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// DefaultMax is how many senders are served at once.
	DefaultMax = 64

	acceptPause = 50 * time.Millisecond // after an accept that failed
)

// ServeConfig says how files are received.
type ServeConfig struct {
	Passphrase string
	Plain      bool          // neither encrypted nor authenticated
	Force      bool          // replace files that are there and differ
	Once       bool          // end with the first sender that was let in
	Max        int           // senders at once; more wait. 0 is DefaultMax
	Idle       time.Duration // how long nothing may be heard of a sender: 0 is DefaultIdle

	// What happens is told by these; each may be nil. They are never called at once. Closed has the files of a sender's that are here
	// now, and nil where it ended in good order; a sender that was not let in has no Opened, but a Closed.
	Opened   func(peer netip.AddrPort)
	Progress func(*Progress)
	Done     func(*Result)
	Closed   func(peer netip.AddrPort, files int, err error)
	Trouble  func(error) // with accepting; it goes on
}

// Serve takes files into the folder until the context ends, and returns nil then. With cfg.Once it ends with the first
// sender, and returns the error of that connection. It closes the listener; the folder is the caller's.
func Serve(ctx context.Context, l *net.TCPListener, folder *os.Root, cfg *ServeConfig) error {
	defer l.Close()
	s := &server{cfg: cfg, folder: folder, names: make(map[string]chan struct{})}
	if !cfg.Plain {
		var err error
		if s.secret, err = secret(cfg.Passphrase); err != nil {
			return err
		}
		if s.cert, err = certificate(); err != nil {
			return err
		}
	}
	ctx, s.finish = context.WithCancelCause(ctx)
	defer s.finish(nil)
	undo := context.AfterFunc(ctx, func() { l.Close() })
	defer undo()
	err := s.accept(ctx, l)
	s.conns.Wait()
	var once *onceOver
	if errors.As(context.Cause(ctx), &once) {
		return once.err
	}
	return err
}

// onceOver ends a server that was for one sender.
type onceOver struct{ err error }

func (o *onceOver) Error() string { return "the sender is done" }

type server struct {
	cfg    *ServeConfig
	folder *os.Root
	secret []byte
	cert   tls.Certificate
	guard  guard
	conns  sync.WaitGroup
	finish context.CancelCauseFunc

	tell  sync.Mutex // one callback at a time
	first sync.Once  // the sender that counts for Once

	mu    sync.Mutex
	names map[string]chan struct{} // that are being received; closed when that is over
}

// accept returns nil when the context has ended.
func (s *server) accept(ctx context.Context, l *net.TCPListener) error {
	limit := s.cfg.Max
	if limit <= 0 {
		limit = DefaultMax
	}
	room := make(chan struct{}, limit)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := l.AcceptTCP()
		switch {
		case err == nil:
			s.conns.Go(func() { s.serve(ctx, c); <-room })
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return err
		default:
			s.trouble(err)
			<-room
			pause(ctx, acceptPause)
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (s *server) trouble(err error) {
	s.tell.Lock()
	defer s.tell.Unlock()
	if s.cfg.Trouble != nil {
		s.cfg.Trouble(err)
	}
}

// serve is one connection.
func (s *server) serve(ctx context.Context, c *net.TCPConn) {
	defer c.Close()
	undo := context.AfterFunc(ctx, func() { c.Close() })
	defer undo()
	r := &receiving{server: s, link: newLink(c, s.cfg.Idle, false)}
	r.peer, _ = netip.ParseAddrPort(c.RemoteAddr().String())
	err := r.open(ctx)
	in := err == nil
	if in {
		err = r.run(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	s.closed(r, err)
	if in && s.cfg.Once {
		s.first.Do(func() { s.finish(&onceOver{err}) })
	}
}

func (s *server) closed(r *receiving, err error) {
	s.tell.Lock()
	defer s.tell.Unlock()
	if s.cfg.Closed != nil {
		s.cfg.Closed(r.peer, r.here, err)
	}
}

// claim takes a name for one connection. One that another has is waited for, as long as it takes to find out that the other's
// sender is gone: whoever tries again after a break may be faster than that.
func (s *server) claim(ctx context.Context, name string) bool {
	idle := s.cfg.Idle
	if idle <= 0 {
		idle = DefaultIdle
	}
	patience := time.NewTimer(idle + time.Second)
	defer patience.Stop()
	for {
		free := s.take(name)
		if free == nil {
			return true
		}
		select {
		case <-free:
		case <-patience.C:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// take returns nil, or what is closed when the name's present owner releases it.
func (s *server) take(name string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if free, taken := s.names[claimed(name)]; taken {
		return free
	}
	s.names[claimed(name)] = make(chan struct{})
	return nil
}

func (s *server) release(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.names[claimed(name)])
	delete(s.names, claimed(name))
}

// claimed is the name as it is claimed: Windows does not tell upper from lower case.
func claimed(name string) string {
	if onWindows {
		return strings.ToLower(name)
	}
	return name
}
