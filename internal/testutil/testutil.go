// Package testutil is what the tests of every package share: what a test needs of the machine, waiting, leak checks,
// and, on Linux, processes that open sockets of every kind and say what they hold.
package testutil

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// CI reports whether the run must leave nothing out: with SOCKEYE_CI=1 a test that would be skipped for what the machine
// lacks fails instead.
func CI() bool { return os.Getenv("SOCKEYE_CI") == "1" }

// Thorough reports whether a proof that takes minutes is to run whole: in CI, once, and not again with the race detector.
func Thorough() bool { return CI() && !raced }

// NotRaced skips a test of one goroutine, which the race detector has nothing to say about and makes take minutes.
func NotRaced(t testing.TB) {
	t.Helper()
	if raced {
		t.Skip("of one goroutine, and takes minutes with the race detector; it runs without")
	}
}

// Lack skips the test, or fails it in CI, because the machine lacks what reason says.
func Lack(t testing.TB, reason string) {
	t.Helper()
	if CI() {
		t.Fatal("needed in CI: " + reason)
	}
	t.Skip(reason)
}

// NeedRoot skips the test where it does not run as root.
func NeedRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Lack(t, "needs root")
	}
}

// NeedTool skips the test where a program is not installed, and returns its path.
func NeedTool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Lack(t, "needs the program "+name)
	}
	return path
}

// Eventually calls f until it returns nil, and fails the test with its last error after the time limit.
func Eventually(t testing.TB, limit time.Duration, f func() error) {
	t.Helper()
	var err error
	for end := time.Now().Add(limit); ; time.Sleep(limit / 200) {
		if err = f(); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("not within %v: %v", limit, err)
		}
	}
}
