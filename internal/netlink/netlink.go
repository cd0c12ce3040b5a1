// Package netlink reads dumps from the kernel through NETLINK_SOCK_DIAG sockets (sock_diag(7)). It moves bytes and
// repeats what was interrupted; what the bytes mean is for package inetdiag. Linux only: elsewhere Open returns an error
// for which errors.Is(err, errors.ErrUnsupported) holds.
package netlink

import "errors"

// ErrInterrupted is returned, wrapped, when the table changed under every attempt to read it. The reader keeps the rows
// of the last attempt, of which some may be missing or doubled.
var ErrInterrupted = errors.New("the table changed while it was read")

// errForeign is wrapped when an answer is not for the request.
var errForeign = errors.New("unexpected answer")

// Attempts is how often a dump is read before [ErrInterrupted] is returned.
const Attempts = 4

// OpError is a failed operation. Unwrap reaches the error number.
type OpError struct {
	Op  string // "socket", "setns", "send", "receive", "dump", ...
	Err error
}

func (e *OpError) Error() string { return "netlink: " + e.Op + ": " + e.Err.Error() }
func (e *OpError) Unwrap() error { return e.Err }

// Reader takes the answer to a dump request. inetdiag.Rows and inetdiag.UnixRows are readers.
type Reader interface {
	// Begin comes once, before the first batch.
	Begin()
	// Batch takes what one read gave; the bytes are valid during the call only. It reports the end of the dump, and
	// whether the kernel marked it as interrupted. After an error nothing more of this dump comes.
	Batch(b []byte) (done, interrupted bool, err error)
	// Retry comes when the dump was interrupted and is read again from the start: rows since Begin are to be dropped.
	Retry()
}
