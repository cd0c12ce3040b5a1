package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// ownPipes gives commands a runtime directory of their own.
func ownPipes(t *testing.T) func(args ...string) *exec.Cmd {
	t.Helper()
	dir, err := os.MkdirTemp("", "run")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return func(args ...string) *exec.Cmd {
		cmd := program(t, args...)
		cmd.Env = append(cmd.Env, "XDG_RUNTIME_DIR="+dir)
		return cmd
	}
}

// TestPipeCall: a question and its answer; empty ones, long ones, and standard input.
func TestPipeCall(t *testing.T) {
	run := ownPipes(t)
	r := launch(t, run("pipe", "listen", "answers", "--echo", "--message", "-v"))
	r.find("listening on")
	long := strings.Repeat("x", 300_000)
	for in, want := range map[string]string{"hello": "hello\n", "": "\n", "two\nlines": "two\nlines\n"} {
		got := finish(t, run("pipe", "call", "answers", in))
		got.check(t, 0, "")
		if got.out != want {
			t.Errorf("%q, want %q", got.out, want)
		}
	}
	cmd := run("pipe", "call", `\\.\PIPE\Answers`, "-")
	cmd.Stdin = strings.NewReader(long)
	if got := finish(t, cmd); got.out != long+"\n" || got.code != 0 {
		t.Errorf("%d bytes, exit %d: %s", len(got.out), got.code, got.err)
	}
	if code := r.interrupt(); code != 0 {
		t.Errorf("exit %d: %s", code, r.text())
	}
	got := finish(t, run("pipe", "call", "answers", "x"))
	got.check(t, 1, "sockeye: there is no pipe answers; sockeye pipe list shows those that are there\n")
}

// TestPipeCallErrors: each of them is one line, and says what to do.
func TestPipeCallErrors(t *testing.T) {
	run := ownPipes(t)
	bytePipe := launch(t, run("pipe", "listen", "bytes", "--echo", "-v"))
	bytePipe.find("listening on")
	silent := launch(t, run("pipe", "listen", "silent", "--message", "--exec", "sleep 100", "-v"))
	silent.find("listening on")
	finish(t, run("pipe", "call", "bytes", "x")).oneLine(t, "bytes is a pipe of bytes")
	finish(t, run("pipe", "connect", "bytes", "--message")).oneLine(t, "bytes is a pipe of bytes")
	finish(t, run("pipe", "call", "silent", "x", "--timeout", "200ms")).oneLine(t, "no answer within 200ms; --timeout allows more")
	finish(t, run("pipe", "listen", "silent")).oneLine(t, "silent has a server already; end it, or choose another name")
	for line, part := range map[string]string{
		"pipe call x":                   "pipe call needs NAME and MESSAGE",
		"pipe listen":                   "pipe listen needs NAME",
		"pipe connect":                  "pipe connect needs NAME",
		"pipe frobnicate":               `pipe has no command "frobnicate"`,
		"pipe listen x --echo --exec y": "exec echo",
		"pipe list x":                   "",
		`pipe connect \\host\pipe\x`:    "sockeye: ",
	} {
		sockeye(t, line).oneLine(t, part)
	}
	if testing.Short() {
		return
	}
	if code := silent.interrupt(); code != 0 {
		t.Errorf("exit %d: %s", code, silent.text())
	}
}

// TestPipeTerminal: two people talk, one at each end; lines are messages or bytes.
func TestPipeTerminal(t *testing.T) {
	for _, flags := range [][]string{nil, {"--message"}} {
		run := ownPipes(t)
		server := run(append([]string{"pipe", "listen", "talk", "-v"}, flags...)...)
		answer, say, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer say.Close()
		server.Stdin = answer
		var heard strings.Builder
		server.Stdout = &heard
		s := launch(t, server)
		answer.Close()
		client := run(append([]string{"pipe", "connect", "talk", "--wait", "10s"}, flags...)...)
		client.Stdin = strings.NewReader("one\n\ntwo\n")
		fmt.Fprint(say, "hello\n")
		time.AfterFunc(300*time.Millisecond, func() { fmt.Fprint(say, "bye\n"); say.Close() })
		got := finish(t, client)
		got.check(t, 0, "")
		if got.out != "hello\nbye\n" {
			t.Errorf("the client has %q", got.out)
		}
		if code := s.wait(); code != 0 || heard.String() != "one\n\ntwo\n" {
			t.Errorf("exit %d; the server has %q: %s", code, heard.String(), s.text())
		}
	}
}

// TestPipeExec: a process for each client.
func TestPipeExec(t *testing.T) {
	run := ownPipes(t)
	r := launch(t, run("pipe", "listen", "upper", "--exec", "tr a-z A-Z", "-v"))
	r.find("listening on")
	for range 3 {
		cmd := run("pipe", "connect", "upper")
		cmd.Stdin = strings.NewReader("quiet\n")
		if got := finish(t, cmd); got.out != "QUIET\n" || got.code != 0 {
			t.Errorf("%+v", got)
		}
	}
}

// TestPipeList: a pipe is listed with its server and its clients while it is there, and as stale when it was killed.
func TestPipeList(t *testing.T) {
	run := ownPipes(t)
	name := fmt.Sprintf("List Me %%%d", os.Getpid())
	r := launch(t, run("pipe", "listen", name, "--echo", "--message", "-v"))
	r.find("listening on")
	in, hold, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	client := run("pipe", "connect", name, "--message")
	client.Stdin = in
	launch(t, client)
	in.Close()
	r.find("1 opened")
	type row struct {
		Name, Path, Type, State, User, Process string
		Clients, PID                           int
	}
	find := func() row {
		got := finish(t, run("pipe", "list", "--json"))
		got.check(t, 0, "*")
		var doc struct{ Pipes []row }
		decode(t, got.out, &doc)
		for _, p := range doc.Pipes {
			if strings.EqualFold(p.Name, `\\.\pipe\`+name) {
				return p
			}
		}
		t.Fatalf("not listed: %s", got.out)
		return row{}
	}
	p := find()
	if p.Type != "message" || p.State != "listening" || p.Clients != 1 || p.PID != r.cmd.Process.Pid || p.Process != "sockeye" || p.User == "" {
		t.Errorf("%+v", p)
	}
	table := finish(t, run("pipe", "list"))
	table.contains(t, "NAME", "CLIENTS", `\\.\pipe\List Me %`, fmt.Sprintf("sockeye[%d]", p.PID))
	records, err := csv.NewReader(strings.NewReader(finish(t, run("pipe", "list", "--csv")).out)).ReadAll()
	if err != nil || len(records) < 2 || records[0][0] != "name" {
		t.Errorf("%q %v", records, err)
	}
	r.cmd.Process.Kill()
	r.wait()
	if p := find(); p.State != "stale" || p.PID != 0 {
		t.Errorf("%+v", p)
	}
	os.Remove(p.Path)
	if got := finish(t, run("pipe", "list", "--jsonl")); strings.Contains(got.out, "List Me") {
		t.Errorf("%s", got.out)
	}
}

// TestPipeListAll: other programs' sockets are pipes that can be connected to, and shown with -a only.
func TestPipeListAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "other")
	socatServer(t, "UNIX-LISTEN:"+path+",fork", "PIPE")
	if got := sockeye(t, "pipe list --jsonl"); strings.Contains(got.out, path) {
		t.Errorf("%s", got.out)
	}
	got := sockeye(t, "pipe list -a")
	got.check(t, 0, "*")
	got.contains(t, path, "byte", "listening", "socat[")
	cmd := program(t, "pipe", "connect", path)
	cmd.Stdin = strings.NewReader("hello\n")
	if got := finish(t, cmd); got.out != "hello\n" || got.code != 0 {
		t.Errorf("%+v", got)
	}
}

// TestPipeComplete: names are offered where a name may stand.
func TestPipeComplete(t *testing.T) {
	testutil.NeedTool(t, "bash")
	run := ownPipes(t)
	launch(t, run("pipe", "listen", "offered", "--echo", "-v")).find("listening on")
	for _, args := range [][]string{{"pipe", "connect", ""}, {"pipe", "call", ""}, {"relay", "pipe:"}, {"relay", "stdio", "pipe:"}} {
		got := finish(t, run(append([]string{"__complete"}, args...)...))
		got.contains(t, "offered")
	}
	finish(t, run("__complete", "relay", "tcp")).contains(t, "tcp:", "tcp-listen:")
}

// TestPipeAccess: only the own user may connect, unless it is said who else may.
func TestPipeAccess(t *testing.T) {
	testutil.NeedRoot(t)
	for flags, allowed := range map[string]bool{"": false, "--everyone": true, "--user 65534": true, "--user 65533": false} {
		path := filepath.Join(testutil.PublicDir(t), "p")
		r := launch(t, program(t, append([]string{"pipe", "listen", path, "--echo", "--message", "-v"}, strings.Fields(flags)...)...))
		r.find("listening on")
		got := finish(t, asUser(program(t, "pipe", "call", path, "hello", "--timeout", "5s")))
		switch {
		case allowed && (got.code != 0 || got.out != "hello\n"):
			t.Errorf("%q: %+v", flags, got)
		case !allowed:
			got.oneLine(t, "sockeye: "+path)
		}
		if code := r.interrupt(); code != 0 {
			t.Errorf("exit %d: %s", code, r.text())
		}
	}
}
