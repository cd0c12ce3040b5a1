package completion

import (
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// Handle is a socket, listener, file or pipe that is attached to a port. It belongs to the caller, who closes it: with an
// operation of Kind Close, which first ends what is under way, or with Close. Its methods may be called from any goroutine.
type Handle struct {
	fd     sysFD
	nature nature
	closed atomic.Bool
	family uint16 // of a socket; 0 is not asked for yet. The loop thread's

	loop *loop

	// The loop thread's.
	ops     *Op // under way
	rounds  int // how many operations are between two rounds
	closing *Op
	sys     sysHandle
}

// nature is what a handle is, as far as operations differ by it.
type nature uint8

const (
	streamSocket nature = iota
	otherSocket         // datagrams, sequenced packets
	file                // what has offsets, and never blocks for long
	stream              // pipes, terminals
)

func (n nature) isSocket() bool { return n <= otherSocket }

// errBadHandle is the result of an operation on a handle that is not there any more.
const errBadHandle = syscall.EBADF

// FD is the descriptor, or the Windows handle. It stays the Handle's: it may be used for options, and not closed.
func (h *Handle) FD() uintptr { return uintptr(h.fd) }

// Close closes the handle at once. Nothing may be under way on it; otherwise use an operation of Kind Close. A second
// Close returns an error.
func (h *Handle) Close() error {
	if !h.closed.CompareAndSwap(false, true) {
		return &OpError{Op: "close", Err: errBadHandle}
	}
	if err := closeFD(h); err != nil {
		return &OpError{Op: "close", Err: err}
	}
	return nil
}

// LocalAddr is the address of this end of a socket of IPv4 or IPv6.
func (h *Handle) LocalAddr() (netip.AddrPort, error) { return sockName(h.fd, false) }

// RemoteAddr is the address of the other end.
func (h *Handle) RemoteAddr() (netip.AddrPort, error) { return sockName(h.fd, true) }

// isSix reports whether a socket is of IPv6. It is asked for once.
func (h *Handle) isSix() bool {
	if h.family == 0 {
		h.family = familyINET
		if isSix(h.fd) {
			h.family = familyINET6
		}
	}
	return h.family == familyINET6
}

// join puts an operation into the list of those under way, unless the handle is closed or on its way.
func (h *Handle) join(op *Op) bool {
	if h == nil || h.closed.Load() || h.closing != nil {
		return false
	}
	op.prev, op.next = nil, h.ops
	if h.ops != nil {
		h.ops.prev = op
	}
	h.ops = op
	return true
}

// leave takes it out again. It reports whether it was in.
func (h *Handle) leave(op *Op) bool {
	switch {
	case op.prev != nil:
		op.prev.next = op.next
	case h.ops == op:
		h.ops = op.next
	default:
		return false
	}
	if op.next != nil {
		op.next.prev = op.prev
	}
	op.prev, op.next = nil, nil
	return true
}

// alone reports whether op is the only operation under way.
func (h *Handle) alone(op *Op) bool { return h.ops == op && op.next == nil && h.rounds == 0 }

// between counts the operations that are between two rounds.
func (h *Handle) between(n int) {
	if h != nil {
		h.rounds += n
	}
}

// vacant reports whether a handle is open, and nothing is under way on it.
func (h *Handle) vacant() bool {
	return !h.closed.Load() && h.closing == nil && h.ops == nil && h.rounds == 0
}

// Attach makes a socket, listener, file or pipe of Go's usable on the port: a *net.TCPConn, *net.TCPListener,
// *net.UDPConn, *net.UnixConn, *os.File and the like. The Handle is a duplicate: the original stays usable and is closed by
// itself.
//
// On Windows only files can be attached: a handle belongs to one completion port for life, and a net.Conn's is the Go
// runtime's. There the error is errors.ErrUnsupported for all else; make sockets with [Port.Socket] and [Port.Listen].
func (p *Port) Attach(c syscall.Conn) (*Handle, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, &OpError{Op: "attach", Err: err}
	}
	var h *Handle
	ctlErr := rc.Control(func(fd uintptr) {
		var own sysFD
		if own, err = duplicate(fd); err == nil {
			if _, ok := c.(*net.TCPListener); ok {
				noDelay(own)
			}
			h, err = p.loop.attach(own, true)
		}
	})
	if ctlErr != nil {
		err = ctlErr
	}
	if err != nil {
		return nil, &OpError{Op: "attach", Err: err}
	}
	return h, nil
}

// AttachFD attaches a descriptor, or a Windows handle opened for overlapped use, and takes it over: it is closed with the
// Handle, and, if attaching fails, at once.
func (p *Port) AttachFD(fd uintptr) (*Handle, error) {
	h, err := p.loop.attach(sysFD(fd), false)
	if err != nil {
		return nil, &OpError{Op: "attach", Err: err}
	}
	return h, nil
}

// attach takes fd over, and closes it if that fails. One that Go opened may not be fit for asynchronous use.
func (l *loop) attach(fd sysFD, ofGo bool) (*Handle, error) {
	h := &Handle{fd: fd, loop: l}
	h.sys.init(ofGo)
	err := h.examine()
	if err == nil {
		err = l.adopt(h)
	}
	if err != nil {
		_ = closeFD(h)
		return nil, err
	}
	return h, nil
}
