package netlink

import (
	"errors"
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
)

// The kernel never gives more than 32 KiB at a time, whatever the buffer's size.
const bufferSize = 32 << 10

// timeout ends a wait for an answer that will not come. The kernel builds an answer inside the call that asks for it, so
// this is for kernels, or things that play one, which break that.
const timeout = 10 * time.Second

// Conn is a netlink socket for dumps. It belongs for good to the network namespace it was opened in. It is for one goroutine at
// a time.
type Conn struct {
	fd    int
	seq   uint32
	stale bool // a dump was left before its end
	buf   []byte
}

// Open opens a sock_diag socket in the network namespace of the calling thread. It needs no privilege.
func Open() (*Conn, error) { return openFamily(Diag) }

// OpenRoute is Open for rtnetlink.
func OpenRoute() (*Conn, error) { return openFamily(Route) }

func openFamily(f Family) (*Conn, error) {
	fd, err := socket(f, 0)
	if err != nil {
		return nil, err
	}
	if err := prepare(fd); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	if f == Route { // without it a kernel since 4.20 passes over what a request for addresses or statistics asks
		_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	}
	return &Conn{fd: fd, buf: make([]byte, bufferSize)}, nil
}

func socket(f Family, flags int) (int, error) {
	proto := unix.NETLINK_SOCK_DIAG
	if f == Route {
		proto = unix.NETLINK_ROUTE
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|flags, proto)
	if err != nil {
		return -1, &OpError{Op: "socket", Err: err}
	}
	return fd, nil
}

// prepare connects the socket to the kernel (port id 0), after which nobody else can send to it.
func prepare(fd int) error {
	if err := unix.Connect(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return &OpError{Op: "connect", Err: err}
	}
	tv := unix.NsecToTimeval(timeout.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv); err != nil {
		return &OpError{Op: "setsockopt", Err: err}
	}
	return nil
}

// FD is the descriptor, for ioctl(2) on interfaces of the socket's namespace. It stays the socket's own.
func (c *Conn) FD() int { return c.fd }

// Close closes the socket. It is safe to call more than once.
func (c *Conn) Close() error {
	if c.fd < 0 {
		return nil
	}
	err := unix.Close(c.fd)
	c.fd, c.buf = -1, nil
	if err != nil {
		return &OpError{Op: "close", Err: err}
	}
	return nil
}

// Dump sends a request (see inetdiag.Request, rtlink.LinkRequest) and hands the answer to r, batch by batch. A dump that was interrupted is
// read again, [Attempts] times in all. The sequence number in req is overwritten. In steady state it allocates nothing.
//
// The error reaches what the reader returned, an error number of the system (ENOENT and EINVAL: this kernel has no such
// table; EPERM, EACCES: refused; ENOBUFS: no memory for the answer), or [ErrInterrupted], with which the rows are of use.
func (c *Conn) Dump(req []byte, r Reader) error {
	if c.fd < 0 {
		return &OpError{Op: "dump", Err: unix.EBADF}
	}
	r.Begin()
	for attempt := 1; ; attempt++ {
		interrupted, err := c.attempt(req, r)
		switch {
		case err == nil && !interrupted:
			return nil
		case err != nil && !errors.Is(err, unix.ENOBUFS):
			return err
		case attempt == Attempts && err != nil:
			return err
		case attempt == Attempts:
			return &OpError{Op: "dump", Err: ErrInterrupted}
		}
		r.Retry()
	}
}

// attempt reads the dump once.
func (c *Conn) attempt(req []byte, r Reader) (interrupted bool, err error) {
	if err := c.drain(); err != nil {
		return false, err
	}
	c.seq++
	inetdiag.SetSeq(req, c.seq)
	if err := c.send(req); err != nil {
		return false, err
	}
	c.stale = true
	for {
		b, err := c.receive()
		if err != nil {
			return interrupted, err
		}
		done, intr, err := r.Batch(b)
		interrupted = interrupted || intr
		c.stale = !done
		if err != nil {
			return interrupted, &OpError{Op: "dump", Err: err}
		}
		if done {
			return interrupted, nil
		}
	}
}

func (c *Conn) send(req []byte) error {
	for {
		_, err := unix.Write(c.fd, req)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return &OpError{Op: "send", Err: err}
		}
		return nil
	}
}

// receive reads one batch. The socket is connected, so read(2) does, which unlike recvfrom(2) has no address to allocate.
func (c *Conn) receive() ([]byte, error) {
	for {
		n, err := receiveNow(c.fd, c.buf)
		if err == unix.EAGAIN || err == unix.ENOSYS {
			n, err = unix.Read(c.fd, c.buf)
		}
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &OpError{Op: "receive", Err: err}
		}
		b := c.buf[:n]
		if seq, ok := inetdiag.Seq(b); !ok || seq != c.seq {
			return nil, &OpError{Op: "receive", Err: fmt.Errorf("%w: % x", errForeign, b[:min(n, 64)])}
		}
		return b, nil
	}
}

// receiveNow reads what is there without telling Go's scheduler of the call: it does not block, and takes just so long (70
// microseconds) that at each one the scheduler would wake up another thread in vain, which made a dump a tenth dearer.
func receiveNow(fd int, b []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// drain throws away what is left of a dump that was given up: until its end the kernel refuses the next one (EBUSY). It
// cannot block, because the kernel has the next batch ready before it hands out one.
func (c *Conn) drain() error {
	for c.stale {
		_, _, err := unix.Recvfrom(c.fd, c.buf, unix.MSG_DONTWAIT)
		switch err {
		case nil, unix.EINTR, unix.ENOBUFS:
		case unix.EAGAIN:
			c.stale = false
		default:
			return &OpError{Op: "drain", Err: err}
		}
	}
	return nil
}

// Refused reports whether the error means that this way is not to be had here, so that another way must be taken: no
// permission, or a kernel (or sandbox) without it.
func Refused(err error) bool {
	for _, errno := range []error{
		unix.EPERM, unix.EACCES, unix.ENOENT, unix.ENOSYS, unix.EINVAL, unix.ENOTSUP,
		unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.ESOCKTNOSUPPORT, errors.ErrUnsupported,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
