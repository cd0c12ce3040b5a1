package completion

import (
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
)

// Listener is a listening socket for [Serve].
type Listener struct {
	fd   sysFD
	addr netip.AddrPort
	gone atomic.Bool
}

func newListener(fd sysFD) *Listener {
	l := &Listener{fd: fd}
	l.addr, _ = sockName(fd, false) // of a Unix socket there is none
	return l
}

// Listen makes a listener for TCP; see [Port.Listen].
func Listen(network, address string) (*Listener, error) {
	fd, err := listen(network, address)
	if err != nil {
		return nil, &OpError{Op: "listen", Err: err}
	}
	return newListener(fd), nil
}

// FromListener makes one of Go's, for TCP or for Unix sockets. It is a duplicate; the original is closed by itself. On
// Windows, where a socket cannot leave the Go runtime's port, the error is errors.ErrUnsupported.
func FromListener(l net.Listener) (*Listener, error) {
	c, ok := l.(syscall.Conn)
	if !ok {
		return nil, &OpError{Op: "listen", Err: syscall.EINVAL}
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, &OpError{Op: "listen", Err: err}
	}
	fd := badFD
	ctlErr := rc.Control(func(p uintptr) { fd, err = duplicate(p) })
	if ctlErr != nil {
		err = ctlErr
	}
	if err != nil {
		return nil, &OpError{Op: "listen", Err: err}
	}
	noDelay(fd)
	return newListener(fd), nil
}

// Addr is the address that it listens at, or listened at before it was closed, for TCP.
func (l *Listener) Addr() (netip.AddrPort, error) {
	if !l.addr.IsValid() {
		return l.addr, &OpError{Op: "getsockname", Err: errBadAddr}
	}
	return l.addr, nil
}

// Close closes it. Serve does so itself.
func (l *Listener) Close() error {
	if !l.gone.CompareAndSwap(false, true) {
		return nil
	}
	if err := closeFD(&Handle{fd: l.fd}); err != nil {
		return &OpError{Op: "close", Err: err}
	}
	return nil
}

// release gives the descriptor away.
func (l *Listener) release() (sysFD, error) {
	if !l.gone.CompareAndSwap(false, true) {
		return badFD, net.ErrClosed
	}
	return l.fd, nil
}
