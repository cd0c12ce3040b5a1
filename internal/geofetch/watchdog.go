package geofetch

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// errStalled is why a watchdog ends a request.
var errStalled = errors.New("stalled")

// watchdog ends a request that does not get on. A time limit for the whole would be wrong for large files on slow lines, and
// one for each read would let a server keep us for years with one byte at a time. Only the time counts in which we wait for
// the server, so that a slow disk is not taken for one. It is for one goroutine.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	idle   time.Duration
	left   time.Duration // of the time without leastBytes
	since  time.Time     // when the waiting began
	moved  int           // bytes in that time
}

func newWatchdog(parent context.Context, idle time.Duration) (context.Context, *watchdog) {
	w := &watchdog{idle: idle, left: idle, since: time.Now()}
	w.ctx, w.cancel = context.WithCancelCause(parent)
	w.timer = time.AfterFunc(idle, func() { w.cancel(errStalled) })
	return w.ctx, w
}

// wait begins to count.
func (w *watchdog) wait() {
	w.since = time.Now()
	w.timer.Reset(w.left)
}

// fed ends the counting, when bytes have come. With enough of them the time runs anew.
func (w *watchdog) fed(n int) {
	w.timer.Stop()
	w.left -= time.Since(w.since)
	if w.moved += n; w.moved >= leastBytes {
		w.left, w.moved = w.idle, 0
	}
}

func (w *watchdog) stop() {
	w.timer.Stop()
	w.cancel(nil)
}

// explain says what an error of a request means: what was going on, and why it ended.
func (w *watchdog) explain(err error, format string, args ...any) error {
	switch cause := context.Cause(w.ctx); {
	case errors.Is(cause, errStalled):
		return fmt.Errorf(format+": nothing came for %v", append(args, w.idle)...)
	case cause != nil && !errors.Is(cause, context.Canceled):
		return cause
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
