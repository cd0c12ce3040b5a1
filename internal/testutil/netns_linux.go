package testutil

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// LoopbackUp brings lo up in the network namespace of the calling thread.
func LoopbackUp(t testing.TB) {
	t.Helper()
	if err := loopbackUp(); err != nil {
		t.Fatal("lo: ", err)
	}
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	req, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	req.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, req)
}

// InNewNetNS calls f with this thread in a new network namespace whose lo is up, and returns to the old one: what f
// starts (processes, sockets) stays there and keeps the namespace alive.
func InNewNetNS(t testing.TB, f func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		defer close(done) // also when f fails the test
		done <- onNewNetNS(f)
	}()
	if err := <-done; err != nil {
		t.Fatal("new network namespace: ", err)
	}
}

// onNewNetNS never unlocks the thread, so that it ends with the goroutine and no other code finds itself in there. The
// first thread cannot end, and /proc/self would be in there with it: while it is held here, another one does the work.
func onNewNetNS(f func()) error {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		defer runtime.UnlockOSThread()
		done := make(chan error, 1)
		go func() {
			defer close(done) // also when f fails the test
			done <- onNewNetNS(f)
		}()
		return <-done
	}
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	f()
	return nil
}

// privateMounts keeps what the test mounts from the rest of the machine.
func privateMounts(t testing.TB) {
	t.Helper()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal("private mounts: ", err)
	}
}

// Sysctl sets a value under /proc/sys/net in the test's namespace.
func Sysctl(t testing.TB, name, value string) {
	t.Helper()
	path := sysctlPath(name)
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Veth makes two interfaces, one cable, with link-local addresses that are usable at once. Where that cannot be done the
// test goes on without such addresses, but in CI it fails.
func Veth(t testing.TB, a, b string) {
	t.Helper()
	out, err := exec.Command("ip", "link", "add", a, "type", "veth", "peer", "name", b).CombinedOutput()
	if err != nil {
		t.Logf("no link-local addresses: %v %s", err, out)
		if CI() {
			t.FailNow()
		}
		return
	}
	for _, name := range []string{a, b} {
		Sysctl(t, "net.ipv6.conf."+name+".accept_dad", "0")
		Command(t, "ip", "link", "set", name, "up")
	}
}

// Command runs a program to its end and returns what it wrote; the test fails if the program does.
func Command(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}

// HasSysctl reports whether the test's namespace has such a value of its own.
func HasSysctl(name string) bool {
	_, err := os.Stat(sysctlPath(name))
	return err == nil
}

func sysctlPath(name string) string { return "/proc/sys/" + strings.ReplaceAll(name, ".", "/") }
