package cli

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestServeDiskFull: while the disk is full the server serves and says so; when there is room again it says no more, and what
// happened meanwhile is recorded.
func TestServeDiskFull(t *testing.T) {
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{NetNS: true, MountNS: true}) {
		return
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skip("mounting a file system: ", err)
	}
	defer func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }() // the namespace ends with the test
	s := serveHere(t, "--history", filepath.Join(dir, "h.db"))
	s.untilRecorded(t, "/api/history/span", `"recording":true`)
	ballast := fill(t, dir)
	kept := keepOpening(t)
	s.untilStatus(t, func(text string) bool {
		return strings.Contains(text, "missing   recording: ") && strings.Contains(text, "no room is left")
	})
	if code, body := s.get(t, "/api/sockets"); code != 200 || !strings.Contains(body, "no room is left") {
		t.Errorf("%d %.200s", code, body)
	}
	l, _ := connected(t)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.untilStatus(t, func(text string) bool { return !strings.Contains(text, "no room is left") })
	s.untilRecorded(t, "/api/history/listeners?filter=sport+%3D+"+portOf(l.Addr()), `"opened":`)
	if n := strings.Count(s.errs.String(), "no room is left"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
	for _, l := range kept {
		l.Close()
	}
}

// fill takes all room that is left.
func fill(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "ballast")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; size /= 2 {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	if err == io.EOF {
		t.Fatal(err)
	}
	return path
}

// keepOpening makes what has to be recorded.
func keepOpening(t *testing.T) (all []net.Listener) {
	t.Helper()
	for range 300 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

func (s *serving) untilStatus(t *testing.T, is func(string) bool) {
	t.Helper()
	testutil.Eventually(t, 20*time.Second, func() error {
		if text := s.ask("status"); !is(text) {
			return fmt.Errorf("%s", text)
		}
		return nil
	})
}
