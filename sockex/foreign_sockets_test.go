package sockex

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/completion"
)

// The cases here are those of others' suites for the same functions, by what they ask, not by their code: Wine's
// dlls/ws2_32/tests/sock.c (test_AcceptEx, test_ConnectEx, test_DisconnectEx) and .NET's System.Net.Sockets functional tests
// (Disconnect, AcceptAsync, ConnectAsync), with dotnet/runtime#124381.

// TestForeignStale receives much on one connection, and then connects without data: the next server must not get what the
// former one has sent (dotnet/runtime#124381: a buffer of the receive went out as the data of the connect).
func TestForeignStale(t *testing.T) {
	r := newRig(t)
	other := newRig(t)
	s := r.socket()
	for i := range 4 {
		from := r
		if i%2 == 1 {
			from = other // and to another server in turns, as .NET's Disconnect_Success
		}
		c, peer := from.pair(s)
		secret := string(pattern(65536))
		from.writes(peer, secret)
		from.reads(c, secret)
		_ = peer.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		if n, err := peer.Read(make([]byte, 1)); n != 0 || err == io.EOF {
			t.Fatalf("the server got %d bytes that nobody sent, %v", n, err)
		}
		_ = peer.SetReadDeadline(time.Time{})
		from.writes(c, "hello")
		from.reads(peer, "hello")
		r.must(peer.Close())
		var err error
		s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
		r.must(err)
	}
	r.must(s.Close())
}

// TestForeignPortStale is the same on ports.
func TestForeignPortStale(t *testing.T) {
	skipUnlessReused(t)
	onPorts(t, func(r *portRig) {
		client := r.socket()
		for range 3 {
			accept := NewAcceptEx(r.l, nil, nil)
			r.ok(accept.Op(), NewConnectEx(client, r.to, nil, nil).Op())
			server := accept.Accepted().Handle
			recv := &completion.Op{Kind: completion.Recv, Handle: server, Buf: make([]byte, 16)}
			r.start(recv)
			r.nothing()
			send := &completion.Op{Kind: completion.Send, Handle: server, Buf: pattern(65536)}
			get := &completion.Op{Kind: completion.Recv, Handle: client, Buf: make([]byte, 65536), All: true}
			r.do(send, get)
			r.nothing()
			end := NewDisconnectEx(client, TF_REUSE_SOCKET)
			r.start(end.Op())
			r.reap(recv)
			if recv.Err != io.EOF || recv.N != 0 {
				r.Fatalf("the server got %q, %v", recv.Buf[:recv.N], recv.Err)
			}
			r.must(server.Close())
			r.reap(end.Op())
			r.must(end.Op().Err)
		}
	})
}

// TestForeignAccept: what is no listener, one that is closed while accepts are posted, a target that is in use.
func TestForeignAccept(t *testing.T) {
	onPorts(t, func(r *portRig) {
		client, server := r.pair()
		for _, h := range []*completion.Handle{client, r.socket()} {
			if onWine() {
				break // an AcceptEx on what does not listen never ends
			}
			accept := NewAcceptEx(h, make([]byte, 8), nil)
			r.do(accept.Op())
			if accept.Op().Err == nil || accept.Accepted() != nil {
				r.Errorf("accepted on what does not listen: %+v", accept.Accepted())
			}
		}
		target := r.socket()
		first := NewAcceptEx(r.l, nil, &AcceptOptions{Handle: target})
		second := NewAcceptEx(r.l, nil, &AcceptOptions{Handle: server})
		recv := &completion.Op{Kind: completion.Recv, Handle: server, Buf: make([]byte, 8)}
		r.start(recv)
		r.start(first.Op(), second.Op())
		time.Sleep(20 * time.Millisecond)
		r.dial()
		r.dial()
		r.reap(first.Op(), second.Op())
		r.must(first.Op().Err)
		if second.Op().Err == nil {
			r.Error("a connection became another one")
		}
		send := &completion.Op{Kind: completion.Send, Handle: client, Buf: []byte("still")}
		r.start(send)
		r.reap(send, recv)
		r.must(recv.Err)
		r.must(first.Accepted().Handle.Close())

		l, err := r.port.Listen("tcp4", "127.0.0.1:0")
		r.must(err)
		var posted []*completion.Op
		for range 5 {
			posted = append(posted, NewAcceptEx(l, make([]byte, 8), nil).Op())
		}
		r.start(posted...)
		r.nothing()
		closing := &completion.Op{Kind: completion.Close, Handle: l}
		r.start(closing)
		r.reap(append(posted, closing)...)
		for _, op := range posted {
			r.is(op.Err, completion.ErrCanceled)
		}
	})
}

// TestForeignConnect: a listener, a connected socket, an address of the other family.
func TestForeignConnect(t *testing.T) {
	onPorts(t, func(r *portRig) {
		if !onWine() { // where it never ends
			connect := NewConnectEx(r.l, r.to, []byte("x"), nil)
			r.do(connect.Op())
			if connect.Op().Err == nil {
				r.Error("a listener was connected")
			}
		}
		client, server := r.pair()
		connect := NewConnectEx(client, r.to, []byte("x"), nil)
		r.do(connect.Op())
		r.is(connect.Op().Err, ErrConnected)
		r.sends(client, "still")
		r.receives(server, "still")
		var e *Error
		if !errors.As(connect.Op().Err, &e) || e.Op != "ConnectEx" {
			r.Errorf("%#v", connect.Op().Err)
		}
		accept := NewAcceptEx(r.l, nil, nil) // the listener is one still
		r.ok(accept.Op(), NewConnectEx(r.socket(), r.to, nil, nil).Op())
		r.must(accept.Accepted().Handle.Close())
	})
}

// TestForeignDisconnect: twice, of a listener, and with bytes that are sent at once after it.
func TestForeignDisconnect(t *testing.T) {
	skipUnlessReused(t)
	onPorts(t, func(r *portRig) {
		client, server := r.pair()
		r.ok(NewDisconnectEx(server, 0).Op())
		r.ok(NewDisconnectEx(client, TF_REUSE_SOCKET).Op())
		again := NewDisconnectEx(client, TF_REUSE_SOCKET)
		r.do(again.Op())
		r.is(again.Op().Err, ErrNotConnected)
		send := &completion.Op{Kind: completion.Send, Handle: client, Buf: []byte("x")}
		r.do(send)
		if send.Err == nil {
			r.Error("sent without a connection")
		}
		listener := NewDisconnectEx(r.l, TF_REUSE_SOCKET)
		r.do(listener.Op())
		r.is(listener.Op().Err, ErrNotConnected)
		accept := NewAcceptEx(r.l, nil, nil)
		r.ok(accept.Op(), NewConnectEx(client, r.to, nil, nil).Op())
		r.must(accept.Accepted().Handle.Close())
	})
}

// TestForeignClosed: a connection that its owner has closed, at each function.
func TestForeignClosed(t *testing.T) {
	r := newRig(t)
	c, _ := r.pair(nil)
	r.must(c.Close())
	_, err := DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
	r.is(err, ErrClosed)
	_, err = Reuse(c)
	r.is(err, ErrClosed)
	r.must(r.l.Close())
	_, err = AcceptEx(r.ctx, r.l, nil, nil)
	r.is(err, ErrClosed)
	r.is(err, net.ErrClosed)
	r.is(AllowFastOpen(r.l, 1), ErrClosed)
}

// TestForeignCloseDuring closes the connection while DisconnectEx waits for its peer.
func TestForeignCloseDuring(t *testing.T) {
	r := newRig(t)
	c, _ := r.pair(nil)
	time.AfterFunc(20*time.Millisecond, func() { _ = c.Close() })
	_, err := DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
	r.is(err, ErrClosed)
}
