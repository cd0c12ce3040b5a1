package sockex

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/mswsock"
)

// onConn sends a stream. Only where TransmitFile is of use the system does it; a block that is read and written otherwise
// waits in the Go runtime, and not in a thread.
func (t *transfer) onConn(ctx context.Context, c *net.TCPConn) error {
	if !t.file.native() || !t.isFile() {
		return t.portable(ctx, c)
	}
	return t.natively(ctx, c)
}

// native reports whether a TransmitFile is to be the system's.
func (s *source) native() bool { return s.f != nil && isServer() }

// natively sends by the system's function, and keeps the deadline of the connection, which only the runtime knows: a write
// of no bytes tells when it has passed.
func (t *transfer) natively(ctx context.Context, c *net.TCPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	both, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go watchDeadline(both, cancel, c)
	begin := func(s windows.Handle, o *windows.Overlapped) (err error) {
		if t.sys.function == 0 {
			if err = t.begin(s, false, netip.AddrPort{}); err != nil {
				return err
			}
		}
		return t.round(s, o)
	}
	defer t.restore()
	for more := true; more; {
		n, err := mswsock.Run(both, raw, begin)
		if errors.Is(err, context.Canceled) && ctx.Err() == nil {
			err = context.Cause(both)
		}
		if more, err = t.ended(n, err); err != nil {
			return err
		}
	}
	return nil
}

// deadlinePace is how exactly the deadline is kept.
const deadlinePace = 50 * time.Millisecond

func watchDeadline(ctx context.Context, cancel context.CancelCauseFunc, c *net.TCPConn) {
	for tick := time.NewTicker(deadlinePace); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			if _, err := c.Write(nil); errors.Is(err, os.ErrDeadlineExceeded) {
				cancel(err)
			}
		}
	}
}
