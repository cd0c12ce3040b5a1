package web

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// stream is an open one.
type stream struct {
	resp   *http.Response
	in     *bufio.Reader
	cancel context.CancelFunc
}

func (w *world) open(t testing.TB, target string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	resp, err := w.client.Do(w.request(t, "GET", target, "", headers...).WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s: %d %s", target, resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return &stream{resp, bufio.NewReaderSize(resp.Body, 1<<20), cancel}
}

func (s *stream) close() {
	s.cancel()
	s.resp.Body.Close()
}

// next is the next frame.
func (s *stream) next() (event, data string, err error) {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		switch name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": "); name {
		case "event":
			event = value
		case "data":
			data = value
		case "":
			return event, data, nil
		}
	}
}

func (s *stream) until(t testing.TB, event string) string {
	t.Helper()
	for {
		is, data, err := s.next()
		if err != nil {
			t.Fatalf("waiting for %s: %v", event, err)
		}
		if is == event {
			return data
		}
	}
}

// changes is a frame of a table.
type changes struct {
	Seq  uint64
	All  bool
	Set  map[string]json.RawMessage
	Gone []string
}

func (c *changes) apply(rows map[string]json.RawMessage) error {
	if c.All {
		clear(rows)
	}
	for _, id := range c.Gone {
		if _, had := rows[id]; !had {
			return fmt.Errorf("row %s goes, and was not there", id)
		}
		delete(rows, id)
	}
	maps.Copy(rows, c.Set)
	return nil
}

// follow applies frames of sockets until done says that it is enough.
func (s *stream) follow(t testing.TB, rows map[string]json.RawMessage, done func() bool) {
	t.Helper()
	for !done() {
		var c changes
		if err := json.Unmarshal([]byte(s.until(t, "sockets")), &c); err != nil {
			t.Fatal(err)
		}
		if err := c.apply(rows); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDeltas: a viewer who applies what is sent has the table, while sockets come and go; later frames have only what changed.
func TestDeltas(t *testing.T) {
	w := newWorld(t)
	var held []net.Listener
	listen := func() string {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		held = append(held, l)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		return port
	}
	first := listen()
	s := w.open(t, "/api/events?topics=sockets&filter=state+listening", withToken)
	defer s.close()
	rows := make(map[string]json.RawMessage)
	has := func(port string) bool {
		return slices.ContainsFunc(slices.Collect(maps.Values(rows)), func(r json.RawMessage) bool { return strings.Contains(string(r), `"local_port":`+port+",") })
	}
	s.follow(t, rows, func() bool { return has(first) })
	second := listen()
	s.follow(t, rows, func() bool { return has(second) })
	held[0].Close()
	s.follow(t, rows, func() bool { return !has(first) })
	if !has(second) {
		t.Error("the other listener went too")
	}
	for id, r := range rows {
		if strings.Contains(string(r), `"ESTABLISHED"`) {
			t.Errorf("row %s does not match the filter: %s", id, r)
		}
	}
}

// TestSlowViewer: a viewer who does not read holds up nobody, and gets everything when it reads again.
func TestSlowViewer(t *testing.T) {
	w := newWorld(t)
	slow, err := w.hub.join(wishes{topics: []topic{onSockets, onInterfaces}, access: Public})
	if err != nil {
		t.Fatal(err)
	}
	defer w.hub.Leave(slow)
	quick := w.open(t, "/api/events?topics=interfaces")
	defer quick.close()
	for range queueLength + 5 {
		quick.until(t, "reading")
	}
	testutil.Eventually(t, 5*time.Second, func() error {
		w.hub.mu.Lock()
		defer w.hub.mu.Unlock()
		if !slow.lags {
			return fmt.Errorf("%d frames wait", len(slow.queue))
		}
		return nil
	})
	_ = slow.drain()
	all := ""
	testutil.Eventually(t, 5*time.Second, func() error {
		if all += slow.drain(); strings.Count(all, `"all":true`) < 2 {
			return fmt.Errorf("after it has lagged it gets %.300s", all)
		}
		return nil
	})
	if !strings.HasPrefix(all, "event: missed\n") || strings.Count(all, "event: missed\n") != 1 {
		t.Errorf("after it has lagged it gets %.300s", all)
	}
}

// drain takes what waits.
func (v *viewer) drain() (all string) {
	for len(v.queue) > 0 {
		f := <-v.queue
		v.taken(f)
		all += string(f)
	}
	return all
}

// TestManyViewers: a hundred see the same at once, more than are let in are told so, and nothing is left of them.
func TestManyViewers(t *testing.T) {
	w := newWorld(t)
	w.hub.cfg.MaxViewers = 200
	var all []*stream
	for range 100 {
		all = append(all, w.open(t, "/api/events?topics=sockets,interfaces,hosts"))
	}
	if code, header, body := w.do(t, "GET", "/api/events", ""); code != 503 || header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %s", code, body)
	}
	w.open(t, "/api/events", withToken).close() // they cannot keep out who has the token
	var done sync.WaitGroup
	for _, s := range all {
		done.Go(func() {
			for range 5 {
				s.until(t, "reading")
			}
		})
	}
	done.Wait()
	w.hub.mu.Lock()
	if n := w.hub.strangers(); n != 100 || w.hub.channels[channelKey{topic: onSockets}].groups != 1 {
		t.Errorf("%d channels for %d viewers", len(w.hub.channels), len(w.hub.viewers))
	}
	w.hub.mu.Unlock()
	for _, s := range all {
		s.close()
	}
	testutil.Eventually(t, 5*time.Second, func() error {
		w.hub.mu.Lock()
		defer w.hub.mu.Unlock()
		if len(w.hub.viewers)+len(w.hub.channels) > 0 {
			return fmt.Errorf("%d viewers and %d channels are left", len(w.hub.viewers), len(w.hub.channels))
		}
		return nil
	})
}

// TestStreamHead: a question for the head of a stream is answered at once.
func TestStreamHead(t *testing.T) {
	w := newWorld(t)
	code, header, body := w.do(t, "HEAD", "/api/events", "")
	if code != 200 || header.Get("Content-Type") != streamType || body != "" {
		t.Errorf("%d %v %s", code, header, body)
	}
}

// TestManyFilters: different filters are bounded, as each has a cost of its own.
func TestManyFilters(t *testing.T) {
	w := newWorld(t)
	var err error
	var all []*viewer
	for i := range maxChannels + 1 {
		var v *viewer
		if v, err = w.hub.join(wishes{topics: []topic{onSockets}, filter: fmt.Sprintf("sport = %d", i+1)}); err != nil {
			break
		}
		all = append(all, v)
	}
	if err != errWishes || len(all) != share(maxChannels) {
		t.Errorf("%d filters, then %v", len(all), err)
	}
	owner, err := w.hub.join(wishes{topics: []topic{onSockets}, access: Full, filter: "sport = 1"})
	if err != nil {
		t.Fatal("who has the token:", err)
	}
	w.hub.Leave(owner)
	for _, v := range all {
		w.hub.Leave(v)
		w.hub.Leave(v) // again is no harm
	}
}

// TestEnd: when the server ends its streams end, without waiting for the viewers.
func TestEnd(t *testing.T) {
	w := newWorld(t)
	s := w.open(t, "/api/events")
	defer s.close()
	s.until(t, "reading")
	began := time.Now()
	w.stop()
	for {
		if _, _, err := s.next(); err != nil {
			break
		}
	}
	if d := time.Since(began); d > 4*time.Second {
		t.Errorf("the stream ends after %v", d)
	}
	if _, err := w.hub.join(wishes{topics: []topic{onSockets}}); err != errEnded {
		t.Errorf("a viewer who comes then: %v", err)
	}
}

// TestStandsStill: a viewer whose connection takes nothing more is let go in the end. The kernel buffers some megabytes first.
func TestStandsStill(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a timeout")
	}
	w := newWorld(t)
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	fmt.Fprintf(c, "GET /api/events?topics=interfaces HTTP/1.1\r\nHost: localhost\r\n\r\n")
	testutil.Eventually(t, 5*time.Second, func() error {
		if w.server.Status(Public).Viewers == 1 {
			return nil
		}
		return fmt.Errorf("no viewer")
	})
	// It reads nothing. The hub goes on all the same.
	before := w.server.Status(Public).Seq
	testutil.Eventually(t, 5*time.Second, func() error {
		if n := w.server.Status(Public).Seq; n < before+10 {
			return fmt.Errorf("%d readings", n-before)
		}
		return nil
	})
}
