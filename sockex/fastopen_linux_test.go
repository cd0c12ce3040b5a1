package sockex

import (
	"context"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// trip is one way of the wire.
const trip = 20 * time.Millisecond

// newWireRig is a listener at the far end of a wire.
func newWireRig(t *testing.T) (*rig, *testutil.Wire) {
	t.Helper()
	w, err := testutil.OpenWire(trip)
	if err != nil {
		testutil.Lack(t, err.Error())
	}
	t.Cleanup(func() { _ = w.Close() })
	r := newRigOn(t, testutil.WireHost+":0")
	r.to = netip.AddrPortFrom(netip.MustParseAddr(testutil.WirePeer), r.to.Port())
	return r, w
}

// answered is how long it takes until the server has the first bytes.
func (r *rig) answered(o *ConnectOptions) (until time.Duration) {
	r.Helper()
	got := make(chan time.Time, 1)
	p := make([]byte, 5)
	go func() {
		a, err := AcceptEx(r.ctx, r.l, p, nil)
		got <- time.Now()
		if err == nil {
			_ = a.Conn.Close()
		}
	}()
	start := time.Now()
	c, n, err := ConnectEx(r.ctx, nil, r.to, []byte("hello"), o)
	r.must(err)
	defer c.Close()
	if n != 5 {
		r.Errorf("%d bytes sent", n)
	}
	until = (<-got).Sub(start)
	if string(p) != "hello" {
		r.Errorf("received %q", p)
	}
	return until
}

// opening is the packet that a connection began with. Late ones of the connection before it may have come first.
func opening(t testing.TB, w *testutil.Wire) testutil.Segment {
	t.Helper()
	for _, s := range w.Take() {
		if s.Flags&(testutil.SYN|testutil.ACK) == testutil.SYN {
			return s
		}
	}
	t.Fatal("no connection has begun")
	return testutil.Segment{}
}

// TestFastOpen: with a cookie the data goes with the first packet, one round trip earlier; without one it goes all the same.
func TestFastOpen(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.Sysctl(t, "net.ipv4.tcp_fastopen", "3")
	r, w := newWireRig(t)
	r.must(AllowFastOpen(r.l, 16))
	for _, step := range []struct {
		what string
		o    *ConnectOptions
		want time.Duration
		data bool // with the SYN
	}{
		{"without a cookie", &ConnectOptions{FastOpen: true}, 0, false},
		{"plain", nil, 3 * trip, false},
		{"with a cookie", &ConnectOptions{FastOpen: true}, trip, true},
		{"plain, though there is a cookie", nil, 3 * trip, false},
	} {
		best := patience
		for range 5 { // a busy machine may be late
			time.Sleep(4 * trip) // what belongs to the former connection is over
			w.Take()
			best = min(best, r.answered(step.o))
			if first := opening(t, w); first.Data > 0 != step.data {
				t.Errorf("%s: the first packet is %+v", step.what, first)
			}
			if step.want == 0 || best < step.want+3*trip/2 {
				break
			}
		}
		if step.want > 0 && (best < step.want-trip/4 || best > step.want+3*trip/2) {
			t.Errorf("%s: the first bytes came after %v, want %v", step.what, best, step.want)
		}
	}
}

// TestFastOpenOff: where the system has it switched off, on either side, data goes as without.
func TestFastOpenOff(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	for _, bits := range []string{"0", "1", "2"} {
		testutil.Sysctl(t, "net.ipv4.tcp_fastopen", bits)
		r := newRig(t)
		if bits == "2" {
			r.must(AllowFastOpen(r.l, 16))
		}
		for range 3 {
			r.answered(&ConnectOptions{FastOpen: true})
		}
	}
}

// TestFastOpenSilence: a packet with data that nobody answers is no connection. A server that is gone refuses it.
func TestFastOpenSilence(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.Sysctl(t, "net.ipv4.tcp_fastopen", "3")
	r, w := newWireRig(t)
	r.must(AllowFastOpen(r.l, 16))
	o := &ConnectOptions{FastOpen: true}
	r.answered(o)
	time.Sleep(4 * trip)
	s := r.socket()
	for _, o := range []*ConnectOptions{nil, o} {
		w.Cut(true)
		ctx, cancel := context.WithTimeout(r.ctx, 50*time.Millisecond)
		c, n, err := ConnectEx(ctx, s, r.to, []byte("hello"), o)
		cancel()
		if c != nil || n != 0 {
			t.Errorf("connected to nobody: %d bytes sent", n)
		}
		r.is(err, context.DeadlineExceeded)
		w.Cut(false)
		r.connects(s)
		s = r.socket()
	}
	r.answered(o) // a new cookie, if there was trouble with the old one
	r.must(r.l.Close())
	_, n, err := ConnectEx(r.ctx, s, r.to, []byte("hello"), o)
	r.is(err, ErrRefused)
	if n != 0 {
		t.Errorf("%d bytes sent to nobody", n)
	}
	_, _, err = ConnectEx(r.ctx, s, netip.MustParseAddrPort("192.0.2.1:1"), nil, nil)
	r.is(err, ErrUnreachable)
	testutil.Sysctl(t, "net.ipv4.tcp_syn_retries", "1")
	w.Cut(true)
	if testing.Short() {
		return
	}
	_, _, err = ConnectEx(r.ctx, s, r.to, nil, nil) // the system gives up: 1 + 2 s
	r.is(err, ErrTimeout)
}

// TestPortFastOpen is the same on completion ports.
func TestPortFastOpen(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.Sysctl(t, "net.ipv4.tcp_fastopen", "3")
	r, w := newWireRig(t)
	r.must(AllowFastOpen(r.l, 16))
	r.answered(&ConnectOptions{FastOpen: true})
	onPorts(t, func(p *portRig) {
		l, err := p.port.Attach(r.l)
		p.must(err)
		defer l.Close()
		time.Sleep(4 * trip)
		w.Take()
		accept := NewAcceptEx(l, make([]byte, 16), nil)
		connect := NewConnectEx(p.socket(), r.to, []byte("hello"), &ConnectOptions{FastOpen: true})
		p.ok(accept.Op(), connect.Op())
		defer accept.Accepted().Handle.Close()
		if accept.Op().N != 5 || connect.Op().N != 5 {
			p.Errorf("%d bytes of %d", accept.Op().N, connect.Op().N)
		}
		if first := opening(p, w); first.Data != 5 {
			p.Errorf("the first packet is %+v", first)
		}
		w.Cut(true)
		defer w.Cut(false)
		connect = NewConnectEx(p.socket(), r.to, []byte("hello"), &ConnectOptions{FastOpen: true})
		connect.Op().Timeout = 30 * time.Millisecond
		p.do(connect.Op())
		p.is(connect.Op().Err, os.ErrDeadlineExceeded)
		if connect.Op().N != 0 {
			p.Errorf("%d bytes sent to nobody", connect.Op().N)
		}
		h := connect.Op().Handle
		w.Cut(false)
		accept = NewAcceptEx(l, make([]byte, 16), nil)
		p.ok(accept.Op(), NewConnectEx(h, r.to, []byte("again"), nil).Op())
		p.must(accept.Accepted().Handle.Close())
	})
}

func TestFastOpenFeature(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	for bits, want := range map[string]How{"0": Missing, "1": Emulated, "2": Missing, "3": Emulated} {
		testutil.Sysctl(t, "net.ipv4.tcp_fastopen", bits)
		if f := feature(t, "fast open"); f.How != want {
			t.Errorf("tcp_fastopen %s: %v", bits, f.How)
		}
	}
	if f := feature(t, "TransmitPackets of datagrams"); f.Limit != maxSegments && f.Limit != oldSegments && f.Limit != 0 {
		t.Errorf("%+v", f)
	}
}
