package pipe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

const serverEnv = "SOCKEYE_TEST_PIPE_SERVER"

// TestMain is a server of a pipe where a test wants one in another process: it listens and says so, or says why not, and
// serves until it is killed.
func TestMain(m *testing.M) {
	if name := os.Getenv(serverEnv); name != "" {
		serveForever(name)
	}
	os.Exit(m.Run())
}

func serveForever(name string) {
	l, err := pipe.Listen(name, &pipe.Config{Type: pipe.Message, FirstInstance: true})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready")
	for {
		c, err := l.AcceptPipe()
		if err != nil {
			os.Exit(1)
		}
		c.WriteMessage(fmt.Append(nil, os.Getpid()))
	}
}

// startServer starts a process that listens on the pipe.
func startServer(t *testing.T, name string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+name)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		removeDead(name)
	})
	b := make([]byte, 200)
	if n, err := out.Read(b); string(b[:n]) != "ready\n" {
		t.Fatalf("server: %q %v", b[:n], err)
	}
	return cmd
}

// removeDead removes what a killed server has left, by taking its place.
func removeDead(name string) {
	if l, err := pipe.Listen(name, nil); err == nil {
		l.Close()
	}
}

// A server that is killed leaves its files; the next one takes its place, and nobody takes that of a living one.
func TestKilledServer(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, name := range []string{newName(), filepath.Join(t.TempDir(), "socket")} {
		for range 3 {
			cmd := startServer(t, name)
			c := dial(t, name, nil)
			if m, err := c.ReadMessage(nil); string(m) != fmt.Sprint(cmd.Process.Pid) || err != nil {
				t.Fatalf("%q %v", m, err)
			}
			if id, err := c.Peer(); err != nil || id.PID != cmd.Process.Pid {
				t.Errorf("%+v %v", id, err)
			}
			if _, err := pipe.Listen(name, nil); !errors.Is(err, pipe.ErrInUse) || !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatalf("a second server: %v", err)
			}
			cmd.Process.Signal(syscall.SIGKILL)
			cmd.Wait()
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("Read from a dead server: %v", err)
			}
			if _, err := pipe.Dial(background, name, nil); !errors.Is(err, pipe.ErrNotExist) || !errors.Is(err, syscall.ECONNREFUSED) || !errors.Is(err, os.ErrNotExist) {
				t.Errorf("Dial to a dead server: %v", err)
			}
			if err := pipe.Wait(background, name, -1); !errors.Is(err, pipe.ErrNotExist) {
				t.Errorf("Wait for a dead server: %v", err)
			}
		}
		l := listen(t, name, nil)
		l.Close()
	}
}

// A closed listener leaves nothing behind.
func TestNoFilesLeft(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", dir)
	os.Chmod(dir, 0o700)
	l := listen(t, `\\.\pipe\Some Name`, nil)
	if s, err := os.Stat(filepath.Join(dir, "sockeye/pipe/some name")); err != nil || s.Mode()&fs.ModeSocket == 0 || s.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", s, err)
	}
	if s, err := os.Stat(filepath.Join(dir, "sockeye/pipe")); err != nil || s.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", s, err)
	}
	l.Close()
	left, err := os.ReadDir(filepath.Join(dir, "sockeye/pipe"))
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v %v", left, err)
	}
}

// A runtime directory that others can write to is not used: they could put a server there.
func TestUntrustedRuntimeDir(t *testing.T) {
	dir := t.TempDir()
	os.Chmod(dir, 0o777)
	t.Setenv("XDG_RUNTIME_DIR", dir)
	listen(t, newName(), nil)
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("made in it: %v", left)
	}
}

func TestPaths(t *testing.T) {
	testutil.CheckLeaks(t)
	t.Chdir(t.TempDir())
	for _, path := range []string{"socket", "@at", "./x/../y"} {
		os.Mkdir("x", 0o700)
		l := listen(t, path, nil)
		dial(t, path, nil)
		accept(t, l)
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := pipe.Listen("/tmp/"+strings.Repeat("x", 103), nil); !errors.Is(err, pipe.ErrBadName) {
		t.Errorf("a path of 108 bytes: %v", err)
	}
	if err := os.WriteFile("file", []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.Listen("file", nil); !errors.Is(err, pipe.ErrInUse) {
		t.Errorf("the path of a file: %v", err)
	}
	if b, err := os.ReadFile("file"); string(b) != "precious" {
		t.Errorf("the file is %q, %v", b, err)
	}
	if _, err := pipe.Dial(background, "file", nil); err == nil {
		t.Error("connected to a file")
	}
}

// A living server of another program keeps its socket, one that has died does not.
func TestStrangersSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pipe.Listen(path, nil); !errors.Is(err, pipe.ErrInUse) {
		t.Errorf("its server lives: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	listen(t, path, nil).Close()
}

// Any program with a Unix socket of the type can be the other end.
func TestPlainPeers(t *testing.T) {
	testutil.CheckLeaks(t)
	for network, s := range map[string]shape{"unix": bytePipe, "unixpacket": messagePipe} {
		path := filepath.Join(t.TempDir(), "s")
		l := listen(t, path, &s.cfg)
		c, err := net.Dial(network, path)
		if err != nil {
			t.Fatal(err)
		}
		talk(t, accept(t, l), c)
		c.Close()

		path += "2"
		p, err := net.Listen(network, path)
		if err != nil {
			t.Fatal(err)
		}
		d := dial(t, path, nil)
		if d.Type() != s.cfg.Type {
			t.Errorf("%s is taken for %v", network, d.Type())
		}
		c, err = p.Accept()
		if err != nil {
			t.Fatal(err)
		}
		talk(t, d, c)
		c.Close()
		p.Close()
	}
}

// talk leaves the pipe's other end with its write side closed.
func talk(t *testing.T, ours *pipe.Conn, plain net.Conn) {
	t.Helper()
	b := make([]byte, 100)
	for range 3 {
		plain.Write([]byte("question"))
		n, err := ours.Read(b)
		if string(b[:n]) != "question" || err != nil {
			t.Fatalf("%q %v", b[:n], err)
		}
		ours.Write([]byte("answer"))
		if n, err = plain.Read(b); string(b[:n]) != "answer" || err != nil {
			t.Fatalf("%q %v", b[:n], err)
		}
	}
	if ours.Type() == pipe.Message { // whose empty message its kernel does send
		plain.Write(nil)
		if n, err := ours.Read(b); n != 0 || err != nil {
			t.Errorf("an empty message: %d %v", n, err)
		}
	}
	plain.(*net.UnixConn).CloseWrite()
	if _, err := ours.Read(b); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

// Descriptors that a stranger sends never get into this process.
func TestStrangersDescriptors(t *testing.T) {
	testutil.CheckLeaks(t)
	path := filepath.Join(t.TempDir(), "s")
	l := listen(t, path, &pipe.Config{Type: pipe.Message})
	c, err := net.Dial("unixpacket", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := accept(t, l)
	c.(*net.UnixConn).WriteMsgUnix([]byte("with a descriptor"), unix.UnixRights(0, 1, 2), nil)
	if _, err := s.Read(make([]byte, 100)); err == nil {
		t.Error("what is no announcement was taken for one, or for a message")
	}
}

// What is sent before the server accepts is there, also if it is empty.
func TestSentBeforeAccept(t *testing.T) {
	l := listen(t, newName(), &messagePipe.cfg)
	c := dial(t, l.Addr().String(), &messagePipe.dial)
	for _, m := range []string{"", "abc", ""} {
		c.Write([]byte(m))
	}
	c.Close()
	s := accept(t, l)
	for _, want := range []string{"", "abc", ""} {
		if m, err := s.ReadMessage(nil); string(m) != want || err != nil {
			t.Errorf("%q %v, want %q", m, err, want)
		}
	}
	if _, err := s.ReadMessage(nil); err != io.EOF {
		t.Error(err)
	}
}

// A message that was given up half way is not seen, or is said to be cut by who has read a part; what follows is whole.
func TestCutMessage(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, begin := range []bool{false, true} {
		server, client := messagePipe.pair(t)
		client.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		if n, err := client.Write(make([]byte, 20<<20)); n != 0 || !errors.Is(err, pipe.ErrTimeout) {
			t.Fatal(n, err)
		}
		client.SetWriteDeadline(time.Time{})
		if begin {
			if n, err := server.Read(make([]byte, 100)); n != 100 || !errors.Is(err, pipe.ErrMoreData) {
				t.Fatal(n, err)
			}
		}
		go client.Write([]byte("next"))
		m, err := server.ReadMessage(nil)
		if begin {
			if !errors.Is(err, pipe.ErrMessageCut) {
				t.Fatalf("%d bytes, %v", len(m), err)
			}
			m, err = server.ReadMessage(nil)
		}
		if string(m) != "next" || err != nil {
			t.Errorf("%d bytes, %v", len(m), err)
		}
		client.Close()
		server.Close()
	}
}

// A deadline in the middle of a message loses nothing.
func TestDeadlineInMessage(t *testing.T) {
	testutil.CheckLeaks(t)
	server, client := messagePipe.pair(t)
	want := pattern(8<<20, 1)
	written := make(chan error, 1)
	go func() { _, err := client.Write(want); written <- err }()
	late := 0
	for m := []byte(nil); ; late++ {
		server.SetReadDeadline(time.Now().Add(200 * time.Microsecond))
		var err error
		if m, err = server.ReadMessage(m); err == nil {
			if !bytes.Equal(m, want) {
				t.Error("another message")
			}
			break
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	t.Log("deadlines in the middle: ", late)
}

// Disconnect needs room in a queue that is full.
func TestDisconnectWhenFull(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, s := range []shape{bytePipe, messagePipe} {
		server, client := s.pair(t)
		server.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
		for {
			if _, err := server.Write(make([]byte, 1000)); err != nil {
				break
			}
		}
		if err := server.Disconnect(); err != nil {
			t.Fatal(err)
		}
		if n, err := client.Read(make([]byte, 10)); n != 0 || !errors.Is(err, pipe.ErrNotConnected) {
			t.Errorf("%s: %d %v", s.name, n, err)
		}
		client.Close()
	}
}

// Others may connect as far as the lists say, which is more than a file's mode can.
func TestAccess(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.CheckLeaks(t)
	for _, c := range []struct {
		access   pipe.Access
		uid, gid uint32
		groups   []uint32
		ok       bool
	}{
		{pipe.Access{}, 1001, 1001, nil, false},
		{pipe.Access{Users: []string{"1001"}}, 1001, 1001, nil, true},
		{pipe.Access{Users: []string{"1001"}}, 1002, 1001, nil, false},
		{pipe.Access{Groups: []string{"1005"}}, 1001, 1005, nil, true},
		{pipe.Access{Groups: []string{"1005"}}, 1001, 1001, []uint32{7, 1005}, true},
		{pipe.Access{Groups: []string{"1005"}}, 1001, 1001, []uint32{7}, false},
		{pipe.Access{Groups: []string{"1005", "1006"}, Users: []string{"1001"}}, 1001, 1, nil, true},
		{pipe.Access{Groups: []string{"1005", "1006"}, Users: []string{"1001"}}, 1002, 1, nil, false},
		{pipe.Access{Everyone: true}, 1003, 1003, nil, true},
		{pipe.Access{Everyone: true, SDDL: "D:P(A;;GA;;;WD)"}, 1003, 1003, nil, true},
	} {
		name := newName()
		l := listen(t, name, &pipe.Config{Access: c.access})
		go func() {
			if s, err := l.AcceptPipe(); err == nil {
				s.Write([]byte("welcome"))
				s.Close()
			}
		}()
		err := asUser(c.uid, c.gid, c.groups, func() error {
			d, err := pipe.Dial(background, name, &pipe.DialConfig{ServerUser: "0"})
			if err != nil {
				return err
			}
			defer d.Close()
			b, err := io.ReadAll(d)
			if string(b) != "welcome" {
				return fmt.Errorf("%q %w", b, err)
			}
			return nil
		})
		if (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
		l.Close()
	}
}

// asUser calls f in a thread of that user's, which ends with it.
func asUser(uid, gid uint32, groups []uint32, f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()            // and never unlocked
		if unix.Gettid() == os.Getpid() { // the process's first thread never ends
			defer runtime.UnlockOSThread()
			result <- asUser(uid, gid, groups, f)
			return
		}
		list := append(groups, gid)
		_, _, e1 := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(list)), uintptr(ptr(list)), 0)
		_, _, e2 := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), uintptr(gid), uintptr(gid))
		_, _, e3 := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid))
		if e1|e2|e3 != 0 {
			result <- fmt.Errorf("become user %d: %v %v %v", uid, e1, e2, e3)
			return
		}
		result <- f()
	}()
	return <-result
}

func TestImpersonate(t *testing.T) {
	testutil.NeedRoot(t)
	testutil.CheckLeaks(t)
	path := filepath.Join(testutil.PublicDir(t), "s")
	l := listen(t, path, &pipe.Config{Access: pipe.Access{Everyone: true}})
	hold := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- asUser(1001, 1002, []uint32{1003}, func() error {
			c, err := pipe.Dial(background, path, nil)
			if err == nil {
				<-hold
				c.Close()
			}
			return err
		})
	}()
	s := accept(t, l)
	secret := filepath.Join(t.TempDir(), "secret")
	os.WriteFile(secret, nil, 0o600)
	err := s.Impersonate(func() error {
		groups, _ := unix.Getgroups()
		if unix.Geteuid() != 1001 || unix.Getegid() != 1002 || !contains(groups, 1003) {
			t.Errorf("impersonated as %d, %d, %v", unix.Geteuid(), unix.Getegid(), groups)
		}
		_, err := os.Open(secret)
		return err
	})
	if !errors.Is(err, os.ErrPermission) {
		t.Errorf("root's file, opened as the client: %v", err)
	}
	func() {
		defer func() {
			if recover() != "of the function" {
				t.Error("the panic did not come through")
			}
		}()
		s.Impersonate(func() error { panic("of the function") })
	}()
	checkThreads(t)
	if id, err := s.Peer(); err != nil || id.UID != 1001 || id.GID != 1002 || id.User != "1001" {
		t.Errorf("%+v %v", id, err)
	}
	close(hold)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func contains(list []int, v int) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}

// checkThreads finds the threads that are not root's, but that of the client.
func checkThreads(t *testing.T) {
	t.Helper()
	testutil.Eventually(t, 5*time.Second, func() error { // those of other tests may be on their way out
		tasks, _ := filepath.Glob("/proc/self/task/*/status")
		var strange []string
		for _, f := range tasks {
			b, err := os.ReadFile(f)
			if err == nil && !strings.Contains(string(b), "\nUid:\t0\t0\t0\t0\n") {
				strange = append(strange, f)
			}
		}
		if len(strange) > 1 {
			return fmt.Errorf("%d threads are another user's: %s", len(strange), strange)
		}
		return nil
	})
}

// Without the privilege to have a larger buffer than the administrator's, parts are smaller.
func TestLargeWithoutPrivilege(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 1001}) {
		return
	}
	for _, buffer := range []int{0, 5000} {
		server, client := pair(t, &pipe.Config{Type: pipe.Message, OutBuffer: buffer}, nil)
		want := pattern(5<<20+1, 1)
		go server.WriteMessage(want)
		if m, err := client.ReadMessage(nil); err != nil || !bytes.Equal(m, want) {
			t.Errorf("buffer of %d: %d bytes, %v", buffer, len(m), err)
		}
	}
}

// A stranger that closes before we do finds what was sent to it, although we have not read all, not even empty messages.
func TestDrainedForStrangers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l := listen(t, path, &pipe.Config{Type: pipe.Message})
	c, err := net.Dial("unixpacket", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := accept(t, l)
	for _, m := range []string{"unread", "", "unread too"} {
		c.Write([]byte(m))
	}
	s.Write([]byte("for you"))
	s.Close()
	b := make([]byte, 100)
	if n, err := c.Read(b); string(b[:n]) != "for you" || err != nil {
		t.Errorf("%q %v", b[:n], err)
	}
}

// Without the privilege a server of another user's client is told so, and is itself afterwards.
func TestImpersonateWithoutPrivilege(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 1001}) {
		return
	}
	server, _ := bytePipe.pair(t)
	if err := server.Impersonate(func() error { return nil }); err != nil {
		t.Errorf("as itself: %v", err)
	}
	if _, err := pipe.Listen(newName(), &pipe.Config{Access: pipe.Access{Everyone: true}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a name for others that they cannot reach: %v", err)
	}
}

func TestServerUser(t *testing.T) {
	l := listen(t, newName(), nil)
	for user, want := range map[string]error{"4711": pipe.ErrWrongServer, fmt.Sprint(os.Geteuid()): nil} {
		c, err := pipe.Dial(background, l.Addr().String(), &pipe.DialConfig{ServerUser: user})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", user, err)
		}
		if err == nil {
			c.Close()
		}
	}
}

// Wait takes what the server has set.
func TestDefaultWait(t *testing.T) {
	l := listen(t, newName(), &pipe.Config{MaxInstances: 1, DefaultWait: 150 * time.Millisecond})
	dial(t, l.Addr().String(), nil)
	accept(t, l)
	begun := time.Now()
	if err := pipe.Wait(background, l.Addr().String(), 0); !errors.Is(err, pipe.ErrTimeout) {
		t.Error(err)
	}
	if d := time.Since(begun); d < 150*time.Millisecond {
		t.Errorf("waited %v", d)
	}
	ctx, cancel := context.WithTimeout(background, 20*time.Millisecond)
	defer cancel()
	if err := pipe.Wait(ctx, l.Addr().String(), -1); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// The pidfd is that of the process, and says when it has ended.
func TestPeerProcess(t *testing.T) {
	name := newName()
	cmd := startServer(t, name)
	c := dial(t, name, nil)
	f, err := c.PeerProcess()
	if err != nil {
		t.Skip("before Linux 6.5: ", err)
	}
	defer f.Close()
	if err := unix.PidfdSendSignal(int(f.Fd()), unix.SIGKILL, nil, 0); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if err := unix.PidfdSendSignal(int(f.Fd()), 0, nil, 0); err != unix.ESRCH {
		t.Errorf("after its end: %v", err)
	}
}

func ptr(list []uint32) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(list)) }
