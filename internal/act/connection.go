package act

import (
	"errors"
	"net/netip"

	"github.com/sockeye-net/sockeye/netstat"
)

// Connection names one connection: TCP, or a UDP socket that has a peer. It is a value, and stays of use when the snapshot
// that it was taken from is read again.
type Connection struct {
	Proto         netstat.Proto
	State         netstat.State
	Local, Remote netip.AddrPort
	Interface     uint32
	Cookie        uint64 // with it, a later connection between the same ends is not taken for this one; see Query.Cookies
	NetNS         uint64 // 0 is the caller's own
}

// ConnectionOf names the connection of a row.
func ConnectionOf(s *netstat.Socket) Connection {
	return Connection{s.Proto, s.State, s.Local, s.Remote, s.Interface, s.Cookie, s.NetNS}
}

// IsConnection reports whether a row is a connection, so that it can be closed: a listener, a socket that is merely bound or
// has no peer, and a Unix socket are none.
func IsConnection(s *netstat.Socket) bool {
	switch s.Proto {
	case netstat.TCP:
		return netstat.ConnectionStates.Has(s.State)
	case netstat.UDP:
		return s.State == netstat.Established && s.Remote.Port() != 0
	}
	return false
}

// String is the connection in words.
func (c Connection) String() string {
	return c.Proto.String() + " " + c.Local.String() + " -> " + c.Remote.String()
}

// Close closes the connection; see [Closer].
func (c Connection) Close() error {
	var closer Closer
	return errors.Join(closer.Connection(c), closer.Close())
}

// Closer closes connections. The zero Closer is ready; it keeps what it needs for the next one until Close. It is for one
// goroutine at a time.
//
// On Linux it needs CAP_NET_ADMIN, and a kernel with CONFIG_INET_DIAG_DESTROY; the holder gets ECONNABORTED at its next
// call, and the peer a reset. On Windows it needs an Administrator.
type Closer struct{ impl closer }

var errNoConnection = errors.New("is no connection: what listens or is merely bound is closed by its owner")

// Connection closes one. The error is an [*Error].
func (c *Closer) Connection(conn Connection) error {
	row := netstat.Socket{Proto: conn.Proto, State: conn.State, Remote: conn.Remote}
	if !IsConnection(&row) {
		return conn.error(Refused, errNoConnection)
	}
	return c.impl.close(&conn)
}

// Close releases what the closer holds. It can be used again afterwards.
func (c *Closer) Close() error { return c.impl.release() }

func (c *Connection) error(r Reason, err error) error {
	return &Error{Op: "close", Target: c.String(), Reason: r, Err: err}
}
