package pipe

import (
	"net"
	"time"
)

// Listener is the server of a pipe. It is a net.Listener. Its methods may be called from several goroutines at once.
type Listener struct {
	listener // the system's
	name     string
	cfg      Config
}

var _ net.Listener = (*Listener)(nil)

// Accept waits for a client and returns the server's end, a *[Conn]. After Close it returns [ErrClosed]. What goes wrong
// with one client does not end it.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptPipe()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptPipe is Accept with the concrete type.
func (l *Listener) AcceptPipe() (*Conn, error) {
	c, err := l.accept()
	return c, wrap("accept", l.name, err)
}

// Close ends the server: a waiting Accept returns, clients that were not accepted are refused, and the name is free. The
// connections that were accepted stay. Closing again does nothing and returns [ErrClosed].
func (l *Listener) Close() error { return wrap("close", l.name, l.close()) }

// Addr returns the name, an [Addr].
func (l *Listener) Addr() net.Addr { return Addr(l.name) }

// SetDeadline bounds Accept; the zero time does not.
func (l *Listener) SetDeadline(t time.Time) error {
	return wrap("set deadline", l.name, l.setDeadline(t))
}
