package pipe

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// stranger is a client that speaks the sockets and not the rules, of a pipe of message type.
func stranger(t *testing.T) (server *Conn, fd int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, &Config{Type: Message})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err = unixpipe.Connect(unixpipe.SeqPacket, path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	unix.SetNonblock(fd, false)
	c, err := l.AcceptPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, fd
}

func announceTo(t *testing.T, fd int, a announcement) {
	t.Helper()
	if err := unix.Sendmsg(fd, a.append(nil), unix.UnixRights(0), nil, 0); err != nil {
		t.Error(err)
	}
}

// Messages that are announced and given up do not pile up on the reader's stack.
func TestManyCutMessages(t *testing.T) {
	testutil.CheckLeaks(t)
	defer debug.SetMaxStack(debug.SetMaxStack(256 << 10))
	for name, read := range map[string]func(c *Conn) ([]byte, error){
		"ReadMessage": func(c *Conn) ([]byte, error) { return c.ReadMessage(nil) },
		"Read": func(c *Conn) ([]byte, error) {
			b := make([]byte, 100)
			n, err := c.Read(b)
			return b[:n], err
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, fd := stranger(t)
			c.SetDeadline(time.Now().Add(20 * time.Second))
			go func() {
				for range 10_000 {
					announceTo(t, fd, announcement{announceLarge, 10})
					announceTo(t, fd, announcement{kind: announceCut})
				}
				unix.Write(fd, []byte("whole"))
			}()
			if b, err := read(c); string(b) != "whole" || err != nil {
				t.Errorf("%q, %v", b, err)
			}
		})
	}
}

// To announce a message takes none of the reader's memory; a message that comes takes as much as it has.
func TestClaimedSize(t *testing.T) {
	testutil.CheckLeaks(t)
	c, fd := stranger(t)
	announceTo(t, fd, announcement{announceLarge, DefaultMaxMessageSize})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, err := c.ReadMessage(nil); !errors.Is(err, ErrTimeout) {
		t.Errorf("a message that does not come: %v", err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
		t.Errorf("%d bytes for a message of which nothing has come", n)
	}
}

// The sockets of other programs have the mode that their umask leaves.
func TestStrangersMode(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, mode := range []os.FileMode{0o700, 0o710, 0o010, 0o777} {
		path := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		os.Chmod(path, mode)
		if c, err := Dial(context.Background(), path, nil); err == nil {
			c.Close()
		} else if mode&0o200 != 0 || os.Geteuid() == 0 {
			t.Errorf("mode %o: %v", mode, err)
		}
		l.Close()
	}
}

// What a server tells is in a file that anybody may have made.
func TestStrangersInfo(t *testing.T) {
	testutil.CheckLeaks(t)
	for name, create := range map[string]func(path string) error{
		"fifo":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"link":      func(path string) error { return os.Symlink("/dev/zero", path) },
		"directory": func(path string) error { return os.Mkdir(path, 0o700) },
		"endless": func(path string) error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			defer f.Close()
			return f.Truncate(1 << 40)
		},
	} {
		t.Run(name, func(t *testing.T) {
			at := placeOf(filepath.Join(t.TempDir(), "s"))
			if err := create(at.info); err != nil {
				t.Fatal(err)
			}
			done := goDo(func() { listed(at.socket); serverWait(at.info) })
			select {
			case <-done:
			case <-time.After(5 * time.Second):
				t.Error("it is read for ever")
			}
		})
	}
}

func goDo(f func()) chan struct{} {
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	return done
}

// Nobody else can lock the file of a server that has died. What it tells, everybody may read.
func TestLockIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path, &Config{Access: Access{Everyone: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for file, want := range map[string]os.FileMode{placeOf(path).lock: 0o600, placeOf(path).info: 0o644} {
		if s, err := os.Stat(file); err != nil || s.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", filepath.Base(file), s.Mode(), err, want)
		}
	}
}

// A service has no $XDG_RUNTIME_DIR, and its user's login has one.
func TestOtherRuntimeDir(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, d := range []string{"TMPDIR", "XDG_RUNTIME_DIR"} {
		dir, err := os.MkdirTemp("", "p") // a short one
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		t.Setenv(d, dir)
	}
	if err := os.Mkdir(temporaryDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	name := `\\.\pipe\other runtime directory`
	own := os.Getenv("XDG_RUNTIME_DIR")
	os.Setenv("XDG_RUNTIME_DIR", temporaryDir())
	l, err := Listen(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	os.Setenv("XDG_RUNTIME_DIR", own)
	c, err := Dial(context.Background(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// A goroutine that ends in what it does as another user ends its caller.
func TestGoexitOnThread(t *testing.T) {
	testutil.CheckLeaks(t)
	returned := false
	<-goDo(func() {
		onThread(func(*thread) error { runtime.Goexit(); return nil })
		returned = true
	})
	if returned {
		t.Error("onThread has returned")
	}
}

// The mode is not set of what a link in the socket's place points to.
func TestChmodLink(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	os.Symlink(file, file+".link")
	if chmod(file+".link", 0o666) == nil {
		t.Log("the kernel changes modes of links, or cannot leave them alone")
	}
	if err := unix.Fchmodat(unix.AT_FDCWD, file, 0o600, unix.AT_SYMLINK_NOFOLLOW); err == unix.EOPNOTSUPP {
		t.Skip("the kernel has no fchmodat2 (Linux 6.6)")
	}
	if s, err := os.Stat(file); err != nil || s.Mode() != 0o600 {
		t.Errorf("%v, %v", s.Mode(), err)
	}
}

// A directory in which no socket has room is none for pipes.
func TestLongRuntimeDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 90))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", dir)
	name := `\\.\pipe\long runtime directory`
	l, err := Listen(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := Dial(context.Background(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// That there is no directory for a server is not that nobody listens.
func TestNoDirectory(t *testing.T) {
	_, err := Listen(filepath.Join(t.TempDir(), "none", "s"), nil)
	if errors.Is(err, ErrNotExist) || !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
