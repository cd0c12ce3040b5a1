package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// running is a command that prints lines until it is ended.
type running struct {
	cmd   *exec.Cmd
	lines chan string // closed at the end
	told  int         // lines so far, to be read at the end
	errs  bytes.Buffer
}

func start(t *testing.T, cmd *exec.Cmd) *running {
	t.Helper()
	r := &running{cmd: cmd, lines: make(chan string, 10_000)}
	cmd.Stderr = &r.errs
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.lines)
		for s := bufio.NewScanner(out); s.Scan(); r.told++ {
			r.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return r
}

// next is the next line that has all the parts, within 10 seconds.
func (r *running) next(t *testing.T, parts ...string) string {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case line, ok := <-r.lines:
			if !ok {
				t.Fatalf("it ended; stderr: %s", r.errs.String())
			}
			if hasAll(line, parts) {
				return line
			}
		case <-limit:
			t.Fatalf("no line with %q", parts)
		}
	}
}

func hasAll(text string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// interrupt ends it as Ctrl-C does, and returns the rest of the lines and what stderr said.
func (r *running) interrupt(t *testing.T) (rest []string, stderr string) {
	t.Helper()
	if err := r.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	return r.end(t)
}

func (r *running) end(t *testing.T) (rest []string, stderr string) {
	t.Helper()
	late := time.AfterFunc(10*time.Second, func() { _ = r.cmd.Process.Kill() })
	defer late.Stop()
	for line := range r.lines {
		rest = append(rest, line)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("%s: %v; stderr: %s", strings.Join(r.cmd.Args[1:], " "), err, r.errs.String())
	}
	return rest, r.errs.String()
}

// event is what the tests look at in an event's object.
type event struct {
	Event      string
	Source     string
	Time       time.Time
	LocalPort  int    `json:"local_port"`
	RemotePort int    `json:"remote_port"`
	OwnerFrom  string `json:"owner_from"`
	Owners     []struct{ PID int }
	Inferred   bool
	Lifetime   *float64 `json:"lifetime_ms"`
	RX         *uint64  `json:"rx_bytes"`
	TX         *uint64  `json:"tx_bytes"`
	CountedBy  string   `json:"counted_by"`
	Interface  string
	Kind       string
	State      string
	Changed    []string
}

func eventOf(t *testing.T, line string) (e event) {
	t.Helper()
	decode(t, line, &e)
	return e
}

// talk connects to the listener, sends so many bytes and receives as many back, and closes both ends after a while. It
// returns the port of the side that connected.
func talk(t *testing.T, l net.Listener, sends, gets int, lasts time.Duration) string {
	t.Helper()
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	swap(t, c, s, sends)
	swap(t, s, c, gets)
	time.Sleep(lasts)
	c.Close()
	s.Close()
	return portOf(c.LocalAddr())
}

func swap(t *testing.T, from io.Writer, to io.Reader, n int) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := from.Write(make([]byte, n))
		sent <- err
	}()
	if _, err := io.ReadFull(to, make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
}

// TestLive runs the commands that run on, in a network namespace where nobody else makes traffic.
func TestLive(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	for name, test := range map[string]func(*testing.T){
		"watch": watches, "watch text": watchesInText, "watch links": watchesLinks, "watch pipe": watchPipe, "watch user": watchAsUser,
		"traffic": measures, "traffic json": measuresJSON, "traffic by process": measuresProcesses, "traffic by socket": measuresSockets,
		"traffic netns": measuresNetNS, "traffic pipe": trafficPipe, "terminal": liveTerminal,
	} {
		t.Run(name, test)
	}
}

// watches: every method tells of a connection and its bytes as soon as it is over. Whose it was is told by readings and BPF.
func watches(t *testing.T) {
	for _, method := range []string{"bpf", "notices", "poll"} {
		t.Run(method, func(t *testing.T) {
			r := start(t, program(t, "watch", "--json", "--interval", "100ms", "--no-links", "--method", method))
			l, port := listening(t, r)
			began := time.Now()
			local := talk(t, l, 70_000, 3_000, 500*time.Millisecond)
			e := eventOf(t, r.next(t, `"closed"`, `"local_port":`+local+`,`, `"remote_port":`+port+`,`))
			orphan := method == "poll" && e.State != "ESTABLISHED" // the last reading came after close(2): nobody held it any more
			if method != "notices" && !orphan && (len(e.Owners) != 1 || e.Owners[0].PID != os.Getpid() || e.Inferred || e.Lifetime == nil || *e.Lifetime < 300 || *e.Lifetime > 2000) {
				t.Errorf("%+v", e)
			}
			if e.TX == nil || e.RX == nil || e.CountedBy != "tcp_info" {
				t.Fatalf("bytes: %+v", e)
			}
			slack := uint64(0)
			if e.Source == "poll" { // a reading has SYN and FIN among the bytes
				slack = 2
			}
			if *e.TX < 70_000 || *e.TX > 70_000+slack || *e.RX < 3_000 || *e.RX > 3_001 { // received is the peer's FIN, too
				t.Errorf("%d sent, %d received: %+v", *e.TX, *e.RX, e)
			}
			if e.Time.Before(began) || e.Time.After(time.Now()) {
				t.Errorf("it happened at %v, between %v and now", e.Time, began)
			}
			_, stderr := r.interrupt(t)
			if !strings.Contains(stderr, " opened, ") || !strings.Contains(stderr, "none lost") || strings.Count(stderr, "\n") > 2 {
				t.Errorf("stderr: %s", stderr)
			}
		})
	}
}

// listening makes listeners until the command tells of one: then it is ready.
func listening(t *testing.T, r *running) (net.Listener, string) {
	t.Helper()
	for range 50 {
		l, port := listenTCP(t)
		limit := time.After(400 * time.Millisecond)
	wait:
		for {
			select {
			case line, ok := <-r.lines:
				if !ok {
					t.Fatalf("it ended; stderr: %s", r.errs.String())
				}
				if hasAll(line, []string{"listener", port}) {
					return l, port
				}
			case <-limit:
				break wait
			}
		}
		l.Close()
	}
	t.Fatalf("it never tells of a listener; stderr: %s", r.errs.String())
	return nil, ""
}

// watchesInText: a person gets a line each, filtered, and the count ends it.
func watchesInText(t *testing.T) {
	const count = 30 // it may be slow to begin, and tell of several listeners
	r := start(t, program(t, "watch", "--interval", "100ms", "--count", strconv.Itoa(count), "event != opened and process = "+selfName(t)))
	l, port := listening(t, r)
	local := talk(t, l, 812, 1_200_000, 100*time.Millisecond)
	line := r.next(t, "- closed   tcp  127.0.0.1:"+local+" -> 127.0.0.1:"+port+"  ", self, " ms  tx 812 B rx 1.2 MB")
	if _, err := time.Parse("15:04:05.000", line[:12]); err != nil {
		t.Errorf("%s: %v", line, err)
	}
	for range count {
		talk(t, l, 1, 1, 0)
	}
	l.Close()
	if rest, stderr := r.end(t); r.told != count || !strings.HasPrefix(stderr, "sockeye: ") {
		t.Errorf("%d events, not %d: %q %s", r.told, count, rest, stderr)
	}
}

func selfName(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

func watchesLinks(t *testing.T) {
	testutil.NeedTool(t, "ip")
	r := start(t, program(t, "watch", "--json", "event ~ link"))
	for i := 0; i < 50 && len(r.lines) == 0; i++ { // until the command is ready
		testutil.Command(t, "ip", "link", "set", "lo", "mtu", strconv.Itoa(60_000+i))
		time.Sleep(200 * time.Millisecond)
	}
	e := eventOf(t, r.next(t, `"link_changed"`))
	if e.Interface != "lo" || e.Kind != "loopback" || len(e.Changed) != 1 || e.Changed[0] != "mtu" {
		t.Errorf("%+v", e)
	}
	testutil.Command(t, "ip", "link", "add", "one0", "type", "veth", "peer", "name", "two0")
	if e := eventOf(t, r.next(t, `"link_appeared"`, `"one0"`)); e.Kind != "veth" || e.State == "" {
		t.Errorf("%+v", e)
	}
	testutil.Command(t, "ip", "link", "del", "one0")
	r.next(t, `"link_vanished"`, `"one0"`)
	r.interrupt(t)
}

// watchPipe: whose reader has seen enough ends quietly, also when nothing happens any more.
func watchPipe(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := program(t, "watch", "--interval", "100ms")
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out.Close()
	time.Sleep(300 * time.Millisecond)
	in.Close()
	late := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	if err := cmd.Wait(); err != nil || strings.Contains(errs.String(), "writing") {
		t.Errorf("%v; stderr: %s", err, errs.String())
	}
}

// watchAsUser: who may not use BPF is told so at the start, once.
func watchAsUser(t *testing.T) {
	r := finish(t, asUser(program(t, "watch", "--for", "700ms", "--interval", "100ms")))
	if r.code != 0 || strings.Count(r.err, "run as root") == 0 || strings.Count(r.err, "connections shorter than a reading") != 1 ||
		!strings.Contains(r.err, "0 opened, 0 closed, none lost") {
		t.Errorf("exit %d, stderr: %s", r.code, r.err)
	}
	sockeye(t, "watch --for 100ms --method magic").oneLine(t, "--method is one of")
	finish(t, asUser(program(t, "watch", "--method", "bpf", "--for", "100ms"))).oneLine(t, "watch: open:")
}

// reading is what the tests look at in an object of traffic.
type reading struct {
	Time       time.Time
	Interface  string
	Kind       string
	RX         uint64   `json:"rx_bytes"`
	RXDelta    *uint64  `json:"rx_bytes_delta"`
	RXRate     *float64 `json:"rx_bytes_per_s"`
	Packets    uint64   `json:"tx_packets"`
	Excluded   string
	Counted    *[]string
	By         string
	PID        int
	TX         uint64   `json:"tx_bytes"`
	TXRate     *float64 `json:"tx_bytes_per_s"`
	Counts     string
	CountedBy  string `json:"counted_by"`
	RemotePort int    `json:"remote_port"`
	Owners     []struct{ PID int }
}

// measures: the amounts are what went over the wire, and the rates are theirs.
func measures(t *testing.T) {
	r := start(t, program(t, "traffic", "--jsonl", "--interval", "200ms"))
	var first reading
	decode(t, r.next(t, `"lo"`), &first)
	if first.RXDelta != nil || first.RXRate != nil || first.Kind != "loopback" || first.Excluded != "loopback" {
		t.Errorf("first reading: %+v", first)
	}
	l, _ := listenTCP(t)
	talk(t, l, 3_000_000, 1_000_000, 0)
	sum, last := uint64(0), first
	for sum < 4_000_000 {
		var now reading
		decode(t, r.next(t, `"lo"`), &now)
		if now.RXDelta == nil || now.RX-last.RX != *now.RXDelta {
			t.Fatalf("%+v after %+v", now, last)
		}
		elapsed := now.Time.Sub(last.Time).Seconds()
		if want := float64(*now.RXDelta) / elapsed; *now.RXRate < want*0.9-1 || *now.RXRate > want*1.1+1 {
			t.Errorf("rate %v, want %v", *now.RXRate, want)
		}
		sum, last = sum+*now.RXDelta, now
	}
	if sum > 4_400_000 { // headers: the loopback takes 64 kB at once
		t.Errorf("%d bytes for 4,000,000 of payload", sum)
	}
	var total reading
	decode(t, r.next(t, `"total"`), &total)
	if total.Counted == nil || len(*total.Counted) != 0 || total.RX != 0 {
		t.Errorf("the total of a namespace with lo only: %+v", total)
	}
	if _, stderr := r.interrupt(t); stderr != "" {
		t.Errorf("stderr: %s", stderr)
	}
}

// measuresJSON: a document that is interrupted is whole.
func measuresJSON(t *testing.T) {
	r := start(t, program(t, "traffic", "lo", "--json", "--interval", "50ms"))
	head := r.next(t, `{"schema":1`)
	for range 3 {
		head += r.next(t, `"lo"`)
	}
	rest, _ := r.interrupt(t)
	text := head + strings.Join(rest, "")
	var doc struct {
		Schema   int
		Host     string
		Readings []reading
		Partial  []string
	}
	if decode(t, text, &doc); len(doc.Readings) < 3 || doc.Host == "" || doc.Partial == nil {
		t.Errorf("%s", text)
	}
}

func measuresProcesses(t *testing.T) {
	r := start(t, program(t, "traffic", "--by", "process", "--jsonl", "--interval", "200ms"))
	l, _ := listenTCP(t)
	// The first reading is what all that follows is counted from.
	keep, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	peer, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	r.next(t, `"pid":`+strconv.Itoa(os.Getpid())+`,`)
	swap(t, keep, peer, 2_000_000)
	talk(t, l, 500_000, 1_000, 0)
	var now reading
	testutil.Eventually(t, 10*time.Second, func() error {
		decode(t, r.next(t, `"pid":`+strconv.Itoa(os.Getpid())+`,`), &now)
		if now.TX < 2_501_000 || now.RX < 2_501_000 {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	if now.TX > 2_501_100 || now.RX > 2_501_100 || now.Counts != "payload" || now.By != "process" || !strings.Contains(now.CountedBy, "tcp_info") {
		t.Errorf("%+v", now)
	}
	r.interrupt(t)
	table := sockeye(t, "traffic --by unit --once --interval 100ms -a")
	table.check(t, 0, "*")
	table.contains(t, "UNIT")
}

func measuresSockets(t *testing.T) {
	l, port := listenTCP(t)
	c, err := net.Dial("tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := start(t, program(t, "traffic", "--by", "socket", "--jsonl", "--interval", "200ms", "dport = :"+port))
	r.next(t, `"socket"`)
	swap(t, c, s, 1_000_000)
	var now reading
	testutil.Eventually(t, 10*time.Second, func() error {
		decode(t, r.next(t, `"socket"`), &now)
		if now.TX != 1_000_000 {
			return fmt.Errorf("%+v", now)
		}
		return nil
	})
	if strconv.Itoa(now.RemotePort) != port || now.RX != 0 || now.CountedBy != "tcp_info" || len(now.Owners) != 1 || now.Owners[0].PID != os.Getpid() || *now.TXRate <= 0 {
		t.Errorf("%+v", now)
	}
	r.interrupt(t)
}

func measuresNetNS(t *testing.T) {
	testutil.NeedTool(t, "ip")
	var sleep *exec.Cmd
	testutil.InNewNetNS(t, func() {
		sleep = exec.Command("sleep", "60")
		if err := sleep.Start(); err != nil {
			t.Error(err)
		}
	})
	defer func() { _ = sleep.Process.Kill(); _ = sleep.Wait() }()
	pid := strconv.Itoa(sleep.Process.Pid)
	testutil.Command(t, "ip", "link", "add", "here0", "type", "veth", "peer", "name", "there0", "netns", pid)
	defer testutil.Command(t, "ip", "link", "del", "here0")
	there := sockeye(t, "traffic --count 1 -a --netns /proc/"+pid+"/ns/net")
	there.check(t, 0, "")
	there.contains(t, "there0")
	if strings.Contains(there.out, "here0 ") && !strings.Contains(there.out, "there0 ") {
		t.Errorf("%s", there.out)
	}
	both := sockeye(t, "traffic --count 1 -a --all-netns")
	both.check(t, 0, "*")
	both.contains(t, "there0", " here0", "NETNS")
	sockeye(t, "traffic --netns there-is-none").oneLine(t, "there-is-none")
	if r := sockeye(t, "traffic nothing0"); r.code != 1 || !strings.Contains(r.err, `no interface is called "nothing0"; there are lo, here0`) {
		t.Errorf("exit %d, %s", r.code, r.err)
	}
	one := sockeye(t, "traffic --once --interval 100ms -H here*")
	one.check(t, 0, "")
	if lines := strings.Count(one.out, "\n"); lines != 1 || !strings.Contains(one.out, "here0") {
		t.Errorf("%s", one.out)
	}
}

func trafficPipe(t *testing.T) {
	for _, args := range [][]string{{"traffic", "--interval", "50ms"}, {"traffic", "--jsonl", "--interval", "50ms"}, {"traffic", "--by", "process", "--interval", "50ms"}} {
		in, out, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := program(t, args...)
		cmd.Stdout = out
		in.Close()
		r := finish(t, cmd)
		out.Close()
		if r.code != 0 || strings.Contains(r.err, "writing") {
			t.Errorf("%v: exit %d, %s", args, r.code, r.err)
		}
	}
}

// liveTerminal: lines are drawn in place and none is wider than the terminal.
func liveTerminal(t *testing.T) {
	listenTCP(t)
	for _, line := range []string{"traffic -a --count 3 --interval 50ms", "traffic -av --since --count 2 --interval 50ms", "traffic --by process -a --count 2 --interval 50ms",
		"traffic --by socket -a --count 2 --interval 50ms"} {
		text := onTerminal(t, 80, []string{"LANG=C.UTF-8"}, line)
		if !strings.Contains(text, "A\r") || strings.Count(text, "RX") < 2 {
			t.Errorf("%s: not drawn again: %q", line, text)
		}
		plain := strings.NewReplacer("\x1b[K", "", "\x1b[J", "").Replace(text)
		for i := range 40 {
			plain = strings.ReplaceAll(plain, "\x1b["+strconv.Itoa(i)+"A\r", "")
		}
		narrow(t, line, plain, 80)
	}
	dumb := onTerminal(t, 80, []string{"TERM=dumb"}, "traffic -a --count 2 --interval 50ms")
	if strings.Contains(dumb, "\x1b") || strings.Count(dumb, "TIME") != 1 {
		t.Errorf("%q", dumb)
	}
	var terminated = start(t, program(t, "traffic", "--interval", "1h"))
	terminated.next(t, "total")
	if err := terminated.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	terminated.end(t)
}

// TestLiveObjectsAreOne: every line of JSON lines is an object with a time.
func TestLiveObjectsAreOne(t *testing.T) {
	r := sockeye(t, "traffic --count 2 --interval 50ms --jsonl")
	r.check(t, 0, "*")
	for line := range strings.Lines(r.out) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil || o["time"] == nil || o["interface"] == nil {
			t.Errorf("%v: %s", err, line)
		}
	}
}
