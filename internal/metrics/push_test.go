package metrics

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/watch"
)

// The official messages and the collector's own receiver are in bench/otlp, a module of its own. Here is what the pusher does
// when the receiver does this or that.

// receiver keeps what it is sent, and answers what it is told to.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	bodies map[string][]string // by path
	heads  http.Header
	answer func(path string, n int) (int, string)
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{bodies: make(map[string][]string), answer: func(string, int) (int, string) { return 200, "{}" }}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		z, err := gzip.NewReader(req.Body)
		if err != nil {
			t.Error(err)
			return
		}
		body, err := io.ReadAll(z)
		if err != nil || !json.Valid(body) {
			t.Errorf("%v: %.100s", err, body)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.heads = req.Header
		r.bodies[req.URL.Path] = append(r.bodies[req.URL.Path], string(body))
		code, text := r.answer(req.URL.Path, len(r.bodies[req.URL.Path]))
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) of(path string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bodies[path]
}

func newPusher(t *testing.T, m *Metrics, cfg PushConfig) *Pusher {
	t.Helper()
	p, err := NewPusher(m, cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.cfg.Client.CloseIdleConnections)
	return p
}

func events(n int) *watch.Report {
	r := &watch.Report{Time: start}
	for range n {
		r.Events = append(r.Events, watch.Event{Kind: watch.Opened, Source: watch.FromBPF, Time: start, Socket: socket(process(7, "curl", "a.service"))})
	}
	return r
}

// TestPush: both signals arrive, with their headers, and at the end what waits is pushed.
func TestPush(t *testing.T) {
	testutil.CheckLeaks(t)
	r := newReceiver(t)
	m := sample(Config{Version: "1.2"})
	p := newPusher(t, m, PushConfig{Endpoint: r.URL + "/", Interval: 20 * time.Millisecond, Host: "here", Logs: true, Headers: [][2]string{{"x-key", "secret"}}})
	ctx, stop := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { p.Run(ctx) })
	p.Report(events(3))
	testutil.Eventually(t, 5*time.Second, func() error {
		if len(r.of("/v1/metrics")) < 2 || len(r.of("/v1/logs")) < 1 {
			return fmt.Errorf("%d and %d requests", len(r.of("/v1/metrics")), len(r.of("/v1/logs")))
		}
		return nil
	})
	stop()
	done.Wait()
	all := r.of("/v1/metrics")[0]
	for _, part := range []string{`"name":"sockeye_program_transmit_bytes"`, `"asInt":"120"`, `"aggregationTemporality":2,"isMonotonic":true`,
		`{"key":"program","value":{"stringValue":"nginx"}}`, `{"key":"host.name","value":{"stringValue":"here"}}`, `"asInt":"1152921504606846976"`} {
		if !strings.Contains(all, part) {
			t.Errorf("%s is not in %s", part, all)
		}
	}
	if strings.Contains(all, "pid") || strings.Contains(all, "_total") {
		t.Error(all)
	}
	logs := strings.Join(r.of("/v1/logs"), "")
	if n := strings.Count(logs, `"eventName":"sockeye.opened"`); n != 3 || !strings.Contains(logs, `{"key":"network.peer.port","value":{"intValue":"443"}}`) {
		t.Errorf("%d events: %s", n, logs)
	}
	if r.heads.Get("X-Key") != "secret" || r.heads.Get("Content-Type") != "application/json" {
		t.Error(r.heads)
	}
	if m.pushed.logs.Load() != 3 || m.pushed.dropped.Load() != 0 || m.pushed.failures.Load() != 0 {
		t.Error(m.pushed.logs.Load(), m.pushed.dropped.Load(), m.pushed.failures.Load())
	}
}

// TestPushFails: what may work later is tried again, what never will is not; a queue that is full drops and never waits.
func TestPushFails(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(string, int) (int, string)
		requests int
		dropped  uint64
	}{
		"busy once":  {func(_ string, n int) (int, string) { return map[bool]int{true: 503, false: 200}[n == 1], "" }, 2, 5},
		"refused":    {func(string, int) (int, string) { return 400, "no" }, 1, 5 + 10},
		"redirected": {func(string, int) (int, string) { return 302, "" }, 1, 5 + 10},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReceiver(t)
			r.answer = c.answer
			m := New(Config{})
			p := newPusher(t, m, PushConfig{Endpoint: r.URL, Logs: true, Queue: 10})
			p.Report(events(15))
			err := p.pushLogs(context.Background())
			if n := len(r.of("/v1/logs")); n != c.requests || m.pushed.dropped.Load() != c.dropped {
				t.Errorf("%d requests, %d dropped: %v", n, m.pushed.dropped.Load(), err)
			}
		})
	}
}

// TestPartly: what a receiver rejects is an error that says how much.
func TestPartly(t *testing.T) {
	for answer, says := range map[string]string{
		`{}`: "", ``: "", `not json`: "", `{"partialSuccess":{}}`: "", `{"partialSuccess":{"rejectedDataPoints":"0"}}`: "",
		`{"partialSuccess":{"rejectedDataPoints":"3","errorMessage":"why"}}`: "rejects 3 of it: why", `{"partialSuccess":{"rejectedLogRecords":2}}`: "rejects 2",
	} {
		if err := rejected([]byte(answer)); (err == nil) != (says == "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for endpoint, fine := range map[string]bool{"http://127.0.0.1:4318": true, "https://otel.example/base": true, "": false, "127.0.0.1:4318": false,
		"grpc://x": false, "http://": false, "http://user:hunter2@x": false, "http://%zz": false, "http://x?a=b": false, "http://x/#y": false} {
		_, err := NewPusher(New(Config{}), PushConfig{Endpoint: endpoint}, nil)
		if (err == nil) != fine || err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
