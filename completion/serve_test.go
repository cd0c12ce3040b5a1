package completion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// serving is a server under test.
type serving struct {
	*testing.T
	addr   string
	stop   context.CancelFunc
	over   chan error
	opened atomic.Int64
	closed atomic.Int64
	mu     sync.Mutex
	errs   []error
}

// serve runs a case on every backend, with one worker and with two, on their threads and in goroutines.
func serve(t *testing.T, opts Options, h Handler, body func(*serving)) {
	t.Helper()
	for _, b := range systemBackends() {
		for _, o := range []struct {
			workers, goroutines int
			plain               bool
		}{{1, 0, false}, {2, 0, false}, {2, 4, false}, {1, 0, true}, {2, 4, true}} {
			t.Run(fmt.Sprintf("%v/%d-%d-%v", b, o.workers, o.goroutines, o.plain), func(t *testing.T) {
				opts := opts
				opts.Backend, opts.Workers, opts.Goroutines, opts.plain = b, o.workers, o.goroutines, o.plain
				serveOne(t, opts, h, body)
			})
		}
	}
}

func serveOne(t *testing.T, opts Options, h Handler, body func(*serving)) {
	t.Helper()
	testutil.CheckLeaks(t)
	l, err := Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, err := l.Addr()
	if err != nil {
		t.Fatal(err)
	}
	if opts.Grace == 0 {
		opts.Grace = 20 * time.Millisecond // clients of most cases do not close
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &serving{T: t, addr: a.String(), stop: stop, over: make(chan error, 1)}
	defer stop()
	opts.Opened = func(*Conn) error { s.opened.Add(1); return nil }
	opts.Closed = func(_ *Conn, err error) {
		s.closed.Add(1)
		s.mu.Lock()
		s.errs = append(s.errs, err)
		s.mu.Unlock()
	}
	opts.Failed = func(err error) { t.Log("the server complains: ", err) }
	go func() { s.over <- Serve(ctx, l, h, &opts) }()
	body(s)
	stop()
	s.ends()
	if s.opened.Load() != s.closed.Load() {
		t.Errorf("%d opened, %d closed", s.opened.Load(), s.closed.Load())
	}
}

// ends waits for the end of the server.
func (s *serving) ends() {
	s.Helper()
	select {
	case err := <-s.over:
		if err != nil {
			s.Error("serve: ", err)
		}
		s.over <- nil
	case <-time.After(patience):
		s.Fatal("the server does not end: ", string(stacks()))
	}
}

func (s *serving) dial() *net.TCPConn {
	s.Helper()
	c, err := net.Dial("tcp4", s.addr)
	if err != nil {
		s.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(patience))
	s.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

func echo(c *Conn, b []byte) error { return c.Send(b) }

func TestServeEcho(t *testing.T) {
	serve(t, Options{}, echo, func(s *serving) {
		var all sync.WaitGroup
		for range 20 {
			c := s.dial()
			all.Go(func() {
				if err := converse(c, 50); err != nil {
					s.Error(err)
				}
				_ = c.Close()
			})
		}
		all.Wait()
	})
}

// TestServeStream sends a large amount through the echo, and reads it at the same time.
func TestServeStream(t *testing.T) {
	serve(t, Options{}, echo, func(s *serving) {
		c, all := s.dial(), pattern(8<<20)
		go func() {
			_, _ = c.Write(all)
			_ = c.CloseWrite()
		}()
		got, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(got, all) {
			s.Errorf("%d bytes of %d came back (%v)", len(got), len(all), err)
		}
	})
}

// TestServeReplies sends more than one answer for a block: memory of the handler's own before, the block, and more after.
func TestServeReplies(t *testing.T) {
	own := []byte("own ")
	h := func(c *Conn, b []byte) error {
		for _, part := range [][]byte{own, b, own, b} {
			if err := c.Send(part); err != nil {
				return err
			}
		}
		return nil
	}
	serve(t, Options{}, h, func(s *serving) {
		c := s.dial()
		for range 20 {
			_, _ = c.Write([]byte("word "))
			want := "own word own word "
			got := make([]byte, len(want))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
				s.Fatalf("%q, %v", got, err)
			}
		}
	})
}

// TestServeBackPressure has a client send and not read: the server stops receiving, and goes on when the client reads.
func TestServeBackPressure(t *testing.T) {
	var got atomic.Int64
	h := func(c *Conn, b []byte) error {
		got.Add(int64(len(b)))
		return c.Send(b)
	}
	serve(t, Options{Unsent: 64 << 10, Pool: 256 << 10}, h, func(s *serving) {
		got.Store(0)
		c := s.dial()
		total := 12 << 20
		if onWine() {
			total = 8 << 20 // it is slow
		}
		_ = c.SetReadBuffer(64 << 10) // what the kernel takes besides is not the server's
		_ = c.SetWriteBuffer(64 << 10)
		all := pattern(total)
		go func() { _, _ = c.Write(all) }()
		was := int64(-1)
		eventually(s, func() error {
			now := got.Load()
			if before := was; now != before {
				was = now
				time.Sleep(50 * time.Millisecond)
				return errors.New("still receiving")
			}
			return nil
		})
		if was >= int64(total)/2 {
			s.Fatalf("received %d bytes from a client that reads nothing", was)
		}
		if err := converse(s.dial(), 3); err != nil {
			s.Error("beside it: ", err)
		}
		b, err := io.ReadAll(io.LimitReader(c, int64(total)))
		if err != nil || !bytes.Equal(b, all) {
			s.Errorf("%d bytes of %d came back (%v)", len(b), total, err)
		}
	})
}

func TestServeMaxConns(t *testing.T) {
	serve(t, Options{MaxConns: 2}, echo, func(s *serving) {
		a, b := s.dial(), s.dial()
		for _, c := range []net.Conn{a, b} {
			if err := converse(c, 1); err != nil {
				s.Fatal(err)
			}
		}
		third := s.dial()
		_, _ = third.Write([]byte("x"))
		_ = third.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := third.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			s.Fatalf("one too many was served: %d, %v", n, err)
		}
		_ = a.Close()
		_ = third.SetReadDeadline(time.Now().Add(patience))
		if _, err := third.Read(make([]byte, 1)); err != nil {
			s.Fatal("not served when there was room: ", err)
		}
		if n := s.opened.Load(); n != 3 {
			s.Errorf("%d connections", n)
		}
	})
}

func TestServeTimeouts(t *testing.T) {
	const firstBlock, idle = 50 * time.Millisecond, 160 * time.Millisecond
	serve(t, Options{FirstBlock: firstBlock, Idle: idle}, echo, func(s *serving) {
		talker, start, ended := s.dial(), time.Now(), 2
		for err := converse(talker, 1); err != nil; err = converse(talker, 1) {
			if time.Since(start) < firstBlock { // else a busy machine was too late itself
				s.Fatal(err)
			}
			talker, start, ended = s.dial(), time.Now(), ended+1
		}
		silent := s.dial()
		if _, err := silent.Read(make([]byte, 1)); err == nil || time.Since(start) < firstBlock {
			s.Errorf("after %v: %v", time.Since(start), err)
		}
		if err := converse(talker, 1); err != nil && time.Since(start) < idle { // a busy machine may be late
			s.Fatal("closed too early: ", err)
		}
		late := time.Since(start) >= idle
		start = time.Now()
		if _, err := talker.Read(make([]byte, 1)); err == nil || !late && time.Since(start) < idle-20*time.Millisecond {
			s.Errorf("after %v: %v", time.Since(start), err)
		}
		eventually(s, func() error { return s.allEnded(ended, os.ErrDeadlineExceeded) })
	})
}

// allEnded checks that n connections have ended, for this reason.
func (s *serving) allEnded(n int, why error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, err := range s.errs {
		if !errors.Is(err, why) {
			return err
		}
	}
	if len(s.errs) != n {
		return fmt.Errorf("%d of %d are over", len(s.errs), n)
	}
	return nil
}

// TestServeDrain ends a server while an answer is on its way: it arrives whole.
func TestServeDrain(t *testing.T) {
	answer := pattern(4 << 20)
	h := func(c *Conn, _ []byte) error { return c.Send(answer) }
	serve(t, Options{Grace: patience}, h, func(s *serving) {
		c, idle := s.dial(), s.dial()
		_, _ = c.Write([]byte("go"))
		b := make([]byte, 1)
		if _, err := io.ReadFull(c, b); err != nil {
			s.Fatal(err)
		}
		s.stop()
		rest, err := io.ReadAll(c)
		if err != nil || !bytes.Equal(append(b, rest...), answer) {
			s.Errorf("%d bytes of %d came (%v)", len(rest)+1, len(answer), err)
		}
		_ = c.Close()
		if n, err := idle.Read(b); err != io.EOF {
			s.Errorf("the idle one: %d, %v", n, err)
		}
		_ = idle.Close()
		s.ends()
	})
}

// TestServeGrace ends a server whose client does not close.
func TestServeGrace(t *testing.T) {
	serve(t, Options{}, echo, func(s *serving) {
		c := s.dial()
		if err := converse(c, 1); err != nil {
			s.Fatal(err)
		}
		s.stop()
		s.ends()
	})
}

// TestServeRude has clients that reset, close at once, and go away in the middle.
func TestServeRude(t *testing.T) {
	serve(t, Options{}, echo, func(s *serving) {
		for i := range 60 {
			c := s.dial()
			if i%3 > 0 {
				_, _ = c.Write(pattern(100000))
			}
			if i%2 == 0 {
				_ = c.SetLinger(0)
			}
			_ = c.Close()
		}
		if err := converse(s.dial(), 5); err != nil {
			s.Error(err)
		}
		eventually(s, func() error {
			// Linux gives a connection that was reset before it was accepted; Windows does not.
			if n, of := s.closed.Load(), s.opened.Load(); n < of-1 || of < 31 || runtime.GOOS == "linux" && of < 61 {
				return fmt.Errorf("%d of %d are over", n, of)
			}
			return nil
		})
	})
}

// TestServeRefuse ends connections by the handler's error, after what it sent.
func TestServeRefuse(t *testing.T) {
	errNo := errors.New("no")
	h := func(c *Conn, _ []byte) error {
		_ = c.Send([]byte("bye"))
		return errNo
	}
	serve(t, Options{}, h, func(s *serving) {
		c := s.dial()
		_, _ = c.Write([]byte("x"))
		if b, err := io.ReadAll(c); string(b) != "bye" || err != nil {
			s.Errorf("%q, %v", b, err)
		}
		eventually(s, func() error { return s.allEnded(1, errNo) })
	})
}

// TestServeWaits echoes with each way of waiting.
func TestServeWaits(t *testing.T) {
	for _, b := range systemBackends() {
		for name, o := range map[string]Options{
			"asleep": {Hold: time.Nanosecond}, "hold": {Hold: 100 * time.Microsecond}, "spin": {Spin: 50 * time.Microsecond},
			"both": {Spin: 50 * time.Microsecond, Hold: 100 * time.Microsecond},
		} {
			t.Run(b.String()+"/"+name, func(t *testing.T) {
				o.Backend, o.Workers = b, 1
				serveOne(t, o, echo, func(s *serving) {
					if err := converse(s.dial(), 100); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

func TestServeOptions(t *testing.T) {
	o, err := (*Options)(nil).normal()
	if err != nil || o.Workers != runtime.GOMAXPROCS(0) {
		t.Errorf("by itself there are %d ports (%v)", o.Workers, err)
	}
	for _, o := range []Options{{Workers: -1}, {Goroutines: -1}, {MaxConns: -1}, {Idle: -1}, {FirstBlock: -1}, {Unsent: -1}, {BlockSize: 1},
		{Pool: 100}, {Spin: -1}, {Hold: time.Second}} {
		l, err := Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		var op *OpError
		if err := Serve(t.Context(), l, echo, &o); !errors.As(err, &op) {
			t.Errorf("%+v: %v", o, err)
		}
		a, _ := l.Addr()
		if c, err := net.Dial("tcp", a.String()); err == nil {
			_ = c.Close()
			t.Error("the listener is open")
		}
	}
}
