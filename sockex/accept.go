package sockex

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/completion"
)

// AcceptOptions says how AcceptEx accepts. The zero value, or nil, is as on Windows: a client that sends nothing is waited for
// without a limit.
type AcceptOptions struct {
	// FirstBlock is how long a client may take to send its first block. When it has passed, the connection is closed and the
	// error is ErrIdle. 0 is no limit but the context.
	FirstBlock time.Duration

	// Into is a socket that becomes the connection, for [AcceptEx]. On Linux, where a connection brings its own, it is closed
	// in its favour. Where no connection came it is as before.
	Into *Socket

	// Handle is the same for [NewAcceptEx]. On Linux its descriptor's number stays.
	Handle *completion.Handle
}

// Accepted is a connection with its first block.
type Accepted struct {
	Conn   *net.TCPConn       // of AcceptEx
	Handle *completion.Handle // of NewAcceptEx
	N      int                // bytes of the first block, in the buffer; 0 is that the client has ended its side without sending any
	Local  netip.AddrPort
	Remote netip.AddrPort
	At     time.Time // when it was accepted
}

// GetAcceptExSockaddrs gives the addresses of both ends, as AcceptEx has found them.
func GetAcceptExSockaddrs(a *Accepted) (local, remote netip.AddrPort) { return a.Local, a.Remote }

// AcceptEx takes a connection and receives its first block into buf: what comes first, be it one byte. With an empty buf it
// does not wait for one. Several goroutines may have one posted each on a listener; connections are given to them in the order
// in which they called, and one that waits for its client's first block keeps none of the others waiting.
//
// The context ends the wait for a connection, as the listener's own deadline does, and the wait for the first block, after
// which the connection is closed. With ErrIdle, Accepted tells whose connection it was, without a Conn; so the caller may go on.
//
// When a context ends a wait for a connection, the listener's deadline is not set afterwards, and an Accept of package net
// beside it on the same listener may return with os.ErrDeadlineExceeded.
//
// Source: AcceptEx of mswsock.h.
func AcceptEx(ctx context.Context, l *net.TCPListener, buf []byte, o *AcceptOptions) (*Accepted, error) {
	if o == nil {
		o = &AcceptOptions{}
	}
	a, err := acceptEx(ctx, l, buf, o)
	return a, wrap("AcceptEx", 0, err)
}

func acceptEx(ctx context.Context, l *net.TCPListener, buf []byte, o *AcceptOptions) (*Accepted, error) {
	if o.Into != nil {
		return acceptInto(ctx, l, o.Into, buf, o.FirstBlock)
	}
	c, err := nextConn(ctx, l)
	if err != nil {
		return nil, err
	}
	return firstBlock(ctx, c, buf, o.FirstBlock)
}

// acceptInstead accepts a connection in the place of a socket, which has to be free for that.
func acceptInstead(ctx context.Context, l *net.TCPListener, s *Socket, buf []byte, limit time.Duration) (*Accepted, error) {
	if err := s.take(); err != nil {
		return nil, err
	}
	c, err := nextConn(ctx, l)
	if err != nil {
		s.leave(vacant)
		return nil, err
	}
	_ = s.sys.close()
	s.leave(gone)
	return firstBlock(ctx, c, buf, limit)
}

// firstBlock receives it on a connection that was just accepted, which it closes if that fails.
func firstBlock(ctx context.Context, c *net.TCPConn, buf []byte, limit time.Duration) (*Accepted, error) {
	a := &Accepted{Conn: c, Local: addrPort(c.LocalAddr()), Remote: addrPort(c.RemoteAddr()), At: time.Now()}
	if len(buf) == 0 {
		return a, nil
	}
	err := a.receive(ctx, buf, limit)
	if err == nil {
		return a, nil
	}
	_ = c.Close()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		a.Conn = nil
		return a, ErrIdle
	}
	return nil, err
}

func (a *Accepted) receive(ctx context.Context, buf []byte, limit time.Duration) (err error) {
	if limit > 0 {
		if err := a.Conn.SetReadDeadline(a.At.Add(limit)); err != nil {
			return err
		}
	}
	cut := cutOff(ctx, a.Conn.SetReadDeadline)
	a.N, err = a.Conn.Read(buf)
	if err == io.EOF {
		err = nil
	}
	if err = cut.end(err); err != nil || limit == 0 {
		return err
	}
	return a.Conn.SetReadDeadline(time.Time{})
}

// addrPort is an address of package net, whose IPv4 addresses on sockets of IPv6 are mapped.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// Acceptance is an AcceptEx on a completion port. It may be submitted again after its result.
type Acceptance struct {
	op     completion.Op
	remote netip.AddrPort
	at     time.Time
}

// NewAcceptEx makes an operation that takes a connection of a listener with its first block, as [AcceptEx] does.
func NewAcceptEx(l *completion.Handle, buf []byte, o *AcceptOptions) *Acceptance {
	if o == nil {
		o = &AcceptOptions{}
	}
	a := &Acceptance{}
	a.op = completion.Op{Kind: completion.Accept, Handle: l, Buf: buf, FirstBlock: o.FirstBlock, Into: o.Handle, Next: a.next}
	return a
}

// Op is the operation, to be submitted and cancelled. Its Timeout, which is for the whole, and its Data may be set, and
// between two results its Buf and Into. After the result Err is nil or *Error.
func (a *Acceptance) Op() *completion.Op { return &a.op }

// Accepted is what came of it, after the result, and nil after an error but ErrIdle, which has no Handle.
func (a *Acceptance) Accepted() *Accepted {
	r := &Accepted{Handle: a.op.Conn, N: a.op.N, Remote: a.remote, At: a.at}
	switch {
	case a.op.Err == nil:
		r.Local, _ = a.op.Conn.LocalAddr()
		return r
	case errors.Is(a.op.Err, ErrIdle):
		return r
	}
	return nil
}

func (a *Acceptance) next(op *completion.Op) bool {
	a.remote, op.Addr = op.Addr, netip.AddrPort{}
	a.at = time.Now()
	if op.Err == os.ErrDeadlineExceeded && a.remote.IsValid() {
		op.Err = ErrIdle
	}
	op.Err = wrap("AcceptEx", 0, op.Err)
	return false
}
