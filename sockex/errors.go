package sockex

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
)

// Condition is what went wrong, the same on both systems. It is an error itself, and what errors.Is finds in the errors of
// this package. A condition is also the values of other packages that mean the same; they stand at each one.
type Condition uint8

// The conditions. Those from ErrReset to ErrClosed are the system's or the network's; the others are found here.
const (
	// ErrReset: the peer has ended the connection without taking what was sent; syscall.ECONNRESET.
	ErrReset Condition = iota + 1
	// ErrAborted: this machine has ended the connection; syscall.ECONNABORTED.
	ErrAborted
	// ErrRefused: nobody listens there; syscall.ECONNREFUSED.
	ErrRefused
	// ErrUnreachable: no way leads there; syscall.EHOSTUNREACH, syscall.ENETUNREACH.
	ErrUnreachable
	// ErrTimeout: the peer did not answer for longer than the system waits; syscall.ETIMEDOUT. Timeout reports true.
	ErrTimeout
	// ErrNotConnected: the socket has no connection; syscall.ENOTCONN.
	ErrNotConnected
	// ErrConnected: the socket has one already; syscall.EISCONN.
	ErrConnected
	// ErrShutdown: this end was shut down for sending; syscall.EPIPE.
	ErrShutdown
	// ErrAddrInUse: another socket has the local address; syscall.EADDRINUSE.
	ErrAddrInUse
	// ErrAddrNotAvailable: the address is not one of this machine's, or cannot be connected to; syscall.EADDRNOTAVAIL.
	ErrAddrNotAvailable
	// ErrAddrFamily: an address of IPv6 on a socket of IPv4 or the like; syscall.EAFNOSUPPORT.
	ErrAddrFamily
	// ErrMessageSize: longer than a datagram can be; syscall.EMSGSIZE.
	ErrMessageSize
	// ErrBusy: the socket has another operation under way; syscall.EALREADY.
	ErrBusy
	// ErrClosed: the socket was closed or has been given away; net.ErrClosed, os.ErrClosed.
	ErrClosed

	// ErrIdle: a client that was accepted sent nothing for as long as it was allowed to; os.ErrDeadlineExceeded.
	ErrIdle
	// ErrFlags: an unknown flag, or one that is not for this function or not beside the others; syscall.EINVAL.
	ErrFlags
	// ErrElement: an element of TransmitPackets is not memory or a file, or is both; syscall.EINVAL.
	ErrElement
	// ErrRange: an offset or a count lies past the end of the file, or is negative; syscall.EINVAL.
	ErrRange
	// ErrSource: what is to be sent is a pipe, a directory or another thing that has no offsets; syscall.EINVAL.
	ErrSource
	// ErrSocketKind: the function is not for such a socket: a Unix socket, a listener, one of datagrams; syscall.EINVAL.
	ErrSocketKind
	// ErrShortFile: the file became shorter while it was sent; io.ErrUnexpectedEOF.
	ErrShortFile
)

// conditionTexts has the text of each, and what it is besides.
var conditionTexts = [...]struct {
	text string
	same []error
}{
	ErrReset:            {"the peer has reset the connection", []error{syscall.ECONNRESET}},
	ErrAborted:          {"the connection was aborted", []error{syscall.ECONNABORTED}},
	ErrRefused:          {"connection refused", []error{syscall.ECONNREFUSED}},
	ErrUnreachable:      {"no way to the host", []error{syscall.EHOSTUNREACH, syscall.ENETUNREACH}},
	ErrTimeout:          {"the peer does not answer", []error{syscall.ETIMEDOUT}},
	ErrNotConnected:     {"the socket is not connected", []error{syscall.ENOTCONN}},
	ErrConnected:        {"the socket is connected already", []error{syscall.EISCONN}},
	ErrShutdown:         {"the socket was shut down for sending", []error{syscall.EPIPE}},
	ErrAddrInUse:        {"the address is in use", []error{syscall.EADDRINUSE}},
	ErrAddrNotAvailable: {"the address is not available", []error{syscall.EADDRNOTAVAIL}},
	ErrAddrFamily:       {"the address is of another family than the socket", []error{syscall.EAFNOSUPPORT}},
	ErrMessageSize:      {"the message is too long", []error{syscall.EMSGSIZE}},
	ErrBusy:             {"another operation is under way on the socket", []error{syscall.EALREADY}},
	ErrClosed:           {"the socket is closed", []error{net.ErrClosed, os.ErrClosed}},
	ErrIdle:             {"the client has sent nothing", []error{os.ErrDeadlineExceeded}},
	ErrFlags:            {"flags that cannot be had", []error{syscall.EINVAL}},
	ErrElement:          {"the element is not either memory or a file", []error{syscall.EINVAL}},
	ErrRange:            {"not a part of the file", []error{syscall.EINVAL}},
	ErrSource:           {"not a file that has offsets", []error{syscall.EINVAL}},
	ErrSocketKind:       {"not possible with such a socket", []error{syscall.EINVAL}},
	ErrShortFile:        {"the file has become shorter", []error{io.ErrUnexpectedEOF}},
}

func (c Condition) Error() string {
	if c == 0 || int(c) >= len(conditionTexts) {
		return "condition " + strconv.Itoa(int(c))
	}
	return conditionTexts[c].text
}

// Is makes errors.Is find the values that mean the same.
func (c Condition) Is(target error) bool {
	if int(c) >= len(conditionTexts) {
		return false
	}
	for _, s := range conditionTexts[c].same {
		if s == target {
			return true
		}
	}
	return false
}

// Timeout reports whether the condition is [ErrTimeout] or [ErrIdle].
func (c Condition) Timeout() bool { return c == ErrTimeout || c == ErrIdle }

// numbers are those of Linux' errno(3), which package syscall has everywhere, and of Winsock (winsock2.h) and Win32
// (winerror.h), where the same thing has several. Win32's mean something else in Linux, and are looked at on Windows only.
var numbers = []struct {
	cond  Condition
	linux []syscall.Errno
	win   []syscall.Errno
}{
	{ErrReset, []syscall.Errno{syscall.ECONNRESET}, []syscall.Errno{10054, 10052, 64}}, // ..., WSAENETRESET, ERROR_NETNAME_DELETED
	{ErrAborted, []syscall.Errno{syscall.ECONNABORTED}, []syscall.Errno{10053, 1236}},
	{ErrRefused, []syscall.Errno{syscall.ECONNREFUSED}, []syscall.Errno{10061, 1225}},
	{ErrUnreachable, []syscall.Errno{syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.ENETDOWN, syscall.EHOSTDOWN},
		[]syscall.Errno{10065, 10051, 10050, 10064, 1231, 1232, 1234}},
	{ErrTimeout, []syscall.Errno{syscall.ETIMEDOUT}, []syscall.Errno{10060, 121, 1460}},
	{ErrNotConnected, []syscall.Errno{syscall.ENOTCONN}, []syscall.Errno{10057, 2250, 1229}},
	{ErrConnected, []syscall.Errno{syscall.EISCONN}, []syscall.Errno{10056, 1230}},
	{ErrShutdown, []syscall.Errno{syscall.EPIPE}, []syscall.Errno{10058, 1228}},
	{ErrAddrInUse, []syscall.Errno{syscall.EADDRINUSE}, []syscall.Errno{10048, 1227}},
	{ErrAddrNotAvailable, []syscall.Errno{syscall.EADDRNOTAVAIL}, []syscall.Errno{10049, 1214}},
	{ErrAddrFamily, []syscall.Errno{syscall.EAFNOSUPPORT}, []syscall.Errno{10047}},
	{ErrMessageSize, []syscall.Errno{syscall.EMSGSIZE}, []syscall.Errno{10040}},
	{ErrBusy, []syscall.Errno{syscall.EALREADY, syscall.EINPROGRESS}, []syscall.Errno{10037, 10036}},
	{ErrClosed, []syscall.Errno{syscall.EBADF}, []syscall.Errno{10038, 6}},
}

// conditionOf is what a number means, or 0. On Windows package syscall has numbers of its own in the place of Linux'.
func conditionOf(errno syscall.Errno, windows bool) Condition {
	for _, row := range numbers {
		if windows && slices.Contains(row.win, errno) || slices.Contains(row.linux, errno) {
			return row.cond
		}
	}
	return 0
}

// sysError is a condition and the system's number from which it is known.
type sysError struct {
	cond  Condition
	errno syscall.Errno
}

func (e *sysError) Error() string   { return e.cond.Error() + " (" + e.errno.Error() + ")" }
func (e *sysError) Unwrap() []error { return []error{e.cond, e.errno} }

// Timeout reports whether the condition is one.
func (e *sysError) Timeout() bool { return e.cond.Timeout() }

// Error is the error of a function of this package. It is a net.Error.
type Error struct {
	Op   string // the function: "TransmitFile", ...
	Sent int64  // how many bytes the system had taken
	Err  error  // a Condition, alone or with the system's number; or another error
}

func (e *Error) Error() string {
	text := "sockex: " + e.Op + ": " + e.Err.Error()
	if e.Sent > 0 {
		text += " (after " + strconv.FormatInt(e.Sent, 10) + " bytes)"
	}
	return text
}

// Unwrap gives the error underneath.
func (e *Error) Unwrap() error { return e.Err }

// Timeout reports whether a deadline has passed, a context's, or the system's patience.
func (e *Error) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.Is(e.Err, os.ErrDeadlineExceeded) || errors.Is(e.Err, context.DeadlineExceeded) || errors.As(e.Err, &t) && t.Timeout()
}

// Temporary reports the same: it is there for net.Error.
func (e *Error) Temporary() bool { return e.Timeout() }

// wrap makes an Error of what a function came to after so many bytes, and nil of nil. What the function before it has made
// is kept, but for its name.
func wrap(op string, sent int64, err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return &Error{op, max(sent, own.Sent), own.Err}
	}
	return &Error{op, sent, known(err)}
}

// known puts the condition beside the system's number, if there is one.
func known(err error) error {
	var c Condition
	if errors.As(err, &c) || errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) {
		return ErrClosed
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if c := conditionOf(errno, runtime.GOOS == "windows"); c != 0 {
			return &sysError{c, errno}
		}
	}
	return err
}
