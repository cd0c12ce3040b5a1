//go:build !linux && !windows

package act

import (
	"context"
	"errors"
	"syscall"
)

type closer struct{}

func (*closer) close(c *Connection) error { return c.error(Unsupported, errors.ErrUnsupported) }
func (*closer) release() error            { return nil }

type process struct{}

func first(pid int) bool                     { return pid <= 1 }
func (*process) open(int) error              { return errors.ErrUnsupported }
func (*process) check() error                { return errors.ErrUnsupported }
func (*process) signal(syscall.Signal) error { return errors.ErrUnsupported }
func (*process) resume()                     {}
func (*process) wait(context.Context) error  { return errors.ErrUnsupported }
func (*process) alive() bool                 { return false }
func (*process) close() error                { return nil }
func (*process) why(Reason) string           { return "" }

func reasonOf(err error) Reason {
	if errors.Is(err, errors.ErrUnsupported) {
		return Unsupported
	}
	return Failed
}

// Ends reports whether a signal is meant to end a process.
func Ends(sig syscall.Signal) bool { return sig == syscall.SIGTERM || sig == syscall.SIGKILL }

// ParseSignal returns errors.ErrUnsupported.
func ParseSignal(string) (syscall.Signal, error) { return 0, errors.ErrUnsupported }

// SignalName is the name of a signal.
func SignalName(sig syscall.Signal) string { return sig.String() }

// SignalNames are none.
func SignalNames() []string { return nil }
