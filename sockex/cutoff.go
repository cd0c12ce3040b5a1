package sockex

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"
)

// cutoff ends a wait when a context ends, by a deadline: the runtime's poller knows no other way. What the deadline was
// before cannot be asked for, so it cannot be put back.
type cutoff struct {
	ctx  context.Context
	set  func(time.Time) error
	stop func() bool

	mu    sync.Mutex
	over  bool
	fired bool
}

// cutOff begins to watch. The end of the wait is to be told with end or ended, on every path.
func cutOff(ctx context.Context, set func(time.Time) error) *cutoff {
	c := &cutoff{ctx: ctx, set: set}
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, c.fire)
	}
	return c
}

// longAgo is a deadline that has passed.
var longAgo = time.Unix(1, 0)

func (c *cutoff) fire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.fired = true
		_ = c.set(longAgo)
	}
}

// ended reports whether the context has ended the wait. The deadline is left in the past then, and not touched any more.
func (c *cutoff) ended() bool {
	if c.stop == nil || c.stop() {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.fired
}

// end is given what the wait came to. It returns the context's error for one that the context has ended, and takes the deadline
// away.
func (c *cutoff) end(err error) error {
	if !c.ended() {
		return err
	}
	_ = c.set(time.Time{})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return c.ctx.Err()
	}
	return err
}
