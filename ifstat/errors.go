package ifstat

import "errors"

// ErrClosed is returned by the methods of a closed table.
var ErrClosed = errors.New("table is closed")

// OpError is the error of an operation on the table. Unwrap reaches the system's error number.
type OpError struct {
	Op  string // what was being done: "open", "read", ...
	Err error
}

func (e *OpError) Error() string { return "ifstat: " + e.Op + ": " + e.Err.Error() }
func (e *OpError) Unwrap() error { return e.Err }
