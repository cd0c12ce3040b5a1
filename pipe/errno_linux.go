package pipe

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

var capabilities = []Capability{HalfClose, FilePaths, ProcessHandles, GroupIdentity}

// sysErr joins an error number with the condition that it means for op.
func sysErr(c Condition, e syscall.Errno) error { return &sysError{c, e} }

// opening is what connect(2) and bind(2) mean.
func opening(err error) error {
	e, ok := err.(syscall.Errno)
	if !ok {
		return err
	}
	switch e {
	case unix.EAGAIN:
		return sysErr(ErrBusy, e)
	case unix.ENOENT, unix.ECONNREFUSED, unix.ENOTDIR, unix.ENOTSOCK:
		return sysErr(ErrNotExist, e)
	case unix.EACCES, unix.EPERM, unix.EROFS:
		return sysErr(ErrAccessDenied, e)
	case unix.EADDRINUSE:
		return sysErr(ErrInUse, e)
	case unix.ENAMETOOLONG, unix.ELOOP:
		return sysErr(ErrBadName, e)
	}
	return e
}

// moving is what sending and receiving mean.
func moving(e syscall.Errno) error {
	switch e {
	case unix.EPIPE, unix.ECONNRESET:
		return sysErr(ErrNoData, e)
	case unix.ENOTCONN:
		return sysErr(ErrNotConnected, e)
	}
	return e
}

// waiting is what the runtime's poller says when it does not go on.
func waiting(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout
	}
	return ErrClosed // it has no other error for a descriptor that it polls
}
