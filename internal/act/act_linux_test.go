package act

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
)

// rows reads the sockets that have a port at their local end.
func rows(t *testing.T, q netstat.Query) []netstat.Socket {
	t.Helper()
	q.Cookies, q.Owner = true, netstat.OwnerPID
	s, err := netstat.List(q)
	if err != nil {
		t.Fatal(err)
	}
	return s.Sockets
}

// between finds the connection of two ends.
func between(t *testing.T, local, remote net.Addr) Connection {
	t.Helper()
	l, r := netip.MustParseAddrPort(local.String()), netip.MustParseAddrPort(remote.String())
	protos := netstat.QueryTCP
	if local.Network() == "udp" {
		protos = netstat.QueryUDP
	}
	for _, s := range rows(t, netstat.Query{Protos: protos, LocalPorts: []uint16{l.Port()}, AllNetNS: false}) {
		if same(s.Local, l) && same(s.Remote, r) {
			return ConnectionOf(&s)
		}
	}
	t.Fatalf("no connection %v -> %v", local, remote)
	return Connection{}
}

func same(a, b netip.AddrPort) bool {
	return a.Port() == b.Port() && a.Addr().Unmap().WithZone("") == b.Addr().Unmap().WithZone("")
}

// pair is a connection; from is where it is dialled from, as text.
func pair(t *testing.T, network, at string) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	to := l.Addr().(*net.TCPAddr)
	if near, err = net.Dial("tcp", net.JoinHostPort(loop(at), fmt.Sprint(to.Port))); err != nil {
		t.Fatal(err)
	}
	if far, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

func loop(at string) string {
	if strings.HasPrefix(at, "[::1]") {
		return "::1"
	}
	return "127.0.0.1"
}

// broken waits for the error that the holder of a connection gets.
func broken(t *testing.T, c net.Conn, want error) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

func TestCloseConnection(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	testutil.CheckLeaks(t)
	var c Closer
	defer c.Close()
	for name, at := range map[string]string{"v4": "127.0.0.1:0", "v6": "[::1]:0", "mapped": "[::]:0"} {
		network := map[string]string{"v4": "tcp4", "v6": "tcp6", "mapped": "tcp"}[name]
		near, far := pair(t, network, at)
		conn := between(t, far.LocalAddr(), far.RemoteAddr())
		if conn.Cookie == 0 {
			t.Errorf("%s: no cookie", name)
		}
		if err := c.Connection(conn); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		broken(t, far, syscall.ECONNABORTED)
		broken(t, near, syscall.ECONNRESET)
		err := c.Connection(conn)
		if ReasonOf(err) != Gone || !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "it is closed already") {
			t.Errorf("%s again: %v", name, err)
		}
	}
}

// TestCloseUDP: a connected UDP socket gets the error, and one without a peer is none to be closed.
func TestCloseUDP(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	c, err := net.Dial("udp4", "127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := between(t, c.LocalAddr(), c.RemoteAddr()).Close(); err != nil {
		t.Fatal(err)
	}
	broken(t, c, syscall.ECONNABORTED)
}

// TestCloseReused: between confirmation and deed the connection ended, and another one has the same ends.
func TestCloseReused(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	l, err := net.Listen("tcp4", "127.0.0.1:4000")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial := func() (net.Conn, net.Conn) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4001}, Control: reuse}
		near, err := d.Dial("tcp4", "127.0.0.1:4000")
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return near, far
	}
	near, far := dial()
	shown := between(t, near.LocalAddr(), near.RemoteAddr())
	for _, c := range []net.Conn{near, far} { // without TIME_WAIT
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	near, far = dial()
	defer near.Close()
	defer far.Close()
	if err := shown.Close(); ReasonOf(err) != Gone {
		t.Errorf("%v", err)
	}
	if _, err := far.Write([]byte{1}); err != nil {
		t.Error(err)
	}
	if _, err := near.Read(make([]byte, 1)); err != nil {
		t.Errorf("the new connection was hit: %v", err)
	}
}

func reuse(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
}

// TestCloseTimeWait: this kernel closes it, or says that it does not.
func TestCloseTimeWait(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	near, far := pair(t, "tcp4", "127.0.0.1:0")
	near.Close()
	far.Close()
	conn := between(t, near.LocalAddr(), near.RemoteAddr())
	if conn.State != netstat.TimeWait {
		t.Fatalf("%v", conn.State)
	}
	switch err := conn.Close(); ReasonOf(err) {
	case 0:
		if left := rows(t, netstat.Query{Protos: netstat.QueryTCP, LocalPorts: []uint16{conn.Local.Port()}}); len(left) != 0 {
			t.Errorf("%+v", left)
		}
	case Unsupported:
		if !strings.Contains(err.Error(), "TIME_WAIT") {
			t.Error(err)
		}
	default:
		t.Error(err)
	}
}

func TestCloseNoConnection(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := uint16(l.Addr().(*net.TCPAddr).Port)
	for _, s := range rows(t, netstat.Query{Protos: netstat.QueryTCP, LocalPorts: []uint16{port}}) {
		if err := ConnectionOf(&s).Close(); ReasonOf(err) != Refused {
			t.Errorf("%v", err)
		}
	}
	if c, err := net.Dial("tcp4", l.Addr().String()); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
}

// TestCloseDenied: whose connection it is does not matter, one's own may not be closed either.
func TestCloseDenied(t *testing.T) {
	c := testutil.Child{}
	if os.Geteuid() == 0 {
		c.UID = 65534
	}
	if !testutil.Isolated(t, c) {
		return
	}
	near, far := pair(t, "tcp4", "127.0.0.1:0")
	err := between(t, near.LocalAddr(), near.RemoteAddr()).Close()
	if ReasonOf(err) != Denied || !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "only root may") {
		t.Errorf("%v", err)
	}
	if _, err := far.Write([]byte{1}); err != nil {
		t.Error(err)
	}
}

// TestCloseElsewhere: in another network namespace, as a row of AllNetNS names it.
func TestCloseElsewhere(t *testing.T) {
	testutil.NeedRoot(t)
	makers := testutil.BuildMakers(t)
	var m *testutil.Maker
	testutil.InNewNetNS(t, func() { m = makers.Start(t, "pair4", 1) })
	n := 0
	for _, s := range rows(t, netstat.Query{Protos: netstat.QueryTCP, States: netstat.StatesOf(netstat.Established), AllNetNS: true}) {
		if len(s.Owners) == 0 || s.Owners[0].Process.PID != m.PID {
			continue
		}
		n++
		if err := ConnectionOf(&s).Close(); err != nil && ReasonOf(err) != Gone { // the other end went with the first
			t.Error(err)
		}
	}
	if n == 0 {
		t.Error("the maker's connections are not listed")
	}
	c := Connection{Proto: netstat.TCP, State: netstat.Established, NetNS: 1}
	if err := c.Close(); ReasonOf(err) != Gone {
		t.Errorf("no such namespace: %v", err)
	}
}

// TestExplain: the kernels that are not here.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		errno  unix.Errno
		state  netstat.State
		reason Reason
		says   string
	}{
		{unix.EOPNOTSUPP, netstat.Established, Unsupported, "CONFIG_INET_DIAG_DESTROY"},
		{unix.EINVAL, netstat.Established, Unsupported, "CONFIG_INET_DIAG_DESTROY"},
		{unix.EOPNOTSUPP, netstat.TimeWait, Unsupported, "TIME_WAIT"},
		{unix.EPERM, netstat.Established, Denied, "sudo"},
		{unix.ENOENT, netstat.Established, Gone, "closed already"},
		{unix.ENOBUFS, netstat.Established, Failed, "no buffer space"},
	} {
		conn := Connection{Proto: netstat.TCP, State: c.state}
		err := conn.explain(&os.SyscallError{Syscall: "x", Err: c.errno})
		if ReasonOf(err) != c.reason || !strings.Contains(err.Error(), c.says) || !errors.Is(err, c.errno) {
			t.Errorf("%v: %v %v", c.errno, ReasonOf(err), err)
		}
		if errors.Is(err, errors.ErrUnsupported) != (c.reason == Unsupported) {
			t.Errorf("%v is not told by errors.Is", err)
		}
	}
	if ReasonOf(nil) != 0 || ReasonOf(os.ErrClosed) != Failed {
		t.Error("reasons of others' errors")
	}
}

// TestNoDestroy: what a kernel answers that cannot close such sockets. This one cannot close Unix sockets, and gives the answer
// that one without CONFIG_INET_DIAG_DESTROY gives for TCP.
func TestNoDestroy(t *testing.T) {
	testutil.NeedRoot(t)
	nl, err := netlink.Open()
	if err != nil {
		t.Skip(err)
	}
	defer nl.Close()
	rec := rawsock.Record{Family: unix.AF_UNIX, Cookie: 1}
	err = ask(nl, &rec)
	conn := Connection{Proto: netstat.TCP, State: netstat.Established}
	if err = conn.explain(err); ReasonOf(err) != Unsupported || !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, unix.EOPNOTSUPP) {
		t.Errorf("%v", err)
	}
}

// sleeper starts a shell that does what it is told before it waits.
func sleeper(t *testing.T, script string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sh", "-c", script+"\necho ready; while :; do sleep 0.05; done")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := out.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// listed is a process as the table would have it.
func listed(t *testing.T, pid int) *netstat.Process {
	t.Helper()
	table, err := netstat.Open(&netstat.Config{Few: true})
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	var ticks int64
	if _, err := fmt.Sscan(fields[19], &ticks); err != nil {
		t.Fatal(err)
	}
	return table.Process(pid, "sh", time.Duration(ticks)*time.Second/100, netstat.OwnerPID)
}

func hold(t *testing.T, p *netstat.Process) *Process {
	t.Helper()
	held, err := Hold(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { held.Close() })
	return held
}

func TestEnd(t *testing.T) {
	testutil.CheckLeaks(t)
	for name, c := range map[string]struct {
		script string
		how    Ending
		want   Outcome
	}{
		"heeds":            {":", Ending{}, Ended},
		"does not heed":    {"trap '' TERM", Ending{Grace: 200 * time.Millisecond}, Killed},
		"only asked":       {"trap '' TERM", Ending{Signal: syscall.SIGTERM, Grace: 100 * time.Millisecond}, Alive},
		"interrupt":        {":", Ending{Signal: syscall.SIGINT}, Ended},
		"kill":             {"trap '' TERM", Ending{Signal: syscall.SIGKILL}, Killed},
		"reload":           {"trap : HUP", Ending{Signal: syscall.SIGHUP}, Signalled},
		"stopped":          {"(sleep 0.1; kill -STOP $$) &", Ending{}, Ended},
		"stopped for good": {"trap '' TERM", Ending{Signal: syscall.SIGSTOP}, Signalled},
	} {
		cmd := sleeper(t, c.script)
		p := hold(t, listed(t, cmd.Process.Pid))
		if name == "stopped" {
			time.Sleep(300 * time.Millisecond)
		}
		got, err := p.End(context.Background(), c.how)
		if got != c.want || err != nil {
			t.Errorf("%s: %v, %v; want %v", name, got, err, c.want)
		}
		if alive := c.want == Alive || c.want == Signalled; p.Alive() != alive {
			t.Errorf("%s: alive %v", name, !alive)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		p.Close()
	}
}

// TestEndGone: the process ends while somebody thinks about it.
func TestEndGone(t *testing.T) {
	cmd := sleeper(t, ":")
	p := hold(t, listed(t, cmd.Process.Pid))
	_ = cmd.Process.Kill()
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, reaped := range []bool{false, true} { // a zombie, and nothing
		if reaped {
			_ = cmd.Wait()
		}
		if got, err := p.End(t.Context(), Ending{}); got != Ended || ReasonOf(err) != Gone {
			t.Errorf("%v %v", got, err)
		}
	}
	if _, err := Hold(&netstat.Process{PID: cmd.Process.Pid, Name: "sh"}); ReasonOf(err) != Gone {
		t.Errorf("%v", err)
	}
}

// TestReused: the id belongs to another process now.
func TestReused(t *testing.T) {
	old := sleeper(t, ":")
	was := listed(t, old.Process.Pid)
	p := hold(t, was)
	_ = old.Process.Kill()
	_ = old.Wait()
	time.Sleep(30 * time.Millisecond) // starts are told in units of 10 ms: all ids there are take longer to come round
	other := reusePID(t, old.Process.Pid)
	if got, err := p.End(t.Context(), Ending{}); got != Ended || ReasonOf(err) != Gone {
		t.Errorf("%v %v", got, err)
	}
	if _, err := Hold(was); ReasonOf(err) != Gone {
		t.Errorf("held another: %v", err)
	}
	if err := syscall.Kill(other.Process.Pid, 0); err != nil {
		t.Errorf("the other process was hit: %v", err)
	}
}

// reusePID starts a process with a certain id, by telling the kernel which it gave last (ns_last_pid, root).
func reusePID(t *testing.T, pid int) *exec.Cmd {
	t.Helper()
	testutil.NeedRoot(t)
	for range 100 {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(fmt.Sprint(pid-1)), 0); err != nil {
			t.Skip("needs ns_last_pid: ", err)
		}
		cmd := exec.Command("sleep", "60")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		if cmd.Process.Pid == pid {
			return cmd
		}
	}
	t.Skip("the id was not to be had again")
	return nil
}

func TestHoldRefuses(t *testing.T) {
	for pid, says := range map[int]string{1: "first process", 0: "first process", -5: "first process", os.Getpid(): "is this program", os.Getppid(): "has started this program"} {
		if pid == os.Getppid() && pid <= 1 {
			continue
		}
		_, err := Hold(&netstat.Process{PID: pid, Name: "x"})
		if ReasonOf(err) != Refused || !strings.Contains(err.Error(), says) {
			t.Errorf("%d: %v", pid, err)
		}
	}
}

func TestHoldDenied(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 65534, Env: []string{"OTHER=" + fmt.Sprint(sleeperOnce(t))}}) {
		return
	}
	var pid int
	if _, err := fmt.Sscan(os.Getenv("OTHER"), &pid); err != nil {
		t.Fatal(err)
	}
	_, err := Hold(&netstat.Process{PID: pid, Name: "sh"})
	if ReasonOf(err) != Denied || !strings.Contains(err.Error(), "sudo") {
		t.Errorf("%v", err)
	}
}

// sleeperOnce starts a process of root's, in the parent only.
func sleeperOnce(t *testing.T) int {
	if os.Geteuid() != 0 {
		return 0
	}
	return sleeper(t, ":").Process.Pid
}

// TestWaitCanceled: a wait that is given up spoils no later one.
func TestWaitCanceled(t *testing.T) {
	testutil.CheckLeaks(t)
	cmd := sleeper(t, ":")
	p := hold(t, listed(t, cmd.Process.Pid))
	for range 50 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := p.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		cancel()
	}
	_ = cmd.Process.Kill()
	if err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	p.Close()
	_ = cmd.Wait()
}

// TestWaitCanceledAtOnce ends the context while a wait begins, which takes the deadline of the wait before away.
func TestWaitCanceledAtOnce(t *testing.T) {
	testutil.CheckLeaks(t)
	cmd := sleeper(t, ":")
	p := hold(t, listed(t, cmd.Process.Pid))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 100_000 {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				for range i % 3000 { // at any time
					runtime.KeepAlive(i)
				}
				cancel()
			}()
			if err := p.Wait(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
				return
			}
		}
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("a wait goes on, whose context has ended")
	}
	_ = cmd.Process.Kill()
	<-done
	p.Close()
	_ = cmd.Wait()
}

func TestSignals(t *testing.T) {
	for text, want := range map[string]syscall.Signal{"TERM": syscall.SIGTERM, "sigkill": syscall.SIGKILL, "Int": syscall.SIGINT, "1": syscall.SIGHUP, "34": 34} {
		if got, err := ParseSignal(text); got != want || err != nil {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "SIG", "0", "65", "-9", "TERMINATE"} {
		if got, err := ParseSignal(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
	for _, name := range SignalNames() {
		if sig, err := ParseSignal(name); err != nil || SignalName(sig) != name {
			t.Errorf("%s: %v %v", name, sig, err)
		}
	}
}
