package cli

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sockeye-net/sockeye/internal/act"
	"github.com/sockeye-net/sockeye/internal/ports"
	"github.com/sockeye-net/sockeye/netstat"
)

// deeds is what the verbs did to a world without a system.
type deeds struct {
	closed   []act.Connection
	closeErr map[string]error // by the remote end
	mu       sync.Mutex
	held     map[int]error // what Hold answers; absent is nil
	open     int           // processes held and not released
	ended    []int
	how      act.Ending
	outcome  act.Outcome
	onEnd    func(pid int)
	waits    int
	onWait   func(n int)
	dials    map[string]error
	policy   ports.Policy
	tests    []ports.Test
	bindErr  []error // one an attempt; none left is success
}

type fakeCloser struct{ d *deeds }

func (f fakeCloser) Connection(c act.Connection) error {
	f.d.closed = append(f.d.closed, c)
	return f.d.closeErr[c.Remote.String()]
}
func (fakeCloser) Close() error { return nil }

type fakeHeld struct {
	d   *deeds
	pid int
}

func (f *fakeHeld) End(_ context.Context, how act.Ending) (act.Outcome, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	if f.d.onEnd != nil {
		f.d.onEnd(f.pid)
	}
	f.d.ended, f.d.how = append(f.d.ended, f.pid), how
	return f.d.outcome, nil
}

func (f *fakeHeld) Close() error { f.d.open--; return nil }

type fakeHints struct{ d *deeds }

func (fakeHints) Events() bool { return false }
func (f fakeHints) Wait(ctx context.Context, _ []uint16, while time.Duration) error {
	if f.d.waits++; f.d.onWait != nil {
		f.d.onWait(f.d.waits)
	}
	now = now.Add(while)
	return ctx.Err()
}
func (fakeHints) Close() error { return nil }

// answering gives the answer when somebody reads it, and does something before.
type answering struct {
	text   string
	before func()
}

func (a *answering) Read(b []byte) (int, error) {
	if a.before != nil {
		a.before()
	}
	return copy(b, a.text+"\n"), nil
}

// doer is a world in which things can be done. An answer of "" means that there is no terminal.
func doer(t *testing.T, answer string) (*world, *deeds) {
	t.Helper()
	w := newWorld(t)
	start := now
	t.Cleanup(func() { now = start })
	d := &deeds{outcome: act.Ended, policy: ports.Policy{Ephemeral: ports.Range{First: 32768, Last: 60999}, Privilege: 1024}}
	if answer != "" {
		w.Stdin, w.Interactive = &answering{text: answer}, true
	}
	w.Do = Doings{
		Closer: func() ConnectionCloser { return fakeCloser{d} },
		Hold: func(p *netstat.Process) (HeldProcess, error) {
			if err := d.held[p.PID]; err != nil {
				return nil, err
			}
			d.open++
			return &fakeHeld{d, p.PID}, nil
		},
		Ancestors: func() []int { return []int{40, 1} },
		Policy:    func() (ports.Policy, []error) { return d.policy, nil },
		TryPort:   func(ports.Question) []ports.Test { return d.tests },
		BindPort: func([]ports.Bind, uint16) error {
			if len(d.bindErr) == 0 {
				return nil
			}
			err := d.bindErr[0]
			d.bindErr = d.bindErr[1:]
			return err
		},
		Hints: func(bool) PortHints { return fakeHints{d} },
		Dial:  func(_ context.Context, to netip.AddrPort) error { return d.dials[to.String()] },
	}
	w.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		if host == "db" {
			return []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}, nil
		}
		return nil, errors.New("no such host")
	}
	t.Cleanup(func() {
		if d.open != 0 {
			t.Errorf("%d processes are held still", d.open)
		}
	})
	return w, d
}

// both are a golden file of stdout, and of stderr behind a line.
func both(w *world) string { return w.out.String() + "--\n" + w.err.String() }

func failure(r act.Reason, text string) error {
	return &act.Error{Op: "close", Target: "x", Reason: r, Err: errors.New(text)}
}

func TestClose(t *testing.T) {
	w, d := doer(t, "yes")
	if code := w.run("close sport = :8080"); code != exitFound {
		t.Errorf("exit %d", code)
	}
	golden(t, "close.txt", both(w))
	if len(d.closed) != 3 || d.closed[0].Proto != netstat.TCP {
		t.Errorf("%+v", d.closed)
	}
	if q := w.table.queries[0]; !q.Cookies || q.Owner < netstat.OwnerPID || !slices.Equal(q.LocalPorts, []uint16{8080}) {
		t.Errorf("%+v", q)
	}
}

// TestCloseAnswers: what is no yes is a no, and nothing is done.
func TestCloseAnswers(t *testing.T) {
	for answer, code := range map[string]int{"n": 1, " ": 1, "yess": 1, "Y": 0, "YES ": 0} {
		w, d := doer(t, answer)
		if got := w.run("close state established"); got != code || (len(d.closed) > 0) != (code == 0) {
			t.Errorf("%q: exit %d, closed %v; %s", answer, got, d.closed, w.err.String())
		}
	}
	w, d := doer(t, "")
	w.check(t, "close state established", exitUnknown, "sockeye: there is no terminal to ask on: say --yes to do it unasked, or --dry-run to see what would be hit\n")
	if w.table.opened != 0 {
		t.Error("the table was read")
	}
	w.check(t, "close state established --yes", exitFound, "")
	if len(d.closed) != 3 {
		t.Errorf("%v", d.closed)
	}
	d.closed = nil
	w.check(t, "close state established --dry-run", exitFound, "")
	if len(d.closed) > 0 || !strings.HasPrefix(w.out.String(), "would close  tcp 10.0.0.1:50000 -> 192.0.2.7:443 curl[99]\n") {
		t.Errorf("%v %s", d.closed, w.out.String())
	}
}

// TestCloseResults: each refusal is a word of its own, and said once.
func TestCloseResults(t *testing.T) {
	w, d := doer(t, "")
	d.closeErr = map[string]error{"192.0.2.7:443": failure(act.Gone, "it is closed already"), "192.0.2.8:1025": failure(act.Denied, "only root may"),
		"192.0.2.9:1026": failure(act.Denied, "only root may"), "192.0.2.9:1027": failure(act.Unsupported, "not TIME_WAIT")}
	for name, line := range map[string]string{"close-results.txt": "close --yes dst 192.0.2.0/24", "close-results.json": "close --yes --json dst 192.0.2.0/24", "close-results.csv": "close -y --csv dst 192.0.2.0/24"} {
		w.check(t, line, exitUnknown, "")
		golden(t, name, w.out.String())
	}
	d.closeErr = map[string]error{"192.0.2.7:443": failure(act.Gone, "it is closed already")}
	w.check(t, "close --yes dst 192.0.2.7", exitFound, "")
}

func TestCloseNothing(t *testing.T) {
	w, d := doer(t, "yes")
	w.check(t, "close dst 198.51.100.1", exitNotFound, "")
	w.check(t, "close sport = :631", exitNotFound, "sockeye: no connection matches, but 1 socket that has none: see sockeye kill, which ends the owner\n")
	w.check(t, "close pid = 7", exitUnknown, "sockeye: nothing found, but the owners of 1 socket may not be seen; see sockeye doctor\n")
	w.check(t, "close", exitUnknown, "sockeye: close needs a filter, as in sockeye close dst 203.0.113.7\n")
	w.check(t, "close --yes --dry-run sport = 1", exitUnknown, "sockeye: if any flags in the group [yes dry-run] are set none of the others can be; [dry-run yes] were all set\n")
	w.check(t, "close --json sport = :1", exitNotFound, "")
	if !strings.Contains(w.out.String(), `"connections":[]`) {
		t.Errorf("%s", w.out.String())
	}
	w.check(t, "close foo", exitUnknown, "sockeye: filter: no field is called \"foo\" at \"»foo«\"; it is no command either, see sockeye --help\n")
	if len(d.closed) > 0 {
		t.Errorf("%v", d.closed)
	}
}

// TestCloseOwn: the connection that this program was started over is not cut by mistake.
func TestCloseOwn(t *testing.T) {
	w, d := doer(t, "")
	w.Do.Ancestors = func() []int { return []int{worker.PID, 1} }
	w.check(t, "close --yes sport = :8080", exitUnknown, "")
	golden(t, "close-own.txt", w.out.String())
	if len(d.closed) != 1 || d.closed[0].State != netstat.TimeWait {
		t.Errorf("%+v", d.closed)
	}
	w.check(t, "close --yes --own sport = :8080", exitFound, "")
	if len(d.closed) != 4 {
		t.Errorf("%+v", d.closed)
	}
	w.check(t, "close --yes sport = :8080 and state established", exitUnknown, "")
}

// without takes the sockets of a process away, as its end does.
func (w *world) ends(pid int) {
	w.table.sockets = slices.DeleteFunc(slices.Clone(w.table.sockets), func(s netstat.Socket) bool {
		return slices.ContainsFunc(s.Owners, func(o netstat.Owner) bool { return o.Process.PID == pid })
	})
}

func TestKill(t *testing.T) {
	w, d := doer(t, "y")
	d.onEnd = w.ends
	if code := w.run("kill 8080"); code != exitFound {
		t.Errorf("exit %d", code)
	}
	golden(t, "kill.txt", both(w))
	slices.Sort(d.ended)
	if !slices.Equal(d.ended, []int{4242, 4243}) || d.how != (act.Ending{Grace: 5 * time.Second}) {
		t.Errorf("%v %+v", d.ended, d.how)
	}
}

func TestKillNobody(t *testing.T) {
	w, d := doer(t, "y")
	for line, c := range map[string]struct {
		code     int
		out, err string
	}{
		"kill 1":              {exitNotFound, "port 1 is owned by nobody\n", ""},
		"kill 81/tcp":         {exitNotFound, "tcp port 81 is owned by nobody (1 TIME_WAIT, which hinders only programs that do not set SO_REUSEADDR, for a minute at most)\n", ""},
		"kill 50000":          {exitNotFound, "port 50000 is owned by nobody (connections there: 1 ESTABLISHED)\n", ""},
		"kill 631":            {exitUnknown, "", "sockeye: tcp port 631: who owns it may not be seen: run it as root, or see sockeye doctor\n"},
		"kill 2049":           {exitUnknown, "", "sockeye: tcp port 2049: the kernel itself uses the socket, or it is on its way between processes: there is none to end\n"},
		"kill 53/tcp":         {exitNotFound, "tcp port 53 is owned by nobody\n", ""},
		"kill":                {exitUnknown, "", "sockeye: kill needs a port, as in sockeye kill 8080\n"},
		"kill 0":              {exitUnknown, "", "sockeye: \"0\": a port is a number from 1 to 65535 or the name of a service, and may end in /tcp or /udp\n"},
		"kill 1 --signal FOO": {exitUnknown, "", "sockeye: --signal: there is no signal \"FOO\"; there are " + strings.Join(act.SignalNames(), ", ") + "\n"},
		"kill 1 --timeout 0s": {exitUnknown, "", "sockeye: --timeout is more than 0, not 0s\n"},
	} {
		if strings.Contains(line, "FOO") && act.SignalName(syscall.SIGKILL) != "KILL" {
			continue
		}
		w.check(t, line, c.code, strings.ReplaceAll(c.err, `signal "FOO"; `, noSignal()))
		if got := w.out.String(); got != c.out {
			t.Errorf("%s: %q", line, got)
		}
	}
	if len(d.ended) > 0 {
		t.Errorf("%v", d.ended)
	}
}

// noSignal is how this system says that there is none.
func noSignal() string {
	_, err := act.ParseSignal("FOO")
	_, text, _ := strings.Cut(err.Error(), "there is no ")
	return text + "; "
}

// TestKillRefused: when one of the owners may not be ended, none is.
func TestKillRefused(t *testing.T) {
	for reason, says := range map[act.Reason]string{act.Denied: "it is another user's", act.Refused: "has started this program", act.Unsupported: "takes Linux 5.3"} {
		w, d := doer(t, "")
		d.held = map[int]error{4243: &act.Error{Op: "end", Target: "nginx[4243]", Reason: reason, Err: errors.New(says)}}
		w.check(t, "kill --yes 8080", exitUnknown, "sockeye: nginx[4243]: "+says+"; nothing was done\n")
		if len(d.ended) > 0 || w.out.Len() > 0 {
			t.Errorf("%v %s", d.ended, w.out.String())
		}
		w.check(t, "kill --yes 8080 --json", exitUnknown, "sockeye: nginx[4243]: "+says+"; nothing was done\n")
		if !strings.Contains(w.out.String(), `{"result":"left","pid":4242`) || !strings.Contains(w.out.String(), `{"result":"`+reason.String()+`","error":"`+says+`","pid":4243`) {
			t.Errorf("%s", w.out.String())
		}
	}
}

// TestKillRaces: what happens while somebody thinks.
func TestKillRaces(t *testing.T) {
	w, d := doer(t, "y")
	d.onEnd = w.ends
	w.Stdin = &answering{"y", func() {
		w.ends(worker.PID)
		w.table.sockets = append(w.table.sockets, tcp(netstat.Listen, "0.0.0.0:8080", "0.0.0.0:0", nginx))
	}}
	if code := w.run("kill 8080/tcp"); code != exitFound || !slices.Equal(d.ended, []int{4242}) ||
		w.out.String() != "nginx[4242] ended\nnginx[4243] does not have the port any more, and was left alone\ntcp port 8080 is free (1 TIME_WAIT, which hinders only programs that do not set SO_REUSEADDR, for a minute at most)\n" {
		t.Errorf("let go: exit %d, %v, %s", code, d.ended, both(w))
	}

	w, d = doer(t, "y") // another process has the id
	other := *nginx
	other.Started = now
	w.Stdin = &answering{"y", func() { w.table.sockets = []netstat.Socket{tcp(netstat.Listen, "0.0.0.0:8080", "0.0.0.0:0", &other)} }}
	if code := w.run("kill 8080/tcp"); code != exitUnknown || len(d.ended) > 0 || !strings.Contains(w.err.String(), "port 8080 is not free: nginx[4242] has it") {
		t.Errorf("the id was given again: exit %d, %v, %s", code, d.ended, both(w))
	}

	w, d = doer(t, "") // started again at once
	d.onEnd = func(pid int) {
		w.ends(pid)
		again := *nginx
		again.PID = 5000
		w.table.sockets = append(w.table.sockets, tcp(netstat.Listen, "0.0.0.0:8080", "0.0.0.0:0", &again))
	}
	w.table.sockets = []netstat.Socket{tcp(netstat.Listen, "0.0.0.0:8080", "0.0.0.0:0", nginx)}
	w.check(t, "kill 8080 --yes", exitUnknown, "sockeye: port 8080 is not free: nginx[5000] has it; its unit starts it again: systemctl stop nginx\n")

	w, d = doer(t, "y") // all had ended before anybody was asked
	d.held = map[int]error{4242: failure(act.Gone, "it has ended"), 4243: failure(act.Gone, "it has ended")}
	d.onWait = func(int) { w.ends(4242); w.ends(4243) }
	w.check(t, "kill 8080", exitFound, "")
	if len(d.ended) > 0 || !strings.HasPrefix(w.out.String(), "nginx[4242] had ended by itself\n") {
		t.Errorf("%s", both(w))
	}
}

func TestKillOutcomes(t *testing.T) {
	w, d := doer(t, "")
	d.outcome = act.Signalled
	w.check(t, "kill 8080 -y -s 15 --dry-run", exitUnknown, "sockeye: if any flags in the group [yes dry-run] are set none of the others can be; [dry-run yes] were all set\n")
	w.check(t, "kill 8080 --dry-run", exitFound, "")
	if w.out.String() != "nginx[4242] would be ended, for tcp port 8080\nnginx[4243] would be ended, for tcp port 8080\n" {
		t.Errorf("%s", w.out.String())
	}
	d.outcome = act.Killed
	d.onEnd = w.ends
	w.check(t, "kill 8080 53 --yes --timeout 1s", exitFound, "")
	if !strings.HasPrefix(w.out.String(), "curl[99] did not end by TERM within 1s, and was killed\n") || !strings.HasSuffix(w.out.String(), "port 53 is free\n") {
		t.Errorf("%s", w.out.String())
	}
	w, d = doer(t, "")
	d.outcome = act.Alive
	w.check(t, "kill 53/udp --yes", exitUnknown, "sockeye: curl[99] does not end even when killed: it hangs in the kernel\n")
	w.check(t, "kill 53/udp --yes --signal KILL --json", exitUnknown, "sockeye: curl[99] is still there after 5s; --signal KILL leaves it no choice\n")
	golden(t, "kill-alive.json", w.out.String())
	w, d = doer(t, "")
	d.onEnd = w.ends
	w.check(t, "kill 50000 -a --yes", exitFound, "")
	if !slices.Equal(d.ended, []int{99}) {
		t.Errorf("%v", d.ended)
	}
}

// TestKillHangUp: a signal that ends nobody is sent, and nobody waits for a free port.
func TestKillHangUp(t *testing.T) {
	if !act.Ends(syscall.SIGTERM) || len(act.SignalNames()) < 3 {
		t.Skip("no such signals here")
	}
	w, d := doer(t, "y")
	d.outcome = act.Signalled
	if code := w.run("kill 8080 --signal hup"); code != exitFound || d.how.Signal != syscall.SIGHUP ||
		w.out.String() != "nginx[4242] was sent HUP\nnginx[4243] was sent HUP\n" || !strings.HasSuffix(w.err.String(), "Send HUP to nginx[4242] and nginx[4243]? [y/N] ") {
		t.Errorf("exit %d %+v %s", code, d.how, both(w))
	}
}

func TestWait(t *testing.T) {
	for line, c := range map[string]struct {
		code     int
		out, err string
	}{
		"wait 8080 --open":                     {exitFound, "tcp port 8080: open after 0 ms\n", ""},
		"wait 8080 53/udp --open -q":           {exitFound, "", ""},
		"wait 2 --free":                        {exitFound, "tcp port 2: free after 0 ms\n", ""},
		"wait 2/udp 3 --free":                  {exitFound, "udp port 2: free after 0 ms\ntcp port 3: free after 0 ms\n", ""},
		"wait db:1 --open":                     {exitFound, "db:1: open after 0 ms\n", ""},
		"wait db:2 --free":                     {exitFound, "db:2: free after 0 ms\n", ""},
		"wait db:3 --open --timeout 50ms":      {exitNotFound, "db:3: not open within 50ms: connection refused\n", ""},
		"wait db:1 --free --timeout 50ms":      {exitNotFound, "db:1: not free within 50ms: 192.0.2.1 accepts\n", ""},
		"wait db:4 --free --timeout 50ms":      {exitUnknown, "db:4: not free within 50ms: no route to host\n", ""},
		"wait db:4 --open --timeout 50ms":      {exitNotFound, "db:4: not open within 50ms: no route to host\n", ""},
		"wait nowhere:1 --open --timeout 50ms": {exitUnknown, "nowhere:1: not open within 50ms: no such host\n", ""},
		"wait [::1]:1 --free":                  {exitFound, "[::1]:1: free after 0 ms\n", ""},
		"wait 80":                              {exitUnknown, "", "sockeye: at least one of the flags in the group [open free] is required\n"},
		"wait 80 --open --free":                {exitUnknown, "", "sockeye: if any flags in the group [open free] are set none of the others can be; [free open] were all set\n"},
		"wait --open":                          {exitUnknown, "", "sockeye: wait needs a port, as in sockeye wait 8080\n"},
		"wait x --open":                        {exitUnknown, "", "sockeye: \"x\": a target is PORT, PORT/udp or HOST:PORT, and ports are numbers from 1 to 65535 or names of services\n"},
		"wait db:1/udp --open":                 {exitUnknown, "", "sockeye: \"db:1/udp\": a target is PORT, PORT/udp or HOST:PORT; HOST:PORT is of TCP\n"},
		"wait db:0 --open":                     {exitUnknown, "", "sockeye: \"db:0\": a target is PORT, PORT/udp or HOST:PORT; HOST:PORT is of TCP\n"},
		"wait 1 --open --timeout -1s":          {exitUnknown, "", "sockeye: --timeout cannot be negative\n"},
	} {
		w, d := doer(t, "")
		no := syscall.Errno(refused)
		d.dials = map[string]error{"192.0.2.1:2": no, "[2001:db8::1]:2": no, "192.0.2.1:3": no, "[2001:db8::1]:3": no,
			"192.0.2.1:4": errors.New("no route to host"), "[2001:db8::1]:4": errors.New("no route to host"), "[::1]:1": no}
		w.check(t, line, c.code, c.err)
		if got := strings.ReplaceAll(w.out.String(), no.Error(), "connection refused"); got != c.out {
			t.Errorf("%s: %q", line, got)
		}
	}
}

// TestWaitFor: the table changes while it is waited for.
func TestWaitFor(t *testing.T) {
	w, d := doer(t, "")
	d.onWait = func(n int) {
		if n == 3 {
			w.table.sockets = append(w.table.sockets, tcp(netstat.Listen, "0.0.0.0:2", "0.0.0.0:0"))
		}
	}
	w.check(t, "wait 2 --open", exitFound, "")
	if w.out.String() != "tcp port 2: open after 30 ms\n" || w.table.queries[0].States != netstat.StatesOf(netstat.Listen) {
		t.Errorf("%s %+v", w.out.String(), w.table.queries[0])
	}
	w, d = doer(t, "")
	d.onWait = func(n int) { w.ends(4242) }
	d.bindErr = []error{&ports.BindError{Trouble: ports.InUse, Err: errors.New("x")}}
	w.check(t, "wait 8080 --free --json", exitFound, "")
	golden(t, "wait.json", w.out.String())
	w, d = doer(t, "")
	d.bindErr = []error{&ports.BindError{Trouble: ports.NotPermitted}}
	w.check(t, "wait 2 --free", exitFound, "")
	w, d = doer(t, "")
	d.onWait = func(n int) { w.table.sockets = nil }
	w.check(t, "wait 81 --free", exitFound, "")
	if d.waits != 0 {
		t.Error("waits for TIME_WAIT")
	}
	w, d = doer(t, "")
	d.onWait = func(n int) { w.table.sockets = nil }
	w.check(t, "wait 81 --free --strict", exitFound, "")
	if d.waits != 1 {
		t.Error("does not wait for TIME_WAIT")
	}
	w.table.readErr = errors.New("no way")
	w.check(t, "wait 8080 db:1 --open", exitUnknown, "sockeye: no way\n")
}

func TestFree(t *testing.T) {
	w, d := doer(t, "")
	d.policy.Reserved = []ports.Range{{First: 8081, Last: 8082}}
	taken := map[uint16]ports.Trouble{8080: ports.InUse, 80: ports.NotPermitted}
	w.Do.FindPorts = func(ctx context.Context, s ports.Search, p *ports.Policy) (f ports.Found, err error) {
		if s.Scattered {
			s.Range = ports.Range{First: 9000, Last: 9000}
		}
		for port := int(s.Range.First); port <= int(s.Range.Last) && len(f.Ports) < s.Count; port++ {
			_, reserved := ports.In(p.Reserved, uint16(port))
			switch {
			case p.Picked(uint16(port)) && !s.Ephemeral:
				f.Ephemeral++
			case reserved && !s.Reserved:
				f.Reserved++
			case taken[uint16(port)] == ports.InUse:
				f.InUse++
			case taken[uint16(port)] == ports.NotPermitted:
				f.NotPermitted++
			default:
				f.Ports = append(f.Ports, uint16(port))
			}
		}
		return f, nil
	}
	for line, c := range map[string]struct {
		code     int
		out, err string
	}{
		"free":                                {exitFound, "9000\n", ""},
		"free --range 8079-8090 -n 2":         {exitFound, "8079\n8083\n", ""},
		"free --range 8080-8082":              {exitNotFound, "", "sockeye: 0 of 1 found in 8080-8082: 1 in use, 2 reserved (--reserved takes them)\n"},
		"free --range 8080-8082 --reserved":   {exitFound, "8081\n", ""},
		"free --range 40000":                  {exitNotFound, "", "sockeye: 0 of 1 found in 40000: 1 in the ephemeral range 32768-60999 (--ephemeral takes them)\n"},
		"free --range 40000 --ephemeral":      {exitFound, "40000\n", ""},
		"free --range 80":                     {exitNotFound, "", "sockeye: 0 of 1 found in 80: 1 not permitted to this user\n"},
		"free --range 9-8":                    {exitUnknown, "", "sockeye: --range: \"9-8\" is no range of ports, such as 8000-8100\n"},
		"free -n 0":                           {exitUnknown, "", "sockeye: -n is 1 or more, not 0\n"},
		"free --range 8083-8084 -n 2 --jsonl": {exitFound, "{\"port\":8083}\n{\"port\":8084}\n", ""},
		"free --range 8083 --json":            {exitFound, "{\"schema\":1,\"time\":\"2026-03-04T12:00:00Z\",\"host\":\"box\",\"ports\":[\n{\"port\":8083}\n],\"partial\":[]}\n", ""},
	} {
		w.check(t, line, c.code, c.err)
		if w.out.String() != c.out {
			t.Errorf("%s: %q", line, w.out.String())
		}
	}
}

// failing makes tests that all fail in one way, and those of IPv4 by SO_REUSEADDR if that helps.
func failing(trouble ports.Trouble, reuse bool) (list []ports.Test) {
	for _, a := range []string{"0.0.0.0", "::"} {
		b := ports.Bind{Proto: netstat.TCP, Addr: netip.MustParseAddr(a)}
		list = append(list, ports.Test{Bind: b, Err: &ports.BindError{Trouble: trouble}})
		if b.Reuse = true; reuse {
			list = append(list, ports.Test{Bind: b})
		}
	}
	return list
}

func TestWhy(t *testing.T) {
	free := []ports.Test{{Bind: ports.Bind{Proto: netstat.TCP, Addr: netip.MustParseAddr("0.0.0.0")}}, {Bind: ports.Bind{Proto: netstat.TCP, Addr: netip.MustParseAddr("::")}}}
	for name, c := range map[string]struct {
		line  string
		code  int
		tests []ports.Test
	}{
		"why-8080.txt": {"why 8080", exitFound, failing(ports.InUse, false)}, "why-8080.json": {"why 8080 --json", exitFound, failing(ports.InUse, false)},
		"why-631.txt": {"why 631", exitFound, failing(ports.NotPermitted, false)}, "why-2049.txt": {"why 2049", exitFound, failing(ports.InUse, false)},
		"why-81.txt": {"why 81", exitFound, failing(ports.InUse, true)}, "why-81-hard.txt": {"why 81", exitFound, failing(ports.InUse, false)},
		"why-50000.txt": {"why 50000", exitFound, failing(ports.InUse, false)}, "why-1.txt": {"why 9", exitNotFound, free},
		"why-1.csv": {"why 9000 --csv", exitNotFound, free}, "why-unlisted.txt": {"why 9000", exitUnknown, failing(ports.InUse, false)},
	} {
		w, d := doer(t, "")
		d.tests = c.tests
		w.check(t, c.line, c.code, "")
		if runtime.GOOS != "windows" { // where other commands help
			golden(t, name, w.out.String())
		}
	}
	w, _ := doer(t, "")
	for line, says := range map[string]string{
		"why":              "why needs a port, as in sockeye why 8080",
		"why host:80":      "\"host:80\": an address is a number such as 127.0.0.1 or [::1]",
		"why 80/sctp":      "\"80/sctp\": a port is a number from 1 to 65535 or the name of a service, and may end in /tcp or /udp",
		"why 127.0.0.1:x0": "\"x0\": a port is a number from 1 to 65535 or the name of a service, and may end in /tcp or /udp",
	} {
		w.check(t, line, exitUnknown, "sockeye: "+says+"\n")
	}
}

// TestWhyEveryCause: each kind has a sentence, and what stands in the way something to do about it.
func TestWhyEveryCause(t *testing.T) {
	w, _ := doer(t, "")
	r := &reasons{env: &w.Env, names: &w.Names, policy: &ports.Policy{Ephemeral: ports.Range{First: 1, Last: 9}, Privilege: 1024, Reserved: []ports.Range{{First: 5, Last: 5}}}}
	s := tcp(netstat.Listen, "0.0.0.0:5", "0.0.0.0:0", nginx)
	for kind := ports.Owner; kind <= ports.Reserved; kind++ {
		for _, proto := range []netstat.Proto{netstat.TCP, netstat.UDP} {
			v := &ports.Verdict{Question: ports.Question{Proto: proto, Port: 5}}
			c := &ports.Cause{Kind: kind, Hinders: true, Sockets: []*netstat.Socket{&s}}
			if r.says(v, c) == "" || strings.HasPrefix(kind.String(), "Kind(") {
				t.Errorf("%v: says nothing", kind)
			}
			if r.remedy(v, c) == "" && kind < ports.Family {
				t.Errorf("%v: nothing to do", kind)
			}
			if !strings.Contains(whyLong, "\n  "+kind.String()+" ") {
				t.Errorf("%v is not in the help", kind)
			}
		}
	}
}

func TestVerbsComplete(t *testing.T) {
	w, _ := doer(t, "")
	for _, c := range []struct{ args, wants []string }{
		{[]string{"kill", "8"}, []string{"8080\tnginx\n", "53/udp\tcurl\n"}},
		{[]string{"why", "8080", ""}, []string{"53/udp\tcurl\n"}},
		{[]string{"kill", "8080", "--signal", ""}, []string{"TERM\nKILL\n"}},
		{[]string{"close", "state", ""}, []string{"time-wait\n"}},
		{[]string{"c"}, []string{"close\tClose connections\n"}},
		{[]string{"wait", "--"}, []string{"--free\t", "--open\t"}},
	} {
		w.out.Reset()
		w.Run(context.Background(), append([]string{"__complete"}, c.args...))
		for _, part := range c.wants {
			if got := w.out.String(); !strings.Contains(got, part) {
				t.Errorf("%q: %q is not in %s", c.args, part, got)
			}
		}
	}
}

// TestVerbsEverywhere: each verb has --json, is offered by the shell's completion, and has a manual page.
func TestVerbsEverywhere(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	w.check(t, "man "+dir, exitFound, "")
	w.out.Reset()
	w.Run(t.Context(), []string{"__complete", ""})
	for _, verb := range []string{"top", "close", "kill", "wait", "free", "why", "send", "recv", "echo"} {
		cmd, _, err := w.root().Find([]string{verb})
		if err != nil || cmd.Name() != verb || cmd.Flags().Lookup("json") == nil {
			t.Errorf("%s: no --json (%v)", verb, err)
		}
		if !strings.Contains("\n"+w.out.String(), "\n"+verb+"\t") {
			t.Errorf("%s is not offered: %s", verb, w.out.String())
		}
		if _, err := os.Stat(dir + "/sockeye-" + verb + ".1"); err != nil {
			t.Error(err)
		}
	}
}

// TestManual: a page for each command that is shown, with every flag, the same each time.
func TestManual(t *testing.T) {
	w := newWorld(t)
	dir := t.TempDir()
	w.vars["SOURCE_DATE_EPOCH"] = "1700000000"
	w.check(t, "man "+dir, exitFound, "")
	root := w.root()
	for _, cmd := range documented(root) {
		b, err := os.ReadFile(dir + "/" + manName(cmd) + ".1")
		if err != nil {
			t.Error(err)
			continue
		}
		page := string(b)
		for _, part := range []string{".TH " + strings.ToUpper(strings.ReplaceAll(manName(cmd), "-", `\-`)) + ` 1 "2023-11-14"`, ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n"} {
			if !strings.Contains(page, part) {
				t.Errorf("%s lacks %q", manName(cmd), part)
			}
		}
		for _, name := range flagNames(cmd) {
			if !strings.Contains(page, `\fB\-\-`+strings.ReplaceAll(name, "-", `\-`)+`\fR`) {
				t.Errorf("%s lacks --%s", manName(cmd), name)
			}
		}
		for line := range strings.Lines(page) {
			if strings.HasPrefix(line, ". ") || strings.HasPrefix(line, "'") {
				t.Errorf("%s: %q is a request", manName(cmd), line)
			}
		}
	}
	golden(t, "sockeye-kill.1", readFile(dir+"/sockeye-kill.1"))
	again := t.TempDir()
	w.check(t, "man "+again, exitFound, "")
	for _, cmd := range documented(root) {
		if name := "/" + manName(cmd) + ".1"; readFile(dir+name) != readFile(again+name) {
			t.Errorf("%s differs", name)
		}
	}
	w.vars["SOURCE_DATE_EPOCH"] = "x"
	w.check(t, "man "+dir, exitUnknown, "sockeye: SOURCE_DATE_EPOCH: strconv.ParseInt: parsing \"x\": invalid syntax\n")
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return names
}
