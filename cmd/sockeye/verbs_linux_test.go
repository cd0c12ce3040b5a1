package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// These tests let the built program do things to real processes, in network namespaces of their own.

// isolated runs the rest of the test in a namespace, where ports can be fixed.
func isolated(t *testing.T) bool {
	t.Helper()
	testutil.NeedTool(t, "go")
	path, err := build()
	if err != nil {
		t.Fatal("go build: ", err)
	}
	return testutil.Isolated(t, testutil.Child{NetNS: true, Env: []string{builtEnv + "=" + path}})
}

// server starts this test's binary again, as a process that listens, and returns it once it does. Its words: addresses to
// listen on (tcp4:127.0.0.1:9000), "fork" for a child that shares all, "deaf" for who does not heed SIGTERM.
func server(t *testing.T, uid int, words ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if uid != 0 {
		self = testutil.CopyFile(t, self, filepath.Join(testutil.PublicDir(t), "server"))
	}
	cmd := exec.Command(self, "-test.run=^TestServer$")
	cmd.Env = append(os.Environ(), serverEnv+"="+strings.Join(words, " "))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if uid != 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	untilReady(t, cmd, "ready")
	return cmd
}

// untilReady starts a command and waits for a line.
func untilReady(t *testing.T, cmd *exec.Cmd, ready string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == ready {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return
		}
	}
	t.Fatalf("%v: never said %s", cmd.Args, ready)
}

const serverEnv = "SOCKEYE_TEST_SERVER"

// TestServer is what server starts.
func TestServer(t *testing.T) {
	words := strings.Fields(os.Getenv(serverEnv))
	if len(words) == 0 {
		t.Skip("a part of other tests")
	}
	var files []*os.File
	for _, w := range words {
		switch network, addr, _ := strings.Cut(w, ":"); network {
		case "tcp4", "tcp6", "tcp":
			l, err := net.Listen(network, addr)
			if err != nil {
				t.Fatal(err)
			}
			f, err := l.(*net.TCPListener).File()
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
		case "udp4", "udp6", "udp":
			c, err := net.ListenPacket(network, addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
		case "deaf":
			ignoreTerm()
		case "fork":
			child := exec.Command("sleep", "100")
			child.ExtraFiles = files
			child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
		}
	}
	fmt.Println("\nready")
	time.Sleep(time.Minute)
	for _, f := range files { // not collected before
		f.Close()
	}
}

// sockeyeAs runs the program as a user; 0 is as we are.
func sockeyeAs(t *testing.T, uid int, line string) result {
	t.Helper()
	cmd := program(t, strings.Fields(line)...)
	if uid != 0 {
		cmd = asUser(cmd)
	}
	return finish(t, cmd)
}

func pidText(cmd *exec.Cmd) string { return "[" + strconv.Itoa(cmd.Process.Pid) + "]" }

// gone checks that a process has ended.
func gone(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Errorf("%v is still there", cmd.Process.Pid)
	}
}

func alive(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid)); err != nil || strings.Contains(string(stat), ") Z ") {
		t.Errorf("%d has ended", cmd.Process.Pid)
	}
}

func TestKill(t *testing.T) {
	if !isolated(t) {
		return
	}
	cmd := server(t, 0, "tcp4:127.0.0.1:9000", "udp4:127.0.0.1:9000")
	client, err := net.Dial("tcp4", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	sockeye(t, "kill 9000").oneLine(t, "there is no terminal to ask on: say --yes")
	alive(t, cmd)
	r := sockeye(t, "kill 9000 --yes")
	r.check(t, 0, "")
	r.contains(t, pidText(cmd)+" ended\n", "port 9000 is free")
	gone(t, cmd)
	sockeye(t, "kill 9000 --yes").check(t, 1, "")
}

// TestKillClients: who is only connected to the port is not its owner, as the other end is not.
func TestKillClients(t *testing.T) {
	if !isolated(t) {
		return
	}
	l, err := net.Listen("tcp4", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("socat", "TCP4:127.0.0.1:9000", "PIPE")
	testutil.NeedTool(t, "socat")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	port := portOf(conn.RemoteAddr())
	l.Close()
	r := sockeye(t, "kill "+port+" --yes")
	r.check(t, 1, "")
	r.contains(t, "is owned by nobody (connections there: 1 ESTABLISHED)")
	alive(t, child)
	r = sockeye(t, "kill "+port+" --yes --all")
	r.check(t, 0, "")
	r.contains(t, pidText(child)+" ended\n")
}

// TestKillShared: every process that holds the socket is named and ended, and each listener of a group.
func TestKillShared(t *testing.T) {
	if !isolated(t) {
		return
	}
	makers := testutil.BuildMakers(t)
	for _, kind := range []string{"fork", "reuseport", "listen-dual", "reuseport-udp"} {
		mk := makers.Start(t, kind, 1)
		_, port, _ := net.SplitHostPort(mk.Records[0].Local)
		owners := map[int]bool{}
		for _, rec := range mk.Records {
			owners[rec.PID] = true
		}
		dry := sockeye(t, "kill "+port+" --dry-run")
		dry.check(t, 0, "")
		r := sockeye(t, "kill "+port+" --yes")
		r.check(t, 0, "")
		for pid := range owners {
			dry.contains(t, fmt.Sprintf("[%d] would be ended", pid))
			r.contains(t, fmt.Sprintf("[%d] ended\n", pid))
		}
		mk.Stop()
	}
}

func TestKillSignals(t *testing.T) {
	if !isolated(t) {
		return
	}
	cmd := server(t, 0, "tcp4:127.0.0.1:9000", "deaf")
	r := sockeye(t, "kill 9000 --yes --signal TERM --timeout 200ms")
	r.check(t, 2, "*")
	if !strings.Contains(r.err, pidText(cmd)+" is still there after 200ms; --signal KILL leaves it no choice") {
		t.Errorf("%s", r.err)
	}
	r = sockeye(t, "kill 9000 --yes --timeout 200ms --json")
	r.check(t, 0, "")
	r.contains(t, `{"result":"killed","pid":`+strconv.Itoa(cmd.Process.Pid)+`,`, `"ports":["9000/tcp"]`)
	gone(t, cmd)
	cmd = server(t, 0, "tcp4:127.0.0.1:9000", "deaf")
	sockeye(t, "kill 9000 --yes -s kill").contains(t, "was killed\nport 9000 is free\n")
	gone(t, cmd)
}

// TestKillRefuses: not itself nor who has started it, however one says it.
func TestKillRefuses(t *testing.T) {
	if !isolated(t) {
		return
	}
	l, err := net.Listen("tcp4", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sockeye(t, "kill 9000 --yes").oneLine(t, self+": has started this program, which would end with it; nothing was done")
	makers := testutil.BuildMakers(t)
	mk := makers.Start(t, "in-flight", 1) // a socket that no process has open
	for _, rec := range mk.Records {
		if _, port, err := net.SplitHostPort(rec.Local); err == nil {
			r := sockeye(t, "kill "+port+" --yes")
			r.check(t, 2, "*")
			// where some process hides its descriptors, that one may have it
			if !strings.Contains(r.err, "there is none to end") && !strings.Contains(r.err, "who owns it may not be seen") {
				t.Errorf("%s", r.err)
			}
			return
		}
	}
	t.Error("the maker has none")
}

// TestKillAsUser: one's own processes can be ended, and others' are named as such.
func TestKillAsUser(t *testing.T) {
	testutil.NeedRoot(t)
	if !isolated(t) {
		return
	}
	roots := server(t, 0, "tcp4:127.0.0.1:9000")
	users := server(t, 65534, "tcp4:127.0.0.1:9001")
	r := sockeyeAs(t, 65534, "kill 9000 --yes")
	if _, err := os.Stat("/run/sockeye-bpf"); err == nil {
		r.oneLine(t, "it is another user's")
	} else {
		r.check(t, 2, "*")
		if !strings.Contains(r.err, "tcp port 9000: who owns it may not be seen: run it as root") {
			t.Errorf("%s", r.err)
		}
	}
	alive(t, roots)
	r = sockeyeAs(t, 65534, "kill 9001 --yes")
	r.check(t, 0, "*")
	r.contains(t, pidText(users)+" ended\n", "port 9001 is free\n")
	gone(t, users)
}

// terminal runs a command on a terminal, by script(1), answers when it asks, and returns what was to be seen.
func terminal(t *testing.T, line, prompt string, before func(), answer string) (screen string, code int) {
	t.Helper()
	script := testutil.NeedTool(t, "script")
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, script, "-qec", "exec "+path+" "+line, "/dev/null") // exec: a shell between would have the interrupt, too
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen bytes.Buffer
	b := make([]byte, 4096)
	asked := false
	for {
		n, err := out.Read(b)
		seen.Write(b[:n])
		if !asked && strings.Contains(seen.String(), prompt) {
			asked = true
			before()
			fmt.Fprint(in, answer)
		}
		if err != nil {
			break
		}
	}
	_ = cmd.Wait()
	if !asked {
		t.Errorf("%s never asked %q:\n%s", line, prompt, seen.String())
	}
	return strings.ReplaceAll(seen.String(), "\r\n", "\n"), cmd.ProcessState.ExitCode()
}

// TestKillAsks: on a terminal one is asked, and things happen while one thinks.
func TestKillAsks(t *testing.T) {
	if !isolated(t) {
		return
	}
	nothing := func() {}
	cmd := server(t, 0, "tcp4:127.0.0.1:9000")
	screen, code := terminal(t, "kill 9000", "[y/N]", nothing, "n\n")
	if code != 1 || !strings.Contains(screen, "nothing was done") || !strings.Contains(screen, "tcp port 9000: ") || !strings.Contains(screen, "listens on   127.0.0.1:9000") {
		t.Errorf("exit %d\n%s", code, screen)
	}
	alive(t, cmd)
	screen, code = terminal(t, "kill 9000", "[y/N]", nothing, "\x03") // interrupted
	if code != 2 {
		t.Errorf("interrupted: exit %d\n%s", code, screen)
	}
	alive(t, cmd)
	screen, code = terminal(t, "kill 9000", pidText(cmd)+"? (TERM, KILL after 5s) [y/N]", func() { // it dies meanwhile, and another one takes the port
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		cmd = server(t, 0, "tcp4:127.0.0.1:9000")
	}, "y\n")
	if code != 2 || !strings.Contains(screen, "port 9000 is not free: ") || !strings.Contains(screen, pidText(cmd)+" has it") {
		t.Errorf("exit %d\n%s", code, screen)
	}
	alive(t, cmd)
	screen, code = terminal(t, "kill 9000", "[y/N]", func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }, "y\n")
	if code != 0 || !strings.Contains(screen, "port 9000 is free") {
		t.Errorf("it died: exit %d\n%s", code, screen)
	}
	cmd = server(t, 0, "tcp4:127.0.0.1:9000")
	if screen, code = terminal(t, "kill 9000", "[y/N]", nothing, "y\n"); code != 0 || !strings.Contains(screen, pidText(cmd)+" ended\n") {
		t.Errorf("exit %d\n%s", code, screen)
	}
	gone(t, cmd)
}

// TestKillRespawned: a supervisor starts it again at once.
func TestKillRespawned(t *testing.T) {
	if !isolated(t) {
		return
	}
	testutil.NeedTool(t, "socat")
	super := exec.Command("sh", "-c", "while :; do socat TCP4-LISTEN:9000,bind=127.0.0.1,reuseaddr,fork EXEC:true; done")
	super.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := super.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(-super.Process.Pid, syscall.SIGKILL); _ = super.Wait() })
	sockeye(t, "wait 9000 --open --timeout 10s").check(t, 0, "")
	r := sockeye(t, "kill 9000 --yes")
	r.check(t, 2, "*")
	if !strings.Contains(r.err, "port 9000 is not free: socat[") {
		t.Errorf("%s", r.err)
	}
}

// TestClose: the connections that match, in IPv4 and IPv6, and no others.
func TestClose(t *testing.T) {
	testutil.NeedRoot(t)
	if !isolated(t) {
		return
	}
	for _, at := range []string{"127.0.0.1:9000", "[::1]:9000"} {
		l, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		server, client, port := connect(t, l)
		other, second, _ := connect(t, l)
		line := "close --own sport = :" + port
		sockeye(t, line).oneLine(t, "there is no terminal to ask on")
		r := sockeye(t, line+" --dry-run")
		r.check(t, 0, "")
		r.contains(t, "would close  tcp "+client.LocalAddr().String()+" -> "+at+" ", self)
		r = sockeye(t, "close --yes sport = :"+port)
		r.check(t, 2, "")
		r.contains(t, "kept         tcp ", "held by a program that has started this one: --own closes it, too")
		r = sockeye(t, line+" --yes --json")
		r.check(t, 0, "")
		r.contains(t, `"connections":[`+"\n"+`{"result":"closed","proto":"tcp"`, `"local_port":`+port+`,`)
		expect(t, client, syscall.ECONNABORTED)
		expect(t, server, syscall.ECONNRESET)
		sockeye(t, line+" --yes").check(t, 1, "")
		if _, err := second.Write([]byte{1}); err != nil {
			t.Errorf("the other connection was hit: %v", err)
		}
		if _, err := other.Read(make([]byte, 1)); err != nil {
			t.Errorf("the other connection was hit: %v", err)
		}
		r = sockeye(t, "close --yes state listening")
		r.check(t, 1, "*")
		if !strings.Contains(r.err, "no connection matches, but 1 socket that has none") {
			t.Errorf("%s", r.err)
		}
		l.Close()
	}
}

// connect makes a connection, and gives the client's port.
func connect(t *testing.T, l net.Listener) (server, client net.Conn, port string) {
	t.Helper()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return server, client, portOf(client.LocalAddr())
}

func expect(t *testing.T, c net.Conn, want syscall.Errno) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil || !strings.Contains(err.Error(), want.Error()) {
		t.Errorf("%v, want %v", err, want)
	}
}

// TestCloseAsUser: a connection of another user's, and one's own, are denied with what to do.
func TestCloseAsUser(t *testing.T) {
	testutil.NeedRoot(t)
	if !isolated(t) {
		return
	}
	l, err := net.Listen("tcp4", "127.0.0.1:9000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, client, port := connect(t, l)
	r := sockeyeAs(t, 65534, "close --yes dport = :"+port)
	r.check(t, 2, "*")
	r.contains(t, "denied       tcp 127.0.0.1:9000 -> "+client.LocalAddr().String(), "only root may close connections (CAP_NET_ADMIN): run it with sudo")
	if _, err := client.Write([]byte{1}); err != nil {
		t.Error(err)
	}
	server(t, 65534, "tcp4:127.0.0.1:9001") // which accepts nobody
	waits, err := net.Dial("tcp4", "127.0.0.1:9001")
	if err != nil {
		t.Fatal(err)
	}
	defer waits.Close()
	r = sockeye(t, "close --yes sport = :9001 and state established")
	r.check(t, 0, "*")
	r.contains(t, "closed       tcp 127.0.0.1:9001 -> "+waits.LocalAddr().String())
	expect(t, waits, syscall.ECONNRESET)
}

func TestWait(t *testing.T) {
	if !isolated(t) {
		return
	}
	for _, uid := range []int{0, 65534} {
		if uid != 0 && os.Geteuid() != 0 {
			continue
		}
		r := sockeyeAs(t, uid, "wait 9000 127.0.0.1:9000 --open --timeout 200ms")
		r.check(t, 1, "")
		r.contains(t, "tcp port 9000: not open within 200ms: nobody listens\n", "127.0.0.1:9000: not open within 200ms: connect: connection refused\n")
		cmd := program(t, "wait", "9000", "9001/udp", "127.0.0.1:9000", "--open", "--timeout", "20s")
		if uid != 0 {
			cmd = asUser(cmd)
		}
		var srv *exec.Cmd
		r = during(t, cmd, func() { srv = server(t, 0, "tcp4:127.0.0.1:9000", "udp4:127.0.0.1:9001") })
		r.check(t, 0, "")
		r.contains(t, "tcp port 9000: open after ", "udp port 9001: open after ", "127.0.0.1:9000: open after ")
		r = sockeyeAs(t, uid, "wait 9000 --free --timeout 200ms")
		r.check(t, 1, "")
		r.contains(t, "127.0.0.1:9000 has it")
		cmd = program(t, "wait", "9000", "9001/udp", "127.0.0.1:9000", "--free", "--timeout", "20s")
		if uid != 0 {
			cmd = asUser(cmd)
		}
		r = during(t, cmd, func() { _ = srv.Process.Kill(); _ = srv.Wait() })
		r.check(t, 0, "")
		r.contains(t, "tcp port 9000: free after ", "127.0.0.1:9000: free after ")
	}
}

// during does something a while after a command has begun.
func during(t *testing.T, cmd *exec.Cmd, do func()) result {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(150 * time.Millisecond)
	do()
	_ = cmd.Wait()
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// TestWaitTimeWait: a server can bind while connections are in TIME_WAIT, and --strict waits for them too.
func TestWaitTimeWait(t *testing.T) {
	if !isolated(t) {
		return
	}
	port := timeWaitPort(t)
	sockeye(t, "wait "+port+" --free --timeout 5s").check(t, 0, "")
	r := sockeye(t, "wait "+port+" --free --strict --timeout 300ms")
	r.check(t, 1, "")
	r.contains(t, "not free within 300ms: 1 connection there")
	r = sockeye(t, "why "+port)
	r.check(t, 0, "")
	r.contains(t, "tcp port "+port+": can be bound only with SO_REUSEADDR\n", "  time_wait    1 TIME_WAIT: ", "-> bind with SO_REUSEADDR, or wait: ")
	if os.Geteuid() == 0 {
		sockeye(t, "close state time-wait and sport = "+port+" --yes").check(t, 0, "")
		sockeye(t, "wait "+port+" --free --strict --timeout 5s").check(t, 0, "")
		sockeye(t, "why "+port).check(t, 1, "")
	}
}

// TestFree: what is printed can be bound, by every program, at every address.
func TestFree(t *testing.T) {
	if !isolated(t) {
		return
	}
	testutil.Sysctl(t, "net.ipv4.ip_local_reserved_ports", "9005")
	held := server(t, 0, "tcp4:127.0.0.1:9000", "udp6:[::1]:9002")
	defer func() { _ = held.Process.Kill() }()
	r := sockeye(t, "free --range 9000-9007 -n 5")
	r.check(t, 0, "")
	if r.out != "9001\n9003\n9004\n9006\n9007\n" {
		t.Errorf("%s", r.out)
	}
	if r = sockeye(t, "free -t --range 9002-9005 -n 4 --reserved"); r.out != "9002\n9003\n9004\n9005\n" {
		t.Errorf("%s", r.out)
	}
	r = sockeye(t, "free -n 20 --json")
	r.check(t, 0, "")
	var doc struct {
		Schema int
		Ports  []struct{ Port int }
	}
	decode(t, r.out, &doc)
	if doc.Schema != 1 || len(doc.Ports) != 20 {
		t.Fatalf("%s", r.out)
	}
	for _, p := range doc.Ports {
		l, err := net.Listen("tcp", fmt.Sprint(":", p.Port))
		if err != nil {
			t.Error(err)
			continue
		}
		c, err := net.ListenPacket("udp", fmt.Sprint(":", p.Port))
		if err != nil {
			t.Error(err)
			continue
		}
		if p.Port < 1024 || p.Port >= 32768 && p.Port <= 60999 {
			t.Errorf("%d is of the ephemeral range", p.Port)
		}
		defer c.Close()
		defer l.Close()
	}
	sockeyeAs(t, 65534, "free --range 1000-1010").check(t, 1, "*")
}

// TestWhy: what a program runs into, as root and as a user.
func TestWhy(t *testing.T) {
	if !isolated(t) {
		return
	}
	held := server(t, 0, "tcp6:[::]:9000", "tcp4:127.0.0.1:9001", "tcp6:[::1]:80", "udp4:127.0.0.1:53")
	for line, parts := range map[string][]string{
		"why 9000":           {"tcp port 9000: cannot be bound\n  owner        ", pidText(held) + " listens on [::]:9000, for IPv6 only (IPV6_V6ONLY): IPv4 is free beside it\n", "tried        0.0.0.0 yes, [::] no"},
		"why 9001":           {pidText(held) + " listens on 127.0.0.1:9001, which is among the wanted addresses", "-> end it: sockeye kill 9001; or bind another address", "[::] v6only yes"},
		"why 127.0.0.1:9001": {"tcp port 9001 at 127.0.0.1: cannot be bound\n"},
		"why 53/udp":         {"udp port 53: cannot be bound\n", "sockeye kill 53/udp"},
		"why 192.0.2.1:9001": {"  address      192.0.2.1 is not an address of this machine\n"},
	} {
		r := sockeye(t, line)
		r.check(t, 0, "*")
		r.contains(t, parts...)
	}
	for line, part := range map[string]string{"why 9002": "tcp port 9002: can be bound\n", "why 127.0.0.2:9001": "note         ", "why 40000": "note         in the ephemeral range 32768-60999"} {
		r := sockeye(t, line)
		r.check(t, 1, "*")
		r.contains(t, part)
	}
	if os.Geteuid() == 0 {
		r := sockeyeAs(t, 65534, "why 80 81 --json")
		r.check(t, 0, "*")
		r.contains(t, `"cause":"privilege","hinders":true`, `"cause":"owner","hinders":true`)
	}
}

// TestManual: man(1) takes the pages as they are.
func TestManual(t *testing.T) {
	dir := t.TempDir()
	sockeye(t, "man "+dir).check(t, 0, "")
	groff := testutil.NeedTool(t, "groff")
	pages, err := filepath.Glob(filepath.Join(dir, "*.1"))
	if err != nil || len(pages) < 20 {
		t.Fatal(pages, err)
	}
	for _, page := range pages {
		cmd := exec.Command(groff, "-man", "-Tutf8", "-ww", page)
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if out, err := cmd.Output(); err != nil || errs.Len() > 0 || len(out) == 0 {
			t.Errorf("%s: %v %s", page, err, errs.String())
		}
	}
}

// ignoreTerm makes this process deaf to SIGTERM.
func ignoreTerm() { signal.Ignore(syscall.SIGTERM) }
