package sockex

import (
	"fmt"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Socket is a TCP socket without a connection, for [ConnectEx] to connect or [AcceptEx] to make a connection of. It comes
// from [NewSocket], or from [DisconnectEx] after a former connection. Its methods may be called by any goroutine.
//
// A Socket is used up by what makes a connection of it, and otherwise to be closed.
type Socket struct {
	mu    sync.Mutex
	state socketState
	since time.Time
	sys   sysSocket
}

// socketState is who has a socket.
type socketState uint8

const (
	vacant socketState = iota
	taken              // by a function that is under way
	gone               // closed, or a connection
)

// NewSocket makes a socket: network is tcp4 or tcp6. It is bound to local, unless that is the zero AddrPort; with port 0 to
// a port that the system chooses. Options that package net sets on connections are set on it too (no delay, keep-alive).
func NewSocket(network string, local netip.AddrPort) (*Socket, error) {
	s := &Socket{}
	if err := s.open(network, local); err != nil {
		return nil, wrap("NewSocket", 0, err)
	}
	return s, nil
}

// Close closes it. While a function is under way on it, and after one has used it up, the error is ErrBusy or ErrClosed.
func (s *Socket) Close() error {
	if err := s.take(); err != nil {
		return wrap("Close", 0, err)
	}
	defer s.leave(gone)
	return wrap("Close", 0, s.sys.close())
}

// LocalAddr is the address that it is bound to, if any: otherwise unspecified, with port 0.
func (s *Socket) LocalAddr() (netip.AddrPort, error) {
	var a netip.AddrPort
	err := s.control(func(fd uintptr) (err error) {
		a, err = localAddr(fd)
		return err
	})
	return a, wrap("LocalAddr", 0, err)
}

// Control calls f with the descriptor, for options: the connection will have them.
func (s *Socket) Control(f func(fd uintptr)) error {
	return wrap("Control", 0, s.control(func(fd uintptr) error {
		f(fd)
		return nil
	}))
}

// ConnectedAt is when ConnectEx made a connection of it, and else the zero Time. It stays known after.
func (s *Socket) ConnectedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.since
}

func (s *Socket) control(f func(fd uintptr) error) error {
	if err := s.take(); err != nil {
		return err
	}
	defer s.leave(vacant)
	rc, err := s.sys.rawConn()
	if err != nil {
		return err
	}
	return control(rc, f)
}

// control calls f with a descriptor that stays open meanwhile.
func control[FD ~int | ~uintptr](rc syscall.RawConn, f func(FD) error) error {
	var inner error
	if err := rc.Control(func(fd uintptr) { inner = f(FD(fd)) }); err != nil {
		return err
	}
	return inner
}

// take makes the socket the caller's, until leave.
func (s *Socket) take() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case taken:
		return ErrBusy
	case gone:
		return ErrClosed
	}
	s.state = taken
	return nil
}

func (s *Socket) leave(as socketState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state = as
}

// parseNetwork reports whether a network is of IPv6.
func parseNetwork(network string) (six bool, err error) {
	switch network {
	case "tcp4", "tcp6":
		return network == "tcp6", nil
	}
	return false, fmt.Errorf("network %q is neither tcp4 nor tcp6", network)
}
