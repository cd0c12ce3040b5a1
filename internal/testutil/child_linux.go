package testutil

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Child says how a test is to be run in a process of its own.
type Child struct {
	NetNS   bool // in a new network namespace, with lo up
	MountNS bool // in a new mount namespace, from which nothing propagates
	UID     int  // as this user and group, without capabilities; 0 is as now
	Env     []string
	Limit   time.Duration // how long it may take; 0 is two minutes
}

const childEnv = "SOCKEYE_TEST_CHILD"

// Isolated runs the calling top-level test again, alone, in a child process as c says, and returns true in that child
// only: all of the child's threads are in its namespaces, which a locked thread could not promise of the code under
// test. In the parent it passes the child's outcome on and returns false.
func Isolated(t *testing.T, c Child) bool {
	t.Helper()
	if os.Getenv(childEnv) == t.Name() {
		settle(t, c)
		return true
	}
	RunTest(t, t.Name(), c)
	return false
}

// RunTest runs another top-level test of this binary in a child process, and passes its outcome on. The other test knows
// by [IsPart] that it was started so.
func RunTest(t *testing.T, name string, c Child) {
	t.Helper()
	if c.NetNS || c.MountNS || c.UID != 0 {
		NeedRoot(t)
	}
	limit := c.Limit
	if limit == 0 {
		limit = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, executable(t, c), "-test.run=^"+name+"$", "-test.v", "-test.timeout="+limit.String())
	cmd.Env = append(append(os.Environ(), childEnv+"="+name), c.Env...)
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = attributes(c)
	out, err := cmd.CombinedOutput()
	report(t, name, out, err)
}

// IsPart returns in a test that RunTest started with c, and skips it where it was started by itself.
func IsPart(t *testing.T, of string, c Child) {
	t.Helper()
	if os.Getenv(childEnv) != t.Name() {
		t.Skip("a part of " + of)
	}
	settle(t, c)
}

// settle is done in the child, before the test's body.
func settle(t *testing.T, c Child) {
	t.Helper()
	if c.NetNS {
		LoopbackUp(t)
	}
	if c.MountNS {
		privateMounts(t)
	}
}

func attributes(c Child) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if c.NetNS {
		a.Cloneflags |= syscall.CLONE_NEWNET
	}
	if c.MountNS {
		a.Cloneflags |= syscall.CLONE_NEWNS
	}
	if c.UID != 0 {
		a.Credential = &syscall.Credential{Uid: uint32(c.UID), Gid: uint32(c.UID)}
	}
	return a
}

// executable is the test's binary; for another user a copy, since go test builds where only we may look.
func executable(t *testing.T, c Child) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if c.UID == 0 {
		return self
	}
	dir := PublicDir(t)
	return CopyFile(t, self, filepath.Join(dir, "test"))
}

// PublicDir is a directory that every user may enter, removed at the end of the test.
func PublicDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sockeye-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// CopyFile copies a program and makes it runnable by everyone. It returns the copy's path.
func CopyFile(t testing.TB, from, to string) string {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// report gives the parent's test the outcome of the child's.
func report(t *testing.T, name string, out []byte, err error) {
	t.Helper()
	switch {
	case len(out) == 0 && errors.Is(err, syscall.EPERM): // root in a container
		Lack(t, "needs namespaces: "+err.Error())
	case err != nil:
		t.Fatalf("%s in the child: %v\n%s", name, err, out)
	case bytes.Contains(out, []byte("--- SKIP: "+name+" (")):
		t.Skip(reason(out))
	case !bytes.Contains(out, []byte("--- PASS: "+name+" (")):
		t.Fatalf("the child did not run %s:\n%s", name, out)
	case testing.Verbose():
		t.Logf("%s", out)
	}
}

// reason is the last line a skipped test logged.
func reason(out []byte) string {
	last := "skipped in the child"
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if l := lines.Text(); strings.HasPrefix(l, "    ") {
			last = strings.TrimSpace(l)
		}
	}
	return last
}
