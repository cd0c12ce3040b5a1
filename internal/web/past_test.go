package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// pastHere answers questions about the past as it is told to.
type pastHere struct {
	mu      sync.Mutex
	now     int
	most    int
	waits   chan struct{}
	broken  chan error
	answers string
}

func (p *pastHere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.now++
	p.most = max(p.most, p.now)
	p.mu.Unlock()
	defer func() { p.mu.Lock(); p.now--; p.mu.Unlock() }()
	if r.URL.Query().Get("at") == "wait" {
		select {
		case <-r.Context().Done():
			p.broken <- r.Context().Err()
		case <-p.waits:
		}
	}
	w.Header().Set("Content-Type", "text/csv")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, p.answers)
}

// TestPast: questions about the past need the token, take turns, and are broken off when who asks has gone; what the other side
// answers is sent as it is.
func TestPast(t *testing.T) {
	p := &pastHere{waits: make(chan struct{}), broken: make(chan error, 1), answers: strings.Repeat("x", 1<<20)}
	w := newWorld(t, func(c *Config) { c.Past = p })
	code, header, body := w.do(t, "GET", "/api/history/connections?at=now&filter=x&limit=1&format=csv", "", withToken)
	if code != http.StatusAccepted || body != p.answers || header.Get("Content-Type") != "text/csv" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v %d bytes", code, header, len(body))
	}
	for target, want := range map[string]int{"/api/history/connections": 401, "/api/history/news?at=now": 401} {
		if code, _ := w.get(t, target); code != want {
			t.Errorf("without the token %s: %d", target, code)
		}
	}
	for target, want := range map[string]int{"/api/history/connections?sort=x": 400, "/api/history/": 404, "/api/history/x": 404, "/api/history/span?at=now": 400} {
		if code, _ := w.get(t, target, withToken); code != want {
			t.Errorf("%s: %d", target, code)
		}
	}
	if code, _, _ := w.do(t, "POST", "/api/history/span", "", withToken); code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", code)
	}
	var all sync.WaitGroup
	for range 3 * maxAsking {
		all.Go(func() { _, _ = w.get(t, "/api/history/listeners?at=wait", withToken) })
	}
	testutil.Eventually(t, 5*time.Second, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.now < maxAsking {
			return fmt.Errorf("%d are asked", p.now)
		}
		return nil
	})
	for range 3 * maxAsking {
		p.waits <- struct{}{}
	}
	all.Wait()
	if p.most != maxAsking {
		t.Errorf("%d at once", p.most)
	}
	w.goAway(t)
	select {
	case err := <-p.broken:
		if err != context.Canceled {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("it is asked still")
	}
}

// goAway asks, and does not wait for the answer.
func (w *world) goAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	resp, err := w.client.Do(w.request(t, "GET", "/api/history/groups?at=wait", "", withToken).WithContext(ctx))
	if err == nil {
		resp.Body.Close()
		t.Error(fmt.Errorf("it was answered: %s", resp.Status))
	}
}

// TestNoPast: a server that records nothing says so.
func TestNoPast(t *testing.T) {
	w := newWorld(t)
	code, body := w.get(t, "/api/history/span", withToken)
	if code != 200 {
		t.Error(code)
	}
	readDocument(t).checkText(t, "span", "Span", body)
	if code, _ := w.get(t, "/api/history/news", withToken); code != http.StatusNotFound {
		t.Error(code)
	}
}
