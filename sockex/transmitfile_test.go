package sockex

import (
	"io"
	"os"
	"runtime"
	"testing"
	"time"
)

// TestTransmitFile sends what a table says, and reads it.
func TestTransmitFile(t *testing.T) {
	head, tail := []byte("head of it;"), []byte(";and its tail")
	for _, c := range []struct {
		name          string
		size          int
		head, tail    []byte
		offset, count int64
		chunk         int
		flags         Flags
	}{
		{name: "file", size: 1000},
		{name: "empty file", head: head, tail: tail},
		{name: "head and tail", size: 300, head: head, tail: tail},
		{name: "head", size: 300, head: head},
		{name: "tail", size: 300, tail: tail},
		{name: "part", size: 5000, head: head, tail: tail, offset: 1000, count: 77},
		{name: "rest", size: 5000, head: head, tail: tail, offset: 4999},
		{name: "at the end", size: 5000, head: head, tail: tail, offset: 5000},
		{name: "32 KiB", size: 32 << 10, head: head, tail: tail},
		{name: "one byte more", size: 32<<10 + 1, head: head, tail: tail},
		{name: "64 KiB", size: 64 << 10, head: head, tail: tail},
		{name: "large", size: 3<<20 + 17, head: head, tail: tail, offset: 17},
		{name: "large alone", size: 3 << 20},
		{name: "chunks", size: 5000, head: head, tail: tail, chunk: 7},
		{name: "chunks of a large one", size: 300000, head: head, tail: tail, chunk: 1000},
		{name: "write behind", size: 5000, head: head, flags: TF_WRITE_BEHIND},
		{name: "system thread", size: 50000, head: head, flags: TF_USE_SYSTEM_THREAD},
		{name: "kernel APC", size: 50000, head: head, flags: TF_USE_KERNEL_APC},
		{name: "default worker", size: 50000, head: head, flags: TF_USE_DEFAULT_WORKER},
		{name: "large head", size: 100, head: text(1 << 20), tail: text(1<<20 + 3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			senders(t, func(s *sender) {
				all := text(c.size)
				f := s.file(all)
				_, err := f.Seek(3, io.SeekStart)
				s.must(err)
				part := all[c.offset:]
				if c.count > 0 {
					part = part[:c.count]
				}
				want := join(c.head, part, c.tail)
				e := s.pair()
				got := receive(e.peer, len(want))
				s.startFile(e, f, &FileOptions{Head: c.head, Tail: c.tail, Offset: c.offset, Count: c.count, ChunkSize: c.chunk, Flags: c.flags}).wants(int64(len(want)), nil)
				s.same(got, want)
				s.quiet(e)
				if at, err := f.Seek(0, io.SeekCurrent); at != 3 || err != nil {
					s.Errorf("the file stands at %d (%v), and stood at 3", at, err)
				}
			})
		})
	}
}

// TestNoFile sends head and tail only, and nothing at all.
func TestNoFile(t *testing.T) {
	senders(t, func(s *sender) {
		e := s.pair()
		got := receive(e.peer, 6)
		s.startFile(e, nil, nil).wants(0, nil)
		s.startFile(e, nil, &FileOptions{Head: []byte("abc"), Tail: []byte("def")}).wants(6, nil)
		s.same(got, []byte("abcdef"))
		s.startFile(e, nil, &FileOptions{Offset: 1}).wants(0, ErrRange)
		s.startFile(e, nil, &FileOptions{Count: 1}).wants(0, ErrRange)
	})
}

// TestFileRefused has what is wrong found before a byte goes.
func TestFileRefused(t *testing.T) {
	senders(t, func(s *sender) {
		f := s.file(text(100))
		e := s.pair()
		head := []byte("never sent")
		for _, c := range []struct {
			o    FileOptions
			want error
		}{
			{FileOptions{Offset: 101}, ErrRange},
			{FileOptions{Offset: -1}, ErrRange},
			{FileOptions{Count: 101}, ErrRange},
			{FileOptions{Count: -1}, ErrRange},
			{FileOptions{Offset: 60, Count: 41}, ErrRange},
			{FileOptions{Offset: 100, Count: 1}, ErrRange},
			{FileOptions{Offset: 99, Count: 2, ChunkSize: 10}, ErrRange},
			{FileOptions{Offset: 1 << 40, Count: 1}, ErrRange},
			{FileOptions{Offset: 1 << 62, Count: 1 << 62}, ErrRange},
			{FileOptions{ChunkSize: -1}, ErrRange},
			{FileOptions{Flags: 0x40}, ErrFlags},
			{FileOptions{Flags: 0x80000000}, ErrFlags},
			{FileOptions{Flags: TF_REUSE_SOCKET}, ErrFlags},
			{FileOptions{Flags: TF_DISCONNECT | TF_WRITE_BEHIND}, ErrFlags},
		} {
			c.o.Head = head
			s.startFile(e, f, &c.o).wants(0, c.want)
		}
		s.quiet(e)
	})
}

// TestSource refuses what has no offsets.
func TestSource(t *testing.T) {
	senders(t, func(s *sender) {
		e := s.pair()
		dir, err := os.Open(s.TempDir())
		s.must(err)
		defer dir.Close()
		r, w, err := os.Pipe()
		s.must(err)
		defer r.Close()
		defer w.Close()
		for _, f := range []*os.File{dir, r} {
			s.startFile(e, f, &FileOptions{Head: []byte("x")}).wants(0, ErrSource)
			s.startFile(e, f, &FileOptions{Head: []byte("x"), Count: 1}).wants(0, ErrSource)
		}
		mute, err := os.OpenFile(s.file(text(100000)).Name(), os.O_WRONLY, 0)
		s.must(err)
		defer mute.Close()
		for _, n := range []int64{10, 50000} {
			if _, err := s.startFile(e, mute, &FileOptions{Count: n}).wait(); err == nil {
				s.Error("a file that cannot be read was sent")
			} else if runtime.GOOS == "linux" {
				s.wantsIs(err, ErrSource)
			}
		}
		closed := s.file(text(10))
		s.must(closed.Close())
		s.startFile(e, closed, nil).wants(0, os.ErrClosed)
		s.startFile(e, closed, &FileOptions{Count: 1}).wants(0, os.ErrClosed)
		s.quiet(e)
	})
}

// TestPeerGone sends to peers that reset, and to one that only ended its own side.
func TestPeerGone(t *testing.T) {
	senders(t, func(s *sender) {
		f := s.file(text(20 << 20))
		e := s.pair()
		call := s.startFile(e, f, nil)
		_, err := io.ReadFull(e.peer, make([]byte, 1<<20))
		s.must(err)
		s.must(e.peer.SetLinger(0))
		s.must(e.peer.Close())
		n, err := call.wait()
		if !isReset(err) || n == 0 || n >= 20<<20 {
			s.Errorf("%d bytes, %v", n, err)
		}
		n, err = s.startFile(e, f, nil).wait() // and again
		if err == nil || n != 0 {
			s.Errorf("again: %d bytes, %v", n, err)
		}

		half := s.pair()
		s.must(half.peer.CloseWrite())
		got := receive(half.peer, 1<<20)
		s.startFile(half, f, &FileOptions{Count: 1 << 20}).wants(1<<20, nil)
		s.same(got, text(20 << 20)[:1<<20])
	})
}

// TestStall cancels while the peer reads nothing, and checks what it got is what was reported.
func TestStall(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(30 << 20)
		f := s.file(all)
		for _, head := range [][]byte{nil, []byte("head")} {
			e := s.pair()
			call := s.startFile(e, f, &FileOptions{Head: head, Tail: []byte("tail")})
			first := make([]byte, 1)
			_, err := io.ReadFull(e.peer, first)
			s.must(err)
			time.Sleep(50 * time.Millisecond) // until there is no room
			call.cancel()
			n, err := call.wait()
			if !isCancelled(err) || n == 0 {
				s.Errorf("%d bytes, %v", n, err)
			}
			s.uncorked(e)
			s.close(e)
			b, err := io.ReadAll(e.peer)
			s.must(err)
			b = join(first, b)
			if want := join(head, all)[:n]; len(b) != len(want) || firstDifference(b, want) != len(want) {
				s.Errorf("the peer has %d bytes of %d, the same up to %d", len(b), n, firstDifference(b, want))
			}
		}
	})
}

// close ends a connection from the sending side, so that its peer reads to the end.
func (s *sender) close(e *end) {
	s.Helper()
	if e.conn != nil {
		s.must(e.conn.Close())
		return
	}
	s.must(e.handle.Close())
}

// TestTrickle sends to a peer that reads a few bytes at a time.
func TestTrickle(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(2 << 20)
		f := s.file(all)
		e := s.pair()
		s.must(e.peer.SetReadBuffer(32768))
		call := s.startFile(e, f, &FileOptions{Head: []byte("head"), Tail: []byte("tail")})
		var got []byte
		b := make([]byte, 16000)
		for len(got) < len(all)+8 {
			n, err := e.peer.Read(b)
			s.must(err)
			got = append(got, b[:n]...)
		}
		call.wants(int64(len(all)+8), nil)
		if want := join([]byte("head"), all, []byte("tail")); firstDifference(got, want) != len(want) {
			s.Errorf("wrong at %d", firstDifference(got, want))
		}
	})
}

// TestShrink cuts the file while it is sent.
func TestShrink(t *testing.T) {
	senders(t, func(s *sender) {
		name := s.file(text(30 << 20)).Name()
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		s.must(err)
		defer f.Close()
		e := s.pair()
		call := s.startFile(e, f, &FileOptions{Tail: []byte("never")})
		_, err = io.ReadFull(e.peer, make([]byte, 1))
		s.must(err)
		time.Sleep(20 * time.Millisecond)
		s.must(f.Truncate(1000))
		go func() { _, _ = io.Copy(io.Discard, e.peer) }()
		n, err := call.wait()
		if n <= 0 || n >= 30<<20 {
			s.Errorf("%d bytes", n)
		}
		s.wantsIs(err, ErrShortFile)
		s.wantsIs(err, io.ErrUnexpectedEOF)
		s.uncorked(e)
	})
}
