package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// theSecret is in the command line of a process of root, which listens, and opens and closes connections.
const theSecret = "--password=hunter2"

// TestStranger: an ordinary user gets at the command line of another's process by no way through a server of root: not by any
// path of the interface in any format, not by the stream, the pipe, the token's file, nor by a client with these.
func TestStranger(t *testing.T) {
	testutil.NeedRoot(t)
	dir := testutil.PublicDir(t)
	token := filepath.Join(dir, "token")
	if err := os.WriteFile(token, []byte("a-token-for-this-test"), 0o600); err != nil {
		t.Fatal(err)
	}
	port := startSecret(t)
	s := serveHere(t, "--pipe", filepath.Join(dir, "p"), "--token-file", token, "--history", filepath.Join(dir, "history.db"), "--history-learn", "0")
	testutil.Eventually(t, 10*time.Second, func() error { // or there would be nothing to hide
		code, out, errs := run(nil, "list", "--from", s.url, "--token-file", token, "--json", "--details", "-p", "sport", "=", port)
		if code != exitFound || !strings.Contains(out, theSecret) {
			return fmt.Errorf("root sees %d %s %s", code, out, errs)
		}
		return nil
	})
	testutil.RunTest(t, "TestAsStranger", testutil.Child{UID: 1234, Env: []string{"SOCKEYE_TEST_DIR=" + dir, "SOCKEYE_TEST_URL=" + s.url, "SOCKEYE_TEST_PORT=" + port}})
}

// startSecret starts that process.
func startSecret(t *testing.T) (port string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSecret$", "--", theSecret)
	cmd.Env = append(os.Environ(), "SOCKEYE_TEST_SECRET=1")
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

// TestSecret is that process.
func TestSecret(t *testing.T) {
	if os.Getenv("SOCKEYE_TEST_SECRET") == "" {
		t.Skip("it is a part of TestStranger")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	fmt.Println(port)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		other, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
		c.Close()
		other.Close()
	}
}

// TestAsStranger is that user.
func TestAsStranger(t *testing.T) {
	testutil.IsPart(t, "TestStranger", testutil.Child{UID: 1234})
	dir, url := os.Getenv("SOCKEYE_TEST_DIR"), os.Getenv("SOCKEYE_TEST_URL")
	for _, path := range documentedPaths(t) {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
			for _, query := range []string{"", "?format=csv", "?format=jsonl", "?filter=process+~+.&sort=process,pid"} {
				if !strings.HasPrefix(path, "/api/events") {
					checkAnswer(t, method, path+query)
				}
			}
		}
	}
	checkAnswer(t, "GET", "/api/events?topics=processes,units,news")
	checkOpenStream(t)
	token := filepath.Join(dir, "token")
	if text, err := os.ReadFile(token); err == nil {
		t.Errorf("the token's file can be read: %s", text)
	}
	for _, line := range [][]string{{"--from", url, "--token-file", token}, {"--from", filepath.Join(dir, "p")}} {
		if code, out, errs := run(nil, append([]string{"list", "--json", "--details"}, line...)...); code != exitUnknown || out != "" {
			t.Errorf("list %v: %d %.200s %s", line, code, out, errs)
		}
	}
	if code, out, errs := run(nil, "list", "--from", url, "--json", "--details"); code != exitFound || !strings.Contains(out, os.Getenv("SOCKEYE_TEST_PORT")) || tells(out) {
		t.Errorf("list without the token: %d %.300s %s", code, out, errs)
	}
}

// tells reports whether a text has something of the process, or of any.
func tells(text string) bool {
	return slices.ContainsFunc([]string{"hunter2", "cli.test", `"pid":`, `"exe":`, `"cmdline":`, "a-token-for-this-test"}, func(word string) bool { return strings.Contains(text, word) })
}

func documentedPaths(t *testing.T) (all []string) {
	t.Helper()
	_, body := getPlain(t, "/api/openapi.json")
	var d struct{ Paths map[string]json.RawMessage }
	if err := json.Unmarshal([]byte(body), &d); err != nil || len(d.Paths) < 10 {
		t.Fatalf("%v: %d paths", err, len(d.Paths))
	}
	for path := range d.Paths {
		if path != "/api/openapi.json" {
			all = append(all, strings.Replace(path, "{action}", "kill", 1))
		}
	}
	return all
}

func checkAnswer(t *testing.T, method, target string) {
	t.Helper()
	r, err := http.NewRequest(method, os.Getenv("SOCKEYE_TEST_URL")+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || tells(string(body)) || tells(fmt.Sprint(resp.Header)) || resp.StatusCode >= 500 {
		t.Errorf("%s %s: %d %v %.300s", method, target, resp.StatusCode, err, body)
	}
	for _, private := range []string{"/api/processes", "/api/units", "/api/history/", "/api/session", "/api/actions/", "/metrics"} {
		if strings.HasPrefix(target, private) && resp.StatusCode/100 != 4 {
			t.Errorf("%s %s: %d", method, target, resp.StatusCode)
		}
	}
}

// checkOpenStream reads the stream for as long as it takes to see connections of the process open and close.
func checkOpenStream(t *testing.T) {
	t.Helper()
	resp, err := http.Get(os.Getenv("SOCKEYE_TEST_URL") + "/api/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	port, in := []byte(os.Getenv("SOCKEYE_TEST_PORT")), bufio.NewReader(resp.Body)
	seen := map[string]bool{}
	for end := time.Now().Add(20 * time.Second); !seen[`"opened"`] || !seen[`"closed"`]; {
		line, err := in.ReadBytes('\n')
		if err != nil || time.Now().After(end) {
			t.Fatalf("%v: seen %v", err, seen)
		}
		if tells(string(line)) {
			t.Fatalf("the stream tells %.500s", line)
		}
		for _, kind := range []string{`"opened"`, `"closed"`} {
			if bytes.Contains(line, []byte(kind)) && bytes.Contains(line, port) {
				seen[kind] = true
			}
		}
	}
}
