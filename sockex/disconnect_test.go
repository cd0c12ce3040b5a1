package sockex

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestDisconnect ends one direction only, without the flag.
func TestDisconnect(t *testing.T) {
	r := newRig(t)
	c, peer := r.pair(nil)
	r.writes(c, "last words")
	s, err := DisconnectEx(r.ctx, c, 0)
	r.must(err)
	if s != nil {
		r.Error("a socket without TF_REUSE_SOCKET")
	}
	r.reads(peer, "last words")
	r.ends(peer)
	r.writes(peer, "answer")
	r.reads(c, "answer")
	if _, err := c.Write([]byte("x")); err == nil {
		r.Error("sent after the end")
	}
}

// TestReuse uses one socket for several connections as a client.
func TestReuse(t *testing.T) {
	r := newRig(t)
	s := r.socket()
	for i := range 5 {
		c, peer := r.pair(s)
		text := string('a' + rune(i))
		r.writes(c, text+"1")
		r.reads(peer, text+"1")
		r.writes(peer, text+"2 and what nobody reads")
		r.reads(c, text+"2")
		r.must(peer.Close())
		var err error
		s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
		r.must(err)
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			r.Errorf("the old connection is not closed: %v", err)
		}
	}
	r.must(s.Close())
	r.is(s.Close(), ErrClosed)
}

// TestReuseWaits: the peer has to end the connection too, and nothing that was sent is lost.
func TestReuseWaits(t *testing.T) {
	r := newRig(t)
	c, peer := r.pair(nil)
	all := pattern(4 << 20)
	got := make(chan []byte, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		b, _ := io.ReadAll(peer)
		time.Sleep(50 * time.Millisecond)
		_ = peer.Close()
		got <- b
	}()
	_, err := c.Write(all)
	r.must(err)
	var s *Socket
	r.timed(40*time.Millisecond, func() { s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET) })
	r.must(err)
	r.same(<-got, all)
	r.must(s.Close())
}

// TestReuseAfterPeer: the peer has ended its side before, and the last bytes to it are still under way.
func TestReuseAfterPeer(t *testing.T) {
	r := newRig(t)
	c, peer := r.pair(nil)
	r.must(peer.CloseWrite())
	r.ends(c)
	r.must(c.SetReadDeadline(time.Time{}))
	all := pattern(1 << 20)
	got := make(chan []byte, 1)
	go func() {
		time.Sleep(50 * time.Millisecond)
		b, _ := io.ReadAll(peer)
		got <- b
	}()
	_, err := c.Write(all)
	r.must(err)
	s, err := DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
	r.must(err)
	r.same(<-got, all)
	r.must(s.Close())
}

func TestReuseContext(t *testing.T) {
	r := newRig(t)
	c, peer := r.pair(nil)
	ctx, cancel := context.WithTimeout(r.ctx, 30*time.Millisecond)
	defer cancel()
	r.timed(30*time.Millisecond, func() {
		_, err := DisconnectEx(ctx, c, TF_REUSE_SOCKET)
		r.is(err, context.DeadlineExceeded)
		var e *Error
		if !errors.As(err, &e) || e.Op != "DisconnectEx" || !e.Timeout() {
			r.Errorf("%#v", err)
		}
	})
	r.ends(peer)
	r.writes(peer, "late")
	r.reads(c, "late") // the connection is the caller's still
	_, err := DisconnectEx(ctx, c, TF_REUSE_SOCKET)
	r.is(err, context.DeadlineExceeded)

	r.must(c.SetReadDeadline(time.Now().Add(30 * time.Millisecond)))
	r.timed(30*time.Millisecond, func() {
		_, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
		r.is(err, os.ErrDeadlineExceeded)
	})
	r.must(c.SetReadDeadline(time.Time{}))
	r.must(peer.Close())
	s, err := DisconnectEx(r.ctx, c, TF_REUSE_SOCKET) // at last
	r.must(err)
	r.must(s.Close())
}

// TestReuseReset: a connection that was reset has not ended well.
func TestReuseReset(t *testing.T) {
	r := newRig(t)
	c, peer := r.pair(nil)
	r.must(peer.SetLinger(0))
	r.must(peer.Close())
	time.Sleep(20 * time.Millisecond)
	_, err := DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
	r.is(err, ErrReset)

	c, peer = r.pair(nil)
	time.AfterFunc(20*time.Millisecond, func() { _, _ = peer.SetLinger(0), peer.Close() })
	_, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
	r.is(err, ErrReset)
}

// TestReuseStalls: a peer that neither reads nor ends, and one that sends bytes forever.
func TestReuseStalls(t *testing.T) {
	r := newRig(t)
	for _, pace := range []time.Duration{0, time.Millisecond} {
		c, peer := r.pair(nil)
		stop := make(chan struct{})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for b := make([]byte, 64<<10); ; {
				select {
				case <-stop:
					return
				default:
				}
				if pace > 0 {
					b = b[:1]
					time.Sleep(pace)
				}
				_ = peer.SetWriteDeadline(time.Now().Add(time.Second))
				_, _ = peer.Write(b)
			}
		}()
		ctx, cancel := context.WithTimeout(r.ctx, 50*time.Millisecond)
		_, err := DisconnectEx(ctx, c, TF_REUSE_SOCKET)
		r.is(err, context.DeadlineExceeded)
		cancel()
		close(stop)
		<-ended
	}
}

// TestReuseRead: another goroutine that reads gets everything, and the end.
func TestReuseRead(t *testing.T) {
	r := newRig(t)
	c, peer := r.pair(nil)
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(c)
		got <- b
	}()
	r.reading("TestReuseRead.func1")
	time.AfterFunc(20*time.Millisecond, func() {
		_, _ = peer.Write([]byte("for the reader"))
		_ = peer.Close()
	})
	s, err := DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
	r.must(err)
	r.must(s.Close())
	if b := <-got; string(b) != "for the reader" {
		r.Errorf("the reader got %q", b)
	}
}

// reading waits until a function's goroutine waits for the network.
func (r *rig) reading(function string) {
	r.Helper()
	b := make([]byte, 1<<20)
	testutil.Eventually(r, patience/10, func() error {
		for one := range strings.SplitSeq(string(b[:runtime.Stack(b, true)]), "\n\n") {
			if strings.Contains(one, function) && strings.Contains(one, "[IO wait") {
				return nil
			}
		}
		return errors.New(function + " does not wait")
	})
}

func TestDisconnectFlags(t *testing.T) {
	r := newRig(t)
	c, peer := r.pair(nil)
	for _, f := range []Flags{TF_DISCONNECT, TF_WRITE_BEHIND, TF_DISCONNECT | TF_REUSE_SOCKET, 0x40, 0x80000000} {
		_, err := DisconnectEx(r.ctx, c, f)
		r.is(err, ErrFlags)
	}
	r.writes(c, "nothing has happened")
	r.reads(peer, "nothing has happened")
	_, err := Reuse(c)
	r.is(err, ErrConnected)
	r.must(c.Close())
	_, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
	r.is(err, ErrClosed)
	_, err = DisconnectEx(r.ctx, c, 0)
	r.is(err, ErrClosed)
}

// TestReusePort keeps the port of a socket that was bound to one, and its options.
func TestReusePort(t *testing.T) {
	if onWine() {
		t.Skip("Wine cannot take a socket off a completion port: a new one takes its place")
	}
	r := newRig(t)
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	r.must(err)
	local := addrPort(l.Addr()) // a port that is free
	r.must(l.Close())
	s, err := NewSocket("tcp4", local)
	r.must(err)
	for range 3 {
		c, peer := r.pair(s)
		if got := addrPort(c.LocalAddr()); got != local {
			r.Fatalf("connected from %v, want %v", got, local)
		}
		if got := addrPort(peer.RemoteAddr()); got != local {
			r.Fatalf("the peer sees %v, want %v", got, local)
		}
		r.must(peer.Close()) // first: TIME_WAIT, if there is one, is the peer's
		s, err = DisconnectEx(r.ctx, c, TF_REUSE_SOCKET)
		r.must(err)
		if got, err := s.LocalAddr(); err != nil || got != local {
			r.Fatalf("after it the address is %v (%v), want %v", got, err, local)
		}
	}
	r.must(s.Close())
}
