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

// Denied returns errors.ErrUnsupported.
func (*Walker) Denied() (int, error) { return 0, &Error{Op: "list", Err: errors.ErrUnsupported} }
