package sockex

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// rig is what the tests of ordinary functions have in common: a listener, and a context that ends if they take too long.
type rig struct {
	*testing.T
	ctx context.Context
	l   *net.TCPListener
	to  netip.AddrPort
}

const patience = 30 * time.Second // machines that test are busy

func newRig(t *testing.T) *rig { return newRigOn(t, "127.0.0.1:0") }

func newRigOn(t *testing.T, address string) *rig {
	t.Helper()
	testutil.CheckLeaks(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*patience)
	t.Cleanup(cancel)
	r := &rig{T: t, ctx: ctx}
	l, err := net.Listen("tcp", address)
	r.must(err)
	t.Cleanup(func() { _ = l.Close() })
	r.l = l.(*net.TCPListener)
	r.to = addrPort(l.Addr())
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// is checks an error.
func (r *rig) is(err, want error) {
	r.Helper()
	if !errors.Is(err, want) {
		r.Errorf("error %v, want %v", err, want)
	}
}

// pair is a connection: a client made by ConnectEx of s, which may be nil, and what accepted it.
func (r *rig) pair(s *Socket) (client, server *net.TCPConn) {
	r.Helper()
	client, _, err := ConnectEx(r.ctx, s, r.to, nil, nil)
	r.must(err)
	server, err = r.l.AcceptTCP()
	r.must(err)
	r.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

func (r *rig) socket() *Socket {
	r.Helper()
	s, err := NewSocket("tcp4", netip.AddrPort{})
	r.must(err)
	r.Cleanup(func() { _ = s.Close() })
	return s
}

// writes and reads check that bytes go through.
func (r *rig) writes(c net.Conn, text string) {
	r.Helper()
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, err := io.WriteString(c, text)
	r.must(err)
}

func (r *rig) reads(c net.Conn, want string) {
	r.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	defer c.SetReadDeadline(time.Time{})
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		r.Fatalf("read %q, %v; want %q", got, err, want)
	}
}

// ends checks that the stream ends, without another byte.
func (r *rig) ends(c net.Conn) {
	r.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	got, err := io.ReadAll(c)
	if err != nil || len(got) > 0 {
		r.Fatalf("read %q, %v; want the end", got, err)
	}
}

// pattern is n bytes that tell their place.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> uint(i>>8&3))
	}
	return b
}

func (r *rig) same(got, want []byte) {
	r.Helper()
	if !bytes.Equal(got, want) {
		r.Errorf("%d bytes that differ from the %d wanted", len(got), len(want))
	}
}

// timed checks that f takes about so long.
func (r *rig) timed(want time.Duration, f func()) {
	r.Helper()
	start := time.Now()
	f()
	if d := time.Since(start); d < want-want/8 || d > want+patience/3 {
		r.Errorf("took %v, want about %v", d, want)
	}
}

func onLinux() bool { return runtime.GOOS == "linux" }

// contextFor is a context that ends after so long.
func contextFor(r *rig, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(r.ctx, d)
}
