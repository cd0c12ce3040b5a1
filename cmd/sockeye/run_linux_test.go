package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// These tests run the built program on this machine as it is. What root sees and others do not is skipped without root.

var buildDir string

const builtEnv = "SOCKEYE_TEST_BUILT"

func TestMain(m *testing.M) {
	code := m.Run()
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// build builds the program once, where every user may run it.
var build = sync.OnceValues(func() (path string, err error) {
	if path := os.Getenv(builtEnv); path != "" { // in the child of a test: its parent has built it
		return path, nil
	}
	if buildDir, err = os.MkdirTemp("", "sockeye-e2e-"); err != nil {
		return "", err
	}
	if err = os.Chmod(buildDir, 0o755); err != nil {
		return "", err
	}
	path = filepath.Join(buildDir, "sockeye")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", path, ".") // git answers to its owner only
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out) + err.Error())
	}
	return path, os.Chmod(path, 0o755)
})

// program is a command that runs sockeye, with nothing in its environment that would change what it does.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	testutil.NeedTool(t, "go")
	path, err := build()
	if err != nil {
		t.Fatal("go build: ", err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = []string{"PATH=" + filepath.Dir(path) + ":" + os.Getenv("PATH"), "TERM=xterm"}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// result is what a command gave.
type result struct {
	out, err string
	code     int
}

func finish(t *testing.T, cmd *exec.Cmd) (r result) {
	t.Helper()
	var out, errs bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &errs
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// sockeye runs a command line of words without spaces.
func sockeye(t *testing.T, line string) result {
	t.Helper()
	return finish(t, program(t, strings.Fields(line)...))
}

// asUser makes the command run as somebody who may see nothing of ours; without root it runs as we do.
func asUser(cmd *exec.Cmd) *exec.Cmd {
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	cmd.Dir = "/"
	return cmd
}

// check compares the exit code and what goes to stderr; "*" stands for anything.
func (r result) check(t *testing.T, code int, stderr string) {
	t.Helper()
	if r.code != code || stderr != "*" && r.err != stderr {
		t.Errorf("exit %d, want %d; stdout:\n%sstderr:\n%s", r.code, code, r.out, r.err)
	}
}

// oneLine checks that there is one line of error and nothing else.
func (r result) oneLine(t *testing.T, part string) {
	t.Helper()
	if r.code != 2 || r.out != "" || strings.Count(r.err, "\n") != 1 || !strings.Contains(r.err, part) {
		t.Errorf("exit %d, stdout %q, stderr %q; want one line with %q", r.code, r.out, r.err, part)
	}
}

func (r result) contains(t *testing.T, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(r.out, p) {
			t.Errorf("%q is not in:\n%s%s", p, r.out, r.err)
		}
	}
}

// notes is what stderr says to those who may not see every process.
func notes(t *testing.T, r result) {
	t.Helper()
	if os.Geteuid() == 0 && r.err != "" || strings.Count(r.err, "\n") > 1 {
		t.Errorf("stderr: %s", r.err)
	}
}

var self = "[" + strconv.Itoa(os.Getpid()) + "]"

// listenTCP opens a listener and returns its port.
func listenTCP(t *testing.T) (net.Listener, string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, portOf(l.Addr())
}

// listenUDP opens a UDP socket, and returns its port, which no TCP listener has.
func listenUDP(t *testing.T) string {
	t.Helper()
	for {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if l, err := net.Listen("tcp4", c.LocalAddr().String()); err == nil {
			l.Close()
			return portOf(c.LocalAddr())
		}
	}
}

func portOf(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// freePort is one that nobody has, in TIME_WAIT neither.
func freePort(t *testing.T) string {
	t.Helper()
	l, port := listenTCP(t)
	l.Close()
	return port
}

// timeWaitPort is one that only a connection in TIME_WAIT has.
func timeWaitPort(t *testing.T) string {
	t.Helper()
	l, port := listenTCP(t)
	peer, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn.Close() // who closes first keeps the port
	peer.Read(make([]byte, 1))
	peer.Close()
	l.Close()
	return port
}
