package web

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// served is a server with room for a few connections, whose answers to /slow take until the test ends.
type served struct {
	*limited
	addr string
	slow chan struct{}
}

func serveFew(t *testing.T, most int) *served {
	t.Helper()
	testutil.CheckLeaks(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &served{limit(inner, most), inner.Addr().String(), make(chan struct{})}
	server := &http.Server{ConnState: s.state, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-s.slow
		}
		fmt.Fprint(w, "done")
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s) }()
	t.Cleanup(func() {
		close(s.slow)
		_ = server.Close()
		<-ended
	})
	return s
}

// ask sends a request on a connection of its own, which stays.
func (s *served) ask(t *testing.T, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	return c, bufio.NewReader(c)
}

func answers(in *bufio.Reader) error {
	resp, err := http.ReadResponse(in, nil)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	return err
}

// TestConnectionsThatWait: connections that ask for nothing make room for those that do, the oldest first.
func TestConnectionsThatWait(t *testing.T) {
	s := serveFew(t, 3)
	waiting := func(want int) {
		t.Helper()
		testutil.Eventually(t, 5*time.Second, func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			n := 0
			for c := range s.open {
				if !c.waits.IsZero() {
					n++
				}
			}
			if n != want {
				return fmt.Errorf("%d connections wait", n)
			}
			return nil
		})
	}
	var idle []net.Conn
	for i := range 2 {
		c, in := s.ask(t, "/")
		if err := answers(in); err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
		waiting(i + 1) // the answer is there before the server waits again
	}
	mute, err := net.Dial("tcp", s.addr) // has not sent anything
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	waiting(3)
	for range 2 {
		if _, in := s.ask(t, "/"); answers(in) != nil {
			t.Error("a connection that asks is not let in")
		}
	}
	for i, c := range idle {
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("idle connection %d stays: %v", i, err)
		}
	}
}

// TestConnectionLimit: where all are being answered a new one is closed, and one that ends makes room.
func TestConnectionLimit(t *testing.T) {
	s := serveFew(t, 2)
	for range 2 {
		s.ask(t, "/slow")
	}
	testutil.Eventually(t, 5*time.Second, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.open) < 2 || s.longest() != nil {
			return errors.New("they are not being answered yet")
		}
		return nil
	})
	if _, in := s.ask(t, "/"); answers(in) == nil {
		t.Error("a third connection is served")
	}
	s.slow <- struct{}{}
	testutil.Eventually(t, 5*time.Second, func() error { _, in := s.ask(t, "/"); return answers(in) })
	s.slow <- struct{}{}
}

// manyRefused is a listener of connections that are all to be refused but the last.
type manyRefused struct {
	net.Listener
	left  int
	depth int
}

func (l *manyRefused) Accept() (net.Conn, error) {
	if l.left--; l.left > 0 {
		a, b := net.Pipe()
		b.Close()
		return a, nil
	}
	l.depth = runtime.Callers(0, make([]uintptr, 1000))
	return nil, net.ErrClosed
}

// TestRefusingTakesNoMemory: however many are refused in a row, they leave nothing on the stack.
func TestRefusingTakesNoMemory(t *testing.T) {
	inner := &manyRefused{left: 500}
	if _, err := limit(inner, 0).Accept(); !errors.Is(err, net.ErrClosed) || inner.depth > 20 {
		t.Errorf("%v, with a stack of %d calls", err, inner.depth)
	}
}

// TestStateOfTLS: what net/http tells of is the connection inside.
func TestStateOfTLS(t *testing.T) {
	l := limit(nil, 1)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	c := l.admit(a)
	l.state(tls.Server(c, nil), http.StateActive)
	if !c.waits.IsZero() || l.longest() != nil {
		t.Error("it is taken for one that waits")
	}
	l.state(b, http.StateIdle) // another's
	l.state(tls.Server(c, nil), http.StateIdle)
	if l.longest() != c {
		t.Error("it is not taken for one that waits")
	}
}

// TestBodyThatDoesNotCome: whoever announces a body where none is read is refused at once, and holds nothing up with it.
func TestBodyThatDoesNotCome(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/api/status", "/api/events?topics=interfaces", "/api/nothing", "/"} {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60000\r\n\r\n", path)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if _, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusBadRequest || !resp.Close {
			t.Errorf("%s: %d, %v, and the connection ends %v", path, resp.StatusCode, err, resp.Close)
		}
	}
}

// TestSendingIsBounded: clients who are slow to take large answers cannot fill the memory, and those without the token cannot
// keep out who has it. An answer that is alone is sent, however large it is.
func TestSendingIsBounded(t *testing.T) {
	s := newSending()
	const part = 10 << 20
	for _, a := range []Access{Public, Full} {
		n := 0
		for s.begin(a, part) {
			n++
		}
		if want := mostSending(a) / part; n != want || n < 3 {
			t.Errorf("%v: %d answers are on their way, want %d", a, n, want)
		}
		for range n {
			s.end(a, part)
		}
		if !s.begin(a, 2*maxSending) || s.begin(a, 1) {
			t.Errorf("%v: a large answer alone", a)
		}
		s.end(a, 2*maxSending)
	}
}

// TestTurns: those without the token cannot take all turns to write tables.
func TestTurns(t *testing.T) {
	w := newWorld(t)
	for range share(maxRendering) {
		done, err := w.server.sending.turn(t.Context(), Public)
		if err != nil {
			t.Fatal(err)
		}
		defer done()
	}
	if code, _ := w.get(t, "/api/sockets", withToken); code != 200 {
		t.Errorf("with the token: %d", code)
	}
	r := w.request(t, "GET", "/api/sockets", "")
	w.client.Timeout = 200 * time.Millisecond
	if resp, err := w.client.Do(r); err == nil {
		resp.Body.Close()
		t.Errorf("without: %d", resp.StatusCode)
	}
}

// TestQueueIsBounded: a viewer who reads slowly has no more than some bytes waiting, and all of them together neither. What a
// viewer who leaves has not taken counts no more.
func TestQueueIsBounded(t *testing.T) {
	shared := new(atomic.Int64)
	v := newViewer(&group{access: Public}, shared)
	large := make([]byte, maxBehind/2)
	if !v.push(make([]byte, 3*maxBehind), large) {
		t.Error("frames that are alone")
	}
	if v.push(large) {
		t.Error("another behind them")
	}
	v.drain()
	if !v.push(large) || !v.push(large) || v.push(large[:1]) {
		t.Error("as many as there is room for")
	}
	var all []*viewer
	for n := mostSending(Public)/maxBehind - 1; n > 0; n-- {
		other := newViewer(v.group, shared)
		if !other.push(large, large) {
			t.Fatalf("there is no room for %d others", n)
		}
		all = append(all, other)
	}
	late := newViewer(v.group, shared)
	if late.push(large) || late.mayCatchUp() {
		t.Error("there is room for all of them")
	}
	all[0].settle()
	all[0].settle()
	if !late.mayCatchUp() || !late.push(large, large) || late.push(large[:1]) {
		t.Error("one that has left holds its room")
	}
	for _, v := range append(all, v, late) {
		v.settle()
	}
	if n := shared.Load(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
	if many := make([][]byte, queueLength+1); late.push(many...) || len(late.queue) != 2 {
		t.Error("a part of the frames was queued")
	}
}

// TestManyOrders: topics in another order are the same wish, and groups are bounded as filters are.
func TestManyOrders(t *testing.T) {
	w := newWorld(t)
	for _, list := range []string{"sockets,interfaces,events", "events,interfaces,sockets", "interfaces,sockets,events"} {
		s := w.open(t, "/api/events?topics="+list)
		defer s.close()
	}
	w.hub.mu.Lock()
	n := len(w.hub.groups)
	w.hub.mu.Unlock()
	if n != 1 {
		t.Errorf("%d groups", n)
	}
	var err error
	var all []*viewer
	for subset := 1; subset < 16 && err == nil; subset++ {
		for i := range 10 {
			var topics []topic
			for bit, on := range []topic{onSockets, onHosts, onInterfaces, onEvents} {
				if subset&(1<<bit) != 0 {
					topics = append(topics, on)
				}
			}
			var v *viewer
			if v, err = w.hub.join(wishes{topics: topics, filter: fmt.Sprint("sport = ", i+1)}); err != nil {
				break
			}
			all = append(all, v)
		}
	}
	if !errors.Is(err, errWishes) || len(all) != share(maxChannels)-1 {
		t.Errorf("%d groups, then %v", len(all)+1, err)
	}
	for _, v := range all {
		w.hub.Leave(v)
	}
}

// TestHeavyFilters: a filter that would take minutes is refused, at once and without the hub being held up.
func TestHeavyFilters(t *testing.T) {
	w := newWorld(t)
	heavy := "user+~+%22" + strings.Repeat("(.%3F)%7B1000%7D", 300) + "%22"
	began := time.Now()
	for _, target := range []string{"/api/sockets?filter=" + heavy, "/api/listeners?filter=" + heavy, "/api/events?filter=" + heavy} {
		if code, body := w.get(t, target); code != 400 || !strings.Contains(body, "pattern") {
			t.Errorf("%.40s: %d %.100s", target, code, body)
		}
	}
	if code, body := w.get(t, "/api/sockets?sort="+strings.TrimSuffix(strings.Repeat("user,-state,", 300), ",")); code != 200 {
		t.Errorf("%d %.100s", code, body)
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

// TestSlowHandshake: who does not go on with a handshake of TLS is let go.
func TestSlowHandshake(t *testing.T) {
	sample := httptest.NewTLSServer(nil)
	secure := sample.TLS.Clone()
	sample.Close()
	w := newWorld(t, func(c *Config) { c.TLS = secure })
	began := time.Now()
	var all []net.Conn
	for _, sent := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetReadDeadline(began.Add(headerTimeout + 3*time.Second))
		_, _ = io.WriteString(c, sent)
		all = append(all, c)
	}
	for i, c := range all {
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("connection %d is still open", i)
		}
	}
}
