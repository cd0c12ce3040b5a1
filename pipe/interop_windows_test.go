package pipe_test

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/pipe"
)

// Programs written in C against Win32 (internal/testutil/win32), which scripts/test-wine builds, are the other end here.

// startProgram starts one of them. Its lines come through the channel, which is closed at its end.
func startProgram(t *testing.T, name string, args ...string) (*exec.Cmd, io.Writer, <-chan string) {
	t.Helper()
	dir := os.Getenv("SOCKEYE_WIN32")
	if dir == "" {
		t.Skip("SOCKEYE_WIN32 does not say where the programs in C are: scripts/test-wine builds them where it finds x86_64-w64-mingw32-gcc")
	}
	if strings.HasPrefix(dir, "/") {
		dir = "Z:" + dir // Linux's root, in Wine
	}
	cmd := exec.Command(filepath.Join(dir, name+".exe"), args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			lines <- strings.TrimSpace(s.Text())
		}
	}()
	t.Cleanup(func() {
		in.Close()
		kill := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		defer kill.Stop()
		for range lines {
		}
		cmd.Wait()
	})
	return cmd, in, lines
}

// line waits for the next line.
func line(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case s, ok := <-lines:
		if !ok {
			t.Fatal("the program in C has ended")
		}
		return s
	case <-time.After(20 * time.Second):
		t.Fatal("no answer from the program in C")
	}
	return ""
}

// win32 is the program that makes calls as it is told.
type win32 struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.Writer
	lines <-chan string
}

func startWin32(t *testing.T) *win32 {
	t.Helper()
	cmd, in, lines := startProgram(t, "pipe")
	return &win32{t, cmd, in, lines}
}

// begin tells it to make a call, which may wait for what the test does next.
func (w *win32) begin(call ...any) {
	w.t.Helper()
	s := make([]string, len(call))
	for i, a := range call {
		s[i] = fmt.Sprint(a)
	}
	if _, err := fmt.Fprintln(w.in, strings.Join(s, "\t")); err != nil {
		w.t.Fatal(err)
	}
}

// answers checks what the call that was begun has returned.
func (w *win32) answers(want string) {
	w.t.Helper()
	if got := line(w.t, w.lines); got != want {
		w.t.Errorf("the program in C answers %q, want %q", got, want)
	}
}

// do makes a call and checks what it returns.
func (w *win32) do(want string, call ...any) {
	w.t.Helper()
	w.begin(call...)
	if got := line(w.t, w.lines); got != want {
		w.t.Errorf("%v: the program in C answers %q, want %q", call, got, want)
	}
}

// What the program answers.
const done = "0 0"

func failed(e syscall.Errno) string { return fmt.Sprintf("%d 0", uint32(e)) }

// moved is the answer of a write of n bytes.
func moved(n int) string { return fmt.Sprintf("0 %d", n) }

// data is the answer of a read.
func data(e syscall.Errno, b []byte) string {
	s := fmt.Sprintf("%d %d ", uint32(e), len(b))
	if len(b) <= 32 {
		return strings.TrimSpace(fmt.Sprintf("%s%x", s, b))
	}
	h := fnv.New32a()
	h.Write(b)
	return fmt.Sprintf("%sfnv:%08x", s, h.Sum32())
}

// interopName has no spaces, which separate nothing here but are hard to read.
func interopName() string { return strings.ReplaceAll(newName(), " ", "-") }

const (
	genericBoth = windows.GENERIC_READ | windows.GENERIC_WRITE
	smallBuffer = 4096
)

// theirClient is a client in C of a server of ours. Its handle has the flags, and is in message mode if the pipe is.
func theirClient(t *testing.T, cfg pipe.Config, flags uint32) (*pipe.Conn, *win32) {
	t.Helper()
	cfg.InBuffer, cfg.OutBuffer = smallBuffer, smallBuffer
	w := startWin32(t)
	l := listen(t, interopName(), &cfg)
	w.do(done, "open", l.Addr(), uint32(genericBoth), flags)
	c := accept(t, l)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	if cfg.Type == pipe.Message {
		w.do(done, "mode", windows.PIPE_READMODE_MESSAGE)
	}
	return c, w
}

// theirServer is a server in C with one instance, and a client of ours.
func theirServer(t *testing.T, mode pipe.Mode, flags uint32) (*pipe.Conn, *win32) {
	t.Helper()
	w, name := createTheirs(t, mode, flags|windows.PIPE_ACCESS_DUPLEX, 1)
	w.begin("connect")
	c := dial(t, name, &pipe.DialConfig{ReadMode: mode, Wait: -1})
	w.answers(done)
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c, w
}

func createTheirs(t *testing.T, mode pipe.Mode, open uint32, instances int) (*win32, string) {
	t.Helper()
	w := startWin32(t)
	name := interopName()
	w.do(done, "create", name, open, pipeMode(mode), instances, smallBuffer, smallBuffer, 0)
	return w, name
}

func pipeMode(m pipe.Mode) uint32 {
	if m == pipe.Message {
		return windows.PIPE_TYPE_MESSAGE | windows.PIPE_READMODE_MESSAGE
	}
	return 0
}

// eachInterop runs a test with their client and our server, and the other way round, with handles that block and with
// overlapped ones.
func eachInterop(t *testing.T, mode pipe.Mode, f func(t *testing.T, c *pipe.Conn, w *win32)) {
	for _, s := range []struct {
		name  string
		flags uint32
	}{{"blocking", 0}, {"overlapped", windows.FILE_FLAG_OVERLAPPED}} {
		t.Run("their client/"+s.name, func(t *testing.T) {
			c, w := theirClient(t, pipe.Config{Type: mode, ReadMode: mode}, s.flags)
			f(t, c, w)
		})
		t.Run("their server/"+s.name, func(t *testing.T) {
			c, w := theirServer(t, mode, s.flags)
			f(t, c, w)
		})
	}
}
