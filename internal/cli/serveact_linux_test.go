package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// session opens one.
func (s *serving) session(t *testing.T) string {
	t.Helper()
	code, body := s.send(t, "POST", "/api/session", "", s.token)
	var got struct{ Session string }
	if err := json.Unmarshal([]byte(body), &got); err != nil || code != http.StatusCreated {
		t.Fatalf("%v %d %s", err, code, body)
	}
	return got.Session
}

// victimProcess is a process with a listener and a connection from this one, as the server shows it.
type victimProcess struct {
	cmd     *exec.Cmd
	port    string
	started string
}

// startVictim waits until the server has it.
func startVictim(t *testing.T, s *serving, env ...string) *victimProcess {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeVictim$")
	cmd.Env = append(append(os.Environ(), "SOCKEYE_VICTIM=1"), env...)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	v := &victimProcess{cmd: cmd}
	if _, err := fmt.Fscanln(out, &v.port); err != nil {
		t.Fatal(err)
	}
	testutil.Eventually(t, 10*time.Second, func() error {
		_, body := s.get(t, "/api/sockets?format=jsonl&filter=sport+%3D+"+v.port)
		var row struct {
			Owners []struct {
				PID     int
				Started string
			}
		}
		if json.Unmarshal([]byte(body), &row) != nil || len(row.Owners) == 0 || row.Owners[0].PID != cmd.Process.Pid {
			return fmt.Errorf("it is not there: %s", body)
		}
		v.started = row.Owners[0].Started
		return nil
	})
	return v
}

// TestServeVictim is that process.
func TestServeVictim(t *testing.T) {
	if os.Getenv("SOCKEYE_VICTIM") == "" {
		t.Skip("it is a part of TestServeKill")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fmt.Println(portOf(l.Addr()))
	time.Sleep(time.Minute)
}

// killed asks the server to end a process.
func (s *serving) kill(t *testing.T, secret string, body any) (int, killed) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	code, answer := s.send(t, "POST", "/api/actions/kill", string(text), secret)
	var k killed
	if err := json.Unmarshal([]byte(answer), &k); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return code, k
}

// TestServeKill: a process that the table shows is ended, if it is the one that was shown, by who has a session; the server, what
// has started it and the first process never are.
func TestServeKill(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: os.Geteuid() == 0}) {
		return
	}
	s := serveHere(t)
	v := startVictim(t, s)
	pid := v.cmd.Process.Pid
	session := s.session(t)
	if code, _ := s.send(t, "POST", "/api/actions/kill", fmt.Sprintf(`{"pid":%d,"started":%q}`, pid, v.started), s.token); code != http.StatusForbidden {
		t.Errorf("with the token alone: %d", code)
	}
	for body, says := range map[string]string{`{}`: "pid and started", `{"pid":1}`: "pid and started", `{"pid":5,"started":"then"}`: "parsing time", `[]`: "cannot unmarshal",
		fmt.Sprintf(`{"pid":%d,"started":%q,"signal":"NONE"}`, pid, v.started): "signal"} {
		if code, answer := s.send(t, "POST", "/api/actions/kill", body, session); code != http.StatusBadRequest || !strings.Contains(answer, says) || strings.Contains(answer, "--") {
			t.Errorf("%s: %d %s", body, code, answer)
		}
	}
	another, _ := time.Parse(time.RFC3339, v.started)
	if code, k := s.kill(t, session, killRequest{PID: pid, Started: another.Add(-time.Minute)}); code != 200 || k.Result != "gone" {
		t.Errorf("another start: %d %+v", code, k)
	}
	if err := v.cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Fatalf("it was ended: %v", err)
	}
	own := s.startOf(t, os.Getpid())
	if code, k := s.kill(t, session, killRequest{PID: os.Getpid(), Started: own}); code != 200 || k.Result != "refused" || k.Error == "" {
		t.Errorf("the server itself: %d %+v", code, k)
	}
	if code, k := s.kill(t, session, map[string]any{"pid": pid, "started": v.started}); code != 200 || k.Result != "ended" || k.PID != pid || k.Error != "" {
		t.Errorf("the process: %d %+v", code, k)
	}
	if text := s.errs.String(); !strings.Contains(text, fmt.Sprintf("[%d]: ended", pid)) {
		t.Errorf("the log says %s", text)
	}
	var exit *exec.ExitError
	if err := v.cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", err)
	}
}

// startOf is the start of a process as the rows have it.
func (s *serving) startOf(t *testing.T, pid int) (started time.Time) {
	t.Helper()
	testutil.Eventually(t, 5*time.Second, func() error {
		_, body := s.get(t, "/api/sockets?filter=pid+%3D+"+strconv.Itoa(pid))
		var doc struct {
			Sockets []struct {
				Owners []struct {
					PID     int
					Started time.Time
				}
			}
		}
		if err := json.Unmarshal([]byte(body), &doc); err != nil || len(doc.Sockets) == 0 {
			return fmt.Errorf("%w: %s", err, body)
		}
		started = doc.Sockets[0].Owners[0].Started
		return nil
	})
	return started
}

// TestServeKillAncestor: a server that runs below a program which owns a socket does not end that.
func TestServeKillAncestor(t *testing.T) {
	l, _ := connected(t) // held by this process, the parent of the one below
	defer l.Close()
	testutil.RunTest(t, "TestServeBelow", testutil.Child{Env: []string{"SOCKEYE_PARENT=" + strconv.Itoa(os.Getpid())}})
}

// TestServeBelow is that server.
func TestServeBelow(t *testing.T) {
	testutil.IsPart(t, "TestServeKillAncestor", testutil.Child{})
	parent, _ := strconv.Atoi(os.Getenv("SOCKEYE_PARENT"))
	s := serveHere(t)
	if _, k := s.kill(t, s.session(t), killRequest{PID: parent, Started: s.startOf(t, parent)}); k.Result != "refused" || !strings.Contains(k.Error, "has started this program") {
		t.Errorf("%+v", k)
	}
}

// closedOf asks the server to close, and gives results by cookie.
func (s *serving) close(t *testing.T, secret, body string) (results []string, answer string) {
	t.Helper()
	code, answer := s.send(t, "POST", "/api/actions/close", body, secret)
	var doc struct{ Connections []struct{ Result string } }
	if err := json.Unmarshal([]byte(answer), &doc); err != nil || code != 200 {
		t.Fatalf("%v %d: %s", err, code, answer)
	}
	for _, c := range doc.Connections {
		results = append(results, c.Result)
	}
	return results, answer
}

// TestServeClose: connections are closed by their rows and by a filter; those of the server are kept, a listener is none.
func TestServeClose(t *testing.T) {
	if testutil.NeedRoot(t); !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	s := serveHere(t)
	session := s.session(t)
	v := startVictim(t, s)
	nc := exec.Command(os.Args[0], "-test.run=^TestServeCaller$")
	nc.Env = append(os.Environ(), "SOCKEYE_CALL="+v.port)
	if err := nc.Start(); err != nil {
		t.Fatal(err)
	}
	row := s.untilRecorded(t, "/api/sockets?format=jsonl&filter=dport+%3D+"+v.port, `"cookie":`)
	row = strings.TrimSpace(row)
	listener := strings.TrimSpace(s.untilRecorded(t, "/api/listeners?format=jsonl&filter=sport+%3D+"+v.port, `"cookie":`))
	if code, _ := s.send(t, "POST", "/api/actions/close", `{"sockets":[`+row+`]}`, s.token); code != http.StatusForbidden {
		t.Errorf("with the token alone: %d", code)
	}
	results, answer := s.close(t, session, `{"sockets":[`+row+`,`+listener+`,{"proto":"tcp","cookie":1}]}`)
	if strings.Join(results, " ") != "closed gone refused" && strings.Join(results, " ") != "closed refused gone" {
		if strings.Contains(answer, `"unsupported"`) {
			t.Skip("this kernel cannot close connections")
		}
		t.Errorf("%s", answer)
	}
	if text := s.errs.String(); strings.Count(text, "closed over HTTP: tcp 127.0.0.1:") != 1 {
		t.Errorf("the log says %s", text)
	}
	if err := nc.Wait(); err != nil {
		t.Errorf("who held it: %v", err)
	}
	if results, _ := s.close(t, session, `{"sockets":[`+row+`]}`); strings.Join(results, " ") != "gone" {
		t.Errorf("again: %v", results)
	}
	_, own := connected(t)
	defer own.Close()
	if results, answer := s.close(t, session, `{"filter":"dport = `+portOf(own.RemoteAddr())+`"}`); strings.Join(results, " ") != "kept" || !strings.Contains(answer, "held by this server") {
		t.Errorf("the server's own: %s", answer)
	}
	for body, says := range map[string]string{`{}`: "one of them", `{"filter":"x","sockets":[{"proto":"tcp","cookie":1}]}`: "one of them", `{"filter":"state"}`: "expected a state",
		`{"sockets":[{"cookie":1}]}`: "no proto", `{"sockets":[{"proto":"tcp"}]}`: "neither cookie nor addresses", `{"sockets":[` + strings.Repeat(`{"proto":"tcp","cookie":1},`, mostRows) + `{"proto":"tcp","cookie":1}]}`: "at most"} {
		if code, answer := s.send(t, "POST", "/api/actions/close", body, session); code != http.StatusBadRequest || !strings.Contains(answer, says) {
			t.Errorf("%.60s: %d %s", body, code, answer)
		}
	}
}

// TestServeCaller holds a connection until it is closed over its head.
func TestServeCaller(t *testing.T) {
	port := os.Getenv("SOCKEYE_CALL")
	if port == "" {
		t.Skip("it is a part of TestServeClose")
	}
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNABORTED) {
		t.Errorf("it ends with %v", err)
	}
}

// TestServeReadOnly: nothing can be done through a server that is read-only.
func TestServeReadOnly(t *testing.T) {
	s := serveHere(t, "--read-only")
	session := s.session(t)
	for _, action := range []string{"close", "kill", "reload"} {
		if code, body := s.send(t, "POST", "/api/actions/"+action, `{"filter":"dport = 1"}`, session); code != http.StatusForbidden || !strings.Contains(body, "read-only") {
			t.Errorf("%s: %d %s", action, code, body)
		}
	}
}
