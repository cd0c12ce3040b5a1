package completion

import (
	"errors"
	"time"
)

// Port is a completion port. Submit, Post, Cancel, CancelAll and Attach may be called from any goroutine; Wait and Close
// too, unless the port is exclusive (Config.Exclusive).
type Port struct {
	loop loop
	pump *pump // nil: exclusive
}

// Open opens a port. Errors are *OpError; where the backend cannot be had here at all, errors.ErrUnsupported is in them.
func Open(cfg *Config) (*Port, error) {
	c, err := cfg.normal()
	if err != nil {
		return nil, &OpError{Op: "open", Err: err}
	}
	p := &Port{}
	if err := p.loop.open(c); err != nil {
		return nil, &OpError{Op: "open", Err: err}
	}
	if !c.Exclusive {
		p.pump = startPump(&p.loop)
	}
	return p, nil
}

// Backend says which mechanism the port has.
func (p *Port) Backend() Backend { return p.loop.backend }

// Submit hands operations to the port. Those that one goroutine submits begin in that order, and nothing else is promised:
// neither that one ends before the next, nor what happens first of two that are on one stream. An operation that cannot be
// begun has its error as its result. Submit itself fails, with nothing submitted, where an operation is under way already
// (ErrBusy) or the port is closed (ErrClosed).
//
// Operations of an exclusive port are begun by its goroutine's next Wait.
func (p *Port) Submit(ops ...*Op) error {
	if err := p.loop.submit(ops); err != nil {
		return &OpError{Op: "submit", Err: err}
	}
	return nil
}

// Post sends a packet of the caller's through the port: Wait returns an operation of Kind Packet with this Data.
func (p *Port) Post(data any) error { return p.Submit(&Op{Kind: Packet, Data: data}) }

// Cancel asks for the end of an operation. It still has a result, which Wait returns: ErrCanceled, or what it came to if
// it was faster. Cancelling what is not under way does nothing.
func (p *Port) Cancel(op *Op) error { return p.ask(request{op: op, count: op.count()}) }

// CancelHandle cancels all operations on a handle, and CancelAll all of the port.
func (p *Port) CancelHandle(h *Handle) error { return p.ask(request{handle: h}) }

// CancelAll cancels all operations that were submitted so far.
func (p *Port) CancelAll() error { return p.ask(request{all: true}) }

func (p *Port) ask(r request) error {
	if err := p.loop.request(r); err != nil {
		return &OpError{Op: "cancel", Err: err}
	}
	return nil
}

// Wait returns operations that have ended, in the order in which they did: as many as there are and done has room for, and
// at least one unless the timeout passes first, when it returns 0. A negative timeout is none, and 0 does not wait. After
// Close it returns what is left, then ErrClosed.
func (p *Port) Wait(done []*Op, timeout time.Duration) (int, error) {
	if len(done) == 0 {
		return 0, &OpError{Op: "wait", Err: errors.New("no room for results")}
	}
	var n int
	var err error
	if p.pump != nil {
		n, err = p.pump.wait(done, timeout)
	} else {
		n, err = p.loop.reap(done, timeout)
	}
	if err != nil {
		return n, &OpError{Op: "wait", Err: err}
	}
	return n, nil
}

// Close cancels everything that is under way, waits until the kernel has let go of it, and releases the port. Results that
// nobody waited for are lost. Handles stay open: they are closed by whoever attached them. A second Close does nothing.
func (p *Port) Close() error {
	if p.pump != nil {
		return p.pump.close()
	}
	return p.loop.close()
}
