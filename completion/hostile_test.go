package completion

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// What a reader of the code suspected, and what was so. Each case failed once.

// TestCancelEnded cancels an operation that has ended, and submits it again: that is another, and is not cancelled.
func TestCancelEnded(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		op := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 1)}
		for i := range 50 {
			_, err := peer.Write([]byte{byte(i)})
			r.must(err)
			r.wants(r.ok(op), 1, nil)
			r.must(r.port.Cancel(op))
		}
		r.submit(op)
		r.nothing()
		r.must(r.port.CancelAll())
		r.reap(1)
		r.wants(op, 0, ErrCanceled)
	})
}

// TestCancelBetween cancels operations that are between two rounds nearly always, in each way.
func TestCancelBetween(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		go func() { _, _ = io.Copy(io.Discard, peer) }()
		packet := &Op{Kind: Packet, Next: func(op *Op) bool { return op.Err == nil }}
		send := &Op{Kind: Send, Handle: conn, Buf: []byte("x"), Next: func(op *Op) bool { return op.Err == nil }}
		r.submit(packet, send)
		r.nothing()
		r.must(r.port.CancelHandle(conn))
		r.reap(1)
		r.wants(send, 0, ErrCanceled)
		r.must(r.port.CancelAll())
		r.reap(1)
		r.wants(packet, 0, ErrCanceled)

		r.submit(send)
		r.nothing()
		end := &Op{Kind: Close, Handle: conn}
		r.submit(end)
		if got := r.reap(2); got[0] != send || got[1] != end {
			r.Errorf("the order is %v", kinds(got))
		}
		r.wants(end, 0, nil)
		r.submit(packet) // goes on until the port is closed
	})
}

// TestCloseStays: Close is not cancelled while it waits for others to end.
func TestCloseStays(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		recv := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 8)}
		end := &Op{Kind: Close, Handle: conn, Timeout: time.Nanosecond}
		r.submit(recv)
		r.nothing()
		r.submit(end)
		r.must(r.port.CancelAll())
		r.reap(2)
		r.wants(recv, 0, ErrCanceled)
		r.wants(end, 0, nil)
		_ = peer.SetReadDeadline(time.Now().Add(patience))
		if n, err := peer.Read(make([]byte, 1)); err != io.EOF {
			r.Errorf("the peer: %d, %v", n, err)
		}
	})
}

// TestWrongUse: what cannot be meant is an error, and no panic on the port's thread.
func TestWrongUse(t *testing.T) {
	conform(t, func(r *rig) {
		conn, _ := r.pair()
		f := r.file([]byte("0123456789"))
		other, err := Open(&Config{Backend: r.port.Backend()})
		r.must(err)
		defer other.Close()
		foreign, err := other.Socket("udp4")
		r.must(err)
		defer foreign.Close()
		for _, op := range []*Op{
			{Kind: Shutdown, Handle: conn, How: 9},
			{Kind: Poll, Handle: conn, How: 9},
			{Kind: Call, Handle: conn},
			{Kind: 99, Handle: conn},
			{Kind: ReadAt, Handle: f, Buf: make([]byte, 4), Offset: -1},
			{Kind: WriteAt, Handle: f, Buf: make([]byte, 4), Offset: -5},
			{Kind: Recv, Handle: foreign, Buf: make([]byte, 4)},
			{Kind: Recv, Buf: make([]byte, 4)},
		} {
			if r.do(op); op.Err == nil || op.N != 0 {
				r.Errorf("%v: %d, %v", op.Kind, op.N, op.Err)
			}
		}
		r.wants(r.ok(&Op{Kind: ReadAt, Handle: f, Buf: make([]byte, 4)}), 4, nil)
	})
}

// TestServeSlowReaders has many clients that send and do not read. They take no block that another needs.
func TestServeSlowReaders(t *testing.T) {
	serve(t, Options{Pool: 64 << 10, Unsent: 32 << 10}, echo, func(s *serving) {
		much := pattern(8 << 20)
		for range 20 {
			c := s.dial()
			go func() { _, _ = c.Write(much) }()
		}
		time.Sleep(50 * time.Millisecond)
		if err := converse(s.dial(), 20); err != nil {
			s.Error("beside them: ", err)
		}
	})
}

// TestServeSink has goroutines hold all blocks. When one gives its block back, without an answer, who waits for one has it.
func TestServeSink(t *testing.T) {
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) { sink(t, b) })
	}
}

func sink(t *testing.T, b Backend) {
	const clients = 17 // there are 16 blocks
	one, rest := make(chan struct{}), make(chan struct{})
	var begun, ended atomic.Int64
	h := func(*Conn, []byte) error {
		if begun.Add(1) == 16 {
			<-one
		} else {
			<-rest
		}
		ended.Add(1)
		return nil
	}
	serveOne(t, Options{Backend: b, Workers: 1, Goroutines: clients, Pool: 16 * 4096, BlockSize: 4096}, h, func(s *serving) {
		defer close(rest)
		for range clients {
			_, _ = s.dial().Write(pattern(3000))
		}
		reaches(s, &begun, 16)
		time.Sleep(20 * time.Millisecond)
		close(one)
		reaches(s, &begun, clients)
	})
}

// reaches waits until n is this.
func reaches(t testing.TB, n *atomic.Int64, want int64) {
	t.Helper()
	eventually(t, func() error {
		if got := n.Load(); got < want {
			return fmt.Errorf("%d of %d", got, want)
		}
		return nil
	})
}

// TestServeSendClose closes after it has sent, from the handler: what was sent arrives.
func TestServeSendClose(t *testing.T) {
	answer := pattern(100000)
	h := func(c *Conn, _ []byte) error {
		_ = c.Send(answer)
		_ = c.Send(answer)
		c.Close()
		return nil
	}
	serve(t, Options{}, h, func(s *serving) {
		for range 10 {
			c := s.dial()
			_, _ = c.Write([]byte("x"))
			if b, err := io.ReadAll(c); len(b) != 2*len(answer) || err != nil {
				s.Errorf("%d bytes of %d, %v", len(b), 2*len(answer), err)
			}
		}
	})
}

// TestServeBroadcast sends from goroutines that are no handlers', while handlers run. It is for the race detector.
func TestServeBroadcast(t *testing.T) {
	var mu sync.Mutex
	var all []*Conn
	h := func(c *Conn, b []byte) error {
		mu.Lock()
		if c.Data == nil {
			c.Data = true
			all = append(all, c)
		}
		mu.Unlock()
		return c.Send(b)
	}
	pace := 100 * time.Microsecond
	if onWine() {
		pace *= 200 // it sends less than that in a second
	}
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			all = nil
			serveOne(t, Options{Backend: b, Workers: 2, Goroutines: 4}, h, func(s *serving) {
				stop := make(chan struct{})
				var speaker sync.WaitGroup
				speaker.Go(func() {
					for {
						select {
						case <-stop:
							return
						case <-time.After(pace):
						}
						mu.Lock()
						for _, c := range all {
							_ = c.Send([]byte("-"))
						}
						mu.Unlock()
					}
				})
				var talkers sync.WaitGroup
				for range 4 {
					c := s.dial()
					talkers.Go(func() {
						for range 100 {
							if err := oneWord(c); err != nil {
								s.Error(err)
								return
							}
						}
					})
				}
				talkers.Wait()
				close(stop)
				speaker.Wait()
			})
		})
	}
}

// oneWord sends a word and reads until it is there, with what was broadcast before.
func oneWord(c net.Conn) error {
	if _, err := c.Write([]byte("w")); err != nil {
		return err
	}
	for b := make([]byte, 64); ; {
		n, err := c.Read(b)
		if err != nil || bytes.Contains(b[:n], []byte("w")) {
			return err
		}
	}
}

// TestServeOver sends to a connection after the server has ended.
func TestServeOver(t *testing.T) {
	var conn atomic.Pointer[Conn]
	h := func(c *Conn, b []byte) error {
		conn.Store(c)
		return c.Send(b)
	}
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			serveOne(t, Options{Backend: b, Workers: 1, Goroutines: 1}, h, func(s *serving) {
				if err := converse(s.dial(), 1); err != nil {
					s.Fatal(err)
				}
				s.stop()
				s.ends()
				if err := conn.Load().Send([]byte("x")); !errors.Is(err, ErrClosed) {
					s.Errorf("after the end: %v", err)
				}
				if conn.Load().Do(func() {}) {
					s.Error("done after the end")
				}
			})
		})
	}
}

// TestServeSlowHandler: a connection whose handler is at work is not idle.
func TestServeSlowHandler(t *testing.T) {
	h := func(c *Conn, b []byte) error {
		time.Sleep(150 * time.Millisecond)
		return c.Send(b)
	}
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			serveOne(t, Options{Backend: b, Workers: 1, Goroutines: 1, Idle: 40 * time.Millisecond}, h, func(s *serving) {
				if err := converse(s.dial(), 1); err != nil {
					s.Error(err)
				}
			})
		})
	}
}

// TestServeLastWord refuses in the middle of what a client sends: the client can read why, instead of a reset.
func TestServeLastWord(t *testing.T) {
	errNo := errors.New("no")
	h := func(c *Conn, _ []byte) error {
		_ = c.Send([]byte("too large"))
		return errNo
	}
	serve(t, Options{}, h, func(s *serving) {
		for range 5 {
			c := s.dial()
			_, _ = c.Write(pattern(300000))
			if b, err := io.ReadAll(c); string(b) != "too large" || err != nil {
				s.Errorf("%q, %v", b, err)
			}
			_ = c.Close()
		}
		eventually(s, func() error { return s.allEnded(5, errNo) })
	})
}

// TestServeHandOver gives a connection to a worker that has come to its end meanwhile: it is closed.
func TestServeHandOver(t *testing.T) {
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			testutil.CheckLeaks(t)
			l, err := Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			a, _ := l.Addr()
			o, err := (&Options{Backend: b, Workers: 2, Closed: func(*Conn, error) { t.Error("closed what was not opened") }}).normal()
			if err != nil {
				t.Fatal(err)
			}
			s := &server{opts: o, handler: echo}
			if err := s.open(l); err != nil {
				t.Fatal(err)
			}
			client, err := net.Dial("tcp4", a.String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			w := s.workers[1]
			fd, err := newSocket(false, true)
			if err != nil {
				t.Fatal(err)
			}
			s.count.Add(1)
			w.load.Add(1)
			if err := w.loop.request(request{run: func() { w.open(fd) }}); err != nil {
				t.Fatal(err)
			}
			w.draining = true
			w.shut()
			if n := w.load.Load(); n != 0 {
				t.Errorf("%d connections are left", n)
			}
			s.workers[0].draining = true
			s.workers[0].shut()
		})
	}
}

// TestBusyErrors: Submit with one that is under way submits nothing of the others.
func TestBusyErrors(t *testing.T) {
	conform(t, func(r *rig) {
		a, b := &Op{Kind: Packet}, &Op{Kind: Packet}
		if err := r.port.Submit(a, b, a); !errors.Is(err, ErrBusy) {
			r.Error(err)
		}
		r.nothing()
		r.do(a, b)
		r.do(&Op{Kind: Shutdown, Handle: nil})
		if err := (&OpError{Op: "x", Err: syscall.EINVAL}); !errors.Is(err, syscall.EINVAL) {
			r.Error(err)
		}
	})
}

// TestForever has limits that are longer than the clock can tell.
func TestForever(t *testing.T) {
	const forever = time.Duration(math.MaxInt64)
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		op := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 1), Timeout: forever}
		timer := &Op{Kind: Timer, Timeout: forever}
		r.submit(op, timer)
		r.nothing()
		time.AfterFunc(10*time.Millisecond, func() { _, _ = peer.Write([]byte("x")) })
		if n, err := r.port.Wait(make([]*Op, 1), forever); n != 1 || err != nil {
			r.Errorf("%d, %v", n, err)
		}
		r.wants(op, 1, nil)
		r.must(r.port.Cancel(timer))
		r.reap(1)
		r.wants(timer, 0, ErrCanceled)
	})
}

// TestServeForever comes to its end with a client that takes its time, and no limit.
func TestServeForever(t *testing.T) {
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			serveOne(t, Options{Backend: b, Grace: math.MaxInt64, Idle: math.MaxInt64, FirstBlock: math.MaxInt64}, echo, func(s *serving) {
				c := s.dial()
				if err := converse(c, 2); err != nil {
					s.Fatal(err)
				}
				s.stop()
				time.Sleep(30 * time.Millisecond)
				if s.closed.Load() != 0 {
					s.Error("closed already")
				}
				_ = c.Close()
				s.ends()
			})
		})
	}
}

// TestServeGreets sends before the client does, and refuses some clients.
func TestServeGreets(t *testing.T) {
	for _, goroutines := range []int{0, 2} {
		for _, b := range systemBackends() {
			t.Run(b.String(), func(t *testing.T) {
				greets(t, Options{Backend: b, Workers: 2, Goroutines: goroutines, Grace: time.Millisecond})
			})
		}
	}
}

func greets(t *testing.T, o Options) {
	testutil.CheckLeaks(t)
	l, err := Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := l.Addr()
	var n atomic.Int64
	o.Opened = func(c *Conn) error {
		if n.Add(1)%2 == 0 {
			return errors.New("not this one")
		}
		return c.Send([]byte("hello"))
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- Serve(ctx, l, echo, &o) }()
	for i := range 6 {
		c, err := net.Dial("tcp4", a.String())
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 5)
		_, err = io.ReadFull(c, b)
		if i%2 == 0 && string(b) != "hello" || i%2 == 1 && err != io.EOF {
			t.Errorf("client %d: %q, %v", i, b, err)
		}
		_ = c.Close()
	}
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if again, err := l.Addr(); err != nil || again != a {
		t.Errorf("the address is %v, %v, and was %v", again, err, a)
	}
}

// TestCancelMany cancels many operations on a handle, which takes no time that grows with the square of their number: about
// as long as to cancel all.
func TestCancelMany(t *testing.T) {
	conform(t, func(r *rig) {
		conn, _ := r.pair()
		n := 20000
		if onWine() {
			n = 500 // its server looks at all for each
		}
		ops := make([]*Op, n)
		for i := range ops {
			ops[i] = &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 1)}
		}
		took := func(cancel func() error) time.Duration {
			r.submit(ops...)
			r.nothing()
			start := time.Now()
			r.must(cancel())
			r.reap(len(ops))
			return time.Since(start)
		}
		all := took(r.port.CancelAll)
		if one := took(func() error { return r.port.CancelHandle(conn) }); one > 10*all+time.Second {
			r.Errorf("took %v, and all %v", one, all)
		}
	})
}

// TestServeHandlersWait has more connections at work than there are blocks and goroutines, whose handlers wait for their
// port: it never waits for them.
func TestServeHandlersWait(t *testing.T) {
	h := func(c *Conn, b []byte) error {
		done := make(chan struct{})
		if c.Do(func() { close(done) }) {
			<-done
		}
		return c.Send(b)
	}
	for _, b := range systemBackends() {
		for _, plain := range []bool{false, true} {
			t.Run(fmt.Sprint(b, plain), func(t *testing.T) {
				opts := Options{Backend: b, Workers: 1, Goroutines: 2, Pool: 16 * 4096, BlockSize: 4096, plain: plain}
				serveOne(t, opts, h, func(s *serving) {
					clients := make([]net.Conn, 100)
					for i := range clients {
						clients[i] = s.dial()
						_, _ = clients[i].Write([]byte("x"))
					}
					for _, c := range clients {
						if _, err := c.Read(make([]byte, 1)); err != nil {
							s.Fatal(err)
						}
					}
				})
			})
		}
	}
}

// TestNothingKept: after its result the port holds on to neither an operation nor its memory.
func TestNothingKept(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		var freed atomic.Int64
		threeReceives(r, conn, peer, &freed)
		eventually(r, func() error {
			runtime.GC()
			if n := freed.Load(); n != 3 {
				return fmt.Errorf("%d of 3 are free", n)
			}
			return nil
		})
	})
}

// threeReceives receives three times, by a buffer, by several, and cancelled.
func threeReceives(r *rig, conn *Handle, peer net.Conn, freed *atomic.Int64) {
	r.Helper()
	for i := range 3 {
		b := new([4096]byte)
		runtime.AddCleanup(b, func(n *atomic.Int64) { n.Add(1) }, freed)
		op := &Op{Kind: Recv, Handle: conn, Buf: b[:]}
		if i == 1 {
			op.Buf, op.Bufs = nil, [][]byte{b[:100], b[100:]}
		}
		r.submit(op)
		r.nothing()
		if i == 2 {
			r.must(r.port.Cancel(op))
		} else {
			_, err := peer.Write([]byte("x"))
			r.must(err)
		}
		r.reap(1)
	}
}
