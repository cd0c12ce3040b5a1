package completion

import (
	"errors"
	"io"
	"net/netip"
	"sync"
	"unsafe"
)

// Conn is a connection of [Serve]. Its methods may be called from the handler; Send, Close and Do from any goroutine if
// Options.Goroutines is set, and else only on the connection's port: from handlers and what Do was given.
type Conn struct {
	w      *worker
	Data   any // the caller's
	err    error
	out    *outbox
	task   *task    // what goroutines have to do, while they do
	ops    *connOps // of the carrier that is made of operations
	fd     sysFD
	id     uint32
	stamp  uint32 // the tick of the last sign of life
	flags  connFlags
	unsent int64 // bytes on their way and in the queue

	mu sync.Mutex // guards task, its block, and taken, where handlers run in goroutines
}

type connFlags uint32

const (
	virgin   connFlags = 1 << iota // has sent nothing yet
	armed                          // receiving is under way
	sending                        // sending is under way
	paused                         // too much is unsent
	starved                        // no block was left to receive into
	ended                          // the peer sends no more
	bowing                         // to be closed when everything is sent
	shut                           // our end is shut down; we wait for the peer's
	failed                         // to be closed as soon as nothing is under way
	parted                         // closed
	ready                          // the socket has more to be received than was taken
	busy                           // a goroutine handles a block
	inReady                        // in a list of the carrier's
	hangup                         // a short read does not mean that the socket is empty
	aborting                       // the carrier was asked to end what is under way
	known                          // Options.Opened was called
	chatty                         // the peer sent more while we were about to close
)

func (c *Conn) has(f connFlags) bool { return c.flags&f != 0 }

// Send sends b: all of it, in the order of the calls, after the handler has returned or before. b may be used again at
// once; only where it is the block that is being handled, or a part of it, nothing is copied, and it must not be changed any
// more. The error is that of a connection that is over, as far as that is known.
func (c *Conn) Send(b []byte) error {
	if c.w.server.jobs != nil {
		return c.mail(b)
	}
	return c.sendNow(b)
}

func (c *Conn) sendNow(b []byte) error {
	switch {
	case c.has(failed | bowing | shut):
		return ErrClosed
	case len(b) == 0:
		return nil
	}
	return c.sent(c.w.carrier.send(c, b))
}

// pass sends what a goroutine gave.
func (c *Conn) pass(b []byte, block int32) {
	if len(b) == 0 {
		c.w.carrier.release(block)
		return
	}
	_ = c.sent(c.w.carrier.pass(c, b, block)) // what is over is over
}

// sent looks at what came of sending: an error, or too much that waits.
func (c *Conn) sent(err error) error {
	if err != nil {
		c.fail(err)
		return err
	}
	if c.unsent > int64(c.w.server.opts.Unsent) {
		c.strain()
	}
	return nil
}

// Close ends the connection once everything is sent.
func (c *Conn) Close() {
	if c.w.server.jobs != nil {
		c.Do(func() { c.bow(nil) })
		return
	}
	c.bow(nil)
}

// Do runs f on the connection's port, as soon as that comes to it. It returns false where the port is closed.
func (c *Conn) Do(f func()) bool { return c.w.loop.request(request{run: f}) == nil }

// Port is the connection's port: a handler may submit operations to it, and gets their results by Op.Next.
func (c *Conn) Port() *Port { return c.w.port }

// FD is the socket, for options. It stays the server's.
func (c *Conn) FD() uintptr { return uintptr(c.fd) }

// LocalAddr and RemoteAddr are the addresses of both ends.
func (c *Conn) LocalAddr() (netip.AddrPort, error) { return sockName(c.fd, false) }

// RemoteAddr is that of the other end.
func (c *Conn) RemoteAddr() (netip.AddrPort, error) { return sockName(c.fd, true) }

// outbox is what waits to be sent.
type outbox struct {
	chunks []chunk
	head   int
}

// chunk is a part of it: memory of the outbox's own, or a block of the carrier's.
type chunk struct {
	b     []byte
	block int32
}

const noBlock = int32(-1)

func (o *outbox) front() *chunk { return &o.chunks[o.head] }

func (o *outbox) empty() bool { return o.head == len(o.chunks) }

// queue puts a chunk at the end.
func (c *Conn) queue(b []byte, block int32) {
	if c.out == nil {
		c.out = new(outbox)
	}
	if c.out.empty() {
		c.out.chunks, c.out.head = c.out.chunks[:0], 0
	}
	c.out.chunks = append(c.out.chunks, chunk{b, block})
}

// took counts n bytes of the first chunk as sent, and reports whether more waits.
func (c *Conn) took(n int) bool {
	k := c.out.front()
	if k.b = k.b[n:]; len(k.b) == 0 {
		c.w.carrier.release(k.block)
		*k = chunk{}
		c.out.head++
	}
	if c.out.empty() {
		c.out = nil // an idle connection has no queue
	}
	return c.out != nil
}

// discard drops what was not sent.
func (c *Conn) discard() {
	if c.out == nil {
		return
	}
	for ; !c.out.empty(); c.out.head++ {
		c.w.carrier.release(c.out.front().block)
	}
	c.out, c.unsent = nil, 0
}

// live notes a sign of life.
func (c *Conn) live() { c.stamp = c.w.tick }

// received is a block that came. It reports whether the block is the connection's now.
func (c *Conn) received(b []byte, block int32) (kept bool) {
	c.flags &^= virgin
	if c.has(bowing | shut | failed) {
		c.flags |= chatty
		return false
	}
	c.live()
	if c.w.server.jobs != nil {
		c.w.hand(c, b, block)
		return true
	}
	if err := c.w.server.handler(c, b); err != nil {
		c.bow(err)
	}
	return false
}

// end is the end of what the peer sends: io.EOF, or an error.
func (c *Conn) end(err error) {
	if !errors.Is(err, io.EOF) {
		c.fail(err)
		return
	}
	c.flags |= ended
	if c.has(shut) {
		c.fail(nil)
	} else if !c.has(busy) {
		c.bow(nil)
	}
}

// progress counts n bytes as sent, and does what waited for that.
func (c *Conn) progress(n int) {
	c.unsent -= int64(n)
	if !c.has(shut) {
		c.live()
	}
	c.relax()
	if c.has(bowing) {
		c.leave()
	}
}

// strain stops receiving while there is too much to do, and relax goes on when half of it is done.
func (c *Conn) strain() {
	if !c.has(paused) {
		c.flags |= paused
		c.w.carrier.pause(c)
	}
}

func (c *Conn) relax() {
	if !c.has(paused) || c.unsent > int64(c.w.server.opts.Unsent/2) || c.task != nil && len(c.task.later) > maxLater/2 {
		return
	}
	if c.flags &^= paused; !c.has(failed | ended) {
		c.w.carrier.arm(c)
	}
}

// bow closes in good order: what is unsent goes first.
func (c *Conn) bow(err error) {
	if c.has(bowing | failed) {
		return
	}
	c.flags |= bowing
	if c.err == nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	c.leave()
}

// leave goes on with that when nothing is unsent. A peer that has sent more, or may while the server comes to its end, is
// given time to close: closing with bytes unread would reset the connection, and with it what the peer has not read yet.
func (c *Conn) leave() {
	switch {
	case c.unsent > 0 || c.has(sending|shut|busy):
	case c.has(ended) || !c.w.draining && !c.has(chatty) && !unread(c.fd):
		c.fail(nil)
	default:
		c.flags = c.flags&^paused | shut
		c.w.linger(c)
		shutdownWrite(c.fd)
		if !c.has(armed) {
			c.w.carrier.arm(c)
		}
	}
}

// fail closes at once.
func (c *Conn) fail(err error) {
	if !c.has(failed) {
		c.flags |= failed
		if c.err == nil {
			c.err = err
		}
	}
	c.try()
}

// try closes if nothing is under way, and else sees to it that nothing is soon.
func (c *Conn) try() {
	switch {
	case !c.has(failed) || c.has(parted):
	case c.has(armed | sending):
		if !c.has(aborting) {
			c.flags |= aborting
			c.w.carrier.abort(c)
		}
	case c.has(busy):
	default:
		c.flags |= parted
		c.discard()
		c.w.carrier.part(c)
		c.w.gone(c)
	}
}

// within reports whether b lies in block.
func within(b, block []byte) bool {
	if len(b) == 0 || len(block) == 0 {
		return false
	}
	at, from := uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(unsafe.SliceData(block)))
	return at >= from && at+uintptr(len(b)) <= from+uintptr(len(block))
}
