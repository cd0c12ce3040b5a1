package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

func TestMayControl(t *testing.T) {
	own := uint32(os.Geteuid())
	for peer, may := range map[*pipe.Identity]bool{{}: false, {User: "x", UID: own}: true, {User: "0"}: true, {User: "x", UID: own + 1}: false} {
		if mayControl(*peer) != may {
			t.Errorf("%+v", peer)
		}
	}
}

// TestOtherUser: what another user of the machine gets of a server of root: by HTTP no word about processes and nothing of what
// was, by the pipe and from the history's files nothing.
func TestOtherUser(t *testing.T) {
	testutil.NeedRoot(t)
	const folder = "SOCKEYE_TEST_SERVER"
	dir := testutil.PublicDir(t)
	s := serveHere(t, "--pipe", filepath.Join(dir, "p"), "--history", filepath.Join(dir, "history.db"), "--history-learn", "0")
	s.untilRecorded(t, "/api/history/listeners", "cli.test")
	testutil.RunTest(t, "TestAsOtherUser", testutil.Child{UID: 1234, Env: []string{folder + "=" + dir, "SOCKEYE_TEST_URL=" + s.url}})
}

// TestAsOtherUser is that user.
func TestAsOtherUser(t *testing.T) {
	testutil.IsPart(t, "TestOtherUser", testutil.Child{UID: 1234})
	dir := os.Getenv("SOCKEYE_TEST_SERVER")
	var out, errs bytes.Buffer
	if code := realEnv(&out, &errs).Run(context.Background(), []string{"serve", "status", "--pipe", filepath.Join(dir, "p")}); code != exitUnknown || out.Len() > 0 {
		t.Errorf("over the pipe: %d %s %s", code, out.String(), errs.String())
	}
	if code, stdout, stderr := run(nil, "history", "--file", filepath.Join(dir, "history.db")); code != exitUnknown || stdout != "" || !strings.Contains(stderr, "may not read") {
		t.Errorf("of the history: %d %s %s", code, stdout, stderr)
	}
	checkFiles(t, dir)
	for _, path := range []string{"span", "connections", "listeners", "groups", "news", "interfaces"} {
		if code, body := getPlain(t, "/api/history/"+path); code != http.StatusUnauthorized || strings.Contains(body, "cli.test") {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, body := getPlain(t, "/api/events?topics=news"); code != http.StatusUnauthorized {
		t.Errorf("news: %d %s", code, body)
	}
	if _, body := getPlain(t, "/api/status"); strings.Contains(body, dir) || strings.Contains(body, `"history"`) {
		t.Errorf("the status says %s", body)
	}
	checkSockets(t)
}

// getPlain asks without the token.
func getPlain(t *testing.T, path string) (int, string) {
	t.Helper()
	resp, err := http.Get(os.Getenv("SOCKEYE_TEST_URL") + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// checkFiles: no file of the server can be read, and the history's are its user's alone whatever the folder lets others do.
func checkFiles(t *testing.T, dir string) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	history := make(map[string]bool)
	for _, f := range files {
		if text, err := os.ReadFile(filepath.Join(dir, f.Name())); err == nil && strings.HasPrefix(f.Name(), "history") {
			t.Errorf("%s can be read: %d bytes", f.Name(), len(text))
		}
		if !strings.HasPrefix(f.Name(), "history.db") {
			continue
		}
		if info, err := f.Info(); err != nil || info.Mode() != 0o600 || info.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s: %v %v", f.Name(), info, err)
		}
		history[f.Name()] = true
	}
	for _, name := range []string{"history.db", "history.db-wal", "history.db-shm", "history.db.lock"} {
		if !history[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// checkSockets: the sockets are shown, and nobody's.
func checkSockets(t *testing.T) {
	resp, err := http.Get(os.Getenv("SOCKEYE_TEST_URL") + "/api/sockets?format=json")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc farDocument
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	for _, s := range doc.Sockets {
		if len(s.Owners) > 0 || s.Module != "" || strings.Contains(fmt.Sprint(s), "cli.test") {
			t.Errorf("%+v", s)
		}
	}
	if len(doc.Sockets) == 0 {
		t.Error("it sees no socket")
	}
}
