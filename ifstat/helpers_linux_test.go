package ifstat

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// try runs a program and says why it fails.
func try(name, args string) error {
	out, err := exec.Command(name, strings.Fields(args)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// isolated is the start of a test in a network namespace of its own, without IPv6, whose own packets would be counted too.
func isolated(t *testing.T, limit time.Duration) bool {
	t.Helper()
	if !testutil.Isolated(t, testutil.Child{NetNS: true, Limit: limit}) {
		return false
	}
	testutil.NeedTool(t, "ip")
	testutil.Sysctl(t, "net.ipv6.conf.all.disable_ipv6", "1")
	testutil.Sysctl(t, "net.ipv6.conf.default.disable_ipv6", "1")
	return true
}

// ip runs ip(8) for each line.
func ip(t *testing.T, lines string) {
	t.Helper()
	for line := range strings.Lines(lines) {
		if f := strings.Fields(line); len(f) > 0 {
			testutil.Command(t, "ip", f...)
		}
	}
}

// guest is a process in a network namespace of its own, with lo up and without IPv6. It does not end with the thread that
// started it (Pdeathsig), since tests let threads end.
func guest(t *testing.T) (pid string) {
	t.Helper()
	cmd := exec.Command("sh", "-c", "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1; ip link set lo up; echo; exec sleep 120")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		testutil.Lack(t, "needs network namespaces: "+err.Error())
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal("guest: ", err)
	}
	return strconv.Itoa(cmd.Process.Pid)
}

// inGuest runs a program there.
func inGuest(t *testing.T, pid, line string) {
	t.Helper()
	testutil.Command(t, "nsenter", append([]string{"-n", "-t", pid}, strings.Fields(line)...)...)
}

// cable makes a pair, one end here and one in the guest, both up, with addresses that know each other.
func cable(t *testing.T, pid string) {
	t.Helper()
	testutil.NeedTool(t, "nsenter")
	ip(t, `link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02
		link set v1 netns `+pid+`
		link set v0 up`)
	inGuest(t, pid, "ip link set v1 up")
}

func open(t testing.TB, cfg *Config) *Table {
	t.Helper()
	tb, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tb.Close(); err != nil {
			t.Error(err)
		}
	})
	return tb
}

func read(t testing.TB, tb *Table) *Snapshot {
	t.Helper()
	s := new(Snapshot)
	if err := tb.Read(s); err != nil {
		t.Fatal(err)
	}
	return s
}

// named gives the interface with that name, or fails the test.
func named(t testing.TB, s *Snapshot, name string) *Interface {
	t.Helper()
	for i := range s.Interfaces {
		if s.Interfaces[i].Name == name {
			return &s.Interfaces[i]
		}
	}
	t.Fatalf("%s is missing from %+v", name, s.Interfaces)
	return nil
}

// events are the changes, as "event name".
func events(older, newer *Snapshot) (list []string) {
	for _, c := range Diff(nil, older, newer) {
		i := c.New
		if i == nil {
			i = c.Old
		}
		list = append(list, c.Event.String()+" "+i.Name)
	}
	return list
}
