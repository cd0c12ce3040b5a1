package relay

import (
	"errors"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// splice(2) moves bytes between a descriptor and a pipe without bringing them to user memory, so a transfer goes through a
// pipe of our own. One is taken only while there is something in it: idle connections have none.

const splices = true

const (
	// pipeSize is what a pipe holds: the most that an ordinary user may have (/proc/sys/fs/pipe-max-size).
	pipeSize = 1 << 20
	// maxIdlePipes are kept for the next transfer.
	maxIdlePipes = 32
	// maxPipes are in use at most; transfers beyond go through buffers. A user's pipes may have 64 MiB in all
	// (/proc/sys/fs/pipe-user-pages-soft), beyond which they get much smaller.
	maxPipes = 48

	spliceFlags = unix.SPLICE_F_MOVE | unix.SPLICE_F_NONBLOCK
)

// kernelPipe is a pipe with nothing in it.
type kernelPipe struct{ r, w int }

// pipes are those that exist.
type pipes struct {
	mu   sync.Mutex
	idle []kernelPipe
	used int
}

func (p *pipes) get() (kernelPipe, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used >= maxPipes {
		return kernelPipe{}, false
	}
	p.used++
	if n := len(p.idle); n > 0 {
		k := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return k, true
	}
	var fds [2]int
	if unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK) != nil {
		p.used--
		return kernelPipe{}, false
	}
	unix.FcntlInt(uintptr(fds[0]), unix.F_SETPIPE_SZ, pipeSize) // refused where the user has many: then it is smaller
	return kernelPipe{fds[0], fds[1]}, true
}

// put takes a pipe back; one with something in it is closed.
func (p *pipes) put(k kernelPipe, empty bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	if empty && len(p.idle) < maxIdlePipes {
		p.idle = append(p.idle, k)
		return
	}
	unix.Close(k.r)
	unix.Close(k.w)
}

// close closes the idle ones.
func (p *pipes) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, k := range p.idle {
		unix.Close(k.r)
		unix.Close(k.w)
	}
	p.idle = nil
}

// splicer is one direction of a joint.
type splicer struct {
	pipes *pipes
	k     kernelPipe
	has   bool // a pipe
	none  bool // and there was none to be had
	n     int
	errno syscall.Errno
}

// fill moves what there is to the pipe, as the poller wants it.
func (s *splicer) fill(fd uintptr) bool {
	if !s.has {
		if s.k, s.has = s.pipes.get(); !s.has {
			s.none = true
			return ready(int(fd)) // to be copied, once there is something
		}
	}
	s.none = false
	s.move(int(fd), s.k.w, pipeSize)
	if s.errno == unix.EAGAIN {
		s.release(true)
		return false
	}
	return true
}

func (s *splicer) move(from, to, limit int) {
	for {
		n, err := unix.Splice(from, nil, to, nil, limit, spliceFlags)
		s.n, s.errno = int(n), errnoOf(err)
		if s.errno != unix.EINTR {
			return
		}
	}
}

func errnoOf(err error) syscall.Errno {
	errno, _ := err.(syscall.Errno)
	return errno
}

func (s *splicer) release(empty bool) {
	if s.has {
		s.pipes.put(s.k, empty)
		s.has = false
	}
}

// ready reports whether reading would not wait.
func ready(fd int) bool {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
	n, err := unix.Poll(p, 0)
	return err != nil || n > 0
}

// splice moves everything until src's end. Where descriptors cannot be spliced it is errors.ErrUnsupported, and nothing has
// been moved.
func (j *joint) splice(dst, src syscall.RawConn, moved *atomic.Int64) error {
	s := &splicer{pipes: j.pipes}
	defer func() { s.release(false) }()
	fill := s.fill
	left := 0
	drain := func(fd uintptr) bool {
		s.move(s.k.r, int(fd), left)
		return s.errno != unix.EAGAIN
	}
	for {
		err := src.Read(fill)
		switch {
		case err != nil:
			return j.ended(err)
		case s.none:
			if end, err := j.copyOnce(dst, src, moved); end || err != nil {
				return err
			}
			continue
		case s.errno == unix.EINVAL:
			return errors.ErrUnsupported
		case s.errno != 0:
			return j.ended(s.errno)
		case s.n == 0:
			s.release(true)
			return nil
		}
		for left = s.n; left > 0; left -= s.n {
			if err := dst.Write(drain); err != nil {
				return &writeError{err}
			}
			if s.errno != 0 {
				return &writeError{s.errno}
			}
			j.count(moved, s.n)
		}
	}
}

// copyOnce copies what there is, when all pipes are in use.
func (j *joint) copyOnce(dst, src syscall.RawConn, moved *atomic.Int64) (end bool, err error) {
	buf := buffers.Get().(*[bufferSize]byte)
	defer buffers.Put(buf)
	n, err := rawRead(src, buf[:])
	if n == 0 || err != nil {
		return err == nil, j.ended(err)
	}
	for b := buf[:n]; len(b) > 0; {
		m, err := rawWrite(dst, b)
		if err != nil {
			return false, &writeError{err}
		}
		j.count(moved, m)
		b = b[m:]
	}
	return false, nil
}

func rawRead(c syscall.RawConn, b []byte) (n int, err error) {
	var errno error
	err = c.Read(func(fd uintptr) bool {
		for n, errno = unix.Read(int(fd), b); errno == unix.EINTR; {
			n, errno = unix.Read(int(fd), b)
		}
		return errno != unix.EAGAIN
	})
	if err == nil {
		err = errno
	}
	return max(n, 0), err
}

func rawWrite(c syscall.RawConn, b []byte) (n int, err error) {
	var errno error
	err = c.Write(func(fd uintptr) bool {
		for n, errno = unix.Write(int(fd), b); errno == unix.EINTR; {
			n, errno = unix.Write(int(fd), b)
		}
		return errno != unix.EAGAIN
	})
	if err == nil {
		err = errno
	}
	return max(n, 0), err
}

// hungUp reports whether a connection's other side neither sends nor receives any more, where that can be known: of TCP
// only once it has answered something with a reset.
func hungUp(c syscall.RawConn) (up bool) {
	if c == nil {
		return false
	}
	c.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}}
		n, err := unix.Poll(p, 0)
		up = err == nil && n > 0 && p[0].Revents&(unix.POLLHUP|unix.POLLERR) != 0
	})
	return up
}

// appends reports whether a file was opened to append, which splice(2) refuses.
func appends(c syscall.RawConn) (yes bool) {
	c.Control(func(fd uintptr) {
		flags, err := unix.FcntlInt(fd, unix.F_GETFL, 0)
		yes = err == nil && flags&unix.O_APPEND != 0
	})
	return yes
}
