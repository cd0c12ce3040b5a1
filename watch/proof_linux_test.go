package watch

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// The proof: processes that the test starts make connections of 1 to 100 ms with numbers of bytes that they write down,
// and a watcher in another process has to tell all of them. Truth comes from those processes alone.

// truth is one connection as the process that made it knows it.
type truth struct {
	Client, Server uint16 // ports
	PID, ServerPID int
	Sent, Received uint64 // by the client
	Opened, Closed time.Time
}

const roleEnv = "SOCKEYE_WATCH_ROLE"

// TestRole is no test: it is what the processes of the proof run.
func TestRole(t *testing.T) {
	switch role, arg, _ := strings.Cut(os.Getenv(roleEnv), " "); role {
	case "server":
		serve(t)
	case "client":
		dial(t, arg)
	default:
		t.Skip("started by other tests")
	}
}

// serve says its port, and answers each connection: 16 hexadecimal digits of how many bytes come, 16 of how many are to go.
func serve(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var head [32]byte
			if _, err := io.ReadFull(c, head[:]); err != nil {
				return
			}
			in, _ := strconv.ParseInt(string(head[:16]), 16, 64)
			out, _ := strconv.ParseInt(string(head[16:]), 16, 64)
			_, _ = io.CopyN(io.Discard, c, in)
			_, _ = io.CopyN(c, zeros{}, out)
			_, _ = io.Copy(io.Discard, c) // the client closes first, when it wants
		}()
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// dial makes connections: how many, to which port of which process. It writes what it did at the end.
func dial(t *testing.T, arg string) {
	var n, port, pid int
	if _, err := fmt.Sscan(arg, &n, &port, &pid); err != nil {
		t.Fatal(err)
	}
	const abreast = 40
	out := json.NewEncoder(os.Stdout)
	var mu sync.Mutex
	var all sync.WaitGroup
	todo := make(chan int)
	for range abreast {
		all.Go(func() {
			for i := range todo {
				tr, err := oneConnection(i, port)
				if err != nil {
					t.Error(err)
					continue
				}
				tr.ServerPID = pid
				mu.Lock()
				_ = out.Encode(tr)
				mu.Unlock()
			}
		})
	}
	for i := range n {
		todo <- i
	}
	close(todo)
	all.Wait()
}

func oneConnection(i, port int) (tr truth, err error) {
	tr = truth{Server: uint16(port), PID: os.Getpid(), Sent: uint64(rand.N(20_000)), Received: uint64(rand.N(20_000)), Opened: time.Now()}
	if i%100 == 0 {
		tr.Received = 1 << 20
	}
	life := time.Duration(1+rand.N(100)) * time.Millisecond
	c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return tr, err
	}
	defer c.Close()
	tr.Client = uint16(c.LocalAddr().(*net.TCPAddr).Port)
	if _, err := fmt.Fprintf(c, "%016x%016x", tr.Sent, tr.Received); err != nil {
		return tr, err
	}
	if _, err := io.CopyN(c, zeros{}, int64(tr.Sent)); err != nil {
		return tr, err
	}
	if _, err := io.CopyN(io.Discard, c, int64(tr.Received)); err != nil {
		return tr, err
	}
	tr.Sent += 32
	time.Sleep(life - time.Since(tr.Opened))
	tr.Closed = time.Now()
	return tr, nil
}

// child starts a process of the proof. It is ended with the test.
func child(t *testing.T, role string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestRole$")
	cmd.Env = append(os.Environ(), roleEnv+"="+role)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// makeConnections runs two servers and four clients to their end.
func makeConnections(t *testing.T, n int) (all []truth) {
	t.Helper()
	type server struct{ port, pid int }
	var servers []server
	for range 2 {
		cmd, out := child(t, "server")
		if !out.Scan() {
			t.Fatal("a server did not start")
		}
		port, err := strconv.Atoi(out.Text())
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, server{port, cmd.Process.Pid})
	}
	const clients = 4
	var mu sync.Mutex
	var done sync.WaitGroup
	for i := range clients {
		s := servers[i%len(servers)]
		_, out := child(t, fmt.Sprintln("client", n/clients, s.port, s.pid))
		done.Go(func() {
			for out.Scan() {
				var tr truth
				if json.Unmarshal(out.Bytes(), &tr) == nil && tr.PID != 0 {
					mu.Lock()
					all = append(all, tr)
					mu.Unlock()
				}
			}
		})
	}
	done.Wait()
	if len(all) != n {
		t.Fatalf("%d of %d connections were made", len(all), n)
	}
	return all
}

// end is one end of a connection.
type end struct{ local, remote uint16 }

// told is what a watcher told of one end.
type history struct{ opened, closed *Event }

// histories are what a watcher told of each pair of ports. A pair may be used again by another connection.
type histories map[end][]*history

// of is the history that an event of that pair belongs to.
func (h histories) of(k end) *history {
	if n := len(h[k]); n > 0 && h[k][n-1].closed == nil {
		return h[k][n-1]
	}
	h[k] = append(h[k], new(history))
	return h[k][len(h[k])-1]
}

// take is the oldest history of a pair, and takes it out.
func (h histories) take(k end) *history {
	if len(h[k]) == 0 {
		return nil
	}
	first := h[k][0]
	if h[k] = h[k][1:]; len(h[k]) == 0 {
		delete(h, k)
	}
	return first
}

// record keeps all events of TCP connections by their ends.
func record(t *testing.T, w *Watcher, until func() bool) (histories, Counts) {
	t.Helper()
	events := make(histories)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var counts Counts
	for last := 0; ; {
		r, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for i := range r.Events {
			e := r.Events[i]
			if k := (end{e.Socket.Local.Port(), e.Socket.Remote.Port()}); e.Kind == Opened {
				events.of(k).opened = &e
			} else if e.Kind == Closed {
				events.of(k).closed = &e
			}
			if e.Kind == Overflow {
				// On a busy machine a program can be skipped for a socket of anybody's (recursion_misses), which counts as lost.
				// Whether one of ours was is found out end by end.
				t.Logf("an overflow: %d lost", e.Lost)
			}
		}
		if counts = r.Counts; r.Elapsed == 0 {
			continue
		}
		if len(r.Events) == 0 && until() {
			if last++; last > 2 {
				return events, counts
			}
		}
	}
}

// prove has a watcher watch the connections being made.
func prove(t *testing.T, m Method) (histories, []truth, Counts) {
	t.Helper()
	w, err := Open(&Config{Method: m, NoLinks: true})
	if err != nil {
		testutil.Lack(t, fmt.Sprint("method ", m, ": ", err))
	}
	t.Cleanup(func() { _ = w.Close() })
	var all []truth
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		all = makeConnections(t, proofConnections)
	}()
	events, counts := record(t, w, func() bool {
		select {
		case <-finished:
			return true
		default:
			return false
		}
	})
	slices.SortFunc(all, func(a, b truth) int { return a.Opened.Compare(b.Opened) })
	return events, all, counts
}

// TestProofBPF: every connection appears, opened and closed, at both ends, with its owner and its bytes.
func TestProofBPF(t *testing.T) {
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	events, all, counts := prove(t, BPF)
	var wrong complaints
	var processes []int
	for _, tr := range all {
		processes = append(processes, tr.PID, tr.ServerPID)
	}
	slices.Sort(processes)
	processes = slices.Compact(processes)
	for _, tr := range all {
		for _, side := range tr.sides() {
			side.proof = processes
			wrong.check(side, events.take(side.end))
		}
	}
	wrong.tooMany(events)
	t.Logf("ends that a process from outside let go of last: %v", wrong[outsiders])
	delete(wrong, outsiders)
	wrong.report(t)
	t.Logf("%d connections, %d ends opened, %d closed, %d inferred", len(all), counts.Opened, counts.Closed, counts.Inferred)
	if counts.Inferred != 0 {
		t.Error(counts.Inferred, "were not seen until they closed")
	}
	if counts.Opened != uint64(2*len(all)) || counts.Closed != uint64(2*len(all)) {
		t.Error("some were told twice")
	}
}

// side is what is true of one end.
type side struct {
	end
	pid            int
	sent, received uint64
	life           time.Duration
	accepted       bool
	proof          []int // processes
}

func (tr *truth) sides() []side {
	life := tr.Closed.Sub(tr.Opened)
	return []side{
		{end{tr.Client, tr.Server}, tr.PID, tr.Sent, tr.Received, life, false, nil},
		{end{tr.Server, tr.Client}, tr.ServerPID, tr.Received, tr.Sent, life, true, nil},
	}
}

// complaints gathers what is wrong, by kind, with one example each.
type complaints map[string]string

func (c *complaints) add(kind, format string, args ...any) {
	if *c == nil {
		*c = make(complaints)
	}
	if _, ok := (*c)[kind]; !ok {
		(*c)[kind] = fmt.Sprintf(format, args...)
	}
	(*c)[kind] += "."
}

// tooMany complains of what is left when every end has been taken.
func (c *complaints) tooMany(left histories) {
	for _, list := range left {
		for _, h := range list {
			if h.closed != nil {
				c.add("told twice", "%s", long(h.closed))
			} else {
				c.add("never closed", "%s", long(h.opened))
			}
		}
	}
}

// outsiders are processes that are no part of the proof, but looked at a socket's file (a BPF task_file iterator, of which other
// tests run some) when its server closed it, and so were the last to let go of it. There may be a few.
const outsiders = "an outsider"

func (c *complaints) strange(s side, pid int) bool {
	if !s.accepted || pid == os.Getpid() || slices.Contains(s.proof, pid) || len((*c)[outsiders]) >= 5 {
		return false
	}
	if *c == nil {
		*c = make(complaints)
	}
	(*c)[outsiders] += "."
	return true
}

func (c complaints) report(t *testing.T) {
	t.Helper()
	for kind, example := range c {
		t.Errorf("%s: %s", kind, example)
	}
}

func (c *complaints) check(s side, e *history) {
	switch {
	case e == nil:
		c.add("not told", "%+v", s)
		return
	case e.opened == nil:
		c.add("no opening", "%+v", s)
		return
	case e.closed == nil:
		c.add("no closing", "%+v", s)
		return
	}
	b := e.closed.Bytes
	if b.Sent != s.sent || b.Received != s.received || b.Basis != FromTCPInfo {
		c.add("bytes", "%+v: %+v", s, b)
	}
	if o := e.closed.Socket.Owners; len(o) != 1 || o[0].Process.PID != s.pid && !c.strange(s, o[0].Process.PID) {
		c.add("owner", "%+v: %v %v, and the watcher is %d", s, pids(o), e.closed.OwnerFrom, os.Getpid())
	}
	if o := e.opened.Socket.Owners; len(o) > 0 && o[0].Process.PID != s.pid {
		c.add("owner at opening", "%+v: %+v %v", s, o, e.opened.OwnerFrom)
	} else if len(o) == 0 {
		c.add("no owner at opening", "%+v", s)
	}
	const slack = 500 * time.Millisecond // a loaded machine lets processes wait
	if life, ok := e.closed.Lifetime(); !ok || life > s.life+slack || life < s.life-slack {
		c.add("lifetime", "%+v: %v", s, life)
	}
}

func pids(owners []netstat.Owner) (all []int) {
	for _, o := range owners {
		all = append(all, o.Process.PID)
	}
	return all
}

// TestProofNotices: without BPF every end's closing appears with its bytes. Whose it was is known for those that a reading
// saw and for those that came to a listener; the rest are said to be inferred, and nobody is blamed for them.
func TestProofNotices(t *testing.T) {
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	events, all, counts := prove(t, Notices)
	var wrong complaints
	inferred, named := uint64(0), 0
	for _, tr := range all {
		for _, s := range tr.sides() {
			e := events.take(s.end)
			if e == nil || e.closed == nil {
				wrong.add("no closing", "%+v", s)
				continue
			}
			if e.closed.Inferred {
				inferred++
			}
			// The kernel's count of what was received has the peer's FIN as a byte.
			if b := e.closed.Bytes; b.Sent != s.sent || b.Received != s.received && b.Received != s.received+1 {
				wrong.add("bytes", "%+v: %+v", s, b)
			}
			for _, o := range e.closed.Socket.Owners {
				named++
				if o.Process.PID != s.pid {
					wrong.add("owner", "%+v: %+v %v", s, *o.Process, e.closed.OwnerFrom)
				}
			}
		}
	}
	wrong.tooMany(events)
	wrong.report(t)
	t.Logf("%d connections: of %d ends %d were inferred from their closing, %d have an owner", len(all), 2*len(all), inferred, named)
	if counts.Inferred != inferred {
		t.Errorf("the watcher counts %d as inferred, its events are %d", counts.Inferred, inferred)
	}
	if inferred == 0 {
		t.Error("no connection lived between two readings: the test shows nothing")
	}
}
