package completion

import (
	"errors"
	"math"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/epoll"
)

// epollDriver is the backend on epoll: each step is tried at once, and tried again when the kernel says that its turn has
// come. Files, for which epoll says nothing, are read and written in goroutines.
type epollDriver struct {
	loop    *loop
	poll    *epoll.Poller
	bell    *epoll.Bell
	byFD    []*Handle // what is registered
	tags    int32     // tells an event of a descriptor from one of its former owner
	streams *epollCarrier
}

const (
	epollBatch = 512
	bellTag    = 0
)

// sysHandle is what the epoll backend knows of a handle: its registration, and the operations that wait for it.
type sysHandle struct {
	poller int // the epoll's descriptor; 0 is none
	tag    int32
	wait   [Both + 1]waiters
}

func newEpollDriver(l *loop) (*epollDriver, error) {
	poll, err := epoll.New(epollBatch)
	if err != nil {
		return nil, err
	}
	bell, err := epoll.NewBell()
	if err != nil {
		return nil, errors.Join(err, poll.Close())
	}
	d := &epollDriver{loop: l, poll: poll, bell: bell}
	if err := poll.Add(bell.FD(), unix.EPOLLIN, 0, bellTag); err != nil {
		return nil, errors.Join(err, d.shut())
	}
	return d, nil
}

func (d *epollDriver) enable() error { return nil }

func (d *epollDriver) wake() { d.bell.Ring() }

func (d *epollDriver) shut() error {
	for _, h := range d.byFD {
		if h != nil && h.sys.poller == d.poll.FD() {
			h.sys.poller = 0
		}
	}
	return errors.Join(d.poll.Close(), d.bell.Close())
}

func (s *sysHandle) init(bool) {}

// forget ends the registration of a handle that is about to be closed.
func (s *sysHandle) forget(fd int) {
	if s.poller > 0 {
		epoll.Remove(s.poller, fd)
		s.poller = 0
	}
}

// register has the kernel tell of a handle.
func (d *epollDriver) register(h *Handle) error {
	if h.sys.poller > 0 {
		return nil
	}
	d.tags = d.tags%math.MaxInt32 + 1 // neither bellTag nor connTag
	if err := d.poll.Add(int(h.fd), epoll.Edge, int32(h.fd), d.tags); err != nil {
		return err
	}
	h.sys.poller, h.sys.tag = d.poll.FD(), d.tags
	for len(d.byFD) <= int(h.fd) {
		d.byFD = append(d.byFD, nil)
	}
	d.byFD[h.fd] = h
	return nil
}

// waiters is a queue of operations in the order in which they are to be tried.
type waiters struct{ first, last *Op }

func (w *waiters) push(op *Op) {
	op.wait = nil
	if w.last == nil {
		w.first = op
	} else {
		w.last.wait = op
	}
	w.last = op
}

func (w *waiters) pop() {
	op := w.first
	if w.first = op.wait; w.first == nil {
		w.last = nil
	}
	op.wait = nil
}

// remove takes op out, and reports whether it was in.
func (w *waiters) remove(op *Op) bool {
	var before *Op
	for o := w.first; o != nil; before, o = o, o.wait {
		switch {
		case o != op:
		case before == nil:
			w.pop()
			return true
		default:
			before.wait = op.wait
			if w.last == op {
				w.last = before
			}
			op.wait = nil
			return true
		}
	}
	return false
}

// host is the handle that a step waits for.
func (o *Op) host() *Handle {
	if o.Kind == Accept && o.stage == second {
		return o.Conn
	}
	return o.Handle
}

func (d *epollDriver) begin(op *Op) {
	if op.Handle.nature == file && op.Kind.moves() {
		d.loop.off.start(d.loop, op, func() (int, error) { return blocking(op) })
		return
	}
	if q := op.queue(); q.first != nil && op.takesTurn() {
		q.push(op)
		return
	}
	d.run(op)
}

// takesTurn reports whether an operation is behind those that wait: one that ends what they wait for must not be.
func (o *Op) takesTurn() bool { return o.Kind != Shutdown && o.Kind != Poll }

func (o *Op) queue() *waiters { return &o.host().sys.wait[o.direction()] }

// run takes steps until the operation has ended or has to wait.
func (d *epollDriver) run(op *Op) {
	for {
		n, err := op.try()
		if err == unix.EAGAIN && !op.has(askedFor) {
			d.park(op)
			return
		}
		if err == unix.EAGAIN {
			err = syscall.ECANCELED
		}
		if !d.loop.settle(op, n, err) {
			return
		}
	}
}

// park has the operation wait for its turn.
func (d *epollDriver) park(op *Op) {
	h := op.host()
	op.queue().push(op)
	if err := d.register(h); err != nil {
		op.queue().remove(op)
		d.loop.settle(op, 0, err)
	}
}

func (d *epollDriver) cancel(op *Op) {
	if op.has(offLoop) || !op.queue().remove(op) {
		return
	}
	d.loop.settle(op, 0, syscall.ECANCELED)
}

func (d *epollDriver) wait(t time.Duration, raw bool) (found bool, err error) {
	events, err := d.poll.Wait(t, raw)
	for i := range events {
		d.dispatch(&events[i])
	}
	if d.streams != nil {
		d.streams.after()
	}
	return len(events) > 0, err
}

func (d *epollDriver) dispatch(e *unix.EpollEvent) {
	fd, tag := int(e.Fd), e.Pad
	switch {
	case tag == bellTag:
		d.bell.Silence()
	case tag == connTag:
		d.streams.event(uint32(fd), e.Events)
	case fd < len(d.byFD) && d.byFD[fd] != nil && d.byFD[fd].sys.tag == tag:
		d.tell(d.byFD[fd], e.Events)
	}
}

// tell tries what waits for a handle.
func (d *epollDriver) tell(h *Handle, events uint32) {
	if events&epoll.Readable != 0 {
		d.turn(&h.sys.wait[In])
	}
	if events&epoll.Writable != 0 {
		d.turn(&h.sys.wait[Out])
	}
	d.turn(&h.sys.wait[Both])
}

// turn tries the operations of a queue in order, until one has to wait on.
func (d *epollDriver) turn(q *waiters) {
	for op := q.first; op != nil; op = q.first {
		n, err := op.try()
		if err == unix.EAGAIN {
			return
		}
		q.pop()
		if d.loop.settle(op, n, err) {
			d.resume(op, q)
		}
		if q.first == op {
			return
		}
	}
}

// resume takes the next step of an operation that was first in q, before any other's: the bytes of two sends must not mix.
func (d *epollDriver) resume(op *Op, q *waiters) {
	if op.queue() != q {
		d.begin(op)
		return
	}
	for {
		n, err := op.try()
		if err == unix.EAGAIN {
			op.wait = q.first
			if q.first = op; q.last == nil {
				q.last = op
			}
			return
		}
		if !d.loop.settle(op, n, err) {
			return
		}
	}
}
