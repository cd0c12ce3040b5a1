package web

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// FuzzConnection: whatever bytes come over a connection to the real server, it answers as HTTP does or ends the connection, soon,
// and with no word of what the token protects. What comes behind the first request is part of it: that is pipelining.
func FuzzConnection(f *testing.F) {
	const host = "Host: localhost\r\n"
	for _, raw := range []string{"GET / HTTP/1.1\r\n" + host + "\r\n", "GET /api/sockets HTTP/1.1\r\n" + host + "\r\nGET /api/status HTTP/1.1\r\n" + host + "\r\n",
		"GET /api/events HTTP/1.1\r\n" + host + "\r\n", "GET /api/events HTTP/1.1\r\n" + host + "Content-Length: 9\r\n\r\nx", "HEAD /api/sockets HTTP/1.0\r\n" + host + "\r\n",
		"POST /api/session HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n5\r\n{}   \r\n0\r\n\r\n", "POST /api/actions/echo HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
		"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", "CONNECT localhost:1 HTTP/1.1\r\n" + host + "\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET http://evil.example/api/status HTTP/1.1\r\n" + host + "\r\n",
		"GET /api/processes HTTP/1.1\r\n" + host + "Authorization: Bearer x\r\nAuthorization: Bearer y\r\n\r\n", "GET /metrics HTTP/1.1\r\n" + host + "Range: bytes=0-3\r\n\r\n",
		"GET /api/sockets?filter=" + strings.Repeat("%28", 300) + " HTTP/1.1\r\n" + host + "\r\n", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + host + "\r\n",
		"GET //api/sockets HTTP/1.1\r\n" + host + "\r\n", "GET /api/%65vents HTTP/1.1\r\n" + host + "Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", "\x16\x03\x01\x00\x05hello", "\r\n\r\n\x00", ""} {
		f.Add([]byte(raw))
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if bytes.Contains(raw, []byte(testToken)) {
			return
		}
		out, err := w.exchange(raw)
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		for _, word := range []string{`"pid":`, `"cmdline":`, `"exe":`, `"session":"`, "web.test", testToken} {
			if bytes.Contains(out, []byte(word)) && !bytes.Contains(out, openAPIDocument) {
				t.Errorf("%q is told %s: %.300q", raw, word, out)
			}
		}
		if len(out) == 0 {
			return
		}
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
		if err != nil {
			request = nil
		}
		resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(out)), request)
		if err != nil {
			t.Fatalf("%q: no answer of HTTP: %v: %.300q", raw, err, out)
		}
		if request != nil && resp.StatusCode >= 500 && resp.StatusCode != http.StatusHTTPVersionNotSupported && resp.StatusCode != http.StatusNotImplemented && resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%q: %d %.300q", raw, resp.StatusCode, out)
		}
	})
}

// exchange sends bytes, says that there are no more, and reads to the end.
func (w *world) exchange(raw []byte) ([]byte, error) {
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(requestTimeout + 5*time.Second))
	_, _ = c.Write(raw) // it may be refused before its end
	_ = c.(*net.TCPConn).CloseWrite()
	out, err := io.ReadAll(c)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return out, errors.New("the connection stays open")
	}
	return out, nil // the other end may reset it
}
