package sockex

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// stamp is the message of connection i: of any length, and all of it tells whose it is.
func stamp(b []byte, i int) []byte {
	b = b[:8+i%64*16]
	for at := 0; at < len(b); at += 8 {
		binary.LittleEndian.PutUint64(b[at:], uint64(i)+1)
	}
	return b
}

// flat checks that nothing has piled up since before: descriptors and memory.
func flat(t *testing.T, what string, fds int, heap uint64) {
	t.Helper()
	if n := openFiles(t); n > fds {
		t.Errorf("%s: %d descriptors more", what, n-fds)
	}
	if now := heapBytes(); now > heap+1<<20 {
		t.Errorf("%s: %d bytes more", what, now-heap)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

const manyTimes = 10000

// TestReuseMany has one socket make 10,000 connections, with bytes left over in both directions at the end of each: no
// connection gets a byte of another's (dotnet/runtime#124381).
func TestReuseMany(t *testing.T) {
	r := newRig(t)
	failed := make(chan error, 1)
	go func() {
		var in, want, out [1024]byte
		for i := range manyTimes {
			c, err := r.l.AcceptTCP()
			if err == nil {
				message := stamp(want[:], i)
				if _, err = io.ReadFull(c, in[:len(message)]); err == nil && !bytes.Equal(in[:len(message)], message) {
					err = errors.New("the server got another connection's bytes")
				}
				_, _ = c.Write(stamp(out[:], i)) // of which the client reads eight bytes
				if n, _ := io.Copy(io.Discard, c); n != 5 && err == nil {
					err = errors.New("the last bytes did not come, or too many")
				}
				_ = c.Close()
			}
			if err != nil {
				failed <- err
				return
			}
		}
		failed <- nil
	}()
	s := r.socket()
	var out, in [1024]byte
	var fds int
	var heap uint64
	for i := range manyTimes {
		if i == 100 {
			fds, heap = openFiles(t), heapBytes()
		}
		c, _, err := ConnectEx(r.ctx, s, r.to, stamp(out[:], i), nil)
		r.must(err)
		if _, err := io.ReadFull(c, in[:8]); err != nil || !bytes.Equal(in[:8], stamp(out[:], i)[:8]) {
			t.Fatalf("connection %d: the client got %x, %v", i, in[:8], err)
		}
		_, err = c.Write([]byte("extra")) // which are under way when the connection ends
		r.must(err)
		s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
		r.must(err)
	}
	r.must(<-failed)
	r.must(s.Close())
	flat(t, "after all", fds, heap)
}

// TestPortReuseMany does the same on completion ports, with a client's handle and an accept target, each used 10,000 times.
func TestPortReuseMany(t *testing.T) {
	onPorts(t, func(r *portRig) {
		client, server := r.socket(), r.socket()
		var out, back, in [1024]byte
		accept := NewAcceptEx(r.l, in[:], &AcceptOptions{Handle: server})
		ends := []*Disconnection{NewDisconnectEx(client, TF_REUSE_SOCKET), NewDisconnectEx(server, TF_REUSE_SOCKET)}
		answer := &completion.Op{Kind: completion.Send, Handle: server}
		read := &completion.Op{Kind: completion.Recv, Handle: client, Buf: make([]byte, 8), All: true}
		extra := &completion.Op{Kind: completion.Send, Handle: client, Buf: []byte("extra")}
		var fds int
		var heap uint64
		for i := range manyTimes {
			if i == 100 {
				fds, heap = openFiles(r.T), heapBytes()
			}
			message := stamp(out[:], i)
			r.ok(accept.Op(), NewConnectEx(client, r.to, message, nil).Op())
			a := accept.Accepted()
			if a.Handle != server || !bytes.Equal(in[:a.N], message) {
				r.Fatalf("connection %d: %+v, not its own bytes", i, a)
			}
			answer.Buf = stamp(back[:], i)
			r.ok(answer, read, extra)
			if !bytes.Equal(read.Buf, answer.Buf[:8]) {
				r.Fatalf("connection %d: the client got %x", i, read.Buf)
			}
			r.ok(ends[0].Op(), ends[1].Op())
		}
		flat(r.T, "after all", fds, heap)
	})
}

// TestGraceful counts resets: there is none when both ends have ended the connection, and one when it is cut off.
func TestGraceful(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	r, w := newWireRig(t)
	for _, peerFirst := range []bool{false, true} {
		c, peer := r.pair(nil)
		w.Take()
		r.writes(c, "last words")
		if peerFirst {
			r.must(peer.CloseWrite())
			time.Sleep(2 * trip)
		}
		go func() {
			_, _ = io.Copy(io.Discard, peer)
			_ = peer.Close()
		}()
		var s *Socket
		var err error
		r.timed(trip, func() { s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET) })
		r.must(err)
		time.Sleep(2 * trip)
		if all := w.Take(); testutil.Count(all, testutil.RST) != 0 {
			t.Errorf("the peer first %v: a reset in %+v", peerFirst, all)
		}
		r.connects(s)
	}
	c, peer := r.pair(nil)
	w.Take()
	rc, err := c.SyscallConn()
	r.must(err)
	r.must(control(rc, unconnect))
	time.Sleep(2 * trip)
	if n := testutil.Count(w.Take(), testutil.RST); n != 1 {
		t.Errorf("%d resets of a connection that was cut off", n)
	}
	if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("the peer sees %v", err)
	}
}

// TestUnacknowledged: what a peer does not acknowledge is an error, and not dropped in silence.
func TestUnacknowledged(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	r, w := newWireRig(t)
	c, peer := r.pair(nil)
	r.must(peer.CloseWrite())
	r.ends(c)
	r.must(c.SetReadDeadline(time.Time{}))
	w.Cut(true)
	r.writes(c, "nobody gets this")
	ctx, cancel := context.WithTimeout(r.ctx, 3*trip)
	defer cancel()
	_, err := DisconnectEx(ctx, c, TF_REUSE_SOCKET)
	r.is(err, context.DeadlineExceeded)

	onPorts(t, func(p *portRig) {
		h, err := p.port.Attach(c)
		p.must(err)
		defer h.Close()
		end := NewDisconnectEx(h, TF_REUSE_SOCKET)
		end.Op().Timeout = 3 * trip
		start := time.Now()
		before := processTime(p.T)
		p.do(end.Op())
		p.is(end.Op().Err, os.ErrDeadlineExceeded)
		if d := time.Since(start); d < 2*trip || d > patience/3 {
			p.Errorf("after %v", d)
		}
		if used := processTime(p.T) - before; used > 2*trip {
			p.Errorf("waiting took %v of processor time", used)
		}
	})
	// The system gives up at last, and says so.
	rc, err := c.SyscallConn()
	r.must(err)
	r.must(control(rc, func(fd int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 200) }))
	_, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
	r.is(err, ErrTimeout)
}

func processTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestPortUnix: a Unix socket cannot be used again, and is not touched.
func TestPortUnix(t *testing.T) {
	onPorts(t, func(r *portRig) {
		l, err := net.Listen("unix", filepath.Join(r.TempDir(), "s"))
		r.must(err)
		defer l.Close()
		c, err := net.Dial("unix", l.Addr().String())
		r.must(err)
		defer c.Close()
		peer, err := l.Accept()
		r.must(err)
		defer peer.Close()
		h, err := r.port.Attach(c.(*net.UnixConn))
		r.must(err)
		defer h.Close()
		end := NewDisconnectEx(h, TF_REUSE_SOCKET)
		r.do(end.Op())
		r.is(end.Op().Err, ErrSocketKind)
		r.is(end.Op().Err, unix.EINVAL)
		r.sends(h, "still there")
		b := make([]byte, 11)
		if _, err := io.ReadFull(peer, b); err != nil || string(b) != "still there" {
			r.Errorf("%q, %v", b, err)
		}
		// What the kernel itself says.
		if err := unconnect(int(h.FD())); err != unix.EINVAL {
			r.Errorf("connect with AF_UNSPEC: %v", err)
		}
	})
}

// TestReuseOptions: those that were set stay for the next connection.
func TestReuseOptions(t *testing.T) {
	r := newRig(t)
	options := []struct {
		name         string
		level, what  int
		value, reads int
	}{
		{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 0, 0},
		{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 0, 0},
		{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 77, 77},
		{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3, 3},
		{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 50000, 100000},
		{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, 60000, 120000},
		{"IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, 0x10, 0x10},
		{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 12345, 12345},
	}
	s := r.socket()
	r.must(s.Control(func(fd uintptr) {
		for _, o := range options {
			r.must(unix.SetsockoptInt(int(fd), o.level, o.what, o.value))
		}
	}))
	for i := range 3 {
		c, peer := r.pair(s)
		for _, o := range options {
			if got := r.option(c, o.level, o.what); got != o.reads {
				t.Errorf("connection %d: %s is %d, want %d", i, o.name, got, o.reads)
			}
		}
		r.must(peer.Close())
		var err error
		s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
		r.must(err)
	}
	r.must(s.Close())
}

// TestReuseTuple connects the same two ports again at once.
func TestReuseTuple(t *testing.T) {
	r := newRig(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	r.must(err)
	local := addrPort(l.Addr())
	r.must(l.Close())
	s, err := NewSocket("tcp4", local)
	r.must(err)
	for i := range 200 {
		c, peer := r.pair(s)
		if i%2 == 0 { // who ends it first has the TIME_WAIT
			r.must(peer.Close())
		} else {
			time.AfterFunc(time.Millisecond, func() { _ = peer.Close() })
		}
		s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
		r.must(err)
	}
	r.must(s.Close())
}

// TestReuseAccepted has a server's side of a connection be a client.
func TestReuseAccepted(t *testing.T) {
	r := newRig(t)
	client := r.dial()
	server, err := r.l.AcceptTCP()
	r.must(err)
	r.must(client.Close())
	s, err := DisconnectEx(r.ctx, server, TF_REUSE_SOCKET)
	r.must(err)
	r.connects(s) // from the listener's port, which is its own
}

// TestPlainReconnect is why a socket has to be disconnected.
func TestPlainReconnect(t *testing.T) {
	r := newRig(t)
	c, _ := r.pair(nil)
	rc, err := c.SyscallConn()
	r.must(err)
	r.must(control(rc, func(fd int) error {
		to, err := sockaddrFor(fd, r.to)
		r.must(err)
		d := dialing{to: to}
		if err := d.begin(fd); err != nil && err != unix.EISCONN {
			t.Error(err)
		}
		if err := d.begin(fd); err != unix.EISCONN {
			t.Errorf("a second connection: %v", err)
		}
		return nil
	}))
}

// TestDisconnectCancelStorm ends contexts at any time: each call ends, with a socket or without.
func TestDisconnectCancelStorm(t *testing.T) {
	r := newRig(t)
	go func() {
		for {
			c, err := r.l.AcceptTCP()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(io.Discard, c)
				time.Sleep(500 * time.Microsecond)
				_ = c.Close()
			}()
		}
	}()
	reused := 0
	for i := range 300 {
		ctx, cancel := context.WithTimeout(r.ctx, time.Duration(i*10)*time.Microsecond)
		c, _, err := ConnectEx(ctx, nil, r.to, []byte("x"), nil)
		if err == nil {
			var s *Socket
			if s, err = DisconnectEx(ctx, c, TF_REUSE_SOCKET); err == nil {
				reused++
				r.must(s.Close())
			} else {
				r.must(c.Close())
			}
		}
		cancel()
		if err != nil {
			r.is(err, context.DeadlineExceeded)
		}
	}
	if reused == 0 || reused == 300 {
		t.Logf("%d of 300 in time", reused)
	}
	time.Sleep(5 * time.Millisecond)
}

// TestReuseMultipath: package net's listeners take Multipath TCP, whose sockets are others.
func TestReuseMultipath(t *testing.T) {
	r := newRig(t)
	d := net.Dialer{}
	d.SetMultipathTCP(true)
	c, err := d.DialContext(r.ctx, "tcp4", r.to.String())
	r.must(err)
	defer c.Close()
	client := c.(*net.TCPConn)
	if multi, err := client.MultipathTCP(); err != nil || !multi {
		testutil.Lack(t, "no Multipath TCP here")
	}
	r.writes(client, "first")
	a := r.gets(r.accept(r.ctx, nil), "first")
	if multi, err := a.Conn.MultipathTCP(); err != nil || !multi {
		t.Logf("accepted as TCP: %v", err)
	}
	_, err = ConnectTime(a.Conn)
	if err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, ErrSocketKind) {
		t.Error(err)
	}
	r.writes(a.Conn, "answer and more")
	r.reads(client, "answer")
	go func() {
		_, _ = io.Copy(io.Discard, a.Conn)
		_ = a.Conn.Close()
	}()
	s, err := DisconnectEx(r.ctx, client, TF_REUSE_SOCKET)
	r.must(err)
	r.connects(s)
}
