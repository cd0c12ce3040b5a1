package sockex

import (
	"context"
	"sync"
	"time"
)

// interrupt ends a wait for room in a socket when a context ends. The runtime's poller has one way to be woken: the
// connection's deadline. What that was cannot be asked for, so it cannot be put back.
type interrupt struct {
	mu    sync.Mutex
	over  bool
	fired bool
	stop  func() bool
}

// past is a deadline that has passed.
var past = time.Unix(1, 0)

func newInterrupt(ctx context.Context, c interface{ SetWriteDeadline(time.Time) error }) *interrupt {
	i := &interrupt{}
	i.stop = context.AfterFunc(ctx, func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if !i.over {
			i.fired = true
			_ = c.SetWriteDeadline(past)
		}
	})
	return i
}

// end is called after the wait. It reports whether the context ended it: later the deadline is not touched any more.
func (i *interrupt) end() bool {
	i.stop()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.over = true
	return i.fired
}
