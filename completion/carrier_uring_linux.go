package completion

import (
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/uring"
)

// uringCarrier has one accept and one receive under way for each listener and connection, which go on by themselves
// (multishot). What arrives lies in a pool of blocks that the kernel takes from, and may be sent from there.
type uringCarrier struct {
	w    *worker
	d    *uringDriver
	pool *uring.Buffers
	back bool // blocks were given back since the kernel was shown

	lent    int      // blocks that are being sent, or that goroutines have
	lengths []uint32 // of what is being sent from each block

	now     []byte // the block that is being handled
	nowID   int32
	kept    bool    // it is being sent, or a goroutine has it
	starved []*Conn // there was no block for them
}

const poolGroup = 1

func newUringCarrier(w *worker, d *uringDriver) (*uringCarrier, error) {
	k := &uringCarrier{w: w, d: d}
	d.streams = k
	return k, nil
}

// start makes the pool, which a ring takes only when it is enabled.
func (k *uringCarrier) start() (err error) {
	k.pool, err = k.d.ring.NewBuffers(k.w.server.opts.blocks(), k.w.server.opts.BlockSize, poolGroup)
	k.lengths = make([]uint32, k.w.server.opts.blocks())
	return err
}

// entry is a free entry, for what cannot wait until later: room is made until there is one.
func (k *uringCarrier) entry() *uring.SQE {
	s := k.d.sqe()
	for s == nil { // the kernel takes no more before some results were taken
		k.d.spill()
		s = k.d.sqe()
	}
	return s
}

func (k *uringCarrier) accept() {
	s := k.entry()
	s.Op, s.FD, s.IOPrio, s.OpFlags = uring.OpAccept, int32(k.w.listener.fd), uring.AcceptMultishot, acceptFlags
	s.UserData = forAccept
}

func (k *uringCarrier) hush() {
	if k.w.hearing {
		k.cancel(forAccept)
	}
}

func (k *uringCarrier) cancel(data uint64) {
	s := k.entry()
	s.Op, s.FD, s.Flags, s.Addr, s.UserData = uring.OpAsyncCancel, -1, uring.SQECQESkip, data, forNobody
}

// accepted takes a new connection, or the end of accepting.
func (k *uringCarrier) accepted(res int32, flags uint32) {
	if res >= 0 {
		k.w.arrived(sysFD(res))
	}
	if flags&uring.CQEMore != 0 {
		return
	}
	var err error
	if res < 0 && res != -int32(unix.ECANCELED) && !brief(syscall.Errno(-res)) {
		err = syscall.Errno(-res)
	}
	k.w.deaf(err)
}

// brief reports whether an error of accept is that of one connection only (accept(2)).
func brief(err syscall.Errno) bool {
	switch err {
	case unix.ECONNABORTED, unix.EINTR, unix.EAGAIN, unix.EPROTO, unix.ENETDOWN, unix.ENOPROTOOPT, unix.EHOSTDOWN, unix.ENONET,
		unix.EHOSTUNREACH, unix.EOPNOTSUPP, unix.ENETUNREACH:
		return true
	}
	return false
}

func (k *uringCarrier) join(*Conn) error { return nil }

func (k *uringCarrier) arm(c *Conn) {
	if c.has(armed) {
		return
	}
	c.flags |= armed
	s := k.entry()
	s.Op, s.FD, s.IOPrio, s.Flags = uring.OpRecv, int32(c.fd), uring.RecvMultishot, uring.SQEBufferSelect
	s.BufGroup, s.UserData = poolGroup, forRecv|uint64(c.id)
}

func (k *uringCarrier) pause(c *Conn) {
	if c.has(armed) {
		k.cancel(forRecv | uint64(c.id))
	}
}

// received takes a block, or the end of receiving.
func (k *uringCarrier) received(id uint32, res int32, flags uint32) {
	c := k.w.conns[id]
	if flags&uring.CQEMore == 0 {
		c.flags &^= armed
	}
	if res > 0 {
		k.block(c, int(res), int32(flags>>uring.CQEShift))
	}
	if c.has(armed) {
		return
	}
	switch {
	case c.has(failed):
		c.try()
	case res == 0:
		c.end(io.EOF)
	case res == -int32(unix.ENOBUFS):
		c.flags |= starved
		k.starved = append(k.starved, c)
	case res < 0 && res != -int32(unix.ECANCELED):
		c.end(syscall.Errno(-res))
	case !c.has(paused):
		k.arm(c)
	}
}

// block hands a block on. It is given back unless somebody keeps it.
func (k *uringCarrier) block(c *Conn, n int, id int32) {
	b := k.pool.Bytes(uint16(id), n)
	k.now, k.nowID, k.kept = b, id, false
	c.received(b, id)
	k.now = nil
	if !k.kept {
		k.give(id)
	}
}

func (k *uringCarrier) give(block int32) {
	k.pool.Give(uint16(block))
	k.back = true
}

// lend keeps the block that is being handled, unless too many are kept: clients that do not read what is sent to them
// must not have all of them.
func (k *uringCarrier) lend() bool {
	if k.lent > k.pool.Count*3/4 {
		return false
	}
	k.lent++
	k.kept = true
	return true
}

func (k *uringCarrier) keep(block int32, b []byte) (int32, []byte) {
	if !k.lend() {
		return noBlock, append([]byte(nil), b...)
	}
	return block, b
}

func (k *uringCarrier) release(block int32) {
	if block != noBlock {
		k.lent--
		k.give(block)
	}
}

// publish shows the kernel the blocks that were given back, and receives for those who had none.
func (k *uringCarrier) publish() {
	if !k.back {
		return
	}
	k.back = false
	k.pool.Publish()
	if len(k.starved) == 0 {
		return
	}
	hungry := k.starved
	k.starved = nil
	for _, c := range hungry {
		if c.flags &^= starved; !c.has(failed | paused | ended | parted) {
			k.arm(c)
		}
	}
}

func (k *uringCarrier) send(c *Conn, b []byte) error {
	if !k.kept && within(b, k.now) && k.lend() {
		return k.pass(c, b, k.nowID)
	}
	return k.pass(c, append([]byte(nil), b...), noBlock)
}

func (k *uringCarrier) pass(c *Conn, b []byte, block int32) error {
	c.unsent += int64(len(b))
	if block != noBlock && !c.has(sending) {
		k.issue(c, b, block) // the usual case needs no queue
		return nil
	}
	c.queue(b, block)
	k.kick(c)
	return nil
}

// kick sends the first of the queue, unless something is on its way.
func (k *uringCarrier) kick(c *Conn) {
	if c.has(sending|failed) || c.out == nil {
		return
	}
	f := c.out.front()
	k.issue(c, f.b, noBlock)
}

// issue sends b. A block that comes with it is given back afterwards; else b is the first of the queue, which keeps it
// reachable. Memory of Go's heap does not move.
func (k *uringCarrier) issue(c *Conn, b []byte, block int32) {
	c.flags |= sending
	if block != noBlock {
		k.lengths[block] = uint32(len(b))
	}
	s := k.entry()
	s.Op, s.FD, s.OpFlags = uring.OpSend, int32(c.fd), unix.MSG_NOSIGNAL|unix.MSG_WAITALL
	s.Addr, s.Len = uring.Address(unsafe.Pointer(unsafe.SliceData(b))), uring.Length(len(b))
	s.UserData = forSend | uint64(uint32(block+1))<<32 | uint64(c.id)
}

// sent takes the end of a send.
func (k *uringCarrier) sent(which uint64, res int32) {
	c, block := k.w.conns[uint32(which)], int32(which>>32)-1
	c.flags &^= sending
	k.release(block)
	switch {
	case res < 0 && !c.has(failed):
		c.fail(syscall.Errno(-res))
	case block != noBlock && uint32(res) != k.lengths[block] && !c.has(failed):
		c.fail(io.ErrShortWrite) // what it met, the kernel would have told of the next
	case res < 0 || c.has(failed):
		c.try()
	default:
		if block == noBlock {
			c.took(int(res))
		}
		k.kick(c)
		c.progress(int(res))
	}
}

// abort has the kernel end everything that is under way on the socket.
func (k *uringCarrier) abort(c *Conn) {
	s := k.entry()
	s.Op, s.FD, s.OpFlags, s.Flags = uring.OpAsyncCancel, int32(c.fd), uring.CancelFD|uring.CancelAll, uring.SQECQESkip
	s.UserData = forNobody
}

func (k *uringCarrier) part(c *Conn) {
	s := k.entry()
	s.Op, s.FD, s.Flags, s.UserData = uring.OpClose, int32(c.fd), uring.SQECQESkip, forNobody
}
