package testutil

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// settling is how long goroutines and descriptors that are on their way out may take.
const settling = 5 * time.Second

// CheckLeaks compares the goroutines and the descriptors of this process at the end of the test with those of now. It
// must be called before whatever closes what it checks is registered with Cleanup, and not in parallel tests.
func CheckLeaks(t testing.TB) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles()
	t.Cleanup(func() {
		t.Helper()
		if t.Failed() {
			return
		}
		Eventually(t, settling, func() error { return leaked(goroutines, files) })
	})
}

func leaked(goroutines int, files map[string]string) error {
	if n := runtime.NumGoroutine(); n > goroutines {
		return fmt.Errorf("%d goroutines, were %d:\n%s", n, goroutines, stacks())
	}
	return newFiles(files, openFiles())
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

// newFiles says which descriptors were not open before. The runtime's own (its epoll and the eventfd that wakes it) are
// opened when they are first needed and kept for good.
func newFiles(before, after map[string]string) error {
	var more []string
	for _, fd := range slices.Sorted(maps.Keys(after)) {
		to := after[fd]
		if _, was := before[fd]; !was && !strings.HasPrefix(to, "anon_inode:[event") {
			more = append(more, fd+" -> "+to)
		}
	}
	if len(more) > 0 {
		return fmt.Errorf("%d descriptors more: %s", len(more), strings.Join(more, ", "))
	}
	return nil
}
