package completion

import (
	"errors"
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/epoll"
)

// epollCarrier receives when it is told that something is there, and sends at once.
type epollCarrier struct {
	w      *worker
	d      *epollDriver
	wake   *Op // waits for connections
	ready  []*Conn
	blocks [][]byte // made so far
	free   []int32
	cur    int32 // the one to receive into, or noBlock
	kept   bool
}

// turns is how many blocks one connection may receive, and atOnce how many connections are accepted, before the others
// have their turn.
const turns, atOnce = 16, 256

// connTag marks the events of connections, whose number is in the place of the descriptor.
const connTag = -1

func newEpollCarrier(w *worker, d *epollDriver) *epollCarrier {
	k := &epollCarrier{w: w, d: d, cur: noBlock}
	d.streams = k
	return k
}

func (k *epollCarrier) start() error {
	k.another()
	return nil
}

// another takes a free block to receive into, or makes one if there are not too many.
func (k *epollCarrier) another() {
	k.cur = noBlock
	if n := len(k.free); n > 0 {
		k.cur, k.free = k.free[n-1], k.free[:n-1]
	} else if len(k.blocks) < k.w.server.opts.blocks() {
		k.cur = int32(len(k.blocks))
		k.blocks = append(k.blocks, make([]byte, k.w.server.opts.BlockSize))
	}
}

// accept waits until there are connections, with an operation like any other, and takes them all.
func (k *epollCarrier) accept() {
	k.wake = &Op{Kind: Call, Handle: k.w.listener, Call: func(uintptr, unsafe.Pointer) (int, error) { return 0, k.takeAll() }}
	k.wake.Next = func(op *Op) bool {
		err := op.Err
		if err == nil && !k.w.draining && !k.w.full() {
			return true
		}
		if errors.Is(err, ErrCanceled) {
			err = nil
		}
		k.w.deaf(err)
		return false
	}
	k.w.loop.begin(k.wake)
}

func (k *epollCarrier) hush() {
	if k.w.hearing {
		k.w.loop.cancel(k.wake, cancelled)
	}
}

// takeAll accepts until nobody waits, it is told to stop, or others have to have their turn.
func (k *epollCarrier) takeAll() error {
	for i := 0; i < atOnce && !k.w.draining && !k.w.full(); i++ {
		fd, err := acceptCall(k.w.listener.fd, nil, nil)
		switch {
		case err == nil:
			k.w.arrived(sysFD(fd))
		case err == unix.EAGAIN || !brief(err.(syscall.Errno)):
			return err
		}
	}
	return nil
}

func (k *epollCarrier) join(c *Conn) error {
	if k.w.server.parts {
		c.flags |= hangup
	}
	return k.d.poll.Add(int(c.fd), epoll.Edge|unix.EPOLLPRI, int32(c.id), connTag)
}

// arm has what came while the connection was paused received.
func (k *epollCarrier) arm(c *Conn) {
	if c.has(ready) {
		k.later(c)
	}
}

func (k *epollCarrier) pause(*Conn) {}

// later puts a connection among those that have their turn after the others.
func (k *epollCarrier) later(c *Conn) {
	if !c.has(inReady) {
		c.flags |= inReady
		k.ready = append(k.ready, c)
		k.w.loop.hot = true
	}
}

// after gives those their turn.
func (k *epollCarrier) after() {
	if len(k.ready) == 0 {
		return
	}
	k.w.loop.hot = false
	waiting := k.ready
	k.ready = nil
	for _, c := range waiting {
		if c.flags &^= inReady; !c.has(parted) {
			k.receive(c)
		}
	}
}

// toRead is what there may be to be received for. Reading stops before an urgent byte (tcp(7)).
const toRead = epoll.Readable | unix.EPOLLPRI

// event is what epoll told of a connection.
func (k *epollCarrier) event(id, events uint32) {
	if int(id) >= len(k.w.conns) || k.w.conns[id] == nil {
		return // closed since
	}
	c := k.w.conns[id]
	if events&epoll.Writable != 0 && c.has(sending) {
		k.flush(c)
	}
	if events&toRead != 0 && !c.has(parted) {
		c.flags |= ready
		if events&^unix.EPOLLIN&toRead != 0 {
			c.flags |= hangup
		}
		k.receive(c)
	}
}

// receive takes blocks until there are no more, or others have to have their turn.
func (k *epollCarrier) receive(c *Conn) {
	for range turns {
		if c.has(paused | failed | ended) {
			return
		}
		if k.cur == noBlock {
			c.flags |= starved
			k.later(c)
			k.w.loop.hot = len(k.free) > 0
			return
		}
		b := k.blocks[k.cur]
		n, err := recvCall(c.fd, b, 0)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			c.flags &^= ready
			return
		case err == nil && n > 0:
			k.block(c, b[:n])
		case err == nil:
			err = io.EOF
		}
		if err != nil {
			c.flags &^= ready
			c.end(err)
			return
		}
		// A short read has emptied the socket, and what comes later is told of; the end may have been told of already.
		if n < len(b) && !c.has(hangup) {
			c.flags &^= ready
			return
		}
	}
	k.later(c)
}

func (k *epollCarrier) block(c *Conn, b []byte) {
	k.kept = false
	c.received(b, k.cur)
	if k.kept {
		k.another()
	}
}

// keep copies where half of the blocks are kept already, so that connections without them are served too.
func (k *epollCarrier) keep(block int32, b []byte) (int32, []byte) {
	if kept := len(k.blocks) - len(k.free); 2*kept > k.w.server.opts.blocks() {
		return noBlock, append([]byte(nil), b...)
	}
	k.kept = true
	return block, b
}

func (k *epollCarrier) release(block int32) {
	if block == noBlock {
		return
	}
	k.free = append(k.free, block)
	if k.cur == noBlock {
		k.another()
		k.w.loop.hot = len(k.ready) > 0
	}
}

func (k *epollCarrier) send(c *Conn, b []byte) error {
	n, err := k.put(c, b)
	if err == nil && n < len(b) {
		c.queue(append([]byte(nil), b[n:]...), noBlock)
	}
	return err
}

func (k *epollCarrier) pass(c *Conn, b []byte, block int32) error {
	n, err := k.put(c, b)
	if err == nil && n < len(b) {
		c.queue(b[n:], block)
		return nil
	}
	k.release(block)
	return err
}

// put sends what the socket takes at once. The rest is to be queued, and goes when there is room.
func (k *epollCarrier) put(c *Conn, b []byte) (n int, err error) {
	if !c.has(sending) {
		n, err = sendCall(c.fd, b, unix.MSG_NOSIGNAL)
		c.live()
	}
	if err == unix.EAGAIN {
		n, err = 0, nil
	}
	if err == nil && n < len(b) {
		c.flags |= sending
		c.unsent += int64(len(b) - n)
	}
	return n, err
}

// flush goes on with the queue.
func (k *epollCarrier) flush(c *Conn) {
	for sent := 0; c.out != nil; {
		n, err := sendCall(c.fd, c.out.front().b, unix.MSG_NOSIGNAL)
		if err == unix.EAGAIN {
			c.progress(sent)
			return
		}
		if err != nil {
			c.fail(err)
			return
		}
		c.took(n)
		if sent += n; c.out == nil {
			c.flags &^= sending
			c.progress(sent)
		}
	}
}

// abort: nothing is ever under way in the kernel.
func (k *epollCarrier) abort(c *Conn) {
	c.flags &^= sending | armed
	c.try()
}

func (k *epollCarrier) part(c *Conn) { _ = unix.Close(int(c.fd)) }
