package geofetch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// errStalled is why a watchdog ends a request.
var errStalled = errors.New("stalled")

// watchdog ends a request that does not get on. A time limit for the whole would be wrong for large files on slow lines, and
// one for each read would let a server keep us for years with one byte at a time.
type watchdog struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	idle   time.Duration

	mu    sync.Mutex
	timer *time.Timer
	moved int // bytes, since the time began to run anew
}

func newWatchdog(parent context.Context, idle time.Duration) (context.Context, *watchdog) {
	w := &watchdog{idle: idle}
	w.ctx, w.cancel = context.WithCancelCause(parent)
	w.timer = time.AfterFunc(idle, func() { w.cancel(errStalled) })
	return w.ctx, w
}

// fed tells of bytes that came. With enough of them the time runs anew.
func (w *watchdog) fed(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.moved += n; w.moved >= leastBytes && w.timer.Reset(w.idle) {
		w.moved = 0
	}
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
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
