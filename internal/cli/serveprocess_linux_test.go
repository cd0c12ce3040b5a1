package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestServeKillIdle: a process whose sockets are closed is ended by its row of the table of processes, if the start is the row's;
// when it has ended, the row ends nobody.
func TestServeKillIdle(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: os.Geteuid() == 0}) {
		return
	}
	s := serveHere(t)
	cmd, release := startIdle(t)
	pid, session := cmd.Process.Pid, s.session(t)
	row := s.processRow(t, pid)
	release()
	testutil.Eventually(t, 10*time.Second, func() error {
		if _, body := s.get(t, fmt.Sprintf("/api/sockets?format=jsonl&filter=pid+%%3D+%d", pid)); body != "" {
			return fmt.Errorf("it holds %s", body)
		}
		return nil
	})
	if again := s.processRow(t, pid); again != row {
		t.Errorf("the start is %v, then %v", row.Started, again.Started)
	}
	if code, k := s.kill(t, session, killRequest{PID: pid, Started: row.Started.Add(time.Minute)}); code != 200 || k.Result != "gone" {
		t.Errorf("another start: %d %+v", code, k)
	}
	if code, k := s.kill(t, session, killRequest{PID: pid, Started: row.Started}); code != 200 || k.Result != "ended" || k.Name == "" {
		t.Errorf("%d %+v", code, k)
	}
	_ = cmd.Wait() // ended by a signal
	if code, k := s.kill(t, session, killRequest{PID: pid, Started: row.Started}); code != 200 || k.Result != "gone" || k.Error == "" {
		t.Errorf("again: %d %+v", code, k)
	}
}

// processRow is what is needed of a row of /api/processes.
type processRow struct {
	PID     int
	Started time.Time
}

func (s *serving) processRow(t *testing.T, pid int) (row processRow) {
	t.Helper()
	testutil.Eventually(t, 10*time.Second, func() error {
		_, body := s.get(t, "/api/processes?format=jsonl")
		for line := range strings.Lines(body) {
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				return err
			}
			if row.PID == pid && !row.Started.IsZero() {
				return nil
			}
		}
		return fmt.Errorf("%d is not in %s", pid, body)
	})
	return row
}

// startIdle starts a process that has a connection, until release.
func startIdle(t *testing.T) (cmd *exec.Cmd, release func()) {
	t.Helper()
	cmd = exec.Command(os.Args[0], "-test.run=^TestServeIdle$")
	cmd.Env = append(os.Environ(), "SOCKEYE_IDLE=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewReader(out)
	next := func() {
		if line, err := lines.ReadString('\n'); err != nil {
			t.Fatalf("%v after %q", err, line)
		}
	}
	next()
	return cmd, func() { in.Close(); next() }
}

// TestServeIdle is that process.
func TestServeIdle(t *testing.T) {
	if os.Getenv("SOCKEYE_IDLE") == "" {
		t.Skip("it is a part of TestServeKillIdle")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	other, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("connected")
	_, _ = io.ReadAll(os.Stdin)
	for _, side := range []io.Closer{l, c, other} {
		side.Close()
	}
	fmt.Println("closed")
	time.Sleep(time.Minute)
}
