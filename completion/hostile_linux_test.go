package completion

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// slowEcho gives a client time to send more, and answers seven bytes at once.
func slowEcho(c *Conn, b []byte) error {
	time.Sleep(5 * time.Millisecond)
	all, _ := c.Data.([]byte)
	all = append(all, b...)
	if c.Data = all; len(all) < 7 {
		return nil // an answer would wake the server again, when it is read
	}
	c.Data = nil
	return c.Send(all)
}

// TestServeUrgent: a socket's reading stops before an urgent byte, though more is there.
func TestServeUrgent(t *testing.T) {
	serve(t, Options{}, slowEcho, func(s *serving) {
		c := s.dial()
		rc, err := c.SyscallConn()
		if err != nil {
			s.Fatal(err)
		}
		for range 4 {
			_ = rc.Control(func(fd uintptr) {
				_, _ = unix.Write(int(fd), []byte("0"))
				time.Sleep(time.Millisecond)
				_, _ = unix.Write(int(fd), []byte("abc"))
				_ = unix.Sendto(int(fd), []byte("!"), unix.MSG_OOB, nil)
				_, _ = unix.Write(int(fd), []byte("def"))
			})
			b := make([]byte, 7)
			_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
			if _, err := io.ReadFull(c, b); err != nil || string(b) != "0abcdef" {
				s.Fatalf("%q, %v", b, err)
			}
		}
	})
}

// TestServeUnix serves a listener of package net for Unix sockets, whose reading stops after a descriptor that is passed.
func TestServeUnix(t *testing.T) {
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			l, c := unixServer(t, b)
			defer l.Close()
			null, err := os.Open("/dev/null")
			if err != nil {
				t.Fatal(err)
			}
			defer null.Close()
			rc, err := c.SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			for range 4 {
				_ = rc.Control(func(fd uintptr) {
					_, _ = unix.Write(int(fd), []byte("0"))
					time.Sleep(time.Millisecond)
					_ = unix.Sendmsg(int(fd), []byte("abc"), unix.UnixRights(int(null.Fd())), nil, 0)
					_, _ = unix.Write(int(fd), []byte("def"))
				})
				got := make([]byte, 7)
				_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
				if _, err := io.ReadFull(c, got); err != nil || string(got) != "0abcdef" {
					t.Fatalf("%q, %v", got, err)
				}
			}
		})
	}
}

func unixServer(t *testing.T, b Backend) (net.Listener, *net.UnixConn) {
	t.Helper()
	testutil.CheckLeaks(t)
	name := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	own, err := FromListener(l)
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan error, 1)
	go func() {
		over <- Serve(t.Context(), own, slowEcho, &Options{Backend: b, Workers: 1, Grace: 50 * time.Millisecond})
	}()
	t.Cleanup(func() {
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
	c, err := net.Dial("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return l, c.(*net.UnixConn)
}

// TestServeNoDelay: connections of a listener of package net do not wait for the peer's acknowledgement, as package net's
// own do not.
func TestServeNoDelay(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	own, err := FromListener(l)
	if err != nil {
		t.Fatal(err)
	}
	on := make(chan int, 1)
	opts := &Options{Workers: 1, Grace: time.Millisecond, Opened: func(c *Conn) error {
		n, err := unix.GetsockoptInt(int(c.FD()), unix.IPPROTO_TCP, unix.TCP_NODELAY)
		on <- n
		return err
	}}
	over := make(chan error, 1)
	go func() { over <- Serve(t.Context(), own, echo, opts) }()
	t.Cleanup(func() { <-over })
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if n := <-on; n != 1 {
		t.Errorf("TCP_NODELAY is %d", n)
	}
}

// TestServeCut shuts the socket down under a send of which a part has gone: the connection is over, though nothing else is
// under way that could tell.
func TestServeCut(t *testing.T) {
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) { cut(t, b) })
	}
}

func cut(t *testing.T, b Backend) {
	var blocks, fd atomic.Int64
	h := func(c *Conn, b []byte) error {
		switch blocks.Add(1) {
		case 1:
			time.Sleep(100 * time.Millisecond) // meanwhile a large block gathers
			_ = unix.SetsockoptInt(int(c.FD()), unix.SOL_SOCKET, unix.SO_SNDBUF, 4096)
		case 2:
			defer fd.Store(int64(c.FD()))
			return c.Send(b)
		}
		return nil
	}
	const size = 4 << 20
	serveOne(t, Options{Backend: b, Workers: 1, BlockSize: size, Pool: 16 * size, Unsent: 1 << 30}, h, func(s *serving) {
		c := s.dial()
		_ = c.SetReadBuffer(4096)
		_, _ = c.Write([]byte("x"))
		time.Sleep(20 * time.Millisecond)
		go func() { _, _ = c.Write(pattern(size)) }()
		reaches(s, &fd, 1)
		time.Sleep(50 * time.Millisecond)
		_ = unix.Shutdown(int(fd.Load()), unix.SHUT_WR)
		reaches(s, &s.closed, 1)
	})
}

// TestCallErrors: a call that a signal interrupts is made again, and a count of -1, as package unix has it, is none.
func TestCallErrors(t *testing.T) {
	conform(t, func(r *rig) {
		conn, _ := r.pair()
		calls := 0
		op := &Op{Kind: Call, Handle: conn, Call: func(uintptr, unsafe.Pointer) (int, error) {
			if calls++; calls < 3 {
				return -1, unix.EINTR
			}
			return -1, unix.EPERM
		}}
		r.do(op)
		r.wants(op, 0, unix.EPERM)
		if calls != 3 {
			r.Errorf("called %d times", calls)
		}
	})
}

// TestAside: results that were put aside to make room do not wait for others.
func TestAside(t *testing.T) {
	withRig(t, &Config{Backend: IOUring, Exclusive: true}, func(r *rig) {
		conn, _ := r.pair()
		l := &r.port.loop
		d := l.drv.(*uringDriver)
		r.submit(&Op{Kind: Poll, Handle: conn, How: Out})
		l.take()
		r.must(d.ring.Enter(time.Second, false))
		d.spill()
		start := time.Now()
		if n, err := r.port.Wait(make([]*Op, 1), 2*time.Second); n != 1 || err != nil || time.Since(start) > time.Second {
			r.Errorf("%d results after %v, %v", n, time.Since(start), err)
		}
	})
}

// TestTags: an event's mark is never that of the bell or of a server's connections, however many handles there were.
func TestTags(t *testing.T) {
	withRig(t, &Config{Backend: Epoll, Exclusive: true}, func(r *rig) {
		d := r.port.loop.drv.(*epollDriver)
		d.tags = 1<<31 - 2
		for range 4 {
			conn, peer := r.pair()
			op := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 4)}
			r.submit(op)
			r.nothing()
			if conn.sys.tag <= 0 {
				r.Errorf("tag %d", conn.sys.tag)
			}
			_, err := peer.Write([]byte("x"))
			r.must(err)
			r.reap(1)
		}
	})
}

// TestRefusedEnter runs where a filter lets io_uring be set up, and not be used.
func TestRefusedEnter(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{Env: []string{EnvBackend + "="}}) {
		return
	}
	testutil.Refuse(t, unix.SYS_IO_URING_ENTER, -1)
	p, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if p.Backend() != Epoll {
		t.Errorf("the backend is %v", p.Backend())
	}
}

// TestServeNoMemory: a pool that cannot be had is an error of Serve's, not of each connection.
func TestServeNoMemory(t *testing.T) {
	const much = math.MaxInt>>17 + 1
	if much < 1<<40 {
		t.Skip("a machine of 32 bits can ask for no more memory than there may be")
	}
	l, err := Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	err = Serve(ctx, l, echo, &Options{Backend: IOUring, Workers: 1, BlockSize: much / 16, Pool: much})
	if errors.Is(err, errors.ErrUnsupported) {
		testutil.Lack(t, err.Error())
	}
	if !errors.Is(err, unix.ENOMEM) {
		t.Errorf("%v", err)
	}
}

// TestAttachListener: connections that are accepted from a listener of package net send at once too.
func TestAttachListener(t *testing.T) {
	conform(t, func(r *rig) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		r.must(err)
		defer l.Close()
		h, err := r.port.Attach(l.(*net.TCPListener))
		r.must(err)
		defer h.Close()
		c, err := net.Dial("tcp4", l.Addr().String())
		r.must(err)
		defer c.Close()
		op := r.ok(&Op{Kind: Accept, Handle: h})
		defer op.Conn.Close()
		if n, err := unix.GetsockoptInt(int(op.Conn.FD()), unix.IPPROTO_TCP, unix.TCP_NODELAY); n != 1 || err != nil {
			r.Errorf("TCP_NODELAY is %d, %v", n, err)
		}
	})
}
