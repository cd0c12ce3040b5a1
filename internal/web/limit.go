package web

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// limited is a listener that has no more than so many connections open. Beyond that the one that has waited longest for its next
// request is closed, so that connections that ask for nothing keep nobody out; where all are being answered, the new one is.
type limited struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[*limitedConn]struct{}
}

// limitedConn is one of them.
type limitedConn struct {
	net.Conn
	of    *limited
	waits time.Time // since when it waits for a request; zero while one is answered. Guarded by the listener's lock.
}

func limit(l net.Listener, most int) *limited {
	return &limited{Listener: l, most: most, open: make(map[*limitedConn]struct{})}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if mine := l.admit(c); mine != nil {
			return mine, nil
		}
		_ = c.Close() // it was told nothing yet
	}
}

// admit makes room for a connection, or is nil.
func (l *limited) admit(c net.Conn) *limitedConn {
	mine := &limitedConn{Conn: c, of: l, waits: time.Now()}
	l.mu.Lock()
	var oldest *limitedConn
	if len(l.open) >= l.most {
		if oldest = l.longest(); oldest == nil {
			l.mu.Unlock()
			return nil
		}
		delete(l.open, oldest)
	}
	l.open[mine] = struct{}{}
	l.mu.Unlock()
	if oldest != nil {
		_ = oldest.Conn.Close() // it owes nobody an answer
	}
	return mine
}

// longest is the connection that has waited longest.
func (l *limited) longest() (oldest *limitedConn) {
	for c := range l.open {
		if !c.waits.IsZero() && (oldest == nil || c.waits.Before(oldest.waits)) {
			oldest = c
		}
	}
	return oldest
}

// state is told by net/http what a connection does.
func (l *limited) state(c net.Conn, is http.ConnState) {
	if secure, ok := c.(*tls.Conn); ok {
		c = secure.NetConn()
	}
	mine, ok := c.(*limitedConn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch is {
	case http.StateActive:
		mine.waits = time.Time{}
	case http.StateIdle:
		mine.waits = time.Now()
	}
}

// CloseWrite lets net/http end a connection so that its last answer arrives although the client still sends.
func (c *limitedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (c *limitedConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
