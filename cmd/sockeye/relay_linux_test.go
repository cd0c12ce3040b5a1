package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// daemon is a process that goes on, with the lines that it has written to stderr.
type daemon struct {
	t     *testing.T
	cmd   *exec.Cmd
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

// launch starts a command and reads its stderr.
func launch(t *testing.T, cmd *exec.Cmd) *daemon {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &daemon{t: t, cmd: cmd, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			r.mu.Lock()
			r.lines = append(r.lines, s.Text())
			r.mu.Unlock()
		}
		cmd.Wait()
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		select {
		case <-r.ended:
		case <-time.After(5 * time.Second):
			t.Error("a process holds stderr")
		}
	})
	return r
}

func (r *daemon) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.lines, "\n")
}

// find waits until stderr has what the expression matches, and returns its first group.
func (r *daemon) find(expr string) (found string) {
	r.t.Helper()
	re := regexp.MustCompile(expr)
	testutil.Eventually(r.t, 10*time.Second, func() error {
		m := re.FindStringSubmatch(r.text())
		if m == nil {
			return fmt.Errorf("%q is not in %q", expr, r.text())
		}
		found = m[len(m)-1]
		return nil
	})
	return found
}

// interrupt ends the process as Ctrl-C does, and returns its exit code.
func (r *daemon) interrupt() int {
	r.t.Helper()
	r.cmd.Process.Signal(os.Interrupt)
	return r.wait()
}

func (r *daemon) wait() int {
	r.t.Helper()
	select {
	case <-r.ended:
		return r.cmd.ProcessState.ExitCode()
	case <-time.After(15 * time.Second):
		r.t.Error("the process does not end")
		return -1
	}
}

// startRelay starts a relay that listens on a port of its own choice, and returns its address.
func startRelay(t *testing.T, args ...string) (*daemon, string) {
	t.Helper()
	r := launch(t, program(t, append([]string{"relay", "-v"}, args...)...))
	return r, r.find(`listening on [a-z]+-listen:(\S+)`)
}

// socat runs socat, which is no relative of ours, with an input, and returns its output.
func socat(t *testing.T, input string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), testutil.NeedTool(t, "socat"), args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("socat %q: %v: %s", args, err, out)
	}
	return string(out)
}

// socatServer is a socat that serves many clients, ready to be connected to.
func socatServer(t *testing.T, address, does string) *daemon {
	t.Helper()
	r := launch(t, exec.CommandContext(t.Context(), testutil.NeedTool(t, "socat"), "-d", "-d", "-t10", address, does))
	r.find("listening on")
	return r
}

// TestRelaySocat: a socat at either side. The answer comes after the end of the input, so half-closing went through.
func TestRelaySocat(t *testing.T) {
	text := strings.Repeat("a line of text\n", 100_000)
	want := strconv.Itoa(len(text))
	for _, behind := range []string{"unix", "tcp"} {
		for _, front := range []string{"tcp", "unix", "pipe"} {
			t.Run(front+"-"+behind, func(t *testing.T) {
				dir := t.TempDir()
				to, address := "unix:"+dir+"/server", "UNIX-LISTEN:"+dir+"/server,fork"
				if behind == "tcp" {
					port := freePort(t)
					to, address = "tcp:127.0.0.1:"+port, "TCP-LISTEN:"+port+",fork,reuseaddr,bind=127.0.0.1"
				}
				socatServer(t, address, "EXEC:wc -c")
				at := map[string]string{"tcp": "tcp-listen:0", "unix": "unix-listen:" + dir + "/front", "pipe": "pipe-listen:" + dir + "/front"}[front]
				r, where := startRelay(t, at, to)
				peer := "TCP:" + where
				if front != "tcp" {
					peer = "UNIX-CONNECT:" + dir + "/front"
				}
				for range 3 {
					if got := strings.TrimSpace(socat(t, text, "-t10", "-", peer)); got != want {
						t.Errorf("wc says %q, want %s", got, want)
					}
				}
				r.find(`3 closed: 1\.5 MB there, \d+ B back, `)
				if code := r.interrupt(); code != 0 {
					t.Errorf("exit %d: %s", code, r.text())
				}
			})
		}
	}
}

// TestRelayStdio: as nc: in, out, and the end of both.
func TestRelayStdio(t *testing.T) {
	dir := t.TempDir()
	socatServer(t, "UNIX-LISTEN:"+dir+"/s,fork", "EXEC:tr a-z A-Z")
	for _, kind := range []string{"unix:", "pipe:"} {
		cmd := program(t, "relay", "stdio", kind+dir+"/s")
		cmd.Stdin = strings.NewReader("hello\n")
		r := finish(t, cmd)
		r.check(t, 0, "")
		if r.out != "HELLO\n" {
			t.Errorf("%s%q", kind, r.out)
		}
	}
	sockeye(t, "relay stdio unix:"+dir+"/nobody").check(t, 1, "*")
	sockeye(t, "relay stdio tcp:127.0.0.1:"+freePort(t)).oneLine(t, "nobody listens there")
}

// TestRelayExec: a process for each connection; one whose client goes is ended, and what it says of itself is told.
func TestRelayExec(t *testing.T) {
	r, where := startRelay(t, "tcp-listen:0", `exec:sh -c 'echo $$; exec cat'`)
	var conns []net.Conn
	var pids []int
	for range 5 {
		c, err := net.Dial("tcp", where)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		pid, _ := strconv.Atoi(strings.TrimSpace(line))
		conns, pids = append(conns, c), append(pids, pid)
	}
	for i, c := range conns {
		c.Close()
		testutil.Eventually(t, 10*time.Second, func() error {
			if syscall.Kill(pids[i], 0) == nil {
				return errors.New("the process is still there")
			}
			return nil
		})
	}
	if code := r.interrupt(); code != 0 {
		t.Errorf("exit %d: %s", code, r.text())
	}
	stubborn := program(t, "relay", "stdio", `exec:sh -c "trap '' TERM; cat; exec >&-; while :; do sleep 0.1; done"`)
	stubborn.Stdin = strings.NewReader("x\n")
	begun := time.Now()
	if got := launch(t, stubborn); got.wait() != 0 || time.Since(begun) > 12*time.Second {
		t.Errorf("after %v: %s", time.Since(begun), got.text())
	}
	sockeye(t, "relay stdio exec:false").oneLine(t, "false ended with exit status 1")
	finish(t, program(t, "relay", "stdio", "exec:/no/such/program")).check(t, 1, "*")
}

// TestRelayKilled: a server that is killed closes its clients, and the relay serves the next server.
func TestRelayKilled(t *testing.T) {
	dir := t.TempDir()
	server := socatServer(t, "UNIX-LISTEN:"+dir+"/s", "PIPE")
	r, where := startRelay(t, "tcp-listen:0", "unix:"+dir+"/s")
	c, err := net.Dial("tcp", where)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	c.Write([]byte("x"))
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	server.cmd.Process.Kill()
	if _, err := io.ReadAll(c); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Error(err)
	}
	server.wait()
	gone, err := net.Dial("tcp", where)
	if err != nil {
		t.Fatal(err)
	}
	io.ReadAll(gone)
	gone.Close()
	r.find(`sockeye: unix:` + dir + `/s: .*nobody listens there`)
	os.Remove(dir + "/s")
	socatServer(t, "UNIX-LISTEN:"+dir+"/s", "PIPE")
	if got := socat(t, "again", "-t10", "-", "TCP:"+where); got != "again" {
		t.Errorf("%q", got)
	}
}

// TestRelayUnixListen: whose socket it is, and what becomes of files that are there.
func TestRelayUnixListen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	r, _ := startRelay(t, "unix-listen:"+path, "echo")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	sockeye(t, "relay unix-listen:"+path+" echo").oneLine(t, "has a server already")
	if got := socat(t, "still there", "-t10", "-", "UNIX-CONNECT:"+path); got != "still there" {
		t.Errorf("%q", got)
	}
	r.cmd.Process.Kill()
	r.wait()
	if _, err := os.Lstat(path); err != nil {
		t.Fatal("nothing is left that could be replaced: ", err)
	}
	r, _ = startRelay(t, "--mode", "0666", "unix-listen:"+path, "echo")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if got := socat(t, "back", "-t10", "-", "UNIX-CONNECT:"+path); got != "back" {
		t.Errorf("%q", got)
	}
	if code := r.interrupt(); code != 0 {
		t.Errorf("exit %d: %s", code, r.text())
	}
	if left, _ := filepath.Glob(filepath.Dir(path) + "/*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	sockeye(t, "relay unix-listen:"+path+" echo").oneLine(t, "no socket; it is left alone")
	if text, _ := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("%q", text)
	}
}

// TestRelayFewDescriptors: without descriptors connections wait, it is said in a line, and it goes on.
func TestRelayFewDescriptors(t *testing.T) {
	cmd := program(t, "relay", "-v", "tcp-listen:0", "echo")
	cmd.Args = append([]string{"sh", "-c", `ulimit -n 40; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	r := launch(t, cmd)
	where := r.find(`listening on [a-z]+-listen:(\S+)`)
	var conns []net.Conn
	for range 60 {
		c, err := net.Dial("tcp", where)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		conns = append(conns, c)
	}
	r.find("too many open files")
	for _, c := range conns {
		c.Close()
	}
	if got := socat(t, "still there", "-t10", "-", "TCP:"+where); got != "still there" {
		t.Errorf("%q", got)
	}
	if n := strings.Count(r.text(), "sockeye:"); n > 5 {
		t.Errorf("%d lines of errors: %s", n, r.text())
	}
}

// TestRelayLeaks: after 300 connections, a third of them cut off, the process has no more descriptors than after the first.
func TestRelayLeaks(t *testing.T) {
	dir := t.TempDir()
	r, where := startRelay(t, "tcp-listen:0", "unix:"+dir+"/s")
	back, _ := startRelay(t, "unix-listen:"+dir+"/s", "echo")
	talk := func(i int) {
		c, err := net.Dial("tcp", where)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(10 * time.Second))
		said := bytes.Repeat([]byte("x"), 100_000)
		go c.Write(said)
		if i%3 == 0 {
			c.(*net.TCPConn).SetLinger(0)
			return
		}
		if _, err := io.ReadFull(c, said); err != nil {
			t.Error(err)
		}
	}
	descriptors := func(r *daemon) int {
		entries, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.cmd.Process.Pid))
		n := 0
		for _, e := range entries {
			if to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", r.cmd.Process.Pid, e.Name())); strings.HasPrefix(to, "socket:") {
				n++
			}
		}
		return n
	}
	before := [2]int{descriptors(r), descriptors(back)}
	for round := range 6 {
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() { talk(round*50 + i) })
		}
		all.Wait()
	}
	testutil.Eventually(t, 20*time.Second, func() error {
		if now := [2]int{descriptors(r), descriptors(back)}; now != before {
			return fmt.Errorf("%v sockets, were %v", now, before)
		}
		return nil
	})
}

func TestRelayUsage(t *testing.T) {
	for line, part := range map[string]string{
		"relay":                                "relay needs two ends",
		"relay stdio":                          "relay needs two ends",
		"relay stdio stdio":                    "stdio cannot be both ends",
		"relay stdio udp:x:1":                  `"udp:x:1" is no end`,
		"relay --message tcp:a:1 unix:/x":      "messages need a pipe",
		"relay --max 0 stdio unix:/x":          "--max is at least 1",
		"relay --idle -1s stdio unix:/x":       "--idle cannot be negative",
		"relay --mode 888 stdio unix:/x":       "--mode is three octal digits",
		"relay tcp-listen:1 tcp-listen:1":      "both ends are tcp-listen:127.0.0.1:1",
		"relay tcp-listen:203.0.113.7:80 echo": "tcp-listen:203.0.113.7:80: ",
	} {
		sockeye(t, line).oneLine(t, part)
	}
}
