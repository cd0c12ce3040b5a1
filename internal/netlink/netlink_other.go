//go:build !linux

package netlink

import "errors"

// Conn is a sock_diag socket, which this system does not have.
type Conn struct{}

// Open returns errors.ErrUnsupported.
func Open() (*Conn, error) { return nil, &OpError{Op: "socket", Err: errors.ErrUnsupported} }

// OpenIn returns errors.ErrUnsupported.
func OpenIn(string) (*Conn, error) { return nil, &OpError{Op: "setns", Err: errors.ErrUnsupported} }

// Dump returns errors.ErrUnsupported.
func (*Conn) Dump([]byte, Reader) error { return &OpError{Op: "dump", Err: errors.ErrUnsupported} }

// Close does nothing.
func (*Conn) Close() error { return nil }

// Refused reports whether sock_diag is not to be had here, which is so.
func Refused(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
