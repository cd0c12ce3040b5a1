package sockex

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// sender is a way to call TransmitFile and TransmitPackets: the plain functions, or a port of some backend. Every case
// runs on each that works here.
type sender struct {
	*testing.T
	port *completion.Port // nil: plain
}

// deadline is how long anything may take on a busy machine.
const deadline = 30 * time.Second

func senderBackends() []completion.Backend {
	if runtime.GOOS == "windows" {
		return []completion.Backend{completion.IOCP}
	}
	return []completion.Backend{completion.IOUring, completion.Epoll}
}

// senders runs a case on everything.
func senders(t *testing.T, body func(*sender)) {
	t.Helper()
	t.Run("plain", func(t *testing.T) {
		testutil.CheckLeaks(t)
		body(&sender{T: t})
	})
	for _, b := range senderBackends() {
		t.Run(b.String(), func(t *testing.T) {
			testutil.CheckLeaks(t)
			port, err := completion.Open(&completion.Config{Backend: b})
			if errors.Is(err, errors.ErrUnsupported) {
				testutil.Lack(t, err.Error())
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = port.Close() })
			body(&sender{T: t, port: port})
		})
	}
}

// end is the sending end of a connection, in one of two forms.
type end struct {
	conn   net.Conn
	handle *completion.Handle
	peer   *net.TCPConn
}

func (s *sender) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// pair is a connection.
func (s *sender) pair() *end {
	s.Helper()
	if s.port != nil {
		return s.portPair("tcp4", "127.0.0.1:0")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	s.must(err)
	defer l.Close()
	peer, err := net.Dial("tcp4", l.Addr().String())
	s.must(err)
	conn, err := l.Accept()
	s.must(err)
	s.Cleanup(func() { _ = peer.Close(); _ = conn.Close() })
	return &end{conn: conn, peer: peer.(*net.TCPConn)}
}

func (s *sender) portPair(network, address string) *end {
	s.Helper()
	l, err := s.port.Listen(network, address)
	s.must(err)
	defer l.Close()
	a, err := l.LocalAddr()
	s.must(err)
	peer, err := net.Dial(network, a.String())
	s.must(err)
	op := &completion.Op{Kind: completion.Accept, Handle: l}
	s.run(op)
	s.must(op.Err)
	s.Cleanup(func() { _ = peer.Close(); _ = op.Conn.Close() })
	return &end{handle: op.Conn, peer: peer.(*net.TCPConn)}
}

// run submits an operation and waits for its result.
func (s *sender) run(op *completion.Op) {
	s.Helper()
	s.must(s.port.Submit(op))
	s.result(op)
}

func (s *sender) result(op *completion.Op) {
	s.Helper()
	var done [1]*completion.Op
	n, err := s.port.Wait(done[:], deadline)
	s.must(err)
	if n != 1 || done[0] != op {
		s.Fatalf("%d results, want that of the operation", n)
	}
}

// started is a transmission under way.
type started struct {
	s      *sender
	cancel func()
	x      *Transmission
	over   chan struct{}
	n      int64
	err    error
}

func (s *sender) startFile(e *end, f *os.File, o *FileOptions) *started {
	s.Helper()
	if s.port != nil {
		return s.submit(NewTransmitFile(e.handle, f, o))
	}
	return s.plainly(func(ctx context.Context) (int64, error) { return TransmitFile(ctx, e.conn.(*net.TCPConn), f, o) })
}

func (s *sender) startPackets(e *end, all []Element, o *PacketOptions) *started {
	s.Helper()
	if s.port != nil {
		return s.submit(NewTransmitPackets(e.handle, all, o))
	}
	return s.plainly(func(ctx context.Context) (int64, error) { return TransmitPackets(ctx, e.conn, all, o) })
}

func (s *sender) submit(x *Transmission) *started {
	s.Helper()
	s.must(s.port.Submit(x.Op()))
	return &started{s: s, x: x, cancel: func() { _ = s.port.Cancel(x.Op()) }}
}

func (s *sender) plainly(f func(context.Context) (int64, error)) *started {
	ctx, cancel := context.WithCancel(context.Background())
	r := &started{s: s, cancel: cancel, over: make(chan struct{})}
	go func() {
		defer cancel()
		r.n, r.err = f(ctx)
		close(r.over)
	}()
	return r
}

// wait returns what it came to. An error has to be *Error and say how many bytes went.
func (r *started) wait() (int64, error) {
	r.s.Helper()
	if r.x != nil {
		r.s.result(r.x.Op())
		r.n, r.err = r.x.Sent(), r.x.Op().Err
	} else {
		select {
		case <-r.over:
		case <-time.After(deadline):
			r.s.Fatal("no end")
		}
	}
	var own *Error
	if r.err != nil && (!errors.As(r.err, &own) || own.Sent != r.n) {
		r.s.Errorf("the error %v does not say that %d bytes went", r.err, r.n)
	}
	return r.n, r.err
}

// wants checks the result.
func (r *started) wants(n int64, err error) {
	r.s.Helper()
	got, gotErr := r.wait()
	if got != n || !errors.Is(gotErr, err) {
		r.s.Errorf("%d bytes, %v; want %d, %v", got, gotErr, n, err)
	}
}

// isCancelled reports the error of what was cancelled, by a context or on a port.
func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, completion.ErrCanceled)
}

// receive reads n bytes in a goroutine.
func receive(c io.Reader, n int) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, n)
		k, _ := io.ReadFull(c, b)
		got <- b[:k]
	}()
	return got
}

func (s *sender) same(got <-chan []byte, want []byte) {
	s.Helper()
	select {
	case b := <-got:
		if !bytes.Equal(b, want) {
			s.Errorf("%d bytes that differ from the %d wanted, first at %d", len(b), len(want), firstDifference(b, want))
		}
	case <-time.After(deadline):
		s.Error("the peer got nothing")
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// quiet checks that the peer has nothing to read.
func (s *sender) quiet(e *end) {
	s.Helper()
	s.must(e.peer.SetReadDeadline(time.Now().Add(30 * time.Millisecond)))
	if n, err := e.peer.Read(make([]byte, 1)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		s.Errorf("the peer has read %d bytes, %v", n, err)
	}
	s.must(e.peer.SetReadDeadline(time.Time{}))
}

// file is an open file with this text.
func (s *sender) file(text []byte) *os.File {
	s.Helper()
	name := filepath.Join(s.TempDir(), "file")
	s.must(os.WriteFile(name, text, 0o600))
	f, err := os.Open(name)
	s.must(err)
	s.Cleanup(func() { _ = f.Close() })
	return f
}

// text is n bytes that tell their place.
func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> uint(i>>8&3))
	}
	return b
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

// inbox receives datagrams: a *net.UDPConn, or, since those do not work under Wine, a socket of the port.
type inbox struct {
	*net.UDPConn
	handle *completion.Handle
	addr   netip.AddrPort
}

// udpEnds is a sender of datagrams, connected or not, and its receiver.
func (s *sender) udpEnds(network string, connected bool) (*end, *inbox) {
	s.Helper()
	host := netip.MustParseAddrPort("127.0.0.1:0")
	if network == "udp6" {
		host = netip.MustParseAddrPort("[::1]:0")
	}
	if s.port != nil {
		return s.portUDP(network, host, connected)
	}
	to, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(host))
	if err != nil {
		testutil.Lack(s, err.Error())
	}
	s.Cleanup(func() { _ = to.Close() })
	s.must(to.SetReadBuffer(4 << 20))
	var from *net.UDPConn
	if connected {
		from, err = net.DialUDP(network, nil, to.LocalAddr().(*net.UDPAddr))
	} else {
		from, err = net.ListenUDP(network, net.UDPAddrFromAddrPort(host))
	}
	s.must(err)
	s.Cleanup(func() { _ = from.Close() })
	return &end{conn: from}, &inbox{UDPConn: to, addr: to.LocalAddr().(*net.UDPAddr).AddrPort()}
}

func (s *sender) portUDP(network string, host netip.AddrPort, connected bool) (*end, *inbox) {
	s.Helper()
	var all [2]*completion.Handle
	for i := range all {
		h, err := s.port.Socket(network)
		if err != nil {
			testutil.Lack(s, err.Error())
		}
		s.Cleanup(func() { _ = h.Close() })
		s.must(h.Bind(host))
		all[i] = h
	}
	setReadBuffer(all[1].FD(), 4<<20)
	to, err := all[1].LocalAddr()
	s.must(err)
	if connected {
		op := &completion.Op{Kind: completion.Connect, Handle: all[0], Addr: to}
		if runtime.GOOS == "windows" { // ConnectEx is for streams
			connectUDP(all[0].FD(), to)
		} else {
			s.run(op)
			s.must(op.Err)
		}
	}
	return &end{handle: all[0]}, &inbox{handle: all[1], addr: to}
}

// datagram reads one; nil where none comes within the time.
func (s *sender) datagram(in *inbox, limit time.Duration) []byte {
	s.Helper()
	b := make([]byte, 70000)
	if in.handle != nil {
		op := &completion.Op{Kind: completion.Recv, Handle: in.handle, Buf: b, Timeout: limit}
		s.run(op)
		if errors.Is(op.Err, os.ErrDeadlineExceeded) {
			return nil
		}
		s.must(op.Err)
		return b[:op.N]
	}
	s.must(in.SetReadDeadline(time.Now().Add(limit)))
	n, err := in.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	s.must(err)
	return b[:n]
}

// closeInbox closes the receiver.
func (s *sender) closeInbox(in *inbox) {
	s.Helper()
	if in.handle != nil {
		s.must(in.handle.Close())
		return
	}
	s.must(in.Close())
}

func (s *sender) wantsIs(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Errorf("the error is %v, want %v", err, want)
	}
}

// isReset reports the errors of a connection that the peer has reset: the second one is that of a socket that is not
// connected any more.
func isReset(err error) bool {
	return errors.Is(err, ErrReset) || errors.Is(err, ErrShutdown) || errors.Is(err, ErrAborted)
}
