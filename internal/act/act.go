// Package act ends what others have open: connections and processes. It asks nobody: whoever calls it has shown what will be
// hit, and has been told to go on.
//
// A [Connection] is closed over the head of its owner: by SOCK_DESTROY of sock_diag(7) on Linux, by SetTcpEntry on Windows.
// A [Process] is held on to before anybody is asked (a pidfd on Linux, a handle on Windows), so that the process that was
// shown is the one that is hit, whatever becomes of its id. Every error is an [*Error], whose Reason says which of a few
// things went wrong.
package act

import (
	"errors"
	"fmt"
	"io/fs"
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=Reason,Outcome -linecomment -output=zstring.go

// Reason says why something was not done.
type Reason uint8

// The reasons: this user may not; it is not there any more; this system cannot; it is not done to such as this one, whoever
// asks; anything else.
const (
	Denied      Reason = iota + 1 // denied
	Gone                          // gone
	Unsupported                   // unsupported
	Refused                       // refused
	Failed                        // failed
)

// Error is why something was not done. Unwrap reaches the system's error number, where there is one. errors.Is knows it for
// fs.ErrPermission (Denied), fs.ErrNotExist (Gone) and errors.ErrUnsupported (Unsupported).
type Error struct {
	Op     string // "close", "hold", "signal", "wait"
	Target string // what it was to be done to, in words
	Reason Reason
	Err    error
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %v", e.Op, e.Target, e.Err) }
func (e *Error) Unwrap() error { return e.Err }

// Is knows what the reason stands for.
func (e *Error) Is(target error) bool {
	switch e.Reason {
	case Denied:
		return target == fs.ErrPermission
	case Gone:
		return target == fs.ErrNotExist
	case Unsupported:
		return target == errors.ErrUnsupported
	}
	return false
}

// ReasonOf is the reason of an error of this package; another error is Failed, and nil is 0.
func ReasonOf(err error) Reason {
	var e *Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Reason
	}
	return Failed
}
