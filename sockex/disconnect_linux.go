package sockex

import (
	"context"
	"errors"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
)

// ending is the end of a connection whose socket is to be used again. A shutdown alone would leave bytes under way, and
// connect(2) with AF_UNSPEC throws away what is not acknowledged: so it waits for the end of both directions in between.
type ending struct {
	shut, drained bool
}

// What step has to be called again after.
var (
	errMore  = errors.New("there is more to be dropped")
	errUnack = errors.New("not everything is acknowledged") // no data comes that would tell
)

// step goes on as far as it gets without waiting. unix.EAGAIN is that the socket has to be readable first.
func (e *ending) step(fd int) error {
	if !e.shut {
		err := shutdownWrite(fd)
		if err == unix.ENOTCONN && hadPeer(fd) { // both ends have ended it already
			return dissolve(fd)
		}
		if err != nil {
			return err
		}
		e.shut = true
	}
	if !e.drained {
		if err := drain(fd); err != nil {
			return err
		}
		e.drained = true
	}
	if connected(fd) {
		return errUnack
	}
	return dissolve(fd)
}

// shutdownWrite has the peer see the end of the stream. A socket that lost its connection before says why.
func shutdownWrite(fd int) error {
	switch proto, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PROTOCOL); {
	case err != nil:
		return err
	case proto != unix.IPPROTO_TCP && proto != unix.IPPROTO_MPTCP:
		return ErrSocketKind // connect(2) with AF_UNSPEC is EINVAL on a Unix socket
	}
	err := unix.Shutdown(fd, unix.SHUT_WR)
	if err == unix.ENOTCONN {
		if cause := socketError(fd); cause != nil {
			return cause
		}
	}
	return err
}

// hadPeer reports whether a socket without a connection had one, and has not been made fit for another since.
func hadPeer(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && info.State == tcpClose && info.Segs_in > 0
}

// drainPiece and drainTurns bound how long one call drops bytes.
const drainPiece, drainTurns = 1 << 20, 16

// drain drops what can be read, up to the end of the stream: MSG_TRUNC has the kernel copy nothing (tcp(7)).
func drain(fd int) error {
	for range drainTurns {
		switch n, err := dropCall(fd, drainPiece); {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return nil
		}
	}
	return errMore
}

// connected reports whether TCP has anything left to do for a socket. Once both directions have ended and all is
// acknowledged it has no peer any more, as far as the socket is concerned: what stays behind in TIME_WAIT is not part of it.
func connected(fd int) bool {
	var name [unix.SizeofSockaddrAny]byte
	n := uint32(len(name))
	_, _, errno := unix.RawSyscall(unix.SYS_GETPEERNAME, uintptr(fd), uintptr(unsafe.Pointer(&name)), uintptr(unsafe.Pointer(&n)))
	return errno != unix.ENOTCONN
}

// dissolve makes a socket whose connection is over one that can be connected, unless it is over for another reason than that
// both ends have ended it.
func dissolve(fd int) error {
	if err := socketError(fd); err != nil {
		return err
	}
	return unconnect(fd)
}

// unconnect ends whatever connection there is at once. The peer of one that has not ended gets a reset.
func unconnect(fd int) error {
	var none [unix.SizeofSockaddrInet4]byte // AF_UNSPEC is 0
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), uintptr(len(none)))
	if errno != 0 {
		return errno
	}
	_ = socketError(fd) // that of the connection which was cut off
	return nil
}

// socketError takes the error that waits at a socket.
func socketError(fd int) error {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && n != 0 {
		err = unix.Errno(n)
	}
	return err
}

// dropCall drops n bytes at most. It never blocks, and so the scheduler is not told.
func dropCall(fd, n int) (int, error) {
	r, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), 0, uintptr(n), unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// endConn does what TF_DISCONNECT asks for, and with reuse what TF_REUSE_SOCKET does. While it waits for the peer the
// runtime's poller has the socket; that the last bytes were acknowledged is an event too (the socket's state changes).
func endConn(ctx context.Context, c *net.TCPConn, reuse bool) error {
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	if !reuse {
		return control(rc, shutdownWrite)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	var e ending
	cut := cutOff(ctx, c.SetReadDeadline)
	return cut.end(e.through(ctx, rc))
}

func (e *ending) through(ctx context.Context, rc syscall.RawConn) error {
	for {
		var stepErr error
		err := rc.Read(func(fd uintptr) bool {
			stepErr = e.step(int(fd))
			return stepErr != unix.EAGAIN && stepErr != errUnack
		})
		switch {
		case err != nil:
			return err
		case stepErr != errMore:
			return stepErr
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// sysFarewell is the same on a port.
type sysFarewell struct {
	reuse bool
	ending
}

func (f *farewell) call(fd uintptr, _ unsafe.Pointer) (int, error) {
	if !f.sys.reuse {
		return 0, shutdownWrite(int(fd))
	}
	return 0, f.sys.ending.step(int(fd))
}

// step says what comes after a result. io_uring's poll cannot wait for the last acknowledgement: a socket of which both
// directions have ended is always ready.
func (f *farewell) step(op *completion.Op) (more bool) {
	switch {
	case op.Err == errMore, op.Err == nil && op.Kind == completion.Timer:
		op.Kind = completion.Call
	case op.Err == errUnack:
		f.wait(op)
	default:
		return false
	}
	return true
}
