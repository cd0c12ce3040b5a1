package completion

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Cases that others' suites have: liburing's test folder, libuv's, those of Go's net and internal/poll, .NET's for sockets,
// and reports of tokio-uring. They are told in words, and written anew.

// TestForeignListenerClosed closes a listener with accepts under way (libuv: tcp-close-accept; .NET: disposing a listener).
func TestForeignListenerClosed(t *testing.T) {
	conform(t, func(r *rig) {
		l, a := r.listen()
		ops := []*Op{{Kind: Accept, Handle: l}, {Kind: Accept, Handle: l, Buf: make([]byte, 8)}, {Kind: Accept, Handle: l, FirstBlock: time.Hour, Buf: make([]byte, 8)}}
		r.submit(ops...)
		r.nothing()
		end := &Op{Kind: Close, Handle: l}
		r.submit(end)
		if got := r.reap(4); got[3] != end {
			r.Errorf("the order is %v", kinds(got))
		}
		for _, op := range ops {
			r.wants(op, 0, ErrCanceled)
		}
		if c, err := net.DialTimeout("tcp4", a.String(), time.Second); err == nil {
			_ = c.Close()
			r.Error("the port is open still")
		}
	})
}

// TestForeignAcceptRace cancels accepts while clients connect (tokio-uring: a descriptor that leaked; liburing: cancel-race).
func TestForeignAcceptRace(t *testing.T) {
	conform(t, func(r *rig) {
		l, a := r.listen()
		for range 60 {
			op := &Op{Kind: Accept, Handle: l}
			r.submit(op)
			dialed := make(chan net.Conn, 1)
			go func() {
				c, _ := net.Dial("tcp4", a.String())
				dialed <- c
			}()
			r.must(r.port.Cancel(op))
			r.reap(1)
			if errors.Is(op.Err, ErrCanceled) {
				r.ok(op)
			}
			r.must(op.Conn.Close())
			if c := <-dialed; c == nil {
				r.Fatal("not connected")
			} else {
				_ = c.Close()
			}
		}
	})
}

// TestForeignConnectAgain connects a socket that is connected, and ones to a port that nobody has, many times (liburing:
// connect, connect-rep; libuv: connection-fail).
func TestForeignConnectAgain(t *testing.T) {
	conform(t, func(r *rig) {
		l, a := r.listen()
		s, err := r.port.Socket("tcp4")
		r.must(err)
		defer s.Close()
		accept, connect := &Op{Kind: Accept, Handle: l}, &Op{Kind: Connect, Handle: s, Addr: a}
		r.do(accept, connect)
		r.wants(connect, 0, nil)
		defer accept.Conn.Close()
		if r.do(connect); connect.Err == nil {
			r.Error("connected twice")
		}
		r.wants(r.ok(&Op{Kind: Send, Handle: s, Buf: []byte("x")}), 1, nil)
		r.must(l.Close())
		for range 10 {
			s, err := r.port.Socket("tcp4")
			r.must(err)
			op := &Op{Kind: Connect, Handle: s, Addr: a}
			r.do(op)
			r.wants(op, 0, errRefused)
			r.must(s.Close())
		}
	})
}

// TestForeignShutdown sends, shuts down behind that, and receives on (libuv: shutdown-after-write, not-writable-after-shutdown;
// liburing: shutdown).
func TestForeignShutdown(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		all := pattern(3 << 20)
		op := &Op{Kind: Send, Handle: conn, Buf: all, Next: func(op *Op) bool {
			if op.Kind != Send || op.Err != nil {
				return false
			}
			op.Kind, op.How = Shutdown, Out
			return true
		}}
		r.submit(op)
		got := r.reading(peer, len(all)+1)
		r.reap(1)
		r.wants(op, 0, nil)
		r.same(<-got, all)
		late := &Op{Kind: Send, Handle: conn, Buf: []byte("x")}
		if r.do(late); late.Err == nil || late.N != 0 {
			r.Errorf("sent after the end: %d, %v", late.N, late.Err)
		}
		_, err := peer.Write([]byte("answer"))
		r.must(err)
		r.wants(r.ok(&Op{Kind: Recv, Handle: conn, Buf: make([]byte, 6), All: true}), 6, nil)
	})
}

// TestForeignZeroAtEnd waits, without a buffer, for a stream that ends (.NET: zero-byte receive; Go: zero-byte read).
func TestForeignZeroAtEnd(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		op := &Op{Kind: Recv, Handle: conn}
		r.submit(op)
		r.nothing()
		r.must(peer.CloseWrite())
		r.reap(1)
		r.wants(op, 0, nil)
		end := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 1)}
		r.do(end)
		r.wants(end, 0, io.EOF)
	})
}

// TestForeignScatter fills several buffers from a stream that comes in pieces (liburing: recv-msgall-stream).
func TestForeignScatter(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		in, all := make([]byte, 5000), pattern(5000)
		op := &Op{Kind: Recv, Handle: conn, Bufs: [][]byte{in[:1], in[1:3000], in[3000:]}, All: true}
		r.submit(op)
		for at := 0; at < len(all); at += 1250 {
			_, err := peer.Write(all[at : at+1250])
			r.must(err)
			if at < 3000 {
				r.nothing()
			}
		}
		r.reap(1)
		r.wants(op, 5000, nil)
		r.same(in, all)
	})
}

// TestForeignDatagrams sends one that is too large, and receives one that is larger than the buffer (libuv: udp-dgram-too-big;
// Go: UDP read size).
func TestForeignDatagrams(t *testing.T) {
	conform(t, func(r *rig) {
		a, b := r.datagram(), r.datagram()
		to, err := b.LocalAddr()
		r.must(err)
		huge := &Op{Kind: SendTo, Handle: a, Buf: make([]byte, 70000), Addr: to}
		if r.do(huge); huge.Err == nil || huge.N != 0 {
			r.Errorf("%d, %v", huge.N, huge.Err)
		}
		for _, n := range []int{10, 3} {
			r.wants(r.ok(&Op{Kind: SendTo, Handle: a, Buf: pattern(n), Addr: to}), n, nil)
		}
		r.wants(r.ok(&Op{Kind: RecvFrom, Handle: b, Buf: make([]byte, 4)}), 4, nil)
		r.wants(r.ok(&Op{Kind: RecvFrom, Handle: b, Buf: make([]byte, 4)}), 3, nil)
	})
}

// TestForeignWhereItStands reads a file from where it stands, part after part (liburing: fpos).
func TestForeignWhereItStands(t *testing.T) {
	conform(t, func(r *rig) {
		text := pattern(10000)
		h := r.file(text)
		var got []byte
		op := &Op{Kind: Read, Handle: h, Buf: make([]byte, 777)}
		for r.do(op); op.Err == nil; r.do(op) {
			got = append(got, op.Buf[:op.N]...)
		}
		r.wants(op, 0, io.EOF)
		r.same(got, text)
	})
}

// TestForeignCollector drops what was submitted and lets the collector run while the kernel has it (liburing: submit-reuse).
func TestForeignCollector(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		r.submit(&Op{Kind: Recv, Handle: conn, Buf: make([]byte, 100), All: true, Data: "mine"})
		r.nothing()
		for range 3 {
			runtime.GC()
			for range 100 {
				_ = make([]byte, 100)
			}
		}
		_, err := peer.Write(pattern(100))
		r.must(err)
		op := r.reap(1)[0]
		r.wants(op, 100, nil)
		r.same(op.Buf, pattern(100))
	})
}

// TestForeignThreadExit submits from a thread that ends (liburing: thread-exit).
func TestForeignThreadExit(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		op := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 4)}
		gone := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocks
			gone <- r.port.Submit(op)
		}()
		r.must(<-gone)
		r.nothing()
		time.Sleep(5 * time.Millisecond)
		_, err := peer.Write([]byte("x"))
		r.must(err)
		r.reap(1)
		r.wants(op, 1, nil)
	})
}

// TestForeignTeardown opens and closes many ports with operations under way (liburing: teardowns, ring-leak).
func TestForeignTeardown(t *testing.T) {
	conform(t, func(r *rig) {
		conn, _ := r.pair()
		local, err := conn.LocalAddr()
		r.must(err)
		cfg := &Config{Backend: r.port.Backend(), Exclusive: r.port.pump == nil, Entries: 16}
		for range 40 {
			p, err := Open(cfg)
			r.must(err)
			s, err := p.Socket("udp4")
			r.must(err)
			op := &Op{Kind: RecvFrom, Handle: s, Buf: make([]byte, 8)}
			r.must(s.Bind(addrOf(local)))
			r.must(p.Submit(op, &Op{Kind: Timer, Timeout: time.Hour}))
			_, err = p.Wait(make([]*Op, 1), 0)
			r.must(err)
			r.must(p.Close())
			if n, err := p.Wait(make([]*Op, 4), -1); n != 2 || err != nil || !errors.Is(op.Err, ErrCanceled) {
				r.Fatalf("%d results, %v, %v", n, err, op.Err)
			}
			r.must(s.Close())
		}
	})
}

// TestForeignWake submits from many goroutines while one waits without limit (liburing: wakeup-hang; libuv: async).
func TestForeignWake(t *testing.T) {
	conform(t, func(r *rig) {
		const n, each = 4, 500
		var all sync.WaitGroup
		for range n {
			all.Go(func() {
				for i := range each {
					if err := r.port.Submit(&Op{Kind: Timer, Timeout: time.Duration(i%7) * 10 * time.Microsecond}); err != nil {
						r.Error(err)
					}
					if i%50 == 0 {
						time.Sleep(time.Millisecond)
					}
				}
			})
		}
		var done [16]*Op
		for got := 0; got < n*each; {
			k, err := r.port.Wait(done[:], -1)
			r.must(err)
			got += k
		}
		all.Wait()
	})
}

// TestForeignFluctuation has receives with limits from none to some, on a connection that says nothing (Go: read timeout
// fluctuation), and then with limits at which a byte comes: each has one result, and no byte is lost.
func TestForeignFluctuation(t *testing.T) {
	conform(t, func(r *rig) {
		conn, peer := r.pair()
		for d := time.Nanosecond; d < 10*time.Millisecond; d *= 10 {
			op, start := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 1), Timeout: d}, time.Now()
			r.do(op)
			r.wants(op, 0, os.ErrDeadlineExceeded)
			if took := time.Since(start); took < d {
				r.Errorf("%v is over after %v", d, took)
			}
		}
		got := 0
		for range 100 {
			op := &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 1), Timeout: 100 * time.Microsecond}
			go func() { _, _ = peer.Write([]byte("x")) }()
			r.do(op)
			if got += op.N; op.Err != nil {
				r.wants(op, 0, os.ErrDeadlineExceeded)
			}
		}
		for got < 100 {
			got += r.ok(&Op{Kind: Recv, Handle: conn, Buf: make([]byte, 100)}).N
		}
	})
}

// TestForeignSmall has queues of one entry (liburing: sq-full, cq-full, cq-overflow).
func TestForeignSmall(t *testing.T) {
	for _, b := range systemBackends() {
		t.Run(b.String(), func(t *testing.T) {
			withRig(t, &Config{Backend: b, Entries: 1}, func(r *rig) {
				conn, peer := r.pair()
				const n = 2000
				ops := make([]*Op, 0, 2*n)
				for range n {
					ops = append(ops, &Op{Kind: Recv, Handle: conn, Buf: make([]byte, 1)}, &Op{Kind: Send, Handle: conn, Buf: []byte("y")})
				}
				r.submit(ops...)
				go func() { _, _ = peer.Write(pattern(n)) }()
				for _, op := range r.reap(2 * n) {
					r.wants(op, 1, nil)
				}
			})
		})
	}
}

// TestForeignFair has a client send as fast as it can: another is answered beside it (liburing: recv-mshot-fair).
func TestForeignFair(t *testing.T) {
	h := func(c *Conn, b []byte) error {
		if b[0] == 0xff {
			return nil
		}
		return c.Send(b)
	}
	serve(t, Options{}, h, func(s *serving) {
		flood := make([]byte, 256<<10)
		for i := range flood {
			flood[i] = 0xff
		}
		c := s.dial()
		stop := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = c.Write(flood)
				}
			}
		})
		if err := converse(s.dial(), 30); err != nil {
			s.Error(err)
		}
		close(stop)
		writer.Wait()
	})
}

// addrOf is another port of the same address.
func addrOf(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), 0) }
