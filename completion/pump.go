package completion

import (
	"sync"
	"time"
)

// pump is a goroutine that owns a loop's thread and hands what has ended to those that wait.
type pump struct {
	loop *loop
	over chan struct{} // closed when the goroutine has ended
	err  error         // why it ended, once over

	mu    sync.Mutex
	done  fifo
	bell  chan struct{} // holds a token while done is not empty
	ended bool
}

// pumpBatch is how many results are moved at once.
const pumpBatch = 256

func startPump(l *loop) *pump {
	p := &pump{loop: l, over: make(chan struct{}), bell: make(chan struct{}, 1)}
	go p.run()
	return p
}

func (p *pump) run() {
	defer close(p.over)
	var batch [pumpBatch]*Op
	for {
		n, err := p.loop.reap(batch[:], -1)
		p.give(batch[:n])
		clear(batch[:n]) // they are the caller's now
		if err != nil {
			p.end(err)
			return
		}
	}
}

func (p *pump) give(ops []*Op) {
	if len(ops) == 0 {
		return
	}
	p.mu.Lock()
	for _, op := range ops {
		p.done.push(op)
	}
	p.ring()
	p.mu.Unlock()
}

// ring puts the token where it is missing.
func (p *pump) ring() {
	select {
	case p.bell <- struct{}{}:
	default:
	}
}

// end is how the goroutine stops: asked to, or because the kernel refused to go on.
func (p *pump) end(err error) {
	if closeErr := p.loop.close(); err == errStop {
		err = closeErr
	}
	var batch [pumpBatch]*Op
	for n := p.loop.done.pop(batch[:]); n > 0; n = p.loop.done.pop(batch[:]) {
		p.give(batch[:n])
	}
	p.mu.Lock()
	p.err, p.ended = err, true
	p.ring()
	p.mu.Unlock()
}

// pop takes results, and passes the token on while there are more.
func (p *pump) pop(done []*Op) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.done.pop(done)
	if p.done.len() > 0 || p.ended {
		p.ring()
	}
	if n == 0 && p.ended {
		return 0, ErrClosed
	}
	return n, nil
}

func (p *pump) wait(done []*Op, timeout time.Duration) (int, error) {
	if n, err := p.pop(done); n > 0 || err != nil || timeout == 0 {
		return n, err
	}
	var late <-chan time.Time
	if timeout > 0 {
		t := time.NewTimer(timeout)
		defer t.Stop()
		late = t.C
	}
	for {
		select {
		case <-p.bell:
			if n, err := p.pop(done); n > 0 || err != nil {
				return n, err
			}
		case <-late:
			return p.pop(done)
		}
	}
}

func (p *pump) close() error {
	_ = p.loop.request(request{run: func() { p.loop.stop = true }}) // closed already: it has ended, or will
	<-p.over
	return p.err
}
