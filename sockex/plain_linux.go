package sockex

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// plain is what a transfer on a net.Conn has besides.
type plain struct {
	post bool                  // datagrams
	try  func(fd uintptr) bool // methods, kept: each time they are made costs an allocation
	err  error
	wait *cutoff
	ctx  context.Context
	conn net.Conn
}

// turn is how many bytes are sent before the context is looked at again.
const turn = 4 << 20

// onConn sends a stream.
func (t *transfer) onConn(ctx context.Context, c *net.TCPConn) error {
	t.sys.plain.post = false
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	if err := t.through(ctx, c, raw); err != nil {
		_ = raw.Control(func(fd uintptr) {
			t.uncork(int(fd))
			err = t.explain(int(fd), err)
		})
		return err
	}
	return nil
}

// explain says what EPIPE is, if the socket was not shut down: it has no connection. If bytes were taken it had one, which
// was reset; the number of that was lost in a sendfile that had moved some of them.
func (t *transfer) explain(fd int, err error) error {
	switch {
	case err != unix.EPIPE || connected(fd):
		return err
	case t.sent > 0:
		return unix.ECONNRESET
	}
	return unix.ENOTCONN
}

// letters sends datagrams.
func (t *transfer) letters(ctx context.Context, c *net.UDPConn, to netip.AddrPort) error {
	t.sys.plain.post = true
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	if err := t.setLetters(raw, to); err != nil {
		return err
	}
	return t.through(ctx, c, raw)
}

// through sends by the runtime's poller, which keeps other writes away and knows the connection's deadline.
func (t *transfer) through(ctx context.Context, c net.Conn, raw syscall.RawConn) error {
	p := &t.sys.plain
	p.ctx, p.conn = ctx, c
	if p.try == nil {
		p.try = t.try
	}
	err := raw.Write(p.try)
	if p.wait != nil && p.wait.ended() {
		return ctx.Err()
	}
	if err == nil {
		err = p.err
	}
	return err
}

// try is called when the socket may have room.
func (t *transfer) try(fd uintptr) (done bool) {
	p := &t.sys.plain
	for {
		if p.err = p.ctx.Err(); p.err != nil {
			return true
		}
		t.sys.budget = turn
		if p.post {
			p.err = t.post(int(fd))
		} else {
			p.err = t.step(int(fd))
		}
		switch {
		case p.err == errYield:
			continue
		case p.err != unix.EAGAIN:
			return true
		case p.wait == nil && p.ctx.Done() != nil:
			p.wait = cutOff(p.ctx, p.conn.SetWriteDeadline)
		}
		return false
	}
}
