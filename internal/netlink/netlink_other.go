//go:build !linux

package netlink

import (
	"errors"
	"time"
)

// Conn is a netlink socket, which this system does not have.
type Conn struct{}

// Open returns errors.ErrUnsupported.
func Open() (*Conn, error) { return nil, &OpError{Op: "socket", Err: errors.ErrUnsupported} }

// OpenIn returns errors.ErrUnsupported.
func OpenIn(string) (*Conn, error) { return nil, &OpError{Op: "setns", Err: errors.ErrUnsupported} }

// OpenRoute returns errors.ErrUnsupported.
func OpenRoute() (*Conn, error) { return Open() }

// OpenRouteIn returns errors.ErrUnsupported.
func OpenRouteIn(path string) (*Conn, error) { return OpenIn(path) }

// Dump returns errors.ErrUnsupported.
func (*Conn) Dump([]byte, Reader) error { return &OpError{Op: "dump", Err: errors.ErrUnsupported} }

// FD is -1.
func (*Conn) FD() int { return -1 }

// Lookup returns errors.ErrUnsupported.
func (*Conn) Lookup([]byte, func([]byte) error) error {
	return &OpError{Op: "lookup", Err: errors.ErrUnsupported}
}

// Close does nothing.
func (*Conn) Close() error { return nil }

// Refused reports whether this way is not to be had here, which is so.
func Refused(err error) bool { return errors.Is(err, errors.ErrUnsupported) }

// Notices is a subscription, which this system does not have.
type Notices struct{}

// Subscribe returns errors.ErrUnsupported.
func Subscribe(Family, int, ...uint32) (*Notices, error) {
	return nil, &OpError{Op: "subscribe", Err: errors.ErrUnsupported}
}

// SubscribeIn returns errors.ErrUnsupported.
func SubscribeIn(string, Family, int, ...uint32) (*Notices, error) {
	return nil, &OpError{Op: "setns", Err: errors.ErrUnsupported}
}

// Receive returns errors.ErrUnsupported.
func (*Notices) Receive(func([]byte) error) (bool, error) {
	return false, &OpError{Op: "receive", Err: errors.ErrUnsupported}
}

// Wait returns errors.ErrUnsupported.
func (*Notices) Wait(time.Duration) (bool, error) {
	return false, &OpError{Op: "wait", Err: errors.ErrUnsupported}
}

// Buffer is 0.
func (*Notices) Buffer() int { return 0 }

// FD is -1.
func (*Notices) FD() int { return -1 }

// Close does nothing.
func (*Notices) Close() error { return nil }
