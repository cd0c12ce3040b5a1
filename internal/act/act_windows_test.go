package act

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/netstat"
)

const childEnv = "SOCKEYE_ACT_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		time.Sleep(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(t *testing.T) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

func started(t *testing.T, pid int) time.Time {
	t.Helper()
	d, err := (&netstat.Process{PID: pid}).Details()
	if d.Started.IsZero() {
		t.Fatal(err)
	}
	return d.Started
}

func TestEnd(t *testing.T) {
	for _, sig := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGKILL} {
		cmd := child(t)
		p, err := Hold(&netstat.Process{PID: cmd.Process.Pid, Name: "child", Started: started(t, cmd.Process.Pid)})
		if err != nil {
			t.Fatal(err)
		}
		if !p.Alive() {
			t.Error("not alive")
		}
		if err := p.Signal(syscall.SIGHUP); ReasonOf(err) != Unsupported || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if err := p.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		cancel()
		outcome, err := p.End(t.Context(), Ending{Signal: sig})
		if err != nil || outcome != Ended && outcome != Killed || p.Alive() {
			t.Errorf("%v %v", outcome, err)
		}
		if outcome, err := p.End(t.Context(), Ending{}); outcome != Ended || ReasonOf(err) != Gone {
			t.Errorf("again: %v %v", outcome, err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestReused: a process that began at another time is another.
func TestReused(t *testing.T) {
	cmd := child(t)
	_, err := Hold(&netstat.Process{PID: cmd.Process.Pid, Name: "child", Started: started(t, cmd.Process.Pid).Add(-time.Hour)})
	if ReasonOf(err) != Gone {
		t.Errorf("%v", err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if _, err := Hold(&netstat.Process{PID: cmd.Process.Pid, Name: "child"}); ReasonOf(err) != Gone {
		t.Errorf("%v", err)
	}
}

func TestHoldRefuses(t *testing.T) {
	for _, pid := range []int{0, systemPID, os.Getpid()} {
		if _, err := Hold(&netstat.Process{PID: pid}); ReasonOf(err) != Refused {
			t.Errorf("%d: %v", pid, err)
		}
	}
}

// TestCloseConnection: Windows closes it for an Administrator, and says so to others; Wine has no such thing, and says that.
func TestCloseConnection(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		l, err := net.Listen(network, map[string]string{"tcp4": "127.0.0.1:0", "tcp6": "[::1]:0"}[network])
		if err != nil {
			t.Log(err)
			continue
		}
		near, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		c := Connection{Proto: netstat.TCP, State: netstat.Established, Local: netip.MustParseAddrPort(near.LocalAddr().String()), Remote: netip.MustParseAddrPort(near.RemoteAddr().String())}
		switch err := c.Close(); ReasonOf(err) {
		case 0:
			_ = near.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := near.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: still open: %v", network, err)
			}
		case Denied, Unsupported:
			t.Log(err)
		default:
			t.Errorf("%s: %v %v", network, ReasonOf(err), err)
		}
		near.Close()
		far.Close()
		l.Close()
	}
}

func TestCloseDatagram(t *testing.T) {
	c := Connection{Proto: netstat.UDP, State: netstat.Established, Remote: netip.MustParseAddrPort("127.0.0.1:9")}
	if err := c.Close(); ReasonOf(err) != Unsupported {
		t.Errorf("%v", err)
	}
}

func TestReasons(t *testing.T) {
	for errno, want := range map[error]Reason{windows.ERROR_ACCESS_DENIED: Denied, windows.ERROR_INVALID_PARAMETER: Gone, windows.ERROR_NOT_SUPPORTED: Unsupported,
		errCritical: Refused, windows.ERROR_OUTOFMEMORY: Failed} {
		if got := reasonOf(errno); got != want {
			t.Errorf("%v: %v", errno, got)
		}
	}
	for _, name := range []string{"HUP", "", "1"} {
		if _, err := ParseSignal(name); err == nil {
			t.Errorf("%q is a signal", name)
		}
	}
}
