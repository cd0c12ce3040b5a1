package web

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

const testToken = "correct-horse-battery-staple"

// world is a server over what this machine really does, with readings in quick succession.
type world struct {
	hub    *Hub
	server *Server
	keys   *Keys
	url    string
	addr   string
	stop   context.CancelFunc
	done   chan error
	client *http.Client
}

const testPace = 100 * time.Millisecond

func newWorld(t testing.TB, change ...func(*Config)) *world {
	t.Helper()
	if _, is := t.(*testing.T); is { // fuzzing has goroutines of its own
		testutil.CheckLeaks(t)
	}
	watcher, err := watch.Open(&watch.Config{Method: watch.Poll, Interval: testPace, Query: netstat.Query{Owner: netstat.OwnerModule}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watcher.Close() })
	links, err := ifstat.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { links.Close() })
	w := &world{keys: NewKeys(testToken, time.Now), done: make(chan error, 2)}
	w.hub = NewHub(HubConfig{Watcher: watcher, Interfaces: links, Details: (*netstat.Process).Details, Host: "here", Now: time.Now,
		Names: view.Names{UserName: func(uint32) string { return "" }}})
	cfg := Config{Hub: w.hub, Keys: w.keys, Open: true, Version: "test", Metrics: http.NotFoundHandler(),
		Actions: map[string]Action{"echo": func(_ context.Context, b json.RawMessage) (any, error) { return b, nil }}}
	for _, c := range change {
		c(&cfg)
	}
	w.server = New(cfg)
	w.start(t)
	return w
}

func (w *world) start(t testing.TB) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr, w.url = l.Addr().String(), "http://"+l.Addr().String()
	w.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	ctx, stop := context.WithCancel(context.Background())
	w.stop = stop
	go func() { w.done <- w.hub.Run(ctx) }()
	go func() { w.done <- w.server.Serve(ctx, l, 5*time.Second) }()
	t.Cleanup(func() {
		w.client.CloseIdleConnections()
		stop()
		for range 2 {
			if err := <-w.done; err != nil {
				t.Error(err)
			}
		}
	})
	testutil.Eventually(t, 5*time.Second, func() error {
		w.hub.mu.Lock()
		defer w.hub.mu.Unlock()
		if w.hub.now.seq == 0 {
			return errNotYet
		}
		return nil
	})
}

// request makes one with headers as NAME: VALUE.
func (w *world) request(t testing.TB, method, target, body string, headers ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(method, w.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	return r
}

func (w *world) do(t testing.TB, method, target, body string, headers ...string) (int, http.Header, string) {
	t.Helper()
	resp, err := w.client.Do(w.request(t, method, target, body, headers...))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(text)
}

func (w *world) get(t testing.TB, target string, headers ...string) (int, string) {
	t.Helper()
	code, _, text := w.do(t, http.MethodGet, target, "", headers...)
	return code, text
}

const withToken = "Authorization: Bearer " + testToken
