//go:build !linux

package fdwalk

import "errors"

// Walker walks /proc, which this system does not have.
type Walker struct{}

// Open returns errors.ErrUnsupported.
func Open(string) (*Walker, error) { return nil, &Error{Op: "open", Err: errors.ErrUnsupported} }

// Walk returns errors.ErrUnsupported.
func (*Walker) Walk(Options, func(*Process)) (Report, error) {
	return Report{}, &Error{Op: "walk", Err: errors.ErrUnsupported}
}

// Close does nothing.
func (*Walker) Close() error { return nil }

// Recheck finds nothing.
func (*Walker) Recheck([]Process, *Set, func(*Process)) Report { return Report{} }

// Tracker tracks nothing.
type Tracker struct{}

// NewTracker makes a tracker that tracks nothing.
func NewTracker(*Walker) *Tracker { return new(Tracker) }

// Track returns errors.ErrUnsupported.
func (*Tracker) Track(Sought) (Report, error) {
	return Report{}, &Error{Op: "walk", Err: errors.ErrUnsupported}
}

// Unsearched is true of every socket.
func (*Tracker) Unsearched(uint32) bool { return true }

// Denied returns errors.ErrUnsupported.
func (*Walker) Denied() (int, error) { return 0, &Error{Op: "list", Err: errors.ErrUnsupported} }
