package ports

import (
	"context"
	"time"
)

// Hints wait for the next moment in which it is worth looking at the table again: when the kernel tells that a socket is gone
// (Linux), or after a while. Nothing tells without privileges that a socket begins to listen. It is for one goroutine at a time.
type Hints struct{ impl hints }

// OpenHints subscribes to what the system tells of sockets that are gone, where it does; or to nothing, so that Wait only waits
// for a while: a subscription makes the kernel write a notice for each socket of the machine that is closed.
func OpenHints(gone bool) *Hints {
	h := new(Hints)
	if gone {
		h.impl.open()
	}
	return h
}

// Events reports whether the kernel tells of sockets that are gone.
func (h *Hints) Events() bool { return h.impl.events() }

// Wait waits until a socket that has one of these ports is gone, or for a while. The error is the context's.
func (h *Hints) Wait(ctx context.Context, ports []uint16, while time.Duration) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return h.impl.wait(ctx, ports, while)
}

// Close ends it. It is safe to call more than once.
func (h *Hints) Close() error { return h.impl.close() }

// sleep waits for a while.
func sleep(ctx context.Context, while time.Duration) error {
	t := time.NewTimer(while)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
