package completion

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// fullListener is one whose queue has no room: a client waits (libuv: tcp-connect-timeout, tcp-close-while-connecting).
func (r *rig) fullListener() netip.AddrPort {
	r.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	r.must(err)
	r.Cleanup(func() { _ = unix.Close(fd) })
	r.must(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	r.must(unix.Listen(fd, 0))
	a, err := sockName(sysFD(fd), false)
	r.must(err)
	c, err := net.Dial("tcp4", a.String())
	r.must(err)
	r.Cleanup(func() { _ = c.Close() })
	return a
}

// TestForeignConnecting ends a Connect that waits: by its limit, by Cancel, and by closing the socket.
func TestForeignConnecting(t *testing.T) {
	conform(t, func(r *rig) {
		a := r.fullListener()
		for i := range 3 {
			s, err := r.port.Socket("tcp4")
			r.must(err)
			op := &Op{Kind: Connect, Handle: s, Addr: a, Buf: []byte("data")}
			end := &Op{Kind: Close, Handle: s}
			want := ErrCanceled
			switch i {
			case 0:
				op.Timeout, want = 20*time.Millisecond, os.ErrDeadlineExceeded
				r.do(op)
				r.ok(end)
			case 1:
				r.submit(op)
				r.nothing()
				r.must(r.port.Cancel(op))
				r.reap(1)
				r.ok(end)
			default:
				r.submit(op)
				r.nothing()
				r.submit(end)
				r.reap(2)
			}
			r.wants(op, 0, want)
			r.wants(end, 0, nil)
		}
	})
}

// TestForeignUnreachable sends a datagram to a port that nobody has, from a connected socket (libuv: udp-connect).
func TestForeignUnreachable(t *testing.T) {
	conform(t, func(r *rig) {
		b := r.datagram()
		to, err := b.LocalAddr()
		r.must(err)
		r.must(b.Close())
		a, err := r.port.Socket("udp4")
		r.must(err)
		defer a.Close()
		r.wants(r.ok(&Op{Kind: Connect, Handle: a, Addr: to}), 0, nil)
		recv := &Op{Kind: Recv, Handle: a, Buf: make([]byte, 8)}
		r.submit(recv)
		r.nothing()
		r.wants(r.ok2(&Op{Kind: Send, Handle: a, Buf: []byte("x")}, recv), 0, unix.ECONNREFUSED)
	})
}

// ok2 runs op beside other, which is under way, and returns other's result.
func (r *rig) ok2(op, other *Op) *Op {
	r.Helper()
	r.submit(op)
	r.reap(2)
	r.must(op.Err)
	return other
}

// TestForeignShutIn shuts down the direction that a receive waits on, and a listener (liburing: shutdown, accept).
func TestForeignShutIn(t *testing.T) {
	conform(t, func(r *rig) {
		conn, _ := r.pair()
		recv := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 8)}
		r.submit(recv)
		r.nothing()
		r.do2(&Op{Kind: Shutdown, Handle: conn, How: In})
		r.wants(recv, 0, io.EOF)
		l, _ := r.listen()
		accept := &Op{Kind: Accept, Handle: l}
		r.submit(accept)
		r.nothing()
		r.do2(&Op{Kind: Shutdown, Handle: l, How: Both})
		r.wants(accept, 0, unix.EINVAL)
	})
}

// do2 runs op, which ends another too.
func (r *rig) do2(op *Op) {
	r.Helper()
	r.submit(op)
	r.reap(2)
	r.must(op.Err)
}

// TestForeignEventFD reads from an eventfd, in too small a buffer first (liburing: evfd-short-read, eventfd).
func TestForeignEventFD(t *testing.T) {
	conform(t, func(r *rig) {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		r.must(err)
		h, err := r.port.AttachFD(uintptr(fd))
		r.must(err)
		defer h.Close()
		op := &Op{Kind: Read, Handle: h, Buf: make([]byte, 8)}
		r.submit(op)
		r.nothing()
		r.wants(r.ok2(&Op{Kind: Write, Handle: h, Buf: binary.NativeEndian.AppendUint64(nil, 7)}, op), 8, nil)
		if n := binary.NativeEndian.Uint64(op.Buf); n != 7 {
			r.Errorf("counted %d", n)
		}
		short := &Op{Kind: Read, Handle: h, Buf: make([]byte, 4)}
		r.do(short)
		r.wants(short, 0, unix.EINVAL)
	})
}

// TestForeignPath closes a descriptor of a path only, which nothing can be read from (liburing: close-opath).
func TestForeignPath(t *testing.T) {
	conform(t, func(r *rig) {
		name := filepath.Join(r.TempDir(), "file")
		r.must(os.WriteFile(name, []byte("text"), 0o600))
		fd, err := unix.Open(name, unix.O_PATH|unix.O_CLOEXEC, 0)
		r.must(err)
		h, err := r.port.AttachFD(uintptr(fd))
		r.must(err)
		op := &Op{Kind: ReadAt, Handle: h, Buf: make([]byte, 4)}
		r.do(op)
		r.wants(op, 0, unix.EBADF)
		r.ok(&Op{Kind: Close, Handle: h})
	})
}

// TestForeignFifo reads a named pipe, that nobody writes to for a while (liburing: fifo-nonblock-read, pipe-eof).
func TestForeignFifo(t *testing.T) {
	conform(t, func(r *rig) {
		name := filepath.Join(r.TempDir(), "fifo")
		r.must(unix.Mkfifo(name, 0o600))
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		r.must(err)
		defer f.Close()
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		r.must(err)
		h, err := r.port.AttachFD(uintptr(fd))
		r.must(err)
		defer h.Close()
		op := &Op{Kind: Read, Handle: h, Buf: make([]byte, 16)}
		r.submit(op)
		r.nothing()
		_, err = f.Write([]byte("word"))
		r.must(err)
		r.reap(1)
		r.wants(op, 4, nil)
		r.submit(op)
		r.nothing()
		r.must(f.Close())
		r.reap(1)
		r.wants(op, 0, io.EOF)
	})
}

// TestForeignPolls has two wait for the same (liburing: poll-v-poll, double-poll).
func TestForeignPolls(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		a, b := &Op{Kind: Poll, Handle: conn}, &Op{Kind: Poll, Handle: conn}
		recv := &Op{Kind: Recv, Handle: conn} // looks, too
		r.submit(a, b, recv)
		r.nothing()
		_, err := peer.Write([]byte("x"))
		r.must(err)
		r.reap(3)
		r.wants(recv, 0, nil)
		for _, op := range []*Op{a, b} {
			if op.Err != nil || op.N&unix.POLLIN == 0 {
				r.Errorf("%#x, %v", op.N, op.Err)
			}
		}
	})
}

// TestForeignExec starts a program while operations are under way: it has none of the descriptors (liburing: exec-target).
func TestForeignExec(t *testing.T) {
	before := childFiles(t)
	conform(t, func(r *rig) {
		conn, _ := r.pair()
		l, _ := r.listen()
		op := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 8)}
		accept := &Op{Kind: Accept, Handle: l}
		r.submit(op, accept)
		r.nothing()
		if after := childFiles(t); after != before {
			r.Errorf("descriptors %q, without operations %q", after, before)
		}
		r.must(r.port.CancelAll())
		r.reap(2)
	})
}

// childFiles is the descriptors of a program that is started.
func childFiles(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-c", "ls /proc/$$/fd").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestForeignNoFiles accepts while no descriptor is left, and goes on when there is one (libuv: emfile).
func TestForeignNoFiles(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{}) {
		return
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 100, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	for _, b := range systemBackends() {
		for _, plain := range []bool{false, true} {
			t.Run(b.String(), func(t *testing.T) {
				noFiles(t, &Options{Backend: b, Workers: 1, plain: plain, Grace: time.Millisecond})
			})
		}
	}
}

func noFiles(t *testing.T, o *Options) {
	l, err := Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Addr()
	if err != nil {
		t.Fatal(err)
	}
	var failed atomic.Int64
	o.Failed = func(err error) {
		if errors.Is(err, unix.EMFILE) {
			failed.Add(1)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- Serve(ctx, l, echo, o) }()
	first, err := net.Dial("tcp4", a.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := converse(first, 1); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var many []int
	for n, err := unix.Dup(0); err == nil; n, err = unix.Dup(0) {
		many = append(many, n)
	}
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}); err != nil {
		t.Error(err)
	}
	reaches(t, &failed, 2)
	for _, n := range many {
		_ = unix.Close(n)
	}
	f := os.NewFile(uintptr(fd), "client")
	if _, err := f.Write([]byte("x")); err != nil {
		t.Error(err)
	}
	if _, err := f.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	_, _ = f.Close(), first.Close()
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
}
