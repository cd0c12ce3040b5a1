package netlink

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

func subscribe(t testing.TB, f Family, bytes int, groups ...uint32) *Notices {
	t.Helper()
	n, err := Subscribe(f, bytes, groups...)
	if err != nil {
		t.Skipf("no notices here: %v", err)
	}
	t.Cleanup(func() { n.Close() })
	return n
}

func wait(t *testing.T, n *Notices, limit time.Duration) bool {
	t.Helper()
	ready, err := n.Wait(limit)
	if err != nil {
		t.Fatal(err)
	}
	return ready
}

// localPorts receives what waits and gives the local ports of the sockets that the notices are about: inet_diag_msg
// follows the header of 16 bytes, and has the port at 4.
func localPorts(t *testing.T, n *Notices) (ports []uint16, overflowed bool) {
	t.Helper()
	overflowed, err := n.Receive(func(b []byte) error {
		if len(b) < 16+72 || int(binary.NativeEndian.Uint32(b)) > len(b) {
			t.Errorf("a notice of %d bytes: % x", len(b), b)
			return nil
		}
		ports = append(ports, binary.BigEndian.Uint16(b[16+4:]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ports, overflowed
}

// connections opens and closes connections, one after the other, and returns the clients' ports.
func connections(t testing.TB, network, addr string, count int) (ports []uint16) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Skipf("no %s here: %v", network, err)
	}
	defer l.Close()
	for range count {
		c, err := net.Dial(network, l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		ports = append(ports, uint16(c.LocalAddr().(*net.TCPAddr).Port))
		c.(*net.TCPConn).SetLinger(0)
		c.Close()
		io.Copy(io.Discard, s)
		s.Close()
	}
	return ports
}

func TestNoticesOfClosedConnections(t *testing.T) {
	testutil.CheckLeaks(t)
	n := subscribe(t, Diag, 1<<20, GroupTCPDestroy, GroupTCP6Destroy)
	want := append(connections(t, "tcp4", "127.0.0.1:0", 100), connections(t, "tcp6", "[::1]:0", 100)...)
	seen := map[uint16]int{}
	testutil.Eventually(t, 5*time.Second, func() error {
		ports, overflowed := localPorts(t, n)
		if overflowed {
			t.Fatal("lost")
		}
		for _, p := range ports {
			seen[p]++
		}
		for _, p := range want {
			if seen[p] == 0 {
				return errors.New("a connection is missing")
			}
		}
		return nil
	})
}

// struct mmsghdr is struct msghdr, an unsigned int, and what aligns the next one.
func TestLayout(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	if got, want := unsafe.Sizeof(mmsghdr{}), unsafe.Sizeof(unix.Msghdr{})+word; got != want {
		t.Errorf("mmsghdr has %d bytes, expected %d", got, want)
	}
}

func TestWait(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	n := subscribe(t, Diag, 1<<20, GroupTCPDestroy)
	start := time.Now()
	if ready, err := n.Wait(50 * time.Millisecond); ready || err != nil {
		t.Fatalf("ready %v, error %v", ready, err)
	}
	if d := time.Since(start); d < 50*time.Millisecond {
		t.Errorf("waited for %v", d)
	}
	connections(t, "tcp4", "127.0.0.1:0", 1)
	if ready, err := n.Wait(5 * time.Second); !ready || err != nil {
		t.Fatalf("ready %v, error %v", ready, err)
	}
	localPorts(t, n)
}

// More notices than fit: it is said once, what did fit is handed out, and afterwards all goes on.
func TestOverflowIsSaid(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	n := subscribe(t, Diag, 8<<10, GroupTCPDestroy)
	if n.Buffer() < 4<<10 || n.Buffer() > 16<<10 {
		t.Errorf("a buffer of %d", n.Buffer())
	}
	const count = 300
	connections(t, "tcp4", "127.0.0.1:0", count)
	time.Sleep(200 * time.Millisecond) // the kernel sends them from a queue of work
	ports, overflowed := localPorts(t, n)
	for wait(t, n, 200*time.Millisecond) {
		more, o := localPorts(t, n)
		ports, overflowed = append(ports, more...), overflowed || o
	}
	if !overflowed || len(ports) == 0 || len(ports) >= 2*count {
		t.Fatalf("%d notices of %d, overflowed %v", len(ports), 2*count, overflowed)
	}
	want := connections(t, "tcp4", "127.0.0.1:0", 1)
	testutil.Eventually(t, 5*time.Second, func() error {
		ports, overflowed := localPorts(t, n)
		if overflowed {
			t.Fatal("lost again")
		}
		for _, p := range ports {
			if p == want[0] {
				return nil
			}
		}
		return errors.New("nothing comes after the overflow")
	})
}

// Nothing is lost, and everything is given out, when more waits than one system call brings.
func TestMoreThanOneRound(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	n := subscribe(t, Diag, 4<<20, GroupTCPDestroy)
	want := connections(t, "tcp4", "127.0.0.1:0", 500)
	time.Sleep(200 * time.Millisecond) // the kernel sends them from a queue of work
	seen := map[uint16]bool{}
	ports, overflowed := localPorts(t, n)
	for _, p := range ports {
		seen[p] = true
	}
	for _, p := range want {
		if !seen[p] {
			t.Fatalf("port %d is missing from %d notices", p, len(ports))
		}
	}
	if overflowed {
		t.Error("overflowed")
	}
}

func TestNoticesOfLinks(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	n := subscribe(t, Route, 1<<20, GroupLink, GroupAddr4, GroupAddr6)
	testutil.NeedTool(t, "ip")
	testutil.Command(t, "ip", "link", "add", "sockeye0", "type", "veth", "peer", "name", "sockeye1")
	testutil.Command(t, "ip", "addr", "add", "192.0.2.1/24", "dev", "sockeye0")
	var types []uint16
	_, err := n.Receive(func(b []byte) error {
		types = append(types, binary.NativeEndian.Uint16(b[4:]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	count := map[uint16]int{}
	for _, typ := range types {
		count[typ]++
	}
	if count[unix.RTM_NEWLINK] < 2 || count[unix.RTM_NEWADDR] != 1 {
		t.Errorf("messages of the types %d", types)
	}
}

// A notice longer than the room for it is lost, and that is said.
func TestCutNoticeIsLost(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	n := subscribe(t, Diag, 1<<20, GroupTCPDestroy)
	n.makeSlots(8, 64)
	connections(t, "tcp4", "127.0.0.1:0", 3)
	wait(t, n, 5*time.Second)
	overflowed, err := n.Receive(func(b []byte) error {
		t.Errorf("handed out: % x", b)
		return nil
	})
	if !overflowed || err != nil {
		t.Errorf("overflowed %v, error %v", overflowed, err)
	}
}

func TestTakeStops(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	n := subscribe(t, Diag, 1<<20, GroupTCPDestroy)
	connections(t, "tcp4", "127.0.0.1:0", 3)
	wait(t, n, 5*time.Second)
	calls := 0
	if _, err := n.Receive(func([]byte) error { calls++; return io.ErrUnexpectedEOF }); err != io.ErrUnexpectedEOF || calls != 1 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}

func TestNoticesInNamespace(t *testing.T) {
	testutil.NeedRoot(t)
	var n *Notices
	var there []uint16
	testutil.InNewNetNS(t, func() {
		var err error
		if n, err = SubscribeIn("/proc/self/task/"+strconv.Itoa(unix.Gettid())+"/ns/net", Diag, 1<<20, GroupTCPDestroy); err != nil {
			t.Error(err)
			return
		}
		there = connections(t, "tcp4", "127.0.0.1:0", 1)
	})
	if t.Failed() {
		return
	}
	defer n.Close()
	here := connections(t, "tcp4", "127.0.0.1:0", 1)
	seen := map[uint16]bool{}
	testutil.Eventually(t, 5*time.Second, func() error {
		ports, _ := localPorts(t, n)
		for _, p := range ports {
			seen[p] = true
		}
		if !seen[there[0]] {
			return errors.New("no notice")
		}
		return nil
	})
	if here[0] != there[0] && seen[here[0]] {
		t.Error("a notice of this namespace")
	}
}

func TestNoticesErrors(t *testing.T) {
	testutil.CheckLeaks(t)
	if _, err := SubscribeIn("/proc/self/ns/uts", Diag, 1<<16); err == nil {
		t.Error("subscribed in a namespace of another kind")
	}
	if _, err := Subscribe(Diag, 1<<16, 4000); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a group that there is not: %v", err)
	}
	n := subscribe(t, Diag, 1<<16, GroupTCPDestroy)
	if err := errors.Join(n.Close(), n.Close()); err != nil {
		t.Error(err)
	}
	_, err := n.Receive(func([]byte) error { return nil })
	_, werr := n.Wait(time.Second)
	if !errors.Is(err, unix.EBADF) || !errors.Is(werr, unix.EBADF) {
		t.Errorf("after Close: %v, %v", err, werr)
	}
}

func TestNoticesNoAllocation(t *testing.T) {
	n := subscribe(t, Diag, 1<<20, GroupTCPDestroy)
	take := func([]byte) error { return nil }
	if a := testing.AllocsPerRun(50, func() {
		if _, err := n.Receive(take); err != nil {
			t.Fatal(err)
		}
	}); a > 0 {
		t.Errorf("%v allocations", a)
	}
}

// Without CAP_NET_ADMIN: the notices come, in a buffer of the size that is allowed to everyone.
func TestNoticesWithoutPrivilege(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 65534}) {
		return
	}
	if os.Getuid() == 0 {
		t.Fatal("still root")
	}
	n := subscribe(t, Diag, 1<<30, GroupTCPDestroy)
	if max, err := os.ReadFile("/proc/sys/net/core/rmem_max"); err == nil {
		t.Logf("a buffer of %d, rmem_max is %s", n.Buffer(), strings.TrimSpace(string(max)))
	}
	if n.Buffer() >= 1<<30 {
		t.Errorf("a buffer of %d", n.Buffer())
	}
	connections(t, "tcp4", "127.0.0.1:0", 1)
	testutil.Eventually(t, 5*time.Second, func() error {
		if ports, _ := localPorts(t, n); len(ports) == 0 {
			return errors.New("no notice")
		}
		return nil
	})
}
