package alert

import (
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
)

// hook is a server that answers with codes in turn, the last of them for good.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	codes  []int
	bodies []string
	heads  []http.Header
}

func newHook(t *testing.T, codes ...int) *hook {
	h := &hook{codes: codes}
	h.Server = httptest.NewServer(http.HandlerFunc(h.answer))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) answer(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	code := h.codes[min(len(h.bodies), len(h.codes)-1)]
	h.bodies, h.heads = append(h.bodies, string(body)), append(h.heads, r.Header)
	w.Header().Set("Location", h.URL+"/elsewhere")
	w.WriteHeader(code)
}

func (h *hook) calls() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.bodies)
}

// TestWebhook: what is answered with 2xx was told, what may be answered better is tried again and not for ever, a redirection is
// not followed, and no error has the address, in which there may be a secret.
func TestWebhook(t *testing.T) {
	for name, c := range map[string]struct {
		codes []int
		calls int
		told  bool
		says  string
	}{
		"taken":     {[]int{204}, 1, true, ""},
		"later":     {[]int{500, 429, 503, 200}, 4, true, ""},
		"never":     {[]int{502}, attempts, false, "502 Bad Gateway"},
		"refused":   {[]int{403}, 1, false, "403 Forbidden"},
		"elsewhere": {[]int{307}, 1, false, "a redirection (307), which is not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, said := testConfig(t)
			h := newHook(t, c.codes...)
			teller, err := NewWebhook(cfg, h.URL+"/secret-path", "1.2")
			if err != nil {
				t.Fatal(err)
			}
			teller.way.(*webhook).pause = time.Millisecond
			_ = teller.Tell(t.Context(), someNews(history.NewListener, history.NewHost))
			counts := closed(t, teller)
			if told := counts.Told == 2 && counts.Dropped == 0; told != c.told || h.calls() != c.calls {
				t.Errorf("%+v after %d calls", counts, h.calls())
			}
			text := strings.Join(said.all(), "; ")
			if !strings.Contains(text, c.says) || (text == "") != c.told || strings.Contains(text, "secret-path") {
				t.Errorf("it says %q", text)
			}
			h.check(t)
		})
	}
}

// check looks at what the first request brought.
func (h *hook) check(t *testing.T) {
	t.Helper()
	var body struct {
		Host string
		News []struct {
			Event  string
			Owners []struct{ Cmdline string }
		}
	}
	if err := json.Unmarshal([]byte(h.bodies[0]), &body); err != nil || body.Host != "box" || len(body.News) != 2 || body.News[0].Event != "new_listener" ||
		body.News[1].Owners[0].Cmdline != "curl -s x" {
		t.Errorf("%v: %s", err, h.bodies[0])
	}
	if head := h.heads[0]; head.Get("Content-Type") != "application/json" || head.Get("User-Agent") != "sockeye/1.2" {
		t.Errorf("%v", head)
	}
}

// TestWebhookAddresses: what is sent must not be read on the way.
func TestWebhookAddresses(t *testing.T) {
	cfg, _ := testConfig(t)
	for address, ok := range map[string]bool{
		"https://example.com/hush": true, "http://127.0.0.1:9/hush": true, "http://localhost/": true, "http://[::1]/": true,
		"http://example.com/hush": false, "http://127.0.0.1.example.com/hush": false, "ftp://example.com/hush": false, "example.com": false, "https://": false, ":": false, "": false,
	} {
		teller, err := NewWebhook(cfg, address, "1")
		if (err == nil) != ok {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			closed(t, teller)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("the error has the address: %v", err)
		}
	}
}

// TestWebhookStranger: a certificate that nobody vouches for is refused.
func TestWebhookStranger(t *testing.T) {
	cfg, said := testConfig(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was sent") }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	teller, err := NewWebhook(cfg, s.URL, "1")
	if err != nil {
		t.Fatal(err)
	}
	teller.way.(*webhook).pause = time.Millisecond
	_ = teller.Tell(t.Context(), someNews(history.NewHost))
	if c := closed(t, teller); c.Dropped != 1 || !strings.Contains(strings.Join(said.all(), ""), "certificate") {
		t.Errorf("%+v %q", c, said.all())
	}
}

// TestWebhookHangs: Close does not wait for a server that does not answer.
func TestWebhookHangs(t *testing.T) {
	cfg, _ := testConfig(t)
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer s.Close()
	defer close(over)
	teller, err := NewWebhook(cfg, s.URL, "1")
	if err != nil {
		t.Fatal(err)
	}
	_ = teller.Tell(t.Context(), someNews(history.NewHost))
	began := time.Now()
	if c := closed(t, teller); c.Dropped != 1 || time.Since(began) > lastWords+2*time.Second {
		t.Errorf("%+v after %v", c, time.Since(began))
	}
}
