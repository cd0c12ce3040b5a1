package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestTop drives the built program in a real terminal, in a network namespace with connections of fixed addresses and ports.
func TestTop(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true, Limit: 5 * time.Minute}) {
		return
	}
	for name, test := range map[string]func(*testing.T){
		"screens": topScreens, "keys": topKeys, "glow": topGlow, "mouse": topMouse, "resize": topResize, "leaves": topLeaves,
		"closes": topCloses, "ends": topEnds, "user": topUser, "batch": topBatch, "quiet": topQuiet, "no colors": topNoColors, "names": topNames,
	} {
		t.Run(name, test)
	}
}

// pair is both ends of a connection.
type pair struct{ client, server net.Conn }

// scene is a server with connections at fixed places.
type scene struct {
	l     net.Listener
	pairs []pair
}

func newScene(t *testing.T, n int) *scene {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	s := &scene{l: l}
	t.Cleanup(func() {
		for _, p := range s.pairs {
			p.end()
		}
		l.Close()
	})
	for i := range n {
		s.connect(t, 41001+i)
	}
	return s
}

// end leaves nothing in TIME_WAIT, so that the ports are free for the next test.
func (p pair) end() {
	p.client.(*net.TCPConn).SetLinger(0)
	p.client.Close()
	p.server.Close()
}

func (s *scene) connect(t *testing.T, port int) pair {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port}}
	c, err := d.Dial("tcp4", "127.0.0.1:8080")
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p := pair{c, a}
	s.pairs = append(s.pairs, p)
	return p
}

// send moves bytes from the client to the server.
func (p pair) send(t *testing.T, n int) {
	t.Helper()
	if _, err := p.client.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(p.server, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
}

// top runs sockeye top in a terminal.
func top(t *testing.T, width, height int, args string, env ...string) *testutil.Tmux {
	t.Helper()
	testutil.NeedTool(t, "go")
	path, err := build()
	if err != nil {
		t.Fatal("go build: ", err)
	}
	return testutil.StartTmux(t, width, height, path+" top "+args, env...)
}

// What varies from run to run, and what stands in its place.
var varies = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`^(sockeye top)  \S+  \d\d:\d\d:\d\d`), "$1  HOST  12:00:00"},
	{regexp.MustCompile(`^ {10,}[▁▂▃▄▅▆▇█ ]+$`), ""}, // of a graph
	{regexp.MustCompile(`[▁▂▃▄▅▆▇█]+`), "▁"},
	{regexp.MustCompile(`\[\d+\]`), "[PID]"},
	{regexp.MustCompile(`^  ( *\d+)( +sockeye\.test)`), "     PID$2"},
	{regexp.MustCompile(`^(RX|TX) (top|now) .*`), "$1 $2"},
	{regexp.MustCompile(` +! \d+ in \?`), ""},
	{regexp.MustCompile(` +(\d+/\d+ by)`), "  $1"},
	{regexp.MustCompile(`─+$`), "─"},
	{regexp.MustCompile(`^(Between two readings): .*`), "$1"},
	{regexp.MustCompile(`^(\d+ opened and|!) .*`), ""},
	{regexp.MustCompile(`  +(Loopback|PLACE)`), "  $1"},
	{regexp.MustCompile(`[… ]+$`), ""},
	{regexp.MustCompile(`PROCESS +USER`), "PROCESS  USER"}, // a PID has few digits or many
	{regexp.MustCompile(`\[PID\] +`), "[PID]  "},
	{regexp.MustCompile(` +UNIT$`), ""}, // of whoever runs the test
	{regexp.MustCompile(`^(  tcp .* LISTEN .*sockeye\.test\[PID\] +\S+) +\S+$`), "$1"},
	{regexp.MustCompile(`^(     PID sockeye\.test .* \d+) +\S+$`), "$1"},
}

func fixed(screen string) string {
	lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
	for i := range lines {
		for _, v := range varies {
			lines[i] = v.what.ReplaceAllString(lines[i], v.with)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// golden waits until the screen is the one in testdata; SOCKEYE_UPDATE=1 writes it anew.
func golden(t *testing.T, x *testutil.Tmux, name string) {
	t.Helper()
	path := filepath.Join("testdata", "top", name+".txt")
	if os.Getenv("SOCKEYE_UPDATE") == "1" {
		time.Sleep(2 * time.Second) // what is acknowledged late is over
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(fixed(x.Screen())), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x.Until(func(screen string) error {
		if got := fixed(screen); got != string(want) {
			return fmt.Errorf("%s: want\n%s\ngot\n%s", name, want, got)
		}
		return nil
	})
}

// topScreens: every view, at three sizes.
func topScreens(t *testing.T) {
	for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
		t.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(t *testing.T) {
			s := newScene(t, 30)
			x := top(t, size[0], size[1], "-n --theme dark")
			x.Wait("60 conn", "RX 0 B/s") // the second reading
			s.pairs[4].send(t, 5000)
			s.pairs[7].send(t, 100_000)
			x.Keys("2")
			x.Wait("105 kB", "/s")
			without(x, "kB/s")
			view := func(key, name string, parts ...string) {
				x.Keys(key)
				x.Wait(parts...)
				golden(t, x, fmt.Sprintf("%s-%d", name, size[0]))
			}
			x.Keys("t")
			without(x, "└─")
			if size[0] == 80 { // wider, there is the command line, which is another each time
				view("2", "processes", "105 kB")
			}
			view("3", "listeners", "127.0.0.1:8080", "LISTEN")
			view("4", "hosts", "127.0.0.2", "Loopback")
			view("5", "interfaces", "lo ", "total", "RX now")
			view("1", "connections", "127.0.0.2:41008")
			view("?", "help", "Actions, which ask")
		})
	}
}

func topKeys(t *testing.T) {
	s := newScene(t, 20)
	x := top(t, 120, 30, "-n --theme dark")
	x.Wait("40 conn", "1/40")
	x.Keys("/")
	x.Type("dport = :8080 and sport < :41006")
	x.Keys("Enter")
	x.Wait("filter: dport = :8080 and sport < :41006", "1/5 by rate")
	x.Keys("s", "s") // local
	x.Keys("G")
	x.Wait("5/5")
	x.Keys("k", "Up", "g", "j")
	x.Wait("2/5")
	x.Keys("Enter")
	x.Wait("─ tcp 127.0.0.2:41002 -> 127.0.0.1:8080 ESTABLISHED", "command", "sockeye.test", "round trip", "parents", "Loopback")
	x.Keys("Escape")
	without(x, "─ tcp") // a key that follows escape at once is one with Alt
	x.Keys("C-f")
	x.Type("41004")
	x.Keys("Enter")
	x.Wait("4/5")
	if !underlined(x) {
		t.Error("what was found is not marked")
	}
	x.Keys("Escape") // the search
	testutil.Eventually(t, 5*time.Second, func() error {
		if underlined(x) {
			return errors.New(x.Colors())
		}
		return nil
	})
	x.Keys("Escape") // the filter
	x.Wait("/40")
	x.Keys("c")
	x.Wait("Columns of connections", "[x] proto")
	x.Keys("Space", "Enter")
	without(x, "PROTO")
	x.Keys("Space")
	x.Wait("PAUSED")
	s.pairs[0].end()
	s.pairs = s.pairs[1:]
	time.Sleep(1500 * time.Millisecond)
	x.Wait("PAUSED", "40 conn")
	x.Keys("Space")
	x.Wait("38 conn")
	path := filepath.Join(t.TempDir(), "seen.csv")
	x.Keys("e", "C-u")
	x.Type(path)
	x.Keys("Enter")
	x.Wait("the rows are in")
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "41005") {
		t.Errorf("%v: %s", err, text)
	}
	x.Keys("q")
	x.Wait("left with 0")
}

// underlined reports whether something is, as what is searched for.
func underlined(x *testutil.Tmux) bool {
	return regexp.MustCompile(`\x1b\[(\d+;)*4m`).MatchString(x.Colors())
}

// without waits until something is not shown any more.
func without(x *testutil.Tmux, part string) {
	x.Until(func(s string) error {
		if strings.Contains(s, part) {
			return errors.New(s)
		}
		return nil
	})
}

// topGlow: what comes is green, what goes is red, for a moment.
func topGlow(t *testing.T) {
	s := newScene(t, 1)
	x := top(t, 100, 20, "-n --theme dark")
	x.Wait("2 conn", "RX 0 B/s") // the second reading: before the first, what comes was there already
	p := s.connect(t, 41999)
	testutil.Eventually(t, 5*time.Second, func() error { return marked(x.Colors(), "+ ", "\x1b[92m", "41999") })
	p.end()
	testutil.Eventually(t, 5*time.Second, func() error { return marked(x.Colors(), "- ", "\x1b[91m", "41999") })
	without(x, "41999")
	s.pairs = s.pairs[:1]
	for range 3 { // a connection shorter than the time between readings
		p := s.connect(t, 42999)
		p.end()
		s.pairs = s.pairs[:1]
	}
	x.Wait("42999")
}

// marked looks for a line with a mark and a colour. The first row is under the cursor, and reverse too.
func marked(screen, mark, color, text string) error {
	for line := range strings.Lines(screen) {
		if strings.Contains(line, text) && strings.Contains(line, mark) {
			if plain := strings.NewReplacer("1;", "", "0;", "", "7;", "", ";7", "").Replace(line); strings.Contains(plain, color) {
				return nil
			}
		}
	}
	return fmt.Errorf("no line with %q, %q and %q:\n%q", text, mark, color, screen)
}

func topMouse(t *testing.T) {
	newScene(t, 5)
	x := top(t, 120, 30, "-n")
	x.Wait("10 conn", "1/10")
	if x.Is("#{mouse_any_flag}") != "1" {
		t.Error("the mouse is not asked for")
	}
	click := func(x0, y int) { x.Type(fmt.Sprintf("\x1b[<0;%d;%dM\x1b[<0;%d;%dm", x0+1, y+1, x0+1, y+1)) }
	click(5, 6)
	x.Wait("4/10")
	x.Type("\x1b[<65;5;9M")
	x.Wait("7/10")
	header := strings.Split(x.Screen(), "\n")[2]
	click(strings.Index(header, "REMOTE")+1, 2)
	x.Wait("by remote▲")
	click(strings.Index(header, "REMOTE")+1, 2)
	x.Wait("by remote▼")
	click(40, 1)
	x.Wait("by local_port", "LISTEN")
}

// topResize: the screen follows the terminal, whatever its size.
func topResize(t *testing.T) {
	newScene(t, 40)
	x := top(t, 80, 24, "-n")
	x.Wait("80 conn", "1/80")
	x.Keys("G", "Enter")
	for _, size := range [][2]int{{200, 60}, {40, 10}, {20, 5}, {10, 2}, {120, 40}, {80, 24}} {
		x.Resize(size[0], size[1])
		x.Until(func(s string) error {
			lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
			if len(lines) != size[1] || !strings.HasPrefix(lines[0], "sockeye t") && size[0] > 10 {
				return fmt.Errorf("at %v there are %d lines:\n%s", size, len(lines), s)
			}
			if size[1] >= 10 && !strings.Contains(lines[len(lines)-1], "80/80") {
				return fmt.Errorf("the cursor is lost:\n%s", s)
			}
			return nil
		})
	}
}

// topLeaves: however it ends, the terminal is as it was.
func topLeaves(t *testing.T) {
	newScene(t, 2)
	for name, leave := range map[string]func(x *testutil.Tmux){
		"q":       func(x *testutil.Tmux) { x.Keys("q") },
		"ctrl+c":  func(x *testutil.Tmux) { x.Keys("C-c") },
		"SIGTERM": func(x *testutil.Tmux) { signalTop(t, x, syscall.SIGTERM) },
		"SIGINT":  func(x *testutil.Tmux) { signalTop(t, x, syscall.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			x := top(t, 80, 24, "-n")
			x.Wait("4 conn")
			if x.Is("#{alternate_on} #{cursor_flag}") != "1 0" {
				t.Error("while it runs:", x.Is("#{alternate_on} #{cursor_flag}"))
			}
			leave(x)
			x.Restored("left with 0")
			without(x, "Connections")
		})
	}
}

// signalTop signals the program in the terminal, which is the child of the pane's shell.
func signalTop(t *testing.T, x *testutil.Tmux, sig syscall.Signal) {
	t.Helper()
	shell := x.Is("#{pane_pid}")
	text, err := os.ReadFile("/proc/" + shell + "/task/" + shell + "/children")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatal(err)
	}
}

// topCloses: a connection is closed after a yes, and only then.
func topCloses(t *testing.T) {
	s := newScene(t, 3)
	x := top(t, 100, 24, "-n --sort remote")
	x.Wait("6 conn", "1/6")
	x.Keys("C-f")
	x.Type("127.0.0.2:41002")
	x.Keys("Enter", "x")
	x.Wait("Close this connection?", "127.0.0.2:41002", "of sockeye.test[", "y close")
	x.Keys("n")
	x.Wait("nothing was done")
	for _, p := range s.pairs {
		p.send(t, 10)
	}
	x.Keys("x")
	x.Wait("Close this connection?")
	x.Keys("y")
	screen := x.Until(func(s string) error {
		if strings.Contains(s, "closed tcp") || strings.Contains(s, "unsupported") {
			return nil
		}
		return errors.New(s)
	})
	if strings.Contains(screen, "unsupported") {
		testutil.Lack(t, "needs a kernel with CONFIG_INET_DIAG_DESTROY")
	}
	if _, err := s.pairs[1].server.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is still there")
	}
	s.pairs[0].send(t, 10)
	s.pairs[2].send(t, 10)
}

// topEnds: a process is ended after a yes.
func topEnds(t *testing.T) {
	testutil.NeedTool(t, "socat")
	x := testutil.StartTmux(t, 80, 24, "socat -u TCP-LISTEN:9090,fork,reuseaddr /dev/null")
	y := top(t, 100, 24, "-n --view listeners")
	y.Wait("0.0.0.0:9090", "socat[")
	y.Keys("X")
	y.Wait("End socat[", "socat -u TCP-LISTEN:9090", "listens on tcp 0.0.0.0:9090", "y end it")
	y.Keys("y")
	y.Wait("has ended")
	x.Wait("left with")
	without(y, ":9090")
}

// topUser: an ordinary user sees what he may, and is told why he cannot do the rest.
func topUser(t *testing.T) {
	newScene(t, 2)
	testutil.NeedTool(t, "setpriv")
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	x := testutil.StartTmux(t, 100, 24, "setpriv --reuid 65534 --regid 65534 --clear-groups "+path+" top -n --sort remote")
	x.Wait("4 conn", "127.0.0.2:41001")
	x.Keys("x")
	x.Wait("Close this connection?")
	x.Keys("y")
	x.Until(func(s string) error {
		if strings.Contains(s, "denied") || strings.Contains(s, "unsupported") {
			return nil
		}
		return errors.New(s)
	})
	x.Keys("X")
	x.Until(func(s string) error {
		if strings.Contains(s, "not known which process") || strings.Contains(s, "denied") {
			return nil
		}
		return errors.New(s)
	})
	x.Keys("q")
	x.Wait("left with 0")
}

// topNames: names of hosts are looked up unless -n forbids it. There is no network here: it is the hosts file that knows one.
func topNames(t *testing.T) {
	if names, err := net.LookupAddr("127.0.0.1"); err != nil {
		testutil.Lack(t, "nothing names 127.0.0.1: "+err.Error())
	} else if !strings.HasPrefix(names[0], "localhost") {
		testutil.Lack(t, "127.0.0.1 is called "+names[0])
	}
	newScene(t, 1)
	x := top(t, 120, 24, "--view hosts")
	x.Wait("127.0.0.1", "localhost")
	x = top(t, 120, 24, "-n --view hosts")
	x.Wait("127.0.0.1", "RX 0 B/s") // the second reading
	without(x, "localhost")
}

// topNoColors: NO_COLOR takes the colours away, and the marks stay.
func topNoColors(t *testing.T) {
	s := newScene(t, 1)
	x := top(t, 80, 24, "-n", "NO_COLOR=1")
	x.Wait("2 conn", "RX 0 B/s") // the second reading
	s.connect(t, 41500)
	x.Wait("+ tcp")
	for _, code := range regexp.MustCompile("\x1b\\[[0-9;]*m").FindAllString(x.Colors(), -1) {
		for p := range strings.SplitSeq(strings.Trim(code, "\x1b[m"), ";") {
			if n, _ := strconv.Atoi(p); n >= 30 && n != 39 && n != 49 {
				t.Fatalf("there is a colour: %q", code)
			}
		}
	}
}

// topQuiet: while nothing changes but the time, next to nothing is written, and the screen is never cleared.
func topQuiet(t *testing.T) {
	newScene(t, 10)
	x := top(t, 120, 40, "-n")
	x.Wait("20 conn", "RX 0 B/s") // the second reading
	path := filepath.Join(t.TempDir(), "out")
	x.Do("pipe-pane", "cat > "+path)
	time.Sleep(4 * time.Second)
	x.Do("pipe-pane")
	testutil.Eventually(t, 5*time.Second, func() error {
		text, err := os.ReadFile(path)
		switch {
		case err != nil || len(text) == 0:
			return fmt.Errorf("nothing was written: %v", err)
		case len(text) > 2000:
			return fmt.Errorf("%d bytes were written: %q", len(text), text)
		case strings.Contains(string(text), "\x1b[2J") || strings.Contains(string(text), "\x1b[J"):
			return fmt.Errorf("the screen is cleared: %q", text)
		}
		return nil
	})
}

func topBatch(t *testing.T) {
	s := newScene(t, 5)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(50 * time.Millisecond):
				s.pairs[2].client.Write(make([]byte, 1000))
				io.ReadFull(s.pairs[2].server, make([]byte, 1000))
			}
		}
	}()
	r := sockeye(t, "top -b --count 2 --rows 4 --interval 500ms")
	r.check(t, 0, "*")
	r.contains(t, "sockeye top  ", "10 connections  1 listener  connections: 4 of 10", "RX/s", "127.0.0.2:41003", "kB/s", self)
	if n := strings.Count(r.out, "\n"); n != 2*6+1 {
		t.Errorf("%d lines:\n%s", n, r.out)
	}
	r = sockeye(t, "top -b --count 1 --view processes --jsonl --interval 300ms")
	r.check(t, 0, "*")
	var row struct {
		By   string
		PID  int
		Rate float64 `json:"rx_bytes_per_s"`
		Open int
	}
	for line := range strings.Lines(r.out) {
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.PID == os.Getpid() {
			break
		}
	}
	if row.By != "process" || row.PID != os.Getpid() || row.Rate < 1000 || row.Open != 11 {
		t.Errorf("%+v of %s", row, r.out)
	}
	r = sockeye(t, "top -b --count 1 --view hosts --csv --interval 300ms dst 127.0.0.2")
	r.check(t, 0, "*")
	if lines := strings.Split(strings.TrimSpace(r.out), "\r\n"); len(lines) != 2 || !strings.Contains(lines[1], "127.0.0.2") {
		t.Error(r.out)
	}
	sockeye(t, "top").oneLine(t, "needs a terminal")
	sockeye(t, "top --json").oneLine(t, "go with -b")
	sockeye(t, "top -b --sort nothing").oneLine(t, "no column")
	sockeye(t, "top -b --view nothing").oneLine(t, "--view")
	sockeye(t, "top -b sport = :1 and sport = :2 and proto = udp and proto = tcp").check(t, 1, "*")
}
