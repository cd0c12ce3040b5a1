package pipe

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// end is one end of a connection. The runtime's poller wakes it, and knows its deadlines; an os.File is the way to that.
type end struct {
	f      *os.File
	raw    syscall.RawConn
	from   *Listener // whose instance it is; nil for the client
	closed atomic.Bool
	outbuf int // what Config.OutBuffer asked for
	in     inlet
	out    outlet
}

// newConn makes the Conn of a connected socket, which it owns from now on.
func newConn(fd int, name string, typ, mode Mode, d Direction, server bool) (*Conn, error) {
	if typ == Message {
		if err := unixpipe.TellCredentials(fd); err != nil {
			unix.Close(fd)
			return nil, err
		}
	}
	c := &Conn{name: name, typ: typ, server: server, direction: d}
	c.readMode.Store(uint32(mode))
	c.f = os.NewFile(uintptr(fd), name)
	raw, err := c.f.SyscallConn()
	if err != nil {
		c.f.Close()
		return nil, err
	}
	c.raw = raw
	c.in.init(c)
	c.out.init(c)
	return c, nil
}

// control calls f with the descriptor, without a turn.
func (e *end) control(f func(fd int) error) error {
	var err error
	if e.raw.Control(func(fd uintptr) { err = f(int(fd)) }) != nil {
		return ErrClosed
	}
	return err
}

func (e *end) setDeadline(t time.Time, read, write bool) error {
	var err error
	switch {
	case read && write:
		err = e.f.SetDeadline(t)
	case read:
		err = e.f.SetReadDeadline(t)
	default:
		err = e.f.SetWriteDeadline(t)
	}
	return waiting(err)
}

func (e *end) close() error {
	if e.closed.Swap(true) {
		return ErrClosed
	}
	e.control(func(fd int) error { e.drain(fd); return nil })
	return e.finish()
}

func (e *end) finish() error {
	err := e.f.Close()
	if e.from != nil {
		e.from.released()
	}
	return waiting(err)
}

// drain takes what was not read, because a socket of messages that is closed with something in it makes the other end's
// next read an error, before what was sent to it. One that belongs to another reader now is left alone. The other end may
// be writing all the time, so there is a limit.
func (e *end) drain(fd int) {
	if !e.in.packets {
		return
	}
	unixpipe.Shutdown(fd, unix.SHUT_RD)
	var m unixpipe.Msg // the reader's may be in use
	for range 1024 {
		if got, errno := m.Recv(fd, nil, 0); errno != unix.ECONNRESET && !got.Message {
			return
		}
	}
}

func (e *end) closeWrite() error {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	return e.control(func(fd int) error { return opening(unixpipe.Shutdown(fd, unix.SHUT_WR)) })
}

// disconnect marks the connection, so that the client voids what it has not read, and closes it.
func (e *end) disconnect() error {
	if e.closed.Swap(true) {
		return ErrClosed
	}
	e.control(func(fd int) error {
		if e.in.packets {
			e.out.bye(fd)
		} else {
			unixpipe.MarkDisconnected(fd)
		}
		e.drain(fd)
		return nil
	})
	return e.finish()
}

func (e *end) setReadMode(Mode) error { return nil }

func (e *end) rawConn() (syscall.RawConn, error) { return e.raw, nil }

// How often Flush looks: the kernel tells nobody when a queue becomes empty.
const (
	flushSoon = 20 * time.Microsecond
	flushLate = 5 * time.Millisecond
)

func (e *end) flush(ctx context.Context) error {
	for pause := flushSoon; ; pause = min(pause*2, flushLate) {
		done := false
		err := e.control(func(fd int) error {
			n, err := unixpipe.Unsent(fd)
			if done = n == 0; done && err == nil && unixpipe.PeerState(fd).Gone && unixpipe.TakeError(fd) == unix.ECONNRESET {
				err = sysErr(ErrBrokenPipe, unix.ECONNRESET) // it went, and did not read all
			}
			return err
		})
		if err != nil || done {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

func (e *end) info(i *Info) error {
	if e.from != nil {
		i.MaxInstances = e.from.cfg.MaxInstances
		i.InBuffer = e.from.cfg.InBuffer
	}
	return e.control(func(fd int) error {
		n, err := unixpipe.SendBuffer(fd)
		if i.Server {
			i.OutBuffer = n
		} else {
			i.InBuffer = n
		}
		return err
	})
}

// outlet is the writing half.
type outlet struct {
	mu  sync.Mutex
	c   *Conn
	msg unixpipe.Msg
	try func(fd uintptr) bool // send, as the poller wants it; made once

	b        []byte // what is to be sent
	attached int    // with this descriptor, if it is not 0
	n        int
	errno    syscall.Errno

	room int  // how many bytes one packet may have; 0 is not known yet
	part int  // how many a part of a large message has; 0 is not known yet
	cut  bool // a large message was begun and given up
}

func (o *outlet) init(c *Conn) {
	o.c = c
	o.try = o.attempt
}

// attempt sends once, and reports whether that is all the waiting. Who finds no room does not look again: a full buffer is
// best left to be read as a whole.
func (o *outlet) attempt(fd uintptr) bool { return o.send(int(fd)) }

func (o *outlet) send(fd int) bool {
	if o.attached != 0 {
		o.n, o.errno = len(o.b), o.msg.SendMarked(fd, o.b, o.attached)
	} else {
		o.n, o.errno = unixpipe.Send(fd, o.b)
	}
	return o.errno != unix.EAGAIN
}

// put sends b, as one packet or as some of a stream, and waits until it can.
func (o *outlet) put(b []byte, attached int) (int, error) {
	o.b, o.attached = b, attached
	err := o.c.raw.Write(o.try)
	o.b = nil
	if err != nil {
		return 0, waiting(err)
	}
	if o.errno != 0 {
		return 0, o.errno
	}
	return o.n, nil
}

func (e *end) write(b []byte) (int, error) {
	e.out.mu.Lock()
	defer e.out.mu.Unlock()
	wrote()
	var n int
	var err error
	if e.in.packets {
		n, err = e.out.message(b)
	} else {
		n, err = e.out.stream(b)
	}
	if errno, ok := err.(syscall.Errno); ok {
		err = e.lost(errno)
	}
	return n, err
}

// lost says why writing failed: the other end has gone, or, for a client, it was disconnected.
func (e *end) lost(errno syscall.Errno) error {
	if errno == unix.EPIPE || errno == unix.ECONNRESET {
		if e.in.disconnected() {
			return sysErr(ErrNotConnected, errno)
		}
	}
	return moving(errno)
}

func (o *outlet) stream(b []byte) (n int, err error) {
	for n < len(b) || len(b) == 0 {
		m, err := o.put(b[n:], 0)
		n += m
		if err != nil || len(b) == 0 {
			return n, err
		}
	}
	return n, nil
}

// inlet is the reading half.
type inlet struct {
	mu      sync.Mutex
	c       *Conn
	packets bool // the socket keeps boundaries
	msg     unixpipe.Msg
	spin    spinner
	try     func(fd uintptr) bool // receive, as the poller wants it; made once

	a      []byte // where to
	got    *unixpipe.Received
	n      int // bytes, of a stream
	errno  syscall.Errno
	behind bool // something was there at once, and no more will come after it

	// What was taken from the kernel and not yet read: see message_linux.go.
	rest  []byte // of the message that is being read
	left  int    // how many bytes of it are still to come, in parts
	begun bool   // some of it was read
	tail  *tail  // what is after the end of the connection
	gone  error  // how it ended, when it has

	fetched  bool // a packet was taken for the read that is under way
	fetchErr error
}

func (i *inlet) init(c *Conn) {
	i.c, i.packets = c, c.typ == Message
	i.try = i.attemptStream
	if i.packets {
		i.try = i.attemptPacket
	}
}

// attemptStream is outlet.attempt for receiving. There are two of it, to save the stack of who waits a call.
func (i *inlet) attemptStream(fd uintptr) bool {
	if i.receiveStream(int(fd)) {
		return true
	}
	for i.spin.begin(); i.spin.again(); {
		if i.receiveStream(int(fd)) {
			return true
		}
	}
	return false
}

func (i *inlet) attemptPacket(fd uintptr) bool {
	if i.receivePacket(int(fd)) {
		return true
	}
	for i.spin.begin(); i.spin.again(); {
		if i.receivePacket(int(fd)) {
			return true
		}
	}
	return false
}

// receiveStream receives what there is. A client has to look for the server's mark first: receiving would step over it.
func (i *inlet) receiveStream(fd int) bool {
	if !i.c.server {
		s := unixpipe.PeerState(fd)
		if s.Mark {
			i.gone, i.errno = sysErr(ErrNotConnected, unix.ENOTCONN), unix.ENOTCONN
			return true
		}
		if !s.Ready && !s.End {
			i.errno = unix.EAGAIN
			return false
		}
	}
	i.n, i.errno = unixpipe.Recv(fd, i.a, 0)
	return i.errno != unix.EAGAIN
}

// take receives once, and waits until it can.
func (i *inlet) take(a []byte) error {
	if i.gone != nil {
		return i.gone
	}
	i.a = a
	err := i.c.raw.Read(i.try)
	i.a = nil
	moved := i.n
	if i.packets && i.got != nil {
		moved = i.got.N
	}
	i.spin.over(moved)
	switch {
	case err != nil:
		return waiting(err)
	case i.c.closed.Load():
		return ErrClosed // Close ends receiving before the poller knows
	case i.gone != nil:
		return i.gone
	case i.errno != 0:
		return i.errno
	}
	return nil
}

func (e *end) read(b []byte) (int, error) {
	i := &e.in
	i.mu.Lock()
	if err := i.fetch(b); err != nil {
		i.mu.Unlock()
		return 0, err
	}
	n, err := i.readNow(b)
	wasRead()
	i.mu.Unlock()
	return n, err
}

// fetch takes what the read that is under way will find first, and does all the waiting for it: a goroutine that waits has
// so few calls on its stack that 2 KiB are enough. What was taken before can be had only as long as this end may read.
func (i *inlet) fetch(b []byte) error {
	if i.packets && (i.unfinished() || i.tail != nil) || !i.packets && len(b) == 0 {
		return waiting(i.c.raw.Read(atOnce))
	}
	i.fetchErr = i.take(b)
	i.fetched = true
	return nil
}

// atOnce does not wait: the poller only looks whether this end is closed, and at the deadline.
func atOnce(uintptr) bool { return true }

func (i *inlet) readNow(b []byte) (int, error) {
	if i.packets {
		return i.readPacket(b)
	}
	if !i.fetched {
		return 0, nil
	}
	i.fetched = false
	err := i.fetchErr
	switch {
	case err == nil && i.n == 0, errors.Is(err, unix.ECONNRESET):
		return 0, io.EOF // reset: the other end closed before it had read all
	case err != nil:
		return 0, err
	}
	return i.n, nil
}

// disconnected tells whether the server has disconnected this client.
func (i *inlet) disconnected() bool {
	if i.c.server || !i.mu.TryLock() {
		return false
	}
	defer i.mu.Unlock()
	if !i.packets {
		i.c.control(func(fd int) error {
			if unixpipe.PeerState(fd).Mark {
				i.gone = sysErr(ErrNotConnected, unix.ENOTCONN)
			}
			return nil
		})
	} else if i.tail == nil {
		i.c.control(func(fd int) error { i.collect(fd); return nil })
	}
	return errors.Is(i.gone, ErrNotConnected)
}
