package web

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// secretHolder is a process with a secret in its command line, which listens on a port.
func secretHolder(t *testing.T, secret string) (port string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSecretHolder$", "--", secret)
	cmd.Env = append(os.Environ(), "SOCKEYE_HOLD=1")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// TestSecretHolder is that process.
func TestSecretHolder(t *testing.T) {
	if os.Getenv("SOCKEYE_HOLD") == "" {
		t.Skip("it is a part of TestCommandLines")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	fmt.Println(port)
	time.Sleep(time.Minute)
	l.Close()
}

// TestCommandLines: without the token nothing that the server tells has a word of another's command line, nor its name or id,
// and no filter or order can be used to guess it. With the token it is there.
func TestCommandLines(t *testing.T) {
	const secret = "--password=hunter2"
	port := secretHolder(t, secret)
	w := newWorld(t)
	find := "/api/sockets?filter=sport+%3D+" + port
	testutil.Eventually(t, 5*time.Second, func() error {
		if _, body := w.get(t, find, withToken); !strings.Contains(body, secret) || !strings.Contains(body, "web.test") {
			return fmt.Errorf("with the token: %s", body)
		}
		return nil
	})
	_, public := w.get(t, find)
	if !strings.Contains(public, `"local_port":`+port) || !strings.Contains(public, `"owner_missing":"permission"`) {
		t.Errorf("the socket itself is not shown: %s", public)
	}
	for _, route := range routeTable() {
		if route.path == "/api/events" {
			continue
		}
		for _, method := range []string{"GET", "POST"} {
			_, _, body := w.do(t, method, strings.Replace(route.path, "{action}", "echo", 1), "")
			checkNothing(t, route.path, body)
		}
	}
	for _, format := range []string{"json", "jsonl", "csv"} {
		_, body := w.get(t, "/api/listeners?sort=process,pid&format="+format)
		checkNothing(t, format, body)
	}
	_, without := w.get(t, find+"+and+process+%21%3D+nothing")
	for _, guess := range []string{"process+~+web", "process+%3D+web.test", "pid+%3E+0", "fd+%3E%3D+0", "owner+%3D+some", "unit+~+.", "not+process+%21~+web"} {
		_, body := w.get(t, find+"+and+"+guess)
		if strings.Contains(body, `"local_port":`+port) {
			t.Errorf("the filter %s finds the process: %s", guess, body)
		}
	}
	if !strings.Contains(without, `"local_port":`+port) {
		t.Errorf("the filter is not heeded: %s", without)
	}
	checkStream(t, w, secret, port)
}

func checkNothing(t *testing.T, what, body string) {
	t.Helper()
	for _, word := range []string{"hunter2", `"pid":`, `"exe":`, `"cmdline":`, `"name":"`, "web.test"} {
		if what != "/api/openapi.json" && strings.Contains(body, word) {
			t.Errorf("%s tells %s: %.300s", what, word, body)
		}
	}
}

// checkStream looks at the first frames of both kinds of viewers.
func checkStream(t *testing.T, w *world, secret, port string) {
	t.Helper()
	for _, headers := range [][]string{nil, {withToken}} {
		s := w.open(t, "/api/events?topics=sockets,events&filter=sport+%3D+"+port, headers...)
		f := s.until(t, "sockets")
		s.close()
		if told := strings.Contains(f, "hunter2"); told != (headers != nil) {
			t.Errorf("the stream with %v: %s", headers, f)
		}
	}
}

// TestTokens: a wrong one is refused, also where none is needed; sessions end.
func TestTokens(t *testing.T) {
	t.Run("open", func(t *testing.T) { checkTokens(t, newWorld(t), true) })
	t.Run("closed", func(t *testing.T) { checkTokens(t, newWorld(t, func(c *Config) { c.Open = false }), false) })
}

func checkTokens(t *testing.T, w *world, open bool) {
	for _, c := range []struct {
		open    bool
		target  string
		headers []string
		code    int
	}{
		{true, "/api/sockets", nil, 200},
		{true, "/api/processes", nil, 401},
		{true, "/api/processes", []string{withToken}, 200},
		{true, "/api/processes", []string{"Authorization: bearer " + testToken}, 200},
		{true, "/api/sockets", []string{"Authorization: Bearer wrong"}, 401},
		{true, "/api/sockets", []string{"Authorization: Bearer "}, 401},
		{true, "/api/processes", []string{"Authorization: Basic " + testToken}, 401},
		{true, "/api/processes", []string{"Cookie: token=" + testToken}, 401},
		{true, "/metrics", nil, 401},
		{true, "/api/history/span", nil, 401},
		{true, "/api/history/span", []string{withToken}, 200},
		{true, "/api/history/connections", nil, 401},
		{true, "/api/history/connections", []string{withToken}, 404},
		{false, "/", nil, 200},
		{false, "/api/openapi.json", nil, 200},
		{false, "/api/sockets", nil, 401},
		{false, "/api/status", nil, 401},
		{false, "/api/events", nil, 401},
		{false, "/api/sockets", []string{withToken}, 200},
	} {
		if c.open != open {
			continue
		}
		if code, body := w.get(t, c.target, c.headers...); code != c.code {
			t.Errorf("%s with %v: %d, want %d: %.200s", c.target, c.headers, code, c.code, body)
		}
	}
}

// TestSessions: what changes something takes a session and not the token, and nothing can be changed where it is read-only.
func TestSessions(t *testing.T) {
	w := newWorld(t)
	const act = "/api/actions/echo"
	if code, _, body := w.do(t, "POST", act, `{"a":1}`, withToken); code != 403 || !strings.Contains(body, "session") {
		t.Errorf("with the token: %d %s", code, body)
	}
	code, _, body := w.do(t, "POST", "/api/session", "", withToken)
	session := "Authorization: Bearer " + between(body, `"session":"`, `"`)
	if code != http.StatusCreated {
		t.Fatalf("%d %s", code, body)
	}
	if code, _, body := w.do(t, "POST", act, `{"a":1}`, session); code != 200 || strings.TrimSpace(body) != `{"a":1}` {
		t.Errorf("with a session: %d %s", code, body)
	}
	if code, _, body := w.do(t, "POST", act, `{"a":1}`, session, "Origin: http://evil.example"); code != 403 {
		t.Errorf("from elsewhere: %d %s", code, body)
	}
	if code, _, _ := w.do(t, "POST", "/api/actions/other", "", session); code != 404 {
		t.Errorf("another action: %d", code)
	}
	if code, _, _ := w.do(t, "DELETE", "/api/session", "", session); code != 204 {
		t.Errorf("ending it: %d", code)
	}
	if code, _, _ := w.do(t, "POST", act, "", session); code != 401 {
		t.Errorf("after its end: %d", code)
	}
}

func TestReadOnly(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.ReadOnly = true })
	const act = "/api/actions/echo"
	_, _, body := w.do(t, "POST", "/api/session", "", withToken)
	session := "Authorization: Bearer " + between(body, `"session":"`, `"`)
	if code, _, body := w.do(t, "POST", act, "", session); code != 403 || !strings.Contains(body, "read-only") {
		t.Errorf("read-only: %d %s", code, body)
	}
}

// TestKeys is about time and numbers.
func TestKeys(t *testing.T) {
	now := time.Unix(1e9, 0)
	k := NewKeys("a token", func() time.Time { return now })
	first, _ := k.open()
	now = now.Add(sessionLife - time.Second)
	if g, ok := k.check(first); !ok || !g.change {
		t.Error("a session ended early")
	}
	now = now.Add(sessionLife - time.Second) // it was used
	if _, ok := k.check(first); !ok {
		t.Error("a session that was used ended early")
	}
	now = now.Add(sessionLife)
	if _, ok := k.check(first); ok {
		t.Error("a session does not end")
	}
	second, _ := k.open()
	for range maxSessions + 5 {
		now = now.Add(time.Millisecond)
		k.open()
	}
	if _, ok := k.check(second); ok || len(k.sessions) != maxSessions {
		t.Errorf("%d sessions, and the oldest is there: %v", len(k.sessions), ok)
	}
	last, _ := k.open()
	k.Replace("a token")
	if _, ok := k.check(last); !ok {
		t.Error("the same token ended a session")
	}
	k.Replace("another")
	for _, s := range []string{last, "a token", ""} {
		if _, ok := k.check(s); ok {
			t.Errorf("%q still opens", s)
		}
	}
}
