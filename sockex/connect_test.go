package sockex

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestConnectEx sends data with connecting, and uses the connection as any other.
func TestConnectEx(t *testing.T) {
	for _, fast := range []bool{false, true} {
		r := newRig(t)
		s := r.socket()
		c, n, err := ConnectEx(r.ctx, s, r.to, []byte("hello"), &ConnectOptions{FastOpen: fast})
		r.must(err)
		if n != 5 {
			t.Errorf("%d bytes sent", n)
		}
		if since := time.Since(s.ConnectedAt()); since < 0 || since > patience {
			t.Errorf("connected %v ago", since)
		}
		peer, err := r.l.AcceptTCP()
		r.must(err)
		r.reads(peer, "hello")
		if addrPort(c.RemoteAddr()) != r.to || addrPort(c.LocalAddr()) != addrPort(peer.RemoteAddr()) {
			t.Errorf("%v to %v; the peer is %v", c.LocalAddr(), c.RemoteAddr(), peer.RemoteAddr())
		}
		r.writes(peer, "answer")
		r.reads(c, "answer")
		r.must(c.CloseWrite())
		r.ends(peer)
		r.writes(peer, "after the end")
		r.must(peer.Close())
		r.reads(c, "after the end")
		r.ends(c)
		r.must(c.Close())
		_, _, err = ConnectEx(r.ctx, s, r.to, nil, nil)
		r.is(err, ErrClosed) // it is used up
	}
}

// TestConnectLarge sends more than the sockets hold, to a peer that reads late.
func TestConnectLarge(t *testing.T) {
	r := newRig(t)
	all := pattern(12 << 20)
	got := make(chan []byte, 1)
	go func() {
		peer, err := r.l.AcceptTCP()
		if err != nil {
			return
		}
		defer peer.Close()
		time.Sleep(30 * time.Millisecond)
		b, _ := io.ReadAll(peer)
		got <- b
	}()
	c, n, err := ConnectEx(r.ctx, nil, r.to, all, nil)
	r.must(err)
	if n != len(all) {
		t.Errorf("%d bytes sent", n)
	}
	r.must(c.Close())
	r.same(<-got, all)
}

// TestConnectStalled: the context ends while a peer takes no more. The bytes that went are told, and the socket is usable.
func TestConnectStalled(t *testing.T) {
	r := newRig(t)
	s := r.socket()
	ctx, cancel := context.WithCancel(r.ctx)
	defer cancel()
	all := make([]byte, 64<<20)
	accepted := make(chan *net.TCPConn, 1)
	go func() {
		peer, _ := r.l.AcceptTCP()
		time.AfterFunc(50*time.Millisecond, cancel)
		accepted <- peer
	}()
	c, n, err := ConnectEx(ctx, s, r.to, all, nil)
	r.is(err, context.Canceled)
	var e *Error
	if c != nil || !errors.As(err, &e) || e.Sent != int64(n) {
		t.Errorf("%v, %d bytes, %#v", c, n, err)
	}
	if onLinux() && (n == 0 || n == len(all)) {
		t.Errorf("%d bytes of %d sent", n, len(all))
	}
	peer := <-accepted
	defer peer.Close()
	_ = peer.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, struct{ io.Reader }{peer}); err == nil {
		t.Error("the peer sees a good end")
	}
	r.connects(s)
}

// connects checks that a socket can be connected.
func (r *rig) connects(s *Socket) {
	r.Helper()
	c, _, err := ConnectEx(r.ctx, s, r.to, []byte("again"), nil)
	r.must(err)
	defer c.Close()
	peer, err := r.l.AcceptTCP()
	r.must(err)
	defer peer.Close()
	r.reads(peer, "again")
}

// TestConnectRefused connects again with the same socket.
func TestConnectRefused(t *testing.T) {
	r := newRig(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	r.must(err)
	nobody := addrPort(l.Addr())
	r.must(l.Close())
	for _, fast := range []bool{false, true} {
		s := r.socket()
		for range 3 {
			c, n, err := ConnectEx(r.ctx, s, nobody, []byte("x"), &ConnectOptions{FastOpen: fast})
			r.is(err, ErrRefused)
			var e *Error
			if c != nil || n != 0 || !errors.As(err, &e) || e.Op != "ConnectEx" || e.Sent != 0 || e.Timeout() {
				t.Errorf("%d bytes, %#v", n, err)
			}
		}
		r.connects(s)
	}
	_, _, err = ConnectEx(r.ctx, nil, nobody, nil, nil)
	r.is(err, ErrRefused)
}

func TestConnectWrong(t *testing.T) {
	r := newRig(t)
	s := r.socket()
	_, _, err := ConnectEx(r.ctx, s, netip.MustParseAddrPort("[::1]:1"), nil, nil)
	r.is(err, ErrAddrFamily)
	_, _, err = ConnectEx(r.ctx, s, netip.AddrPort{}, nil, nil)
	r.is(err, ErrAddrFamily)
	if onLinux() {
		_, _, err = ConnectEx(r.ctx, s, netip.MustParseAddrPort("255.255.255.255:1"), nil, nil)
		r.is(err, ErrUnreachable)
	}
	ctx, cancel := context.WithCancel(r.ctx)
	cancel()
	_, _, err = ConnectEx(ctx, s, r.to, nil, nil)
	r.is(err, context.Canceled)
	r.connects(s)
	_, err = NewSocket("udp4", netip.AddrPort{})
	if err == nil {
		t.Error("a socket of UDP")
	}
	_, err = NewSocket("tcp4", r.to)
	r.is(err, ErrAddrInUse)
	_, err = NewSocket("tcp4", netip.MustParseAddrPort("192.0.2.1:0"))
	r.is(err, ErrAddrNotAvailable)
	_, err = NewSocket("tcp4", netip.MustParseAddrPort("[::1]:0"))
	r.is(err, ErrAddrFamily)
}

func TestConnectSix(t *testing.T) {
	l, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6: ", err)
	}
	_ = l.Close()
	r := newRigOn(t, "[::1]:0")
	s, err := NewSocket("tcp6", netip.MustParseAddrPort("[::1]:0"))
	r.must(err)
	r.connects(s)
	c, _, err := ConnectEx(r.ctx, nil, r.to, nil, nil)
	r.must(err)
	defer c.Close()
	if a := addrPort(c.RemoteAddr()); a != r.to {
		t.Errorf("connected to %v, want %v", a, r.to)
	}
}

// TestConnectOptions: those of a socket are the connection's, and after it the next one's.
func TestConnectOptions(t *testing.T) {
	if onWine() {
		t.Skip("Wine cannot take a socket off a completion port: a new one takes its place")
	}
	r := newRig(t)
	s := r.socket()
	for range 2 {
		r.must(setNoDelay(s, 0))
		c, peer := r.pair(s)
		if on := noDelay(r, c); on {
			t.Error("TCP_NODELAY was set")
		}
		r.must(peer.Close())
		var err error
		s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
		r.must(err)
	}
	r.must(setNoDelay(s, 1))
	c, _ := r.pair(s)
	if on := noDelay(r, c); !on {
		t.Error("TCP_NODELAY was cleared")
	}
}

// TestConnectBusy: one function at a time.
func TestConnectBusy(t *testing.T) {
	r := newRig(t)
	s := r.socket()
	ctx, cancel := context.WithCancel(r.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _, _ = ConnectEx(ctx, s, r.to, make([]byte, 64<<20), nil)
	}()
	peer, err := r.l.AcceptTCP() // it is connected by now, and sends
	r.must(err)
	defer peer.Close()
	_, _, err = ConnectEx(r.ctx, s, r.to, nil, nil)
	r.is(err, ErrBusy)
	r.is(s.Close(), ErrBusy)
	_, err = s.LocalAddr()
	r.is(err, ErrBusy)
	cancel()
	<-ended
}

// TestConnectTime: how long a client has been connected that said nothing.
func TestConnectTime(t *testing.T) {
	r := newRig(t)
	c, peer := r.pair(nil)
	unit := 100 * time.Millisecond
	if !onLinux() {
		unit = 1200 * time.Millisecond // it tells seconds
	}
	check := func(c *net.TCPConn, least time.Duration) {
		t.Helper()
		d, err := ConnectTime(c)
		if err != nil || d < least || d > least+patience {
			t.Errorf("connected for %v (%v), want %v", d, err, least)
		}
	}
	check(c, 0)
	time.Sleep(unit)
	least := unit.Truncate(time.Second)
	if onLinux() {
		least = unit - 10*time.Millisecond
	}
	check(c, least)
	check(peer, least)
	r.writes(c, "x")
	r.reads(peer, "x")
	check(c, least) // data in one direction does not matter
	check(peer, least)
	r.must(c.CloseWrite())
	r.ends(peer)
	check(c, least)
	check(peer, least)
	r.writes(peer, "y")
	r.reads(c, "y")
	if onLinux() {
		_, err := ConnectTime(c)
		r.is(err, errors.ErrUnsupported)
	}
	_, err := ConnectTime(r.l)
	r.is(err, ErrNotConnected)
	r.must(c.Close())
	_, err = ConnectTime(c)
	r.is(err, ErrClosed)
}
