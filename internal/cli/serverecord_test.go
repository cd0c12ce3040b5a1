package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// ask sends a request with the token, or with what is given for it.
func (s *serving) send(t *testing.T, method, target, body, secret string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, s.url+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if secret != "" {
		r.Header.Set("Authorization", "Bearer "+secret)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (s *serving) get(t *testing.T, target string) (int, string) {
	t.Helper()
	return s.send(t, http.MethodGet, target, "", s.token)
}

// untilRecorded waits until an answer has a text.
func (s *serving) untilRecorded(t *testing.T, target, text string) (body string) {
	t.Helper()
	testutil.Eventually(t, 15*time.Second, func() error {
		code, got := s.get(t, target)
		if body = got; code != 200 || !strings.Contains(got, text) {
			return fmt.Errorf("%s: %d %s", target, code, got)
		}
		return nil
	})
	return body
}

// connected is a connection to a listener, both of this process, whose ports are told.
func connected(t *testing.T) (l net.Listener, c net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		c, err = net.Dial("tcp", l.Addr().String())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); c.Close() })
	return l, c
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// TestServeRecords: what happens is there a few seconds later over HTTP and the pipe, in every form; what happens until the end
// is in the file afterwards, which nobody else may read.
func TestServeRecords(t *testing.T) {
	file := filepath.Join(t.TempDir(), "h.db")
	s := serveHere(t, "--history", file, "--history-learn", "0")
	l, c := connected(t)
	port := portOf(l.Addr())
	filter := "?filter=" + url.QueryEscape("sport = "+port)
	s.untilRecorded(t, "/api/history/listeners"+filter, `"opened":`)
	body := s.untilRecorded(t, "/api/history/connections?filter="+url.QueryEscape("dport = "+port), `"open":true`)
	var doc struct {
		Schema      int
		Connections []struct{ Owners []struct{ PID int } }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || doc.Schema != 1 || len(doc.Connections) != 1 || doc.Connections[0].Owners[0].PID != os.Getpid() {
		t.Errorf("%v: %s", err, body)
	}
	s.checkForms(t, filter, port)
	s.checkWrongQuestions(t)
	if text := s.ask("status"); !strings.Contains(text, "history   "+file) || !strings.Contains(text, "recording for") {
		t.Errorf("status: %s", text)
	}
	c.Close()
	last, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	time.Sleep(300 * time.Millisecond) // one reading
	s.ask("stop")
	if code := <-s.done; code != exitFound {
		t.Errorf("it ends with %d: %s", code, s.errs)
	}
	s.done <- 0
	if code, out, errs := run(nil, "history", "--file", file, "-l", "--jsonl", "sport = "+portOf(last.Addr())); code != exitFound {
		t.Errorf("what was seen last: %d %s %s", code, out, errs)
	}
	info, err := os.Stat(file)
	if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

// checkForms asks in all forms, and over the pipe.
func (s *serving) checkForms(t *testing.T, filter, port string) {
	t.Helper()
	for path, has := range map[string]string{
		"span": `"recording":true`, "listeners" + filter + "&format=csv": "," + port + ",", "listeners" + filter + "&format=jsonl&limit=1": `"local_port":` + port,
		"listeners" + filter + "&at=now": `"listeners":[`, "listeners" + filter + "&gone=true": `"listeners":[`, "groups?by=port": `"groups":[`, "groups": `"by":"process"`,
		"news?kind=listener": `"event":"new_listener"`, "news?kind=program&limit=1": `"event":"new_program"`, "interfaces?interface=lo&from=5+min+ago": `"interfaces":[`,
	} {
		code, body := s.get(t, "/api/history/"+path)
		if code != 200 || !strings.Contains(body, has) {
			t.Errorf("%s: %d %.300s", path, code, body)
		}
	}
	if _, body := s.get(t, "/api/history/news?kind=program"); strings.Contains(body, "new_listener") {
		t.Errorf("news of another kind: %s", body)
	}
	if code, _ := s.send(t, "GET", "/api/history/span", "", ""); code != http.StatusUnauthorized {
		t.Errorf("without the token: %d", code)
	}
}

func (s *serving) checkWrongQuestions(t *testing.T) {
	t.Helper()
	for query, says := range map[string]string{
		"connections?at=parsec": "no time is called", "connections?at=now&from=today": "at does not go with", "connections?limit=0": "limit is",
		"connections?limit=100001": "limit is", "connections?filter=colour": "filter", "connections?format=xml": "format is", "connections?by=day": "no parameter",
		"groups?by=colour": "by is one of", "news?kind=colour": "no news is called", "listeners?gone=maybe": "gone is true or false", "interfaces?filter=x": "no parameter",
		"connections?from=today&to=yesterday": "from is not before to",
	} {
		if code, body := s.get(t, "/api/history/"+query); code != http.StatusBadRequest || !strings.Contains(body, says) || strings.Contains(body, "--") {
			t.Errorf("%s: %d %s", query, code, body)
		}
	}
	if code, _ := s.get(t, "/api/history/colours"); code != http.StatusNotFound {
		t.Errorf("a path that is not: %d", code)
	}
}

// TestServeNews: what is new comes over the stream, and to a command.
func TestServeNews(t *testing.T) {
	s := serveHere(t, "--history", filepath.Join(t.TempDir(), "h.db"), "--history-learn", "0")
	s.untilRecorded(t, "/api/history/news", "new_listener") // the server itself
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/api/events?topics=news", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	l, _ := connected(t)
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), `data: {"news":`)
		if is && strings.Contains(data, `"event":"new_listener"`) && strings.Contains(data, `"local_port":`+portOf(l.Addr())) && strings.Contains(data, "-test.") {
			return // with its command line
		}
	}
	t.Error(lines.Err())
}

// TestServeHistoryTrouble: what keeps from recording does not keep from serving, and is said, unless the file was named.
func TestServeHistoryTrouble(t *testing.T) {
	state := t.TempDir()
	file := filepath.Join(state, "sockeye", "history.db")
	first := serveHere(t, "--history", inFolder(t, file))
	code, _, errs := run(nil, "serve", "--addr", "127.0.0.1:0", "--pipe", "", "--history", file)
	if code != exitUnknown || !strings.Contains(errs, "another process records") || strings.Count(errs, "\n") != 1 {
		t.Errorf("a second one with the same file: %d %q", code, errs)
	}
	second := serveWith(t, map[string]string{"SOCKEYE_HISTORY": file})
	if text := second.ask("status"); !strings.Contains(text, "not recording") || !strings.Contains(text, "missing   nothing is recorded: ") {
		t.Errorf("status: %s", text)
	}
	if code, body := second.get(t, "/api/history/span"); code != 200 || !strings.Contains(body, `"recording":false`) || !strings.Contains(body, `"why":"nothing is recorded`) {
		t.Errorf("span: %d %s", code, body)
	}
	if n := strings.Count(second.errs.String(), "another process records"); n != 1 {
		t.Errorf("it is said %d times: %s", n, second.errs)
	}
	first.ask("stop")
	<-first.done
	first.done <- 0
	second.untilRecorded(t, "/api/history/span", `"recording":true`)
	testutil.Eventually(t, 5*time.Second, func() error { // what is missing is known by the next reading
		if text := second.ask("status"); strings.Contains(text, "nothing is recorded") || !strings.Contains(text, "recording for") {
			return fmt.Errorf("status when the first has ended: %s", text)
		}
		return nil
	})
}

// TestServeNowhere: a place that cannot be written keeps nobody from serving.
func TestServeNowhere(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveWith(t, map[string]string{"SOCKEYE_HISTORY": filepath.Join(file, "folder", "h.db")})
	if code, body := s.get(t, "/api/sockets"); code != 200 || !strings.Contains(body, "nothing is recorded: ") {
		t.Errorf("%d %.300s", code, body)
	}
	want := http.StatusServiceUnavailable
	if runtime.GOOS == "windows" { // where a path below a file is one that does not exist
		want = http.StatusNotFound
	}
	if code, body := s.get(t, "/api/history/connections"); code != want || !strings.Contains(body, "h.db") {
		t.Errorf("%d %s", code, body)
	}
	if !strings.Contains(s.errs.String(), "sockeye: note: nothing is recorded: ") {
		t.Errorf("it says %s", s.errs)
	}
}

// TestPastBroken: a question whose client has gone is broken off.
func TestPastBroken(t *testing.T) {
	e := realEnv(io.Discard, io.Discard)
	p := &past{e, &recording{env: e, path: recorded(t)}}
	ctx, cancel := context.WithCancel(t.Context())
	for _, path := range []string{"connections", "groups", "news", "interfaces", "listeners"} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/api/history/"+path+"?from=2026-03-01&to=2026-03-05", nil))
		if w.Code != 200 || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	cancel()
	for _, path := range []string{"connections", "groups", "news", "interfaces", "listeners"} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/api/history/"+path, nil))
		if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "too long") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// inFolder makes the folder of a file.
func inFolder(t *testing.T, file string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestServeDamaged: a damaged file is kept beside a new one, and one of a later sockeye is left as it is.
func TestServeDamaged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "h.db")
	if err := os.WriteFile(file, bytes.Repeat([]byte("SQLite?"), 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveHere(t, "--history", file)
	if text := s.errs.String(); !strings.Contains(text, "the history was damaged: it is kept as "+file+".damaged-") {
		t.Errorf("it says %s", text)
	}
	s.untilRecorded(t, "/api/history/span", `"recording":true`)
	old, _ := filepath.Glob(file + ".damaged-*")
	if len(old) != 1 {
		t.Errorf("%v", old)
	}
}

// TestServeRefusesHistory: what stands in the way of a file that was named is one line, and no server.
func TestServeRefusesHistory(t *testing.T) {
	for line, says := range map[string]string{
		"--history /nonexistent/folder/h.db":               "h.db",
		"--history x --no-history":                         "none of the others can be",
		"--history-size 4X":                                "is no size",
		"--history-keep soon":                              "is no span of time",
		"--no-history --alert-command true":                "alerts need a history",
		"--history H --alert-kinds x --alert-command true": "no news is called",
		"--history H --alert-command /nonexistent/x":       "the alert command",
		"--history H --alert-webhook http://example.com/":  "has to be https",
	} {
		line = strings.ReplaceAll(line, "H", filepath.Join(t.TempDir(), "h"))
		code, out, errs := run(nil, append([]string{"serve", "--pipe", "", "--addr", "127.0.0.1:0", "--method", "poll"}, strings.Fields(line)...)...)
		if code != exitUnknown || out != "" || !strings.Contains(errs, says) || strings.Count(errs, "\n") != 1 {
			t.Errorf("serve %s: %d %q %q", line, code, out, errs)
		}
	}
}

// TestServeWithoutHistory: where nothing is recorded the API says so.
func TestServeWithoutHistory(t *testing.T) {
	s := serveHere(t)
	if code, body := s.get(t, "/api/history/span"); code != 200 || strings.TrimSpace(body) != `{"recording":false,"sessions":[],"gaps":[]}` {
		t.Errorf("span: %d %s", code, body)
	}
	if code, _ := s.get(t, "/api/history/news"); code != http.StatusNotFound {
		t.Errorf("news: %d", code)
	}
	if text := s.ask("status"); strings.Contains(text, "history") {
		t.Errorf("status: %s", text)
	}
}

// TestLimits: flags of ages and sizes read what they write.
func TestLimits(t *testing.T) {
	for text, want := range map[string]time.Duration{"92d": 92 * 24 * time.Hour, "36h": 36 * time.Hour, "0": 0} {
		var a ageFlag
		if err := a.Set(text); err != nil || time.Duration(a) != want {
			t.Errorf("%s: %v %v", text, a, err)
		}
		var again ageFlag
		if err := again.Set(a.String()); err != nil || again != a {
			t.Errorf("%s: %v %v", a.String(), again, err)
		}
	}
	for text, want := range map[string]int64{"4G": 4 << 30, "500MiB": 500 << 20, "1.5k": 1536, "0": 0, "12b": 12} {
		var s sizeFlag
		if err := s.Set(text); err != nil || int64(s) != want {
			t.Errorf("%s: %v %v", text, s, err)
		}
		var again sizeFlag
		if err := again.Set(s.String()); err != nil || again != s {
			t.Errorf("%s: %v %v", s.String(), again, err)
		}
	}
	for _, text := range []string{"-1d", "d", "1w", "-5h", ""} {
		if err := new(ageFlag).Set(text); err == nil {
			t.Errorf("the age %q is taken", text)
		}
	}
	for _, text := range []string{"-1", "G", "4X", "NaN", "1e40T", ""} {
		if err := new(sizeFlag).Set(text); err == nil {
			t.Errorf("the size %q is taken", text)
		}
	}
	if l := (&recordFlags{}).limits(); l != (history.Limits{Lives: -1, Size: -1}) {
		t.Errorf("%+v", l)
	}
}
