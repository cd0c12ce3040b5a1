package completion

import "sync"

// offload runs what the kernel would block for (a file that the backend has no asynchronous way to read) in goroutines, and
// brings the results back to the loop's thread.
type offload struct {
	mu    sync.Mutex
	ended []offloaded
}

type offloaded struct {
	op  *Op
	n   int
	err error
}

// start runs f in a goroutine. It cannot be cancelled: the operation ends when f does.
func (o *offload) start(l *loop, op *Op, f func() (int, error)) {
	op.flags |= offLoop
	go func() {
		n, err := f()
		o.mu.Lock()
		o.ended = append(o.ended, offloaded{op, n, err})
		o.mu.Unlock()
		_ = l.request(request{run: func() {}}) // a closing loop looks by itself
	}()
}

// collect finishes what has ended.
func (o *offload) collect(l *loop) {
	o.mu.Lock()
	all := o.ended
	o.ended = nil
	o.mu.Unlock()
	for _, e := range all {
		l.finish(e.op, e.n, e.err)
	}
}
