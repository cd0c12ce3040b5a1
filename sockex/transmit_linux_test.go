package sockex

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// segments is how many segments with data a socket has sent (tcp_info).
func (s *sender) segments(e *end) (n uint32) {
	s.Helper()
	s.fd(e, func(fd int) {
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		s.must(err)
		n = info.Data_segs_out
	})
	return n
}

// TestOneSegment: head, file and tail share segments. Loopback's hold 64 KB.
func TestOneSegment(t *testing.T) {
	senders(t, func(s *sender) {
		head, tail := text(200), text(100)
		for _, c := range []struct {
			size int
			want uint32
		}{{0, 1}, {1, 1}, {300, 1}, {4096, 1}, {32768, 1}, {32769, 1}, {60000, 1}, {120000, 2}} {
			f := s.file(text(c.size))
			n := uint32(0)
			for range 5 { // a window that the peer has not opened again yet cuts a segment: what counts is that it can be one
				if n = s.segmentsOfFile(f, &FileOptions{Head: head, Tail: tail}, c.size+300); n == c.want {
					break
				}
			}
			if n != c.want {
				s.Errorf("%d bytes: %d segments, want %d", c.size, n, c.want)
			}
		}
	})
}

// segmentsOfFile is how many segments a file takes on a connection of its own, whose congestion window is open.
func (s *sender) segmentsOfFile(f *os.File, o *FileOptions, n int) uint32 {
	s.Helper()
	e := s.pair()
	for range 10 {
		s.whole(e, nil, &FileOptions{Head: text(60000)}, 60000)
	}
	before := s.segments(e)
	s.whole(e, f, o, n)
	s.uncorked(e)
	return s.segments(e) - before
}

// whole sends, and has the peer read it all.
func (s *sender) whole(e *end, f *os.File, o *FileOptions, n int) {
	s.Helper()
	got := receive(e.peer, n)
	s.startFile(e, f, o).wants(int64(n), nil)
	<-got
}

// TestSegmentsOfPackets: an element with EOP ends a segment, and others share one.
func TestSegmentsOfPackets(t *testing.T) {
	senders(t, func(s *sender) {
		f := s.file(text(30000))
		for _, c := range []struct {
			of   []Element
			want uint32
		}{
			{[]Element{Memory(text(10)), Memory(text(10)), FilePart(f, 0, 10), Memory(text(10))}, 1},
			{[]Element{Memory(text(10)).EndOfPacket(), Memory(text(10)), FilePart(f, 0, 10).EndOfPacket(), Memory(text(10))}, 3},
			{[]Element{Memory(text(10)), FilePart(f, 0, 0), Memory(text(10))}, 1},
			{[]Element{Memory(text(10)), FilePart(f, 0, 0).EndOfPacket(), Memory(text(10)), FilePart(f, 0, 0)}, 2},
			{[]Element{FilePart(f, 0, 0).EndOfPacket(), FilePart(f, 0, 10).EndOfPacket()}, 2},
		} {
			e := s.pair()
			s.whole(e, nil, &FileOptions{Head: text(60000)}, 60000)
			n := 0
			for _, el := range c.of {
				n += len(el.Buffer) + int(el.Length)
				if el.File != nil && el.Length == 0 {
					n += 30000
				}
			}
			before := s.segments(e)
			got := receive(e.peer, n)
			s.startPackets(e, c.of, nil).wants(int64(n), nil)
			<-got
			if n := s.segments(e) - before; n != c.want {
				s.Errorf("%d segments, want %d", n, c.want)
			}
		}
	})
}

// TestCallersCork leaves a cork that was there.
func TestCallersCork(t *testing.T) {
	senders(t, func(s *sender) {
		e := s.pair()
		s.fd(e, func(fd int) { s.must(setCork(fd, 1)) })
		f := s.file(text(100000))
		got := receive(e.peer, 100002)
		s.startFile(e, f, &FileOptions{Head: []byte("a"), Tail: []byte("b")}).wants(100002, nil)
		s.fd(e, func(fd int) {
			if on, _ := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_CORK); on != 1 {
				s.Error("the caller's cork is gone")
			}
			s.must(setCork(fd, 0))
		})
		s.same(got, join([]byte("a"), text(100000), []byte("b")))
	})
}

// sparse is a file of so many bytes, with some in two places.
func (s *sender) sparse(size int64, at ...int64) *os.File {
	s.Helper()
	f, err := os.Create(filepath.Join(s.TempDir(), "sparse"))
	s.must(err)
	s.Cleanup(func() { _ = f.Close() })
	s.must(f.Truncate(size))
	for _, a := range at {
		_, err := f.WriteAt([]byte("here"), a)
		s.must(err)
	}
	return f
}

// swallow drops n bytes (MSG_TRUNC), and returns what came then.
func (s *sender) swallow(c *net.TCPConn, n int64) []byte {
	s.Helper()
	raw, err := c.SyscallConn()
	s.must(err)
	var dropErr error
	s.must(raw.Read(func(fd uintptr) bool {
		for n > 0 {
			k, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(new(byte))), uintptr(min(n, 1<<30)), unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
			switch {
			case errno == unix.EAGAIN:
				return false
			case errno != 0 || k == 0:
				dropErr = fmt.Errorf("%d bytes before the end: %w", n, errno)
				return true
			}
			n -= int64(k)
		}
		return true
	}))
	s.must(dropErr)
	b, err := io.ReadAll(c)
	s.must(err)
	return b
}

// TestLargeFile sends a sparse file that is larger than what one sendfile moves and 32 bits hold, and parts beyond 4 GiB.
func TestLargeFile(t *testing.T) {
	if testing.Short() {
		t.Skip("sends several gigabytes")
	}
	senders(t, func(s *sender) {
		const size = 6<<30 + 5
		f := s.sparse(size, 4<<30-2, size-4)
		e := s.pair()
		got := receive(e.peer, 10)
		s.startFile(e, f, &FileOptions{Offset: 4<<30 - 3, Count: 10}).wants(10, nil)
		s.same(got, []byte("\x00here\x00\x00\x00\x00\x00"))
		if s.port != nil {
			return // what comes is the same there, and takes a second
		}
		call := s.startFile(e, f, &FileOptions{Head: []byte("head"), Tail: []byte("tail"), Offset: size - sendfileMax - 8192, Flags: TF_DISCONNECT})
		if b := s.swallow(e.peer, sendfileMax+8192); string(b) != "heretail" {
			s.Errorf("at the end came %q", b)
		}
		call.wants(sendfileMax+8200, nil)
	})
}

// TestShortSmall: a small file that was cut after it was measured fails before a byte has gone.
func TestShortSmall(t *testing.T) {
	s := &sender{T: t}
	e := s.pair()
	name := s.file(text(5000)).Name()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	s.must(err)
	defer f.Close()
	x := newTransfer("TransmitFile")
	defer x.release()
	s.must(x.setFile(f, &FileOptions{Head: []byte("never")}))
	s.must(f.Truncate(4999))
	s.wantsIs(x.onConn(t.Context(), e.conn.(*net.TCPConn)), ErrShortFile)
	if x.sent != 0 {
		s.Errorf("%d bytes went", x.sent)
	}
	s.quiet(e)
}

// TestCancelAnywhere cancels at many points of a transmission. What the peer has got is what was reported, no cork is left,
// and on a port the same connection can send on.
func TestCancelAnywhere(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(8 << 20)
		f := s.file(all)
		want := join([]byte("head"), all, []byte("tail"))
		cancelled := 0
		for i := range 60 {
			e := s.pair()
			got := make(chan []byte, 1)
			go func() {
				b, _ := io.ReadAll(e.peer)
				got <- b
			}()
			call := s.startFile(e, f, &FileOptions{Head: []byte("head"), Tail: []byte("tail")})
			time.Sleep(time.Duration(rand.IntN(1+i*100)) * time.Microsecond)
			call.cancel()
			n, err := call.wait()
			switch {
			case isCancelled(err):
				cancelled++
			case err != nil || n != int64(len(want)):
				s.Errorf("%d bytes, %v", n, err)
			}
			s.uncorked(e)
			s.close(e)
			s.same(got, want[:n])
			_ = e.peer.Close()
		}
		if cancelled == 0 {
			s.Error("none was cancelled in time")
		}
	})
}

// TestCancelledBefore begins with a context that has ended.
func TestCancelledBefore(t *testing.T) {
	s := &sender{T: t}
	e := s.pair()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := TransmitFile(ctx, e.conn.(*net.TCPConn), nil, &FileOptions{Head: []byte("x")})
	if n != 0 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d bytes, %v", n, err)
	}
	s.quiet(e)
	if _, err := e.conn.Write([]byte("y")); err != nil {
		t.Error("the deadline was touched: ", err)
	}
}

// TestClosedMeanwhile closes the connection while a transmission waits.
func TestClosedMeanwhile(t *testing.T) {
	senders(t, func(s *sender) {
		f := s.file(text(30 << 20))
		e := s.pair()
		call := s.startFile(e, f, &FileOptions{Tail: []byte("x")})
		_, err := io.ReadFull(e.peer, make([]byte, 1))
		s.must(err)
		if s.port == nil {
			s.must(e.conn.Close())
			_, err = call.wait()
			s.wantsIs(err, ErrClosed)
			s.wantsIs(err, net.ErrClosed)
			return
		}
		op := &completion.Op{Kind: completion.Close, Handle: e.handle}
		s.must(s.port.Submit(op))
		n, err := call.wait()
		if n == 0 || !isCancelled(err) {
			s.Errorf("%d bytes, %v", n, err)
		}
		s.result(op)
	})
}

// TestPortClosed closes a port under a transmission that moves fast. The handle stays, and has no cork.
func TestPortClosed(t *testing.T) {
	for _, b := range senderBackends() {
		t.Run(b.String(), func(t *testing.T) {
			testutil.CheckLeaks(t)
			for range 5 {
				port, err := completion.Open(&completion.Config{Backend: b})
				if errors.Is(err, errors.ErrUnsupported) {
					testutil.Lack(t, err.Error())
				}
				s := &sender{T: t, port: port}
				s.must(err)
				e := s.pair()
				go func() { _, _ = io.Copy(io.Discard, e.peer) }()
				x := NewTransmitFile(e.handle, s.sparse(3<<30), &FileOptions{Head: []byte("x"), Tail: []byte("y")})
				s.must(port.Submit(x.Op()))
				time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
				s.must(port.Close())
				s.uncorked(e)
				_ = e.peer.Close()
			}
		})
	}
}

// TestOthersWait: a write of another goroutine comes before or after a transmission, and not in between.
func TestOthersWait(t *testing.T) {
	s := &sender{T: t}
	e := s.pair()
	all := text(8 << 20)
	f := s.file(all)
	call := s.startFile(e, f, &FileOptions{Head: []byte("head"), Tail: []byte("tail")})
	_, err := io.ReadFull(e.peer, make([]byte, 4))
	s.must(err)
	wrote := make(chan error, 1)
	go func() {
		_, err := e.conn.Write([]byte("another"))
		wrote <- err
	}()
	s.same(receive(e.peer, len(all)+11), join(all, []byte("tail"), []byte("another")))
	call.wants(int64(len(all)+8), nil)
	s.must(<-wrote)
}

// TestUnspliced sends a file whose file system has no sendfile: it is read.
func TestUnspliced(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(300000)
		f := s.file(all)
		e := s.pair()
		x := newTransfer("TransmitFile")
		defer x.release()
		s.must(x.setFile(f, &FileOptions{Head: []byte("head"), Tail: []byte("tail")}))
		x.pieces[1].source.sys.unspliced = true
		got := receive(e.peer, len(all)+8)
		for {
			x.sys.budget = 1 << 20
			var err error
			s.fd(e, func(fd int) { err = x.step(fd) })
			if err == nil {
				break
			}
			if err != unix.EAGAIN && err != errYield {
				s.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		s.same(got, join([]byte("head"), all, []byte("tail")))
	})
}

// TestRefusedRing runs where a filter refuses io_uring, as a container's does: a port is on epoll, and the functions work.
func TestRefusedRing(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{Env: []string{completion.EnvBackend + "="}}) {
		return
	}
	testutil.Refuse(t, unix.SYS_IO_URING_SETUP, -1)
	port, err := completion.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer port.Close()
	if port.Backend() != completion.Epoll {
		t.Fatalf("the backend is %v", port.Backend())
	}
	for _, s := range []*sender{{T: t}, {T: t, port: port}} {
		e := s.pair()
		all := text(200000)
		got := receive(e.peer, len(all)+2)
		s.startFile(e, s.file(all), &FileOptions{Head: []byte("a"), Tail: []byte("b")}).wants(int64(len(all)+2), nil)
		s.same(got, join([]byte("a"), all, []byte("b")))
	}
}

// TestFlat sends many times and has neither memory nor descriptors grow.
func TestFlat(t *testing.T) {
	senders(t, func(s *sender) {
		f := s.file(text(70000))
		e := s.pair()
		go func() { _, _ = io.Copy(io.Discard, e.peer) }()
		used := func() uint64 {
			runtime.GC()
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.HeapAlloc
		}
		send := func() {
			for i := range 500 {
				o := &FileOptions{Head: []byte("head"), Tail: []byte("tail"), Count: 4096}
				if i%2 == 0 {
					o.Count = 0
				}
				if _, err := s.startFile(e, f, o).wait(); err != nil {
					s.Fatal(err)
				}
			}
		}
		send()
		before := used()
		for range 4 {
			send()
		}
		if after := used(); after > before+256<<10 {
			s.Errorf("%d bytes are used, and %d were", after, before)
		}
		_ = e.peer.Close()
	})
}

// TestReceivers has other programs receive.
func TestReceivers(t *testing.T) {
	all := text(3 << 20)
	for _, c := range [][]string{{"socat", "-u", "TCP:ADDR", "STDOUT"}, {"nc", "HOST", "PORT"}} {
		t.Run(c[0], func(t *testing.T) {
			tool := testutil.NeedTool(t, c[0])
			s := &sender{T: t}
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			s.must(err)
			defer l.Close()
			host, port, _ := net.SplitHostPort(l.Addr().String())
			args := append([]string(nil), c[1:]...)
			for i, a := range args {
				args[i] = map[string]string{"TCP:ADDR": "TCP:" + l.Addr().String(), "HOST": host, "PORT": port}[a]
				if args[i] == "" {
					args[i] = a
				}
			}
			cmd := exec.Command(tool, args...)
			out := make(chan []byte, 1)
			pipe, err := cmd.StdoutPipe()
			s.must(err)
			s.must(cmd.Start())
			go func() {
				b, _ := io.ReadAll(pipe)
				out <- b
			}()
			conn, err := l.Accept()
			s.must(err)
			defer conn.Close()
			s.startFile(&end{conn: conn}, s.file(all), &FileOptions{Head: []byte("head"), Tail: []byte("tail"), Flags: TF_DISCONNECT}).wants(int64(len(all)+8), nil)
			s.same(out, join([]byte("head"), all, []byte("tail")))
			s.must(conn.Close())
			s.must(cmd.Wait())
		})
	}
}

// TestEthernet is in a namespace whose loopback has the packets of an Ethernet: head, file and tail are cut where segments
// are full and nowhere else, and datagrams that are longer than a packet go one by one, since the kernel does not cut what
// would be cut once more.
func TestEthernet(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.Command(t, testutil.NeedTool(t, "ip"), "link", "set", "lo", "mtu", "1500")
	senders(t, func(s *sender) {
		const mss = 1500 - 40 - 12 // with timestamps
		e := s.pair()
		for range 20 {
			s.whole(e, nil, &FileOptions{Head: text(60000)}, 60000)
		}
		for _, size := range []int{0, 100, 1000, mss - 300, mss - 299, 4096, 20000, 40000, 150000} {
			before := s.segments(e)
			s.whole(e, s.file(text(size)), &FileOptions{Head: text(200), Tail: text(100)}, size+300)
			if n, want := s.segments(e)-before, uint32((size+300+mss-1)/mss); n != want {
				s.Errorf("%d bytes: %d segments, want %d", size+300, n, want)
			}
		}
		s.uncorked(e)
		for _, size := range []int{1000, 2000} {
			c := many(text(size), 200, size)
			from, to := s.udpEnds("udp4", true)
			s.startPackets(from, c.of, nil).wants(int64(200*size), nil)
			for i, w := range c.want {
				if got := s.datagram(to, deadline); len(got) != len(w) {
					s.Fatalf("datagram %d is of %d bytes, want %d", i, len(got), len(w))
				}
			}
		}
	})
}

// TestFewerSegments: a kernel that cuts a message into 64 at most, or does not cut, is asked for less.
func TestFewerSegments(t *testing.T) {
	var l letters
	l.segments = maxSegments
	one := new(segmentSize)
	l.messages = []message{{hdr: unix.Msghdr{Control: (*byte)(unsafe.Pointer(one))}}}
	for _, want := range []int{oldSegments, 1} {
		if !l.less(unix.EINVAL) || l.segments != want {
			t.Errorf("%d segments, want %d", l.segments, want)
		}
	}
	if l.less(unix.ECONNREFUSED) {
		t.Error("another error is tried again")
	}
	l.messages[0].hdr.Control = nil
	if l.less(unix.EINVAL) {
		t.Error("a message that is not cut is tried again")
	}
}

// TestUnixStream sends on a Unix socket, which has no cork, through a port.
func TestUnixStream(t *testing.T) {
	senders(t, func(s *sender) {
		if s.port == nil {
			s.Skip("*net.TCPConn only")
		}
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		s.must(err)
		h, err := s.port.AttachFD(uintptr(fds[0]))
		s.must(err)
		defer h.Close()
		peer := os.NewFile(uintptr(fds[1]), "peer")
		defer peer.Close()
		all := text(300000)
		got := receive(peer, len(all)+8)
		s.startFile(&end{handle: h}, s.file(all), &FileOptions{Head: []byte("head"), Tail: []byte("tail")}).wants(int64(len(all)+8), nil)
		s.same(got, join([]byte("head"), all, []byte("tail")))
		s.startFile(&end{handle: h}, nil, &FileOptions{Head: []byte("x"), Flags: TF_DISCONNECT}).wants(1, ErrSocketKind)
	})
}
