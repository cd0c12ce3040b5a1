package pipe

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// Condition is what went wrong with a pipe, the same on both systems. It is an error itself, and what errors.Is finds in
// those that this package returns:
//
//	if errors.Is(err, pipe.ErrBusy) { ... }
//
// A condition is also the values of other packages that mean the same; they stand at each one.
type Condition uint8

// The conditions, with the numbers that Win32 has for them.
const (
	// ErrBusy: no instance is free (ERROR_PIPE_BUSY); syscall.EAGAIN. From [Conn.Transact]: there is something to read
	// already, so what comes back could not be told from it.
	ErrBusy Condition = iota + 1
	// ErrNotExist: nobody listens (ERROR_FILE_NOT_FOUND); fs.ErrNotExist.
	ErrNotExist
	// ErrInUse: the name has a server; fs.ErrExist, syscall.EADDRINUSE.
	ErrInUse
	// ErrAccessDenied: not permitted, or a direction that this end has not (ERROR_ACCESS_DENIED); fs.ErrPermission.
	ErrAccessDenied
	// ErrMoreData: the message is longer than the buffer; the bytes that fit were read, and the next read goes on
	// (ERROR_MORE_DATA). io.ErrShortBuffer.
	ErrMoreData
	// ErrBrokenPipe: the other end has gone (ERROR_BROKEN_PIPE); syscall.EPIPE. Reading has io.EOF instead.
	ErrBrokenPipe
	// ErrNoData: writing to a pipe whose other end has closed (ERROR_NO_DATA); syscall.EPIPE, and ErrBrokenPipe too.
	ErrNoData
	// ErrNotConnected: the server has disconnected the client (ERROR_PIPE_NOT_CONNECTED); syscall.ENOTCONN.
	ErrNotConnected
	// ErrMessageTooLong: longer than MaxMessageSize; syscall.EMSGSIZE.
	ErrMessageTooLong
	// ErrMessageCut: the writer gave up in the middle of a message of which a part has been read already. The next read
	// begins with the next message. io.ErrUnexpectedEOF.
	ErrMessageCut
	// ErrBadMode: message mode on a pipe of byte type (ERROR_INVALID_PARAMETER); syscall.EINVAL.
	ErrBadMode
	// ErrBadName: not the name of a pipe (ERROR_INVALID_NAME); fs.ErrInvalid.
	ErrBadName
	// ErrWrongServer: the pipe's server is not the user that DialConfig.ServerUser demands; fs.ErrPermission.
	ErrWrongServer
	// ErrTimeout: the time is over (ERROR_SEM_TIMEOUT); os.ErrDeadlineExceeded, and Timeout reports true.
	ErrTimeout
	// ErrClosed: this end was closed; net.ErrClosed, fs.ErrClosed, io.ErrClosedPipe.
	ErrClosed
	// ErrUnsupported: this system cannot do it, see [Capability]; errors.ErrUnsupported.
	ErrUnsupported
)

var errConfig = errors.New("invalid configuration")

// conditions has the text of each, and what it is besides.
func (c Condition) means() (text string, same []error) {
	switch c {
	case ErrBusy:
		return "all instances of the pipe are busy", []error{syscall.EAGAIN}
	case ErrNotExist:
		return "nobody listens on the pipe", []error{fs.ErrNotExist}
	case ErrInUse:
		return "the pipe has a server already", []error{fs.ErrExist, syscall.EADDRINUSE}
	case ErrAccessDenied:
		return "access denied", []error{fs.ErrPermission}
	case ErrMoreData:
		return "there is more of the message", []error{io.ErrShortBuffer}
	case ErrBrokenPipe:
		return "the other end of the pipe has gone", []error{syscall.EPIPE}
	case ErrNoData:
		return "the other end has closed the pipe", []error{syscall.EPIPE, ErrBrokenPipe}
	case ErrNotConnected:
		return "the server has disconnected the pipe", []error{syscall.ENOTCONN}
	case ErrMessageTooLong:
		return "the message is too long", []error{syscall.EMSGSIZE}
	case ErrMessageCut:
		return "the writer gave up in the middle of the message", []error{io.ErrUnexpectedEOF}
	case ErrBadMode:
		return "the pipe is not of message type", []error{syscall.EINVAL}
	case ErrBadName:
		return "not the name of a pipe", []error{fs.ErrInvalid}
	case ErrWrongServer:
		return "the pipe's server is another user", []error{fs.ErrPermission}
	case ErrTimeout:
		return "timeout", []error{os.ErrDeadlineExceeded}
	case ErrClosed:
		return "this end of the pipe was closed", []error{net.ErrClosed, fs.ErrClosed, io.ErrClosedPipe}
	case ErrUnsupported:
		return "not supported on this system", []error{errors.ErrUnsupported}
	}
	return "unknown condition", nil
}

func (c Condition) Error() string {
	text, _ := c.means()
	return text
}

// Is makes errors.Is find the values that mean the same.
func (c Condition) Is(target error) bool {
	_, same := c.means()
	for _, s := range same {
		if s == target {
			return true
		}
	}
	return false
}

// Timeout reports whether the condition is [ErrTimeout].
func (c Condition) Timeout() bool { return c == ErrTimeout }

// OpError is the error of an operation. It is a net.Error.
type OpError struct {
	Op   string // what was being done: "dial", "read", ...
	Name string // the pipe's
	Err  error  // a [Condition], alone or joined with the system's error number; or another error
}

func (e *OpError) Error() string { return "pipe: " + e.Op + " " + e.Name + ": " + e.Err.Error() }
func (e *OpError) Unwrap() error { return e.Err }

// Timeout reports whether a deadline has expired, or that of a context.
func (e *OpError) Timeout() bool {
	return errors.Is(e.Err, os.ErrDeadlineExceeded) || errors.Is(e.Err, context.DeadlineExceeded)
}

// Temporary reports whether it may work when it is done again: a timeout, or a busy server.
func (e *OpError) Temporary() bool { return e.Timeout() || errors.Is(e.Err, ErrBusy) }

// sysError is a condition and the system's number from which it is known.
type sysError struct {
	cond  Condition
	errno syscall.Errno
}

func (e *sysError) Error() string   { return e.cond.Error() + " (" + e.errno.Error() + ")" }
func (e *sysError) Unwrap() []error { return []error{e.cond, e.errno} }

// wrap makes an OpError, but of io.EOF, which readers compare with ==.
func wrap(op, name string, err error) error {
	switch e := err.(type) {
	case nil:
		return nil
	case *OpError:
		return e
	}
	if err == io.EOF {
		return err
	}
	return &OpError{op, name, err}
}
