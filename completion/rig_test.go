package completion

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// rig is a port under test. Every case of the conformance suite runs on each backend that works here, once with the port
// that a goroutine owns and once with the one that all share.
type rig struct {
	*testing.T
	port *Port
}

const patience = 30 * time.Second // machines that test are busy

func systemBackends() []Backend {
	switch runtime.GOOS {
	case "linux":
		return []Backend{IOUring, Epoll}
	case "windows":
		return []Backend{IOCP}
	}
	return nil
}

// conform runs a case on everything.
func conform(t *testing.T, body func(*rig)) {
	t.Helper()
	for _, b := range systemBackends() {
		for _, exclusive := range []bool{false, true} {
			name := b.String() + "/shared"
			if exclusive {
				name = b.String() + "/exclusive"
			}
			t.Run(name, func(t *testing.T) { withRig(t, &Config{Backend: b, Exclusive: exclusive}, body) })
		}
	}
}

func withRig(t *testing.T, cfg *Config, body func(*rig)) {
	t.Helper()
	testutil.CheckLeaks(t)
	port, err := Open(cfg)
	if errors.Is(err, errors.ErrUnsupported) {
		testutil.Lack(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t, port}
	defer func() {
		if err := port.Close(); err != nil {
			t.Error("close: ", err)
		}
	}()
	body(r)
}

// must fails the test on an error.
func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) submit(ops ...*Op) {
	r.Helper()
	r.must(r.port.Submit(ops...))
}

// reap waits for n results.
func (r *rig) reap(n int) (all []*Op) {
	r.Helper()
	done := make([]*Op, 64)
	for end := time.Now().Add(patience); len(all) < n; {
		k, err := r.port.Wait(done, time.Until(end))
		r.must(err)
		if k == 0 && time.Now().After(end) {
			r.Fatalf("%d results of %d", len(all), n)
		}
		all = append(all, done[:k]...)
	}
	return all
}

// do runs operations to their end, whatever that is.
func (r *rig) do(ops ...*Op) {
	r.Helper()
	r.submit(ops...)
	for _, op := range r.reap(len(ops)) {
		if !slices.Contains(ops, op) {
			r.Fatalf("a result of an operation that was not submitted now: %v", op.Kind)
		}
	}
}

// ok runs an operation that has to succeed.
func (r *rig) ok(op *Op) *Op {
	r.Helper()
	r.do(op)
	if op.Err != nil {
		r.Fatalf("%v: %v", op.Kind, op.Err)
	}
	return op
}

// wants checks an operation's result.
func (r *rig) wants(op *Op, n int, err error) {
	r.Helper()
	if op.N != n || !errors.Is(op.Err, err) {
		r.Errorf("%v: %d bytes, %v; want %d, %v", op.Kind, op.N, op.Err, n, err)
	}
}

// nothing checks that no result comes.
func (r *rig) nothing() {
	r.Helper()
	done := make([]*Op, 1)
	if n, err := r.port.Wait(done, 8*time.Millisecond); n != 0 || err != nil {
		r.Fatalf("%d results (%v, %v), want none", n, done[0], err)
	}
}

// listen is a listener on the port.
func (r *rig) listen() (*Handle, netip.AddrPort) {
	r.Helper()
	l, err := r.port.Listen("tcp4", "127.0.0.1:0")
	r.must(err)
	r.Cleanup(func() { _ = l.Close() })
	a, err := l.LocalAddr()
	r.must(err)
	return l, a
}

// pair is a connection: the port's end, and that of a plain program.
func (r *rig) pair() (*Handle, *net.TCPConn) {
	r.Helper()
	l, a := r.listen()
	peer, err := net.Dial("tcp4", a.String())
	r.must(err)
	r.Cleanup(func() { _ = peer.Close() })
	op := r.ok(&Op{Kind: Accept, Handle: l})
	r.Cleanup(func() { _ = op.Conn.Close() })
	if op.Addr.String() != peer.LocalAddr().String() {
		r.Errorf("the remote address is %v, want %v", op.Addr, peer.LocalAddr())
	}
	r.must(l.Close())
	return op.Conn, peer.(*net.TCPConn)
}

// file is a file of the port's with this text.
func (r *rig) file(text []byte) *Handle {
	r.Helper()
	name := filepath.Join(r.TempDir(), "file")
	r.must(os.WriteFile(name, text, 0o600))
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	r.must(err)
	defer f.Close()
	h, err := r.port.Attach(f)
	r.must(err)
	r.Cleanup(func() { _ = h.Close() })
	return h
}

// reading reads n bytes in a goroutine: an exclusive port gets on only while its own goroutine waits.
func (r *rig) reading(c io.Reader, n int) <-chan []byte {
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(io.LimitReader(c, int64(n)))
		got <- b
	}()
	return got
}

// eventually waits until f succeeds.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %v: %v", patience, err)
		}
	}
}

// pattern is n bytes that tell their place.
func pattern(n int) []byte {
	patterns.Lock()
	defer patterns.Unlock()
	for i := len(patterns.b); i < n; i++ {
		patterns.b = append(patterns.b, byte(i*7>>uint(i>>8&3)))
	}
	return bytes.Clone(patterns.b[:n])
}

// patterns is what was made so far: it takes long where races are looked for.
var patterns struct {
	sync.Mutex
	b []byte
}

func (r *rig) same(got, want []byte) {
	r.Helper()
	if !bytes.Equal(got, want) {
		r.Errorf("%d bytes that differ from the %d wanted", len(got), len(want))
	}
}

func stacks() []byte {
	b := make([]byte, 1<<20)
	return b[:runtime.Stack(b, true)]
}
