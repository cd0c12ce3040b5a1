package pipe

import (
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// seats keeps the number of clients, those connected and those that wait together, at Config.MaxInstances: the kernel
// refuses the next one with EAGAIN when the queue is full. So the queue gets shorter with each client that is accepted. It
// cannot become shorter than one: when all seats are taken, a connection to ourselves plugs it.
//
// A client that comes between accept(2) and the plug waits in the queue instead of being refused; there can be one.
type seats struct {
	mu      sync.Mutex
	free    sync.Cond
	max     int // 0: no limit
	taken   int
	backlog int
	fd      int // the listening socket
	path    string
	plug    int // the connection that plugs the queue; -1 without
	closed  bool

	deadline time.Time // of wait; zero is never
	timer    *time.Timer
}

func (s *seats) init(fd int, cfg Config, path string) error {
	s.free.L = &s.mu
	s.max, s.backlog, s.fd, s.path, s.plug = cfg.MaxInstances, cfg.Backlog, fd, path, -1
	if s.backlog == 0 {
		s.backlog = somaxconn()
	}
	return s.resize(s.max)
}

// resize makes the queue as long as there are seats left.
func (s *seats) resize(left int) error {
	n := s.backlog
	if s.max > 0 {
		n = min(n, left)
	}
	return unixpipe.Listen(s.fd, n)
}

// apart calls f in a thread that nobody has changed. The caller may be within Conn.Impersonate, and then listen(2) would note
// the client as the server, for all who look at the listener's credentials, and the plug could be refused.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f() // a locked thread's goroutines run on others
	}()
	<-done
}

// wait waits until a seat is free.
func (s *seats) wait() error {
	if s.max == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.taken >= s.max && !s.closed && !s.expired() {
		s.free.Wait()
	}
	switch {
	case s.closed:
		return ErrClosed
	case s.expired():
		return ErrTimeout
	}
	return nil
}

func (s *seats) expired() bool { return !s.deadline.IsZero() && !time.Now().Before(s.deadline) }

// setDeadline is for wait, which the poller knows nothing of.
func (s *seats) setDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	if s.deadline = t; s.max > 0 && !t.IsZero() {
		s.timer = time.AfterFunc(time.Until(t), s.wake)
	}
}

// wake has waits look at the deadline. It takes the lock, or it would be missed by one that has just looked.
func (s *seats) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free.Broadcast()
}

// accept takes a client from the queue, and a seat.
func (s *seats) accept(fd int) (conn int, errno syscall.Errno) {
	if s.max == 0 {
		return unixpipe.Accept(fd)
	}
	apart(func() { conn, errno = s.seat(fd) })
	return conn, errno
}

func (s *seats) seat(fd int) (int, syscall.Errno) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.max - s.taken - 1
	if left > 0 {
		s.resize(left) // before, so that nobody comes to the place that becomes free
	}
	conn, errno := unixpipe.Accept(fd)
	if errno != 0 {
		s.resize(left + 1)
		return conn, errno
	}
	s.taken++
	if left == 0 {
		s.plugQueue()
	}
	return conn, 0
}

// plugQueue plugs the queue, unless a client has just come, who does that as well.
func (s *seats) plugQueue() {
	s.resize(1)
	fd, err := unixpipe.Connect(s.kind(), s.path)
	if err == nil {
		s.plug = fd
	}
}

func (s *seats) kind() unixpipe.Kind {
	if n, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TYPE); err == nil {
		return unixpipe.Kind(n)
	}
	return unixpipe.Stream
}

// leave gives a seat back.
func (s *seats) leave() {
	if s.max > 0 {
		apart(s.stand)
	}
}

func (s *seats) stand() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if !s.closed {
		s.unplug()
		s.resize(s.max - s.taken)
	}
	s.free.Signal()
}

// unplug takes the plug out of the queue, in which it is alone.
func (s *seats) unplug() {
	if s.plug < 0 {
		return
	}
	if fd, errno := unixpipe.Accept(s.fd); errno == 0 {
		unix.Close(fd)
	}
	unix.Close(s.plug)
	s.plug = -1
}

func (s *seats) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.timer != nil {
		s.timer.Stop()
	}
	if s.plug >= 0 {
		unix.Close(s.plug)
		s.plug = -1
	}
	if s.max > 0 {
		s.free.Broadcast()
	}
}
