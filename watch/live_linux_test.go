package watch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// fast is a configuration with which a test does not wait long.
func fast(m Method) *Config {
	return &Config{Method: m, Interval: 50 * time.Millisecond, Latency: 10 * time.Millisecond}
}

// open opens a watcher for a test, which is left out where the method is not to be had.
func open(t *testing.T, c *Config) *Watcher {
	t.Helper()
	testutil.CheckLeaks(t)
	w, err := Open(c)
	if err != nil {
		testutil.Lack(t, err.Error())
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// wait gathers events until one fits, and returns them all.
func wait(t *testing.T, w *Watcher, what string, fits func(*Event) bool) (all []Event) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		r, err := w.Next(ctx)
		if err != nil {
			t.Fatalf("no %s: %v; there were %v", what, err, describe(all))
		}
		all = append(all, r.Events...)
		if slices.ContainsFunc(r.Events, func(e Event) bool { return fits(&e) }) {
			return all
		}
	}
}

// reading waits for the next reading.
func reading(t *testing.T, w *Watcher) *Report {
	t.Helper()
	for {
		if r, err := w.Next(t.Context()); err != nil {
			t.Fatal(err)
		} else if r.Elapsed > 0 {
			return r
		}
	}
}

func describe(events []Event) string {
	var b strings.Builder
	for i := range events {
		fmt.Fprintf(&b, "\n  %s", long(&events[i]))
	}
	return b.String()
}

// each runs a test with every method, in a network namespace of its own.
func each(t *testing.T, f func(t *testing.T, m Method)) {
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	for _, m := range []Method{BPF, Notices, Poll} {
		t.Run(m.String(), func(t *testing.T) { f(t, m) })
	}
}

// TestLife follows a listener, a connection and a UDP socket of this process from their beginning to their end.
func TestLife(t *testing.T) {
	each(t, func(t *testing.T, m Method) {
		w := open(t, fast(m))
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).AddrPort().Port()
		at := func(k Kind, local bool) func(*Event) bool {
			return func(e *Event) bool {
				p := e.Socket.Remote.Port()
				if local {
					p = e.Socket.Local.Port()
				}
				return e.Kind == k && p == port
			}
		}
		mine := func(e *Event) bool {
			return len(e.Socket.Owners) > 0 && e.Socket.Owners[0].Process.PID == os.Getpid()
		}
		all := wait(t, w, "listener", at(ListenerAppeared, true))
		if e := &all[len(all)-1]; !mine(e) || e.Since.IsZero() {
			t.Errorf("%+v", e)
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		wait(t, w, "opened connection", at(Opened, false))
		go func() { _, _ = s.Write(make([]byte, 12345)); _ = s.Close() }()
		if n, err := io.Copy(io.Discard, c); n != 12345 || err != nil {
			t.Fatal(n, err)
		}
		reading(t, w) // which tells the bytes where nothing else does
		_ = c.Close()
		all = wait(t, w, "closed connection", at(Closed, false))
		for i := range all {
			e := &all[i]
			if !at(Closed, false)(e) {
				continue
			}
			if !mine(e) {
				t.Errorf("%s: not mine", long(e))
			}
			if n := e.Bytes.Received; n != 12345 && (m == BPF || n != 12346) {
				t.Error("received", n)
			}
			if life, ok := e.Lifetime(); !ok || life > 5*time.Second {
				t.Error("lived for", life, ok)
			}
		}
		_ = l.Close()
		all = wait(t, w, "vanished listener", at(ListenerVanished, true))
		if e := &all[len(all)-1]; !mine(e) {
			t.Errorf("%s: not mine", long(e))
		}
	})
}

// TestThereBefore: a connection that was there before the watcher has one end, with its owner and all its bytes.
func TestThereBefore(t *testing.T) {
	each(t, func(t *testing.T, m Method) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(s, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		w := open(t, fast(m))
		reading(t, w)
		_ = c.Close()
		_ = s.Close()
		port := c.LocalAddr().(*net.TCPAddr).AddrPort().Port()
		at := func(e *Event) bool { return e.Kind == Closed && e.Socket.Local.Port() == port }
		all := wait(t, w, "closed", at)
		for range 5 {
			all = append(all, reading(t, w).Events...)
		}
		all = slices.DeleteFunc(all, func(e Event) bool { return !at(&e) })
		if len(all) != 1 {
			t.Fatal("told", len(all), "times:", describe(all))
		}
		e := &all[0]
		if len(e.Socket.Owners) != 1 || e.Socket.Owners[0].Process.PID != os.Getpid() || e.Inferred || !e.Since.IsZero() {
			t.Errorf("%+v", e)
		}
		if b := e.Bytes.Sent; b != 1000 && (m != Poll || b > 1002) {
			t.Error("sent", b)
		}
	})
}

// TestOrphanBefore: a connection that its process closed before the watch began, and that still has data to send, is known; what
// it sent before is not counted as sent now.
func TestOrphanBefore(t *testing.T) {
	each(t, func(t *testing.T, m Method) {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).SetWriteBuffer(4 << 20)
		_ = s.(*net.TCPConn).SetReadBuffer(64 << 10) // so that what is left at the end is left to send
		_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		const rest = 1 << 20
		n := 0
		for block := make([]byte, 64<<10); ; { // until the buffers are full
			k, err := c.Write(block)
			if n += k; err != nil {
				break
			}
		}
		if n < rest {
			t.Fatal("only", n, "bytes fit")
		}
		_ = c.Close()
		if _, err := io.CopyN(io.Discard, s, int64(n-rest)); err != nil {
			t.Fatal(err)
		}
		w := open(t, fast(m))
		port := c.LocalAddr().(*net.TCPAddr).AddrPort().Port()
		_, _ = io.Copy(io.Discard, s)
		_ = s.Close()
		all := wait(t, w, "closed", func(e *Event) bool { return e.Kind == Closed && e.Socket.Local.Port() == port })
		for i := range all {
			if all[i].Inferred {
				t.Errorf("%s: it was there before", long(&all[i]))
			}
		}
		reading(t, w)
		for _, u := range w.Usage(ByRemote, nil) {
			if u.Total.Sent > 2*rest+1000 { // both ends are here
				t.Errorf("%+v: only %d bytes were left", u.Total, rest)
			}
		}
	})
}

// TestUDPBytes: BPF counts what no kernel counter does; without it the system does not tell.
func TestUDPBytes(t *testing.T) {
	each(t, func(t *testing.T, m Method) {
		c := fast(m)
		c.Query.Protos = netstat.QueryUDP
		w := open(t, c)
		a, b := packetConn(t), packetConn(t)
		for range 10 {
			if _, err := a.WriteTo(make([]byte, 700), b.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			if _, _, err := b.ReadFrom(make([]byte, 1000)); err != nil {
				t.Fatal(err)
			}
		}
		port := a.LocalAddr().(*net.UDPAddr).AddrPort().Port()
		is := func(k Kind) func(*Event) bool {
			return func(e *Event) bool { return e.Kind == k && e.Socket.Local.Port() == port }
		}
		wait(t, w, "opened", is(Opened))
		usage := w.Usage(ByProcess, nil)
		_ = a.Close()
		all := wait(t, w, "closed", is(Closed))
		want := Bytes{}
		if m == BPF {
			want = Bytes{Sent: 7000, Basis: FromSocketBPF}
		}
		for i := range all {
			if is(Closed)(&all[i]) && all[i].Bytes != want {
				t.Errorf("%+v, want %+v", all[i].Bytes, want)
			}
		}
		for _, u := range usage {
			if m != BPF && (u.Uncounted == 0 || u.Total.Sent != 0) {
				t.Errorf("%+v: nobody can know the bytes", u)
			}
		}
		for _, u := range w.Usage(ByProcess, nil) {
			if m == BPF && (u.Total.Sent != 7000 || u.Total.Received != 7000) {
				t.Errorf("%+v", u)
			}
		}
		_ = b.Close()
	})
}

func packetConn(t *testing.T) net.PacketConn {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestOverflow: a queue that is far too small is noticed, said, and mended: what was there all the time and what came and went
// during it is right again afterwards.
func TestOverflow(t *testing.T) {
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	for _, m := range []Method{BPF, Notices} {
		t.Run(m.String(), func(t *testing.T) {
			c := fast(m)
			c.Queue, c.Interval, c.Latency = os.Getpagesize(), 300*time.Millisecond, 300*time.Millisecond
			w := open(t, c)
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for c, err := l.Accept(); err == nil; c, err = l.Accept() {
					_ = c.Close()
				}
			}()
			for range 500 {
				dialOnce(t, l.Addr().String())
			}
			stays, err := net.Dial("udp4", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer stays.Close()
			all := wait(t, w, "overflow", func(e *Event) bool { return e.Kind == Overflow })
			if e := all[slices.IndexFunc(all, func(e Event) bool { return e.Kind == Overflow })]; m == BPF && e.Lost == 0 {
				t.Error("the number of lost events is known with BPF")
			}
			if !slices.ContainsFunc(all, func(e Event) bool { return e.Kind == Repaired }) {
				wait(t, w, "repair", func(e *Event) bool { return e.Kind == Repaired })
			}
			// After it, the picture is that of the table: nothing that is gone is held to be open.
			deadline := time.Now().Add(5 * time.Second)
			for time.Now().Before(deadline) && held(w) > 2 {
				if _, err := w.Next(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if n := held(w); n > 2 { // the listener and the UDP socket
				t.Errorf("%d sockets are held to be open", n)
			}
		})
	}
}

// held is how many sockets the watcher holds to be open.
func held(w *Watcher) (n int) {
	for _, i := range w.book.index {
		if w.book.slab[i].flags&ended == 0 {
			n++
		}
	}
	return n
}

func dialOnce(t *testing.T, addr string) {
	t.Helper()
	c, err := net.Dial("tcp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

// TestLinks makes interfaces come, go up and down, get an address and another name.
func TestLinks(t *testing.T) {
	ip := testutil.NeedTool(t, "ip")
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	w := open(t, fast(Poll))
	for _, step := range []struct {
		command string
		kind    Kind
		name    string
	}{
		{"link add one type veth peer name two", LinkAppeared, "one"},
		{"link set two up", LinkChanged, "two"},
		{"link set one up", LinkUp, "one"},
		{"addr add 192.0.2.1/24 dev one", LinkChanged, "one"},
		{"link set two down", LinkDown, "one"},
		{"link set two name three", LinkRenamed, "three"},
		{"link del one", LinkVanished, "three"},
	} {
		if out, err := exec.Command(ip, strings.Fields(step.command)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", step.command, err, out)
		}
		wait(t, w, step.command, func(e *Event) bool {
			if e.Link == nil {
				return false
			}
			i := e.Link.New
			if i == nil {
				i = e.Link.Old
			}
			return e.Kind == step.kind && i.Name == step.name
		})
	}
}

// TestOrdinaryUser: without privilege the kernel's notices are to be had, and the report says what is missed.
func TestOrdinaryUser(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 65534}) {
		return
	}
	w := open(t, fast(Auto))
	if w.Source() != FromNotice {
		t.Error("events come from", w.Source())
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialOnce(t, l.Addr().String())
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	wait(t, w, "closed", func(e *Event) bool { return e.Kind == Closed && e.Source == FromNotice })
	if r := reading(t, w); len(r.Partial) == 0 {
		t.Error("it does not say what is missed")
	}
}

// TestRefused: a method that is asked for by name and not to be had is an error.
func TestRefused(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 65534}) {
		return
	}
	testutil.CheckLeaks(t)
	if w, err := Open(&Config{Method: BPF}); err == nil {
		_ = w.Close()
		t.Error("an ordinary user may use BPF here")
	} else if e := new(OpError); !errors.As(err, &e) || !errors.Is(err, os.ErrPermission) {
		t.Errorf("%v: want an OpError that is os.ErrPermission", err)
	}
}

func TestConfig(t *testing.T) {
	for _, c := range []Config{{Interval: time.Millisecond}, {Interval: -1}, {Latency: -1}, {Queue: -1}} {
		if w, err := Open(&c); err == nil {
			_ = w.Close()
			t.Errorf("%+v is accepted", c)
		}
	}
}

// TestEnd: Next ends with its context, and after Close.
func TestEnd(t *testing.T) {
	w := open(t, &Config{Method: Poll, NoLinks: true})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := w.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.Next(t.Context()); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}
