package netns

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func list(t testing.TB) []Namespace {
	t.Helper()
	l, _, err := List()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestOwn(t *testing.T) {
	own, err := Own()
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/net", &st); err != nil || st.Ino != own.Inode {
		t.Errorf("%+v, but the inode is %d (%v)", own, st.Ino, err)
	}
	if l := list(t); !l[0].Own || l[0].Inode != own.Inode {
		t.Errorf("the first of %+v is not our own", l)
	}
}

func TestNamed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to make a namespace")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip-netns(8)")
	}
	name := "sockeye-test-" + strconv.Itoa(os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("ip netns add: %v: %s", err, out)
	}
	defer exec.Command("ip", "netns", "delete", name).Run()
	n := 0
	for _, ns := range list(t) {
		var st unix.Stat_t
		if err := unix.Stat(ns.Path, &st); err == nil && st.Ino != ns.Inode {
			t.Errorf("%+v is inode %d", ns, st.Ino)
		}
		if ns.Name == name {
			n++
		}
	}
	if n != 1 {
		t.Errorf("the namespace is listed %d times", n)
	}
}

func TestOfProcess(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to make a namespace")
	}
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("no network namespaces here: %v", err)
	}
	defer cmd.Wait()
	defer in.Close()
	path := "/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/net"
	for _, ns := range list(t) {
		if ns.Path == path && ns.Name == "" && !ns.Own {
			return
		}
	}
	t.Errorf("%s is missing from %+v", path, list(t))
}

func BenchmarkList(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		list(b)
	}
}
