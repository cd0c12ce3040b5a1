package netstat

import "errors"

// ErrClosed is returned by the methods of a closed table.
var ErrClosed = errors.New("table is closed")

// ErrOwnerUnknown is what the Find functions wrap when a socket has the port but its owners could not all be
// found out, or when not every socket could be listed.
var ErrOwnerUnknown = errors.New("the owner could not be found out")

// ErrProcessGone is returned for a process that has ended, or whose id now belongs to another one.
var ErrProcessGone = errors.New("the process has ended")

// errRows marks what is missing because a listing is short: there may be sockets that are not shown.
var errRows = errors.New("rows may be missing")

// OpError is the error of an operation on the table. Unwrap reaches the system's error number.
type OpError struct {
	Op  string // what was being done: "open", "read", "pin"
	Err error
}

func (e *OpError) Error() string { return "netstat: " + e.Op + ": " + e.Err.Error() }
func (e *OpError) Unwrap() error { return e.Err }
