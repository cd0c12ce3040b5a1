package sockex

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/completion"
)

// TestFileDisconnect ends the connection after the last byte, in this direction.
func TestFileDisconnect(t *testing.T) {
	senders(t, func(s *sender) {
		all := text(100000)
		f := s.file(all)
		for _, packets := range []bool{false, true} {
			e := s.pair()
			got := make(chan []byte, 1)
			go func() {
				b, _ := io.ReadAll(e.peer)
				got <- b
			}()
			if packets {
				s.startPackets(e, []Element{Memory([]byte("a")), FilePart(f, 0, 0), Memory([]byte("b"))}, &PacketOptions{Flags: TP_DISCONNECT}).wants(100002, nil)
			} else {
				s.startFile(e, f, &FileOptions{Head: []byte("a"), Tail: []byte("b"), Flags: TF_DISCONNECT}).wants(100002, nil)
			}
			s.same(got, join([]byte("a"), all, []byte("b")))
			n, err := s.startFile(e, f, nil).wait()
			if n != 0 {
				s.Errorf("%d bytes after the end", n)
			}
			s.wantsIs(err, ErrShutdown)
		}
	})
}

// TestFileReuse ends connections and has the socket make the next one, with a file on each.
func TestFileReuse(t *testing.T) {
	if onWine() {
		t.Skip("Wine's DisconnectEx leaves the socket connected")
	}
	senders(t, func(s *sender) {
		all := text(50000)
		f := s.file(all)
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		s.must(err)
		defer l.Close()
		to := l.Addr().(*net.TCPAddr).AddrPort()
		e := s.client(to)
		for i := range 4 {
			if i > 0 {
				s.again(e, to)
			}
			peer, err := l.Accept()
			s.must(err)
			got := make(chan []byte, 1)
			go func() {
				defer peer.Close()
				_, _ = peer.Write([]byte("what nobody reads"))
				b, _ := io.ReadAll(peer)
				got <- b
				time.Sleep(5 * time.Millisecond)
			}()
			head := []byte{byte('0' + i)}
			s.startFile(e, f, &FileOptions{Head: head, Flags: TF_DISCONNECT | TF_REUSE_SOCKET}).wants(50001, nil)
			s.same(got, join(head, all))
		}
		s.close(e)
	})
}

// TestReuseCancelled gives up while the peer does not end its side.
func TestReuseCancelled(t *testing.T) {
	senders(t, func(s *sender) {
		e := s.pair()
		call := s.startFile(e, nil, &FileOptions{Head: []byte("abc"), Flags: TF_DISCONNECT | TF_REUSE_SOCKET})
		got, err := io.ReadAll(e.peer)
		if string(got) != "abc" || err != nil {
			s.Errorf("%q, %v", got, err)
		}
		call.cancel()
		n, err := call.wait()
		if n != 3 || !isCancelled(err) {
			s.Errorf("%d bytes, %v", n, err)
		}
	})
}

// client is an end that has connected.
func (s *sender) client(to netip.AddrPort) *end {
	s.Helper()
	if s.port == nil {
		c, _, err := ConnectEx(s.Context(), nil, to, nil, nil)
		s.must(err)
		return &end{conn: c}
	}
	h, err := s.port.Socket("tcp4")
	s.must(err)
	e := &end{handle: h}
	s.again(e, to)
	return e
}

// again connects the socket that was ended with TF_REUSE_SOCKET.
func (s *sender) again(e *end, to netip.AddrPort) {
	s.Helper()
	if s.port != nil {
		op := &completion.Op{Kind: completion.Connect, Handle: e.handle, Addr: to}
		s.run(op)
		s.must(op.Err)
		return
	}
	sock, err := Reuse(e.conn.(*net.TCPConn))
	s.must(err)
	e.conn, _, err = ConnectEx(s.Context(), sock, to, nil, nil)
	s.must(err)
}

// TestDeadlines: the connection's own deadline ends a transmission, and a port's Timeout, which is for the whole.
func TestDeadlines(t *testing.T) {
	senders(t, func(s *sender) {
		f := s.file(text(40 << 20))
		e := s.pair()
		start := time.Now()
		var n int64
		var err error
		if s.port == nil {
			s.must(e.conn.SetWriteDeadline(start.Add(100 * time.Millisecond)))
			n, err = s.startFile(e, f, &FileOptions{Head: []byte("x"), Tail: []byte("y")}).wait()
		} else {
			x := NewTransmitFile(e.handle, f, &FileOptions{Head: []byte("x"), Tail: []byte("y")})
			x.Op().Timeout = 100 * time.Millisecond
			go func() { // it must not begin anew with each round
				b := make([]byte, 1<<20)
				for time.Since(start) < time.Second {
					time.Sleep(30 * time.Millisecond)
					if _, err := e.peer.Read(b); err != nil {
						return
					}
				}
			}()
			n, err = s.submit(x).wait()
			if x.Op().Timeout != 100*time.Millisecond {
				s.Errorf("the timeout is now %v", x.Op().Timeout)
			}
		}
		s.wantsIs(err, os.ErrDeadlineExceeded)
		var own net.Error
		if !errors.As(err, &own) || !own.Timeout() {
			s.Errorf("%v is no timeout", err)
		}
		if d := time.Since(start); n == 0 || n == 40<<20+2 || d < 90*time.Millisecond || d > 10*time.Second {
			s.Errorf("%d bytes after %v", n, d)
		}
		s.uncorked(e)
		_ = e.peer.Close()
	})
}

// TestNotConnected tells a socket that never had a connection.
func TestNotConnected(t *testing.T) {
	senders(t, func(s *sender) {
		switch {
		case s.port == nil:
			s.Skip("a *net.TCPConn is connected")
		case onWine():
			s.Skip("Wine says that the peer has reset what never was a connection")
		}
		h, err := s.port.Socket("tcp4")
		s.must(err)
		defer h.Close()
		s.startFile(&end{handle: h}, s.file(text(10)), nil).wants(0, ErrNotConnected)
		s.startPackets(&end{handle: h}, []Element{Memory([]byte("x"))}, nil).wants(0, ErrNotConnected)
	})
}
