package sockex

import (
	"context"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/completion"
)

// ConnectOptions says how ConnectEx connects. The zero value, or nil, is as usual.
type ConnectOptions struct {
	// FastOpen lets the data go with the first packet (RFC 7413), which saves a round trip with servers that have given this
	// machine a cookie before. Whoever copies such a packet can have the server read it twice: it is for requests that may be
	// done twice. Where it cannot be had the data is sent after connecting, as without.
	FastOpen bool
}

// ConnectEx connects a socket and sends data, if there is any, and returns the connection and how many bytes of data were
// sent: all of them, unless there is an error. A nil socket is a new one of the address's family.
//
// After an error the socket is not connected and may be used again; of a connection that came about, but on which data could
// not be sent, the peer sees a reset. On Windows, one whose connecting the context has ended is a new socket with the same
// local address.
//
// Source: ConnectEx of mswsock.h; connect(2), tcp(7).
func ConnectEx(ctx context.Context, s *Socket, raddr netip.AddrPort, data []byte, o *ConnectOptions) (*net.TCPConn, int, error) {
	if o == nil {
		o = &ConnectOptions{}
	}
	if s != nil {
		c, n, err := s.connect(ctx, raddr, data, o)
		return c, n, wrap("ConnectEx", int64(n), err)
	}
	network := "tcp4"
	if raddr.Addr().Is6() {
		network = "tcp6"
	}
	s, err := NewSocket(network, netip.AddrPort{})
	if err != nil {
		return nil, 0, wrap("ConnectEx", 0, err)
	}
	c, n, err := s.connect(ctx, raddr, data, o)
	if err != nil {
		_ = s.Close()
	}
	return c, n, wrap("ConnectEx", int64(n), err)
}

// connect uses the socket up if it succeeds.
func (s *Socket) connect(ctx context.Context, raddr netip.AddrPort, data []byte, o *ConnectOptions) (*net.TCPConn, int, error) {
	if err := s.take(); err != nil {
		return nil, 0, err
	}
	n, err := 0, ctx.Err()
	if err == nil {
		n, err = s.dial(ctx, raddr, data, o)
	}
	if err != nil {
		s.leave(vacant)
		return nil, n, err
	}
	defer s.leave(gone)
	at := time.Now()
	c, err := s.conn()
	if err == nil {
		s.mu.Lock()
		s.since = at
		s.mu.Unlock()
	}
	return c, n, err
}

// Connection is a ConnectEx on a completion port. It may be submitted again after its result.
type Connection struct {
	op   completion.Op
	to   netip.AddrPort
	data []byte
	fast bool
	sys  sysConnection
}

// NewConnectEx makes an operation that connects a handle and then sends data, as [ConnectEx] does. Op.N is how many bytes of
// it were sent. After an error the handle may be connected again, unless a connection had come about.
func NewConnectEx(s *completion.Handle, raddr netip.AddrPort, data []byte, o *ConnectOptions) *Connection {
	c := &Connection{to: raddr, data: data, fast: o != nil && o.FastOpen && len(data) > 0}
	c.op.Handle, c.op.Next = s, c.next
	c.set()
	return c
}

// Op is the operation, to be submitted and cancelled. Its Handle, Timeout and Data may be set. After the result Err is nil or
// *Error.
func (c *Connection) Op() *completion.Op { return &c.op }

// set makes the operation what it is at its beginning.
func (c *Connection) set() {
	c.op.Kind, c.op.Addr, c.op.Buf = completion.Connect, c.to, c.data
	if c.fast {
		c.setFast()
	}
}

func (c *Connection) next(op *completion.Op) bool {
	c.settle(op)
	op.Err = wrap("ConnectEx", int64(op.N), op.Err)
	c.set()
	return false
}

// AllowFastOpen lets a listener's clients send data with their first packet, and as many of them as queue says wait with it to
// be accepted. On Linux net.ipv4.tcp_fastopen has to have bit 2 set besides.
func AllowFastOpen(l syscall.Conn, queue int) error {
	rc, err := l.SyscallConn()
	if err == nil {
		err = control(rc, func(fd uintptr) error { return allowFastOpen(fd, queue) })
	}
	return wrap("AllowFastOpen", 0, err)
}
