package completion

import (
	"errors"
)

// opsCarrier moves a worker's bytes by operations, as any user of a port would. It is for backends without a way of their
// own.
type opsCarrier struct {
	w       *worker
	accepts []*Op
	going   int // accepts under way
	silent  bool
	failure error
	kept    bool
}

// connOps are the operations of a connection.
type connOps struct {
	handle     *Handle
	recv, send Op
	ending     *Op // the one whose Next runs: it is begun again by its result
}

// acceptors is how many accepts are posted at once.
const acceptors = 16

func newOpsCarrier(w *worker) *opsCarrier { return &opsCarrier{w: w} }

func (k *opsCarrier) start() error { return nil }

// begin starts an operation of our own, on the loop's thread.
func (k *opsCarrier) begin(op *Op) {
	op.clear()
	k.w.loop.again(op)
}

func (k *opsCarrier) accept() {
	k.silent, k.failure = false, nil
	for len(k.accepts) < acceptors {
		op := &Op{Kind: Accept, bare: true}
		op.Next = k.accepted
		k.accepts = append(k.accepts, op)
	}
	for _, op := range k.accepts {
		op.Handle = k.w.listener
		k.going++
		k.begin(op)
	}
}

func (k *opsCarrier) hush() {
	k.silent = true
	for _, op := range k.accepts {
		k.w.loop.cancel(op, cancelled)
	}
}

// accepted goes on to the next connection, unless accepting is to end.
func (k *opsCarrier) accepted(op *Op) bool {
	switch {
	case op.Err == nil:
		k.w.arrived(op.Conn.fd)
	case !k.silent && !errors.Is(op.Err, ErrCanceled) && !passing(op.Err):
		k.failure = op.Err
		k.hush()
	}
	if !k.silent && !k.w.draining {
		return true
	}
	if k.going--; k.going == 0 {
		k.w.deaf(k.failure)
	}
	return false
}

func (k *opsCarrier) join(c *Conn) error {
	if c.ops == nil {
		h, err := k.w.loop.attach(c.fd, false)
		if err != nil {
			return err
		}
		c.ops = &connOps{handle: h}
	}
	o := c.ops
	o.recv = Op{Kind: Recv, Handle: o.handle, Buf: make([]byte, k.w.server.opts.BlockSize), Next: func(op *Op) bool { return k.received(c, op) }}
	o.send = Op{Kind: Send, Handle: o.handle, Next: func(op *Op) bool { return k.sent(c, op) }}
	return nil
}

func (k *opsCarrier) arm(c *Conn) {
	if c.has(armed) {
		return
	}
	c.flags |= armed
	if c.ops.ending != &c.ops.recv {
		k.begin(&c.ops.recv)
	}
}

// pause: at most one block more comes.
func (k *opsCarrier) pause(*Conn) {}

func (k *opsCarrier) received(c *Conn, op *Op) (more bool) {
	c.flags &^= armed
	c.ops.ending = op
	k.took(c, op)
	c.ops.ending = nil
	return c.has(armed)
}

// took is what came of receiving.
func (k *opsCarrier) took(c *Conn, op *Op) {
	switch {
	case c.has(failed):
		c.try()
		return
	case errors.Is(op.Err, ErrCanceled):
		return
	case op.Err != nil:
		c.end(op.Err)
		return
	}
	k.kept = false
	c.received(op.Buf[:op.N], noBlock)
	if k.kept { // the buffer is a goroutine's now
		op.Buf = make([]byte, k.w.server.opts.BlockSize)
	}
	if !c.has(failed | paused | parted) {
		k.arm(c)
	}
}

func (k *opsCarrier) keep(_ int32, b []byte) (int32, []byte) {
	k.kept = true
	return noBlock, b
}

func (k *opsCarrier) release(int32) {}

func (k *opsCarrier) send(c *Conn, b []byte) error {
	return k.pass(c, append([]byte(nil), b...), noBlock)
}

func (k *opsCarrier) pass(c *Conn, b []byte, _ int32) error {
	c.unsent += int64(len(b))
	c.queue(b, noBlock)
	if !c.has(sending) {
		k.kick(c)
	}
	return nil
}

func (k *opsCarrier) kick(c *Conn) {
	c.flags |= sending
	c.ops.send.Buf = c.out.front().b
	if c.ops.ending != &c.ops.send {
		k.begin(&c.ops.send)
	}
}

func (k *opsCarrier) sent(c *Conn, op *Op) (more bool) {
	c.flags &^= sending
	c.ops.ending = op
	switch {
	case c.has(failed):
		c.try()
	case op.Err != nil:
		c.fail(op.Err)
	default:
		if c.took(op.N) {
			k.kick(c)
		}
		c.progress(op.N)
	}
	c.ops.ending = nil
	return c.has(sending)
}

func (k *opsCarrier) abort(c *Conn) {
	k.w.loop.cancel(&c.ops.recv, cancelled)
	k.w.loop.cancel(&c.ops.send, cancelled)
}

func (k *opsCarrier) part(c *Conn) {
	if c.ops != nil { // else attaching failed, and closed it
		_ = c.ops.handle.Close()
	}
}
