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

// copySize is how much is copied at once where splicing does not pay, in bytes.
const copySize = 256 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

// splicer is one direction of a joint. What is on the way is in its pipe or in its buffer; when nothing is, it has neither.
type splicer struct {
	pipes  *pipes
	copies bool // no pipe is wanted

	k     kernelPipe
	has   bool // a pipe
	buf   *[copySize]byte
	n     int // what the last call has moved
	all   int // what was taken last
	left  int // what of it is still on the way
	errno syscall.Errno
}

// fill takes what there is from a descriptor, as the poller wants it.
func (s *splicer) fill(fd uintptr) bool {
	if s.hold() {
		s.call(func() (int, error) {
			n, err := unix.Splice(int(fd), nil, s.k.w, nil, pipeSize, spliceFlags)
			return int(n), err
		})
	} else {
		s.call(func() (int, error) { return unix.Read(int(fd), s.buf[:]) })
	}
	if s.errno == unix.EAGAIN {
		s.release(true)
		return false
	}
	s.all, s.left = s.n, s.n
	return true
}

// drain gives what is on the way to a descriptor, or some of it.
func (s *splicer) drain(fd uintptr) bool {
	if s.has {
		s.call(func() (int, error) {
			n, err := unix.Splice(s.k.r, nil, int(fd), nil, s.left, spliceFlags)
			return int(n), err
		})
	} else {
		s.call(func() (int, error) { return unix.Write(int(fd), s.buf[s.all-s.left:s.all]) })
	}
	return s.errno != unix.EAGAIN
}

// hold takes a pipe, or a buffer if that is wanted or there is no pipe.
func (s *splicer) hold() (hasPipe bool) {
	if !s.has && !s.copies {
		s.k, s.has = s.pipes.get()
	}
	if !s.has && s.buf == nil {
		s.buf = copyBuffers.Get().(*[copySize]byte)
	}
	return s.has
}

// release gives back what hold took.
func (s *splicer) release(empty bool) {
	if s.has {
		s.pipes.put(s.k, empty)
		s.has = false
	}
	if s.buf != nil {
		copyBuffers.Put(s.buf)
		s.buf = nil
	}
}

func (s *splicer) call(f func() (int, error)) {
	for {
		n, err := f()
		s.n, s.errno = n, errnoOf(err)
		if s.errno != unix.EINTR {
			return
		}
	}
}

func errnoOf(err error) syscall.Errno {
	errno, _ := err.(syscall.Errno)
	return errno
}

// splice moves everything until src's end. From a Unix socket to TCP it copies: what that costs is less than what the kernel
// does to send single pages (bench/relay). Where descriptors cannot be spliced it is errors.ErrUnsupported, and nothing has
// been moved.
func (j *joint) splice(dst, src *end, moved *atomic.Int64) error {
	s := &splicer{pipes: j.pipes, copies: src.unix && dst.drains}
	defer func() { s.release(s.left == 0) }()
	fill, drain := s.fill, s.drain
	for {
		err := src.in.Read(fill)
		switch {
		case err != nil:
			return j.ended(err)
		case s.errno == unix.EINVAL:
			return errors.ErrUnsupported
		case s.errno != 0:
			return j.ended(s.errno)
		case s.n == 0:
			return nil
		}
		for s.left > 0 {
			if err := dst.out.Write(drain); err != nil {
				return &writeError{err}
			}
			if s.errno != 0 {
				return &writeError{s.errno}
			}
			s.left -= s.n
			j.count(moved, s.n)
		}
	}
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
