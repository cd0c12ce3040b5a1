package sockex

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// portRig is what the tests of operations have in common: a port, and a listener on it.
type portRig struct {
	*testing.T
	port *completion.Port
	l    *completion.Handle
	to   netip.AddrPort
}

// onPorts runs a test on each of the system's ports.
func onPorts(t *testing.T, body func(*portRig)) {
	t.Helper()
	backends := []completion.Backend{completion.IOUring, completion.Epoll}
	if runtime.GOOS == "windows" {
		backends = []completion.Backend{completion.IOCP}
	}
	for _, b := range backends {
		t.Run(b.String(), func(t *testing.T) {
			testutil.CheckLeaks(t)
			port, err := completion.Open(&completion.Config{Backend: b})
			if errors.Is(err, errors.ErrUnsupported) {
				testutil.Lack(t, err.Error())
			}
			if err != nil {
				t.Fatal(err)
			}
			defer port.Close()
			r := &portRig{T: t, port: port}
			r.l, err = port.Listen("tcp4", "127.0.0.1:0")
			r.must(err)
			defer r.l.Close()
			r.to, err = r.l.LocalAddr()
			r.must(err)
			body(r)
		})
	}
}

func (r *portRig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *portRig) is(err, want error) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Errorf("error %v, want %v", err, want)
	}
}

// start submits operations, and do waits for them too.
func (r *portRig) start(ops ...*completion.Op) {
	r.Helper()
	r.must(r.port.Submit(ops...))
}

func (r *portRig) do(ops ...*completion.Op) {
	r.Helper()
	r.start(ops...)
	r.reap(ops...)
}

// reap waits for operations that are under way, which have to be all there are.
func (r *portRig) reap(ops ...*completion.Op) {
	r.Helper()
	left := map[*completion.Op]bool{}
	for _, op := range ops {
		left[op] = true
	}
	done := make([]*completion.Op, 8)
	for end := time.Now().Add(patience); len(left) > 0; {
		n, err := r.port.Wait(done, time.Until(end))
		r.must(err)
		if n == 0 {
			r.Fatalf("%d operations do not end", len(left))
		}
		for _, op := range done[:n] {
			if !left[op] {
				r.Fatalf("a result of an operation that is not waited for: %v", op.Err)
			}
			delete(left, op)
		}
	}
}

// ok runs operations that have to succeed.
func (r *portRig) ok(ops ...*completion.Op) {
	r.Helper()
	r.do(ops...)
	for _, op := range ops {
		r.must(op.Err)
	}
}

func (r *portRig) nothing() {
	r.Helper()
	done := make([]*completion.Op, 1)
	if n, err := r.port.Wait(done, 20*time.Millisecond); n != 0 || err != nil {
		r.Fatalf("%d results (%v, %v), want none", n, done[0], err)
	}
}

func (r *portRig) socket() *completion.Handle {
	r.Helper()
	h, err := r.port.Socket("tcp4")
	r.must(err)
	r.Cleanup(func() { _ = h.Close() })
	return h
}

// pair is a connection between two handles.
func (r *portRig) pair() (client, server *completion.Handle) {
	r.Helper()
	client = r.socket()
	accept := NewAcceptEx(r.l, nil, nil)
	r.ok(accept.Op(), NewConnectEx(client, r.to, nil, nil).Op())
	server = accept.Accepted().Handle
	r.Cleanup(func() { _ = server.Close() })
	return client, server
}

func (r *portRig) dial() *net.TCPConn {
	r.Helper()
	c, err := net.Dial("tcp4", r.to.String())
	r.must(err)
	r.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// sends and receives check that bytes go through.
func (r *portRig) sends(h *completion.Handle, text string) {
	r.Helper()
	r.ok(&completion.Op{Kind: completion.Send, Handle: h, Buf: []byte(text)})
}

func (r *portRig) receives(h *completion.Handle, want string) {
	r.Helper()
	op := &completion.Op{Kind: completion.Recv, Handle: h, Buf: make([]byte, len(want)), All: true}
	r.do(op)
	if op.Err != nil || string(op.Buf) != want {
		r.Fatalf("received %q, %v; want %q", op.Buf, op.Err, want)
	}
}

func (r *portRig) receivesEnd(h *completion.Handle) {
	r.Helper()
	op := &completion.Op{Kind: completion.Recv, Handle: h, Buf: make([]byte, 16)}
	r.do(op)
	if op.Err != io.EOF {
		r.Fatalf("received %q, %v; want the end", op.Buf[:op.N], op.Err)
	}
}

func TestPortAcceptEx(t *testing.T) {
	onPorts(t, func(r *portRig) {
		accept := NewAcceptEx(r.l, make([]byte, 16), nil)
		for range 2 { // the same operation again
			r.start(accept.Op())
			r.nothing()
			c := r.dial()
			_, err := c.Write([]byte("first"))
			r.must(err)
			r.reap(accept.Op())
			r.must(accept.Op().Err)
			a := accept.Accepted()
			if a.N != 5 || string(accept.Op().Buf[:5]) != "first" || a.Conn != nil {
				r.Errorf("%+v", a)
			}
			local, remote := GetAcceptExSockaddrs(a)
			if local != r.to || remote != addrPort(c.LocalAddr()) {
				r.Errorf("from %v to %v", remote, local)
			}
			r.sends(a.Handle, "x")
			r.must(a.Handle.Close())
		}
	})
}

func TestPortAcceptIdle(t *testing.T) {
	onPorts(t, func(r *portRig) {
		silent := r.dial()
		accept := NewAcceptEx(r.l, make([]byte, 16), &AcceptOptions{FirstBlock: 30 * time.Millisecond})
		r.do(accept.Op())
		r.is(accept.Op().Err, ErrIdle)
		if a := accept.Accepted(); a == nil || a.Handle != nil || a.Remote != addrPort(silent.LocalAddr()) {
			r.Errorf("%+v", a)
		}
		accept.Op().Timeout = 20 * time.Millisecond
		r.do(accept.Op()) // nobody comes
		r.is(accept.Op().Err, os.ErrDeadlineExceeded)
		if errors.Is(accept.Op().Err, ErrIdle) || accept.Accepted() != nil {
			r.Errorf("%v, %+v", accept.Op().Err, accept.Accepted())
		}
		accept.Op().Timeout = 0
		r.start(accept.Op())
		r.nothing()
		r.must(r.port.Cancel(accept.Op()))
		r.reap(accept.Op())
		r.is(accept.Op().Err, completion.ErrCanceled)

		fin := r.dial()
		r.must(fin.CloseWrite())
		r.ok(accept.Op())
		if a := accept.Accepted(); a.N != 0 {
			r.Errorf("%+v", a)
		}
		r.must(accept.Accepted().Handle.Close())
	})
}

// TestPortConnectEx connects, also by fast open as far as it can be had.
func TestPortConnectEx(t *testing.T) {
	for _, fast := range []bool{false, true} {
		onPorts(t, func(r *portRig) {
			accept := NewAcceptEx(r.l, make([]byte, 16), nil)
			client := r.socket()
			connect := NewConnectEx(client, r.to, []byte("hello"), &ConnectOptions{FastOpen: fast})
			r.ok(accept.Op(), connect.Op())
			a := accept.Accepted()
			defer a.Handle.Close()
			if connect.Op().N != 5 || string(accept.Op().Buf[:a.N]) != "hello" {
				r.Errorf("%d bytes sent, %q received", connect.Op().N, accept.Op().Buf[:a.N])
			}
			if local, err := client.LocalAddr(); err != nil || local != a.Remote {
				r.Errorf("connected from %v (%v), want %v", local, err, a.Remote)
			}
			if remote, err := client.RemoteAddr(); err != nil || remote != r.to {
				r.Errorf("connected to %v (%v), want %v", remote, err, r.to)
			}
			if d, err := HandleConnectTime(client); err != nil || d > patience {
				r.Errorf("connected for %v, %v", d, err)
			}
			r.ok(&completion.Op{Kind: completion.Shutdown, Handle: client, How: completion.Out})
			r.receivesEnd(a.Handle)
			r.sends(a.Handle, "answer")
			r.receives(client, "answer")
		})
	}
}

// TestPortConnectFails connects again with a handle that could not be connected, for whatever reason.
func TestPortConnectFails(t *testing.T) {
	for _, fast := range []bool{false, true} {
		onPorts(t, func(r *portRig) {
			gone, err := r.port.Listen("tcp4", "127.0.0.1:0")
			r.must(err)
			nobody, err := gone.LocalAddr()
			r.must(err)
			r.must(gone.Close())
			client := r.socket()
			o := &ConnectOptions{FastOpen: fast}
			for range 3 {
				connect := NewConnectEx(client, nobody, []byte("x"), o)
				r.do(connect.Op())
				r.is(connect.Op().Err, ErrRefused)
				if connect.Op().N != 0 {
					r.Errorf("%d bytes", connect.Op().N)
				}
			}
			accept := NewAcceptEx(r.l, make([]byte, 16), nil)
			connect := NewConnectEx(client, r.to, []byte("x"), o)
			r.ok(accept.Op(), connect.Op())
			defer accept.Accepted().Handle.Close()

			r.do(connect.Op()) // it is connected
			if err := connect.Op().Err; err == nil {
				r.Error("connected twice")
			}
			r.sends(client, "still there")
			r.receives(accept.Accepted().Handle, "still there")
		})
	}
}

// TestPortDisconnectEx reuses a handle as a client.
func TestPortDisconnectEx(t *testing.T) {
	skipUnlessReused(t)
	onPorts(t, func(r *portRig) {
		client := r.socket()
		end := NewDisconnectEx(client, TF_REUSE_SOCKET)
		for i := range 5 {
			accept := NewAcceptEx(r.l, make([]byte, 16), nil)
			connect := NewConnectEx(client, r.to, []byte{'a' + byte(i)}, nil)
			r.ok(accept.Op(), connect.Op())
			server := accept.Accepted().Handle
			if accept.Op().Buf[0] != 'a'+byte(i) || accept.Op().N != 1 {
				r.Errorf("received %q", accept.Op().Buf[:accept.Op().N])
			}
			r.sends(server, "what nobody reads")
			r.start(end.Op())
			r.nothing() // the peer has not ended it
			r.receivesEnd(server)
			r.must(server.Close())
			r.reap(end.Op())
			r.must(end.Op().Err)
		}
	})
}

// skipUnlessReused: what Wine does wrong.
func skipUnlessReused(t *testing.T) {
	t.Helper()
	if onWine() {
		t.Skip("Wine's DisconnectEx leaves the socket connected")
	}
}

// TestPortDisconnect ends one direction.
func TestPortDisconnect(t *testing.T) {
	onPorts(t, func(r *portRig) {
		client, server := r.pair()
		r.sends(client, "last words")
		r.ok(NewDisconnectEx(client, 0).Op())
		r.receives(server, "last words")
		r.receivesEnd(server)
		r.sends(server, "answer")
		r.receives(client, "answer")
	})
}

// TestPortDisconnectFails: limits, cancelling, resets, flags, and handles that are no TCP connection.
func TestPortDisconnectFails(t *testing.T) {
	onPorts(t, func(r *portRig) {
		client, server := r.pair()
		for _, f := range []Flags{TF_DISCONNECT, 0x40, TF_REUSE_SOCKET | TF_WRITE_BEHIND} {
			end := NewDisconnectEx(client, f)
			r.do(end.Op())
			r.is(end.Op().Err, ErrFlags)
		}
		r.sends(client, "nothing has happened")
		r.receives(server, "nothing has happened")

		end := NewDisconnectEx(client, TF_REUSE_SOCKET)
		end.Op().Timeout = 40 * time.Millisecond
		start := time.Now()
		r.do(end.Op())
		r.is(end.Op().Err, os.ErrDeadlineExceeded)
		if d := time.Since(start); d < 35*time.Millisecond || d > 10*time.Second {
			r.Errorf("after %v", d)
		}
		if end.Op().Timeout != 40*time.Millisecond {
			r.Errorf("the timeout is %v now", end.Op().Timeout)
		}
		end.Op().Timeout = 0
		r.start(end.Op())
		r.nothing()
		r.must(r.port.Cancel(end.Op()))
		r.reap(end.Op())
		r.is(end.Op().Err, completion.ErrCanceled)

		never := r.socket()
		end = NewDisconnectEx(never, TF_REUSE_SOCKET)
		r.do(end.Op())
		if !onWine() {
			r.is(end.Op().Err, ErrNotConnected)
		}
		udp, err := r.port.Socket("udp4")
		r.must(err)
		defer udp.Close()
		end = NewDisconnectEx(udp, TF_REUSE_SOCKET)
		r.do(end.Op())
		r.is(end.Op().Err, ErrSocketKind)

		c := r.socket()
		accept := NewAcceptEx(r.l, nil, nil)
		r.ok(accept.Op(), NewConnectEx(c, r.to, nil, nil).Op())
		setLinger(accept.Accepted().Handle)
		r.must(accept.Accepted().Handle.Close())
		time.Sleep(10 * time.Millisecond)
		end = NewDisconnectEx(c, TF_REUSE_SOCKET)
		r.do(end.Op())
		if !onWine() || end.Op().Err != nil {
			r.is(end.Op().Err, ErrReset)
		}
		gone := r.socket()
		r.must(gone.Close())
		end = NewDisconnectEx(gone, TF_REUSE_SOCKET)
		r.do(end.Op())
		r.is(end.Op().Err, ErrClosed)
	})
}

// TestPortAcceptTarget makes a handle that had a connection the next one that is accepted.
func TestPortAcceptTarget(t *testing.T) {
	skipUnlessReused(t)
	onPorts(t, func(r *portRig) {
		accept := NewAcceptEx(r.l, make([]byte, 16), nil)
		var target *completion.Handle
		for i := range 4 {
			c := r.dial()
			_, err := c.Write([]byte{'a' + byte(i)})
			r.must(err)
			r.ok(accept.Op())
			a := accept.Accepted()
			if a.N != 1 || accept.Op().Buf[0] != 'a'+byte(i) || target != nil && a.Handle != target {
				r.Fatalf("%+v, %q", a, accept.Op().Buf[:a.N])
			}
			target = a.Handle
			r.sends(target, "answer")
			b := make([]byte, 6)
			if _, err := io.ReadFull(c, b); err != nil || string(b) != "answer" {
				r.Fatalf("%q, %v", b, err)
			}
			r.must(c.CloseWrite())
			r.ok(NewDisconnectEx(target, TF_REUSE_SOCKET).Op())
			if _, err := c.Read(b); err != io.EOF {
				r.Errorf("the client sees %v", err)
			}
			accept.Op().Into = target
		}
		r.must(target.Close())
	})
}
