package web

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestPageKeepsNoSecrets: what the page keeps beyond its tab is how it looks.
func TestPageKeepsNoSecrets(t *testing.T) {
	err := filepath.WalkDir("../../web/src", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "theme") {
			return err
		}
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "localStorage") || strings.Contains(string(text), "indexedDB") {
			t.Errorf("%s keeps something", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestForeign: what a page of somebody else can make a browser send is refused, whatever it asks for.
func TestForeign(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Hosts = []string{"box.example", "192.0.2.7"} })
	_, port, _ := net.SplitHostPort(w.addr)
	for _, c := range []struct {
		headers []string
		code    int
	}{
		{nil, 200},
		{[]string{"Host: localhost:" + port}, 200},
		{[]string{"Host: LOCALHOST"}, 200},
		{[]string{"Host: [::1]:" + port}, 200},
		{[]string{"Host: box.example"}, 200},
		{[]string{"Host: Box.Example.:443"}, 200},
		{[]string{"Host: 192.0.2.7:1"}, 200},
		{[]string{"Host: 192.0.2.8"}, 421},
		{[]string{"Host: evil.example"}, 421},
		{[]string{"Host: evil.example:" + port}, 421},
		{[]string{"Host: localhost.evil.example"}, 421},
		{[]string{"Host: 127.0.0.1.evil.example"}, 421},
		{[]string{"Host: 2130706433"}, 421}, // inet_aton(3)'s 127.0.0.1 is a name here
		{[]string{"Host: 127.1"}, 421},
		{[]string{"Origin: http://" + w.addr}, 200},
		{[]string{"Origin: https://" + w.addr}, 403},
		{[]string{"Origin: http://127.0.0.1:1"}, 403},
		{[]string{"Origin: http://localhost:" + port}, 403},
		{[]string{"Origin: null"}, 403},
		{[]string{"Origin: "}, 403},
		{[]string{"Origin: http://evil.example"}, 403},
		{[]string{"Host: evil.example", "Origin: http://evil.example"}, 421},
		{[]string{"Sec-Fetch-Site: same-origin"}, 200},
		{[]string{"Sec-Fetch-Site: none"}, 200},
		{[]string{"Sec-Fetch-Site: same-site"}, 403}, // another port of this host
		{[]string{"Sec-Fetch-Site: cross-site"}, 403},
		{[]string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}, 403},
		{[]string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}, 403}, // to the API, and not to the page
	} {
		code, header, body := w.do(t, http.MethodGet, "/api/sockets", "", c.headers...)
		if code != c.code {
			t.Errorf("%q: %d, want %d: %s", c.headers, code, c.code, body)
		}
		if header.Get("Access-Control-Allow-Origin") != "" || header.Get("Set-Cookie") != "" {
			t.Errorf("%q: %v", c.headers, header)
		}
	}
	if code, _ := w.get(t, "/", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"); code != 200 {
		t.Errorf("a link to the page: %d", code)
	}
}

// TestHeaders: every answer, of whatever kind, has the policy.
func TestHeaders(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/", "/app.js", "/style.css", "/nothing", "/api/nothing", "/api/status", "/api/sockets", "/api/processes", "/metrics", "/api/openapi.json", "/api/history/x"} {
		_, h, _ := w.do(t, http.MethodGet, path, "")
		if csp := h.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", path, csp)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "same-origin"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
	}
}

// TestPageObeysPolicy: a page with a script or a style in its text would not work.
func TestPageObeysPolicy(t *testing.T) {
	w := newWorld(t)
	_, page := w.get(t, "/")
	for _, bad := range []string{"<script>", "<style", " style=", " onclick=", "http://", "https://", "javascript:"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	_, script := w.get(t, "/app.js")
	for _, bad := range []string{"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "document.cookie"} {
		if strings.Contains(script, bad) {
			t.Errorf("the script has %q", bad)
		}
	}
}

// TestRefusals: what is not documented is an error that says so.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		method, target string
		code           int
		says           string
	}{
		{"GET", "/api/sockets?flter=x", 400, "no parameter"},
		{"GET", "/api/status?x=1", 400, "none here"},
		{"GET", "/api/sockets?filter=a&filter=b", 400, "twice"},
		{"GET", "/api/sockets?filter=%zz", 400, "cannot be read"},
		{"GET", "/api/sockets?filter=dport+%3D", 400, "expected"},
		{"GET", "/api/sockets?filter=process+~+(", 400, "pattern"},
		{"GET", "/api/sockets?format=xml", 400, "format"},
		{"GET", "/api/sockets?limit=0", 400, "limit"},
		{"GET", "/api/sockets?limit=-1", 400, "limit"},
		{"GET", "/api/sockets?limit=99999999999", 400, "limit"},
		{"GET", "/api/sockets?sort=nothing", 400, "column"},
		{"GET", "/api/hosts?sort=nothing", 400, "sort"},
		{"GET", "/api/events?topics=nothing", 400, "topic"},
		{"GET", "/api/events?topics=events,events", 400, "twice"},
		{"GET", "/api/events?topics=processes", 401, "token"},
		{"GET", "/api/events?filter=%28", 400, ""},
		{"GET", "/api/sockets?filter=" + strings.Repeat("x", maxFilter+1), 400, "longer"},
		{"POST", "/api/sockets", 405, "GET"},
		{"DELETE", "/api/events", 405, "GET"},
		{"OPTIONS", "/api/sockets", 405, "GET"},
		{"TRACE", "/api/status", 405, "GET"},
		{"GET", "/api/actions/echo", 405, "POST"},
		{"GET", "/api/nothing", 404, "nothing here"},
		{"GET", "/../../etc/passwd", 404, ""},
		{"GET", "/page/index.html", 404, ""},
	} {
		r := w.request(t, c.method, c.target, "")
		resp, err := w.client.Do(r)
		if err != nil {
			t.Fatal(c.target, err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.code || !strings.Contains(string(body), c.says) || !strings.HasPrefix(string(body), `{"error":"`) {
			t.Errorf("%s %.60s: %d %s, want %d %q", c.method, c.target, resp.StatusCode, body, c.code, c.says)
		}
	}
}

func TestOversized(t *testing.T) {
	w := newWorld(t)
	code, _ := w.get(t, "/api/status", "X-Long: "+strings.Repeat("x", maxHeader+8<<10))
	if code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of more than %d bytes: %d", maxHeader, code)
	}
	_, _, body := w.do(t, "POST", "/api/session", "", withToken)
	session := "Authorization: Bearer " + between(body, `"session":"`, `"`)
	if code, _, says := w.do(t, "POST", "/api/actions/echo", `"`+strings.Repeat("x", maxBody)+`"`, session); code != http.StatusRequestEntityTooLarge {
		t.Errorf("a body of more than %d bytes: %d %s", maxBody, code, says)
	}
	if code, _, says := w.do(t, "POST", "/api/actions/echo", `{`, session); code != http.StatusBadRequest {
		t.Errorf("a broken body: %d %s", code, says)
	}
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	inner, _, _ := strings.Cut(rest, after)
	return inner
}

// TestSlow: who sends a request byte by byte is let go, and others are served meanwhile.
func TestSlow(t *testing.T) {
	w := newWorld(t)
	var slow []net.Conn
	for range 50 {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET /api/status HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
		slow = append(slow, c)
	}
	began := time.Now()
	if code, _ := w.get(t, "/api/status"); code != 200 || time.Since(began) > 4*time.Second {
		t.Errorf("another client: %d after %v", code, time.Since(began))
	}
	for _, c := range slow {
		_ = c.SetReadDeadline(began.Add(headerTimeout + 3*time.Second))
		_, _ = io.WriteString(c, "x")
		if _, err := io.ReadAll(c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("it is still open after %v", time.Since(began))
		}
	}
}

// FuzzRequest: whatever bytes come, the answer is one that is documented, and no word of what the token protects.
func FuzzRequest(f *testing.F) {
	for _, line := range []string{"GET /api/sockets?filter=process+~+a HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/listeners?sort=-process&format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/processes HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer x\r\n\r\n",
		"POST /api/session HTTP/1.1\r\nHost: [::1]:80\r\nOrigin: http://[::1]:80\r\nContent-Length: 2\r\n\r\n{}",
		"DELETE /api/session HTTP/1.1\r\nHost: localhost.\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/hosts?limit=3&sort=name HTTP/1.0\r\nHost: localhost\r\n\r\n", "HEAD //..//%2e%2e/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"GET /api/interfaces?format=jsonl HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: none\r\n\r\n"} {
		f.Add([]byte(line))
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil || strings.Contains(r.URL.Path, "events") {
			return // net/http refuses it; a stream has no end
		}
		answer := httptest.NewRecorder()
		w.server.ServeHTTP(answer, r)
		switch answer.Code {
		case 200, 301, 304, 206, 400, 401, 403, 404, 405, 416, 421, 412, 307, 308:
		default:
			t.Errorf("%d for %q", answer.Code, raw)
		}
		if body := answer.Body.String(); strings.Contains(body, `"pid":`) || strings.Contains(body, `"cmdline":`) {
			t.Errorf("%q is told of processes", raw)
		}
	})
}
