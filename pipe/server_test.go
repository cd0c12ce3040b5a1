package pipe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

var (
	background = context.Background()
	noDeadline time.Time
)

func TestNames(t *testing.T) {
	testutil.CheckLeaks(t)
	name := newName()
	l := listen(t, name, nil)
	for _, other := range []string{strings.ToUpper(name), strings.ReplaceAll(name, `\`, "/")} {
		c := dial(t, other, nil)
		s := accept(t, l)
		if c.RemoteAddr().String() != other || s.LocalAddr().Network() != "pipe" {
			t.Errorf("addresses %v, %v", c.RemoteAddr(), s.LocalAddr())
		}
		c.Close()
		s.Close()
	}
	for _, bad := range []string{"", `\\.\pipe\`, `\\.\pipe`, `\\.\pip\x`, `\\`, `\\\pipe\x`, "a\x00b", `\\.\pipe\` + strings.Repeat("x", 257)} {
		if _, err := pipe.Listen(bad, nil); !errors.Is(err, pipe.ErrBadName) || !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("Listen(%q): %v", bad, err)
		}
		if _, err := pipe.Dial(background, bad, nil); !errors.Is(err, pipe.ErrBadName) {
			t.Errorf("Dial(%q): %v", bad, err)
		}
	}
}

// Names may be longer than the path of a socket, and have characters that a path cannot.
func TestOddNames(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, s := range []string{strings.Repeat("long ", 40), `a\b\..\c`, "...", "%41", "été", "x.lock"} {
		name := newName() + s
		l := listen(t, name, &pipe.Config{FirstInstance: true})
		c := dial(t, name, nil)
		s := accept(t, l)
		for _, x := range []io.Closer{c, s, l} {
			x.Close()
		}
	}
}

func TestRemoteNames(t *testing.T) {
	if pipe.Supported(pipe.RemotePipes) {
		t.Skip("would ask the network")
	}
	if _, err := pipe.Dial(background, `\\elsewhere\pipe\x`, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

func TestNobodyListens(t *testing.T) {
	testutil.CheckLeaks(t)
	_, err := pipe.Dial(background, newName(), &pipe.DialConfig{Wait: -1})
	if !errors.Is(err, pipe.ErrNotExist) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Dial: %v", err)
	}
	var op *pipe.OpError
	if !errors.As(err, &op) || op.Op != "dial" || op.Timeout() {
		t.Errorf("Dial: %#v", err)
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		t.Errorf("%v has no error number", err)
	}
	if err := pipe.Wait(background, newName(), -1); !errors.Is(err, pipe.ErrNotExist) {
		t.Errorf("Wait: %v", err)
	}
}

func TestConfigs(t *testing.T) {
	for _, c := range []pipe.Config{{Type: 2}, {Direction: 3}, {MaxInstances: -1}, {Backlog: -1}, {InBuffer: -1}, {MaxMessageSize: -1}} {
		if l, err := pipe.Listen(newName(), &c); err == nil {
			l.Close()
			t.Errorf("Listen with %+v", c)
		}
	}
	if _, err := pipe.Listen(newName(), &pipe.Config{ReadMode: pipe.Message}); !errors.Is(err, pipe.ErrBadMode) {
		t.Error(err)
	}
	l := listen(t, newName(), nil)
	if _, err := pipe.Dial(background, l.Addr().String(), &pipe.DialConfig{ReadMode: pipe.Message}); !errors.Is(err, pipe.ErrBadMode) {
		t.Errorf("message mode on a pipe of bytes: %v", err)
	}
}

func TestFirstInstance(t *testing.T) {
	if runtime.GOOS == "windows" && isWine() {
		t.Skip("Wine does not enforce FILE_FLAG_FIRST_PIPE_INSTANCE")
	}
	testutil.CheckLeaks(t)
	name := newName()
	l := listen(t, name, &pipe.Config{FirstInstance: true})
	if _, err := pipe.Listen(name, &pipe.Config{FirstInstance: true}); !errors.Is(err, pipe.ErrInUse) || !errors.Is(err, fs.ErrExist) {
		t.Errorf("the second: %v", err)
	}
	l.Close()
	listen(t, name, &pipe.Config{FirstInstance: true}).Close()
}

func TestSharedNames(t *testing.T) {
	testutil.CheckLeaks(t)
	name := newName()
	l := listen(t, name, &pipe.Config{Backlog: 1})
	m, err := pipe.Listen(name, &pipe.Config{Backlog: 1})
	if !pipe.Supported(pipe.SharedNames) {
		if !errors.Is(err, pipe.ErrInUse) {
			t.Errorf("a second listener: %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, l := range []*pipe.Listener{l, m} {
		dial(t, name, nil)
		accept(t, l)
	}
}

// Clients beyond the maximum are told that the pipe is busy, and can wait for it.
func TestMaxInstances(t *testing.T) {
	for _, s := range shapes {
		for _, most := range []int{1, 2, 3} {
			t.Run(fmt.Sprintf("%s/%d", s.name, most), func(t *testing.T) {
				testutil.CheckLeaks(t)
				cfg := s.cfg
				cfg.MaxInstances, cfg.Backlog = most, most
				testMaxInstances(t, &cfg, most)
			})
		}
	}
}

func testMaxInstances(t *testing.T, cfg *pipe.Config, most int) {
	l := listen(t, newName(), cfg)
	name := l.Addr().String()
	var ends []*pipe.Conn
	for range most {
		dial(t, name, nil)
		ends = append(ends, accept(t, l))
	}
	for range 3 {
		if c, err := pipe.Dial(background, name, nil); !errors.Is(err, pipe.ErrBusy) {
			t.Fatalf("a client more: %v %v", c, err)
		}
	}
	if err := pipe.Wait(background, name, 30*time.Millisecond); !errors.Is(err, pipe.ErrTimeout) || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Wait: %v", err)
	}
	begun := time.Now()
	if _, err := pipe.Dial(background, name, &pipe.DialConfig{Wait: 30 * time.Millisecond}); !errors.Is(err, pipe.ErrBusy) {
		t.Errorf("Dial that waits: %v", err)
	}
	if d := time.Since(begun); d < 30*time.Millisecond || d > 5*time.Second {
		t.Errorf("it waited %v", d)
	}
	ctx, cancel := context.WithTimeout(background, 30*time.Millisecond)
	defer cancel()
	if _, err := pipe.Dial(ctx, name, &pipe.DialConfig{Wait: -1}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Dial until its context is done: %v", err)
	}
	time.AfterFunc(30*time.Millisecond, func() { ends[0].Close() })
	if err := pipe.Wait(background, name, 10*time.Second); err != nil {
		t.Errorf("Wait: %v", err)
	}
	dial(t, name, &pipe.DialConfig{Wait: 10 * time.Second})
	accept(t, l)
	if _, err := pipe.Dial(background, name, nil); !errors.Is(err, pipe.ErrBusy) {
		t.Errorf("a client more, again: %v", err)
	}
}

// Clients up to the backlog connect before anybody accepts them, those beyond are told that the pipe is busy.
func TestBacklog(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{Backlog: 5})
	for range 5 {
		dial(t, l.Addr().String(), nil)
	}
	if _, err := pipe.Dial(background, l.Addr().String(), nil); !errors.Is(err, pipe.ErrBusy) {
		t.Errorf("a sixth client: %v", err)
	}
	for range 5 {
		accept(t, l)
	}
	dial(t, l.Addr().String(), &pipe.DialConfig{Wait: time.Second})
}

func TestDirections(t *testing.T) {
	each(t, []shape{bytePipe, messageBytes}, func(t *testing.T, s shape) {
		for _, d := range []pipe.Direction{pipe.Inbound, pipe.Outbound} {
			s.cfg.Direction, s.dial.Direction = d, d
			from, to := s.pair(t)
			if d == pipe.Inbound {
				from, to = to, from
			}
			if _, err := from.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 1)
			if _, err := to.Read(b); err != nil || string(b) != "x" {
				t.Fatal(err)
			}
			if _, err := to.Write(b); !errors.Is(err, pipe.ErrAccessDenied) || !errors.Is(err, fs.ErrPermission) {
				t.Errorf("%v: write against the direction: %v", d, err)
			}
			if _, err := from.Read(b); !errors.Is(err, pipe.ErrAccessDenied) {
				t.Errorf("%v: read against the direction: %v", d, err)
			}
			if isWine() { // it lets a client open what the pipe does not have
				continue
			}
			l := listen(t, newName(), &s.cfg)
			if _, err := pipe.Dial(background, l.Addr().String(), nil); !errors.Is(err, pipe.ErrAccessDenied) {
				t.Errorf("%v: a client that wants both: %v", d, err)
			}
		}
	})
}

func TestAcceptDeadline(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), nil)
	l.SetDeadline(time.Now().Add(20 * time.Millisecond))
	_, err := l.Accept()
	var ne net.Error
	if !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("Accept: %v", err)
	}
	l.Close()
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
	if err := l.Close(); !errors.Is(err, pipe.ErrClosed) {
		t.Errorf("Close again: %v", err)
	}
}

// Close ends an Accept that waits, also one that waits for an instance to become free.
func TestCloseEndsAccept(t *testing.T) {
	for _, most := range []int{0, 1} {
		testutil.CheckLeaks(t)
		l := listen(t, newName(), &pipe.Config{MaxInstances: most})
		if most == 1 {
			dial(t, l.Addr().String(), nil)
			accept(t, l)
		}
		done := make(chan error)
		go func() {
			_, err := l.Accept()
			done <- err
		}()
		time.Sleep(20 * time.Millisecond)
		l.Close()
		if err := <-done; !errors.Is(err, pipe.ErrClosed) {
			t.Error(err)
		}
	}
}

// A deadline ends an Accept that waits for an instance to become free.
func TestAcceptDeadlineWhenFull(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{MaxInstances: 1})
	dial(t, l.Addr().String(), nil)
	s := accept(t, l)
	l.SetDeadline(time.Now().Add(30 * time.Millisecond))
	if _, err := l.Accept(); !errors.Is(err, pipe.ErrTimeout) {
		t.Error(err)
	}
	s.Close()
	dial(t, l.Addr().String(), &pipe.DialConfig{Wait: 10 * time.Second})
	accept(t, l)
}

// Connections outlive their listener.
func TestConnOutlivesListener(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), nil)
	c := dial(t, l.Addr().String(), nil)
	s := accept(t, l)
	l.Close()
	if _, err := pipe.Dial(background, l.Addr().String(), nil); !errors.Is(err, pipe.ErrNotExist) && runtime.GOOS != "windows" {
		t.Errorf("Dial after Close: %v", err)
	}
	go s.Write([]byte("x"))
	if n, err := c.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Error(n, err)
	}
}

// rounds is n in CI, and less elsewhere.
func rounds(n int) int {
	switch {
	case testing.Short():
		return max(n/100, 10)
	case testutil.CI():
		return n
	}
	return n / 10
}

// A listener is closed while clients connect to it, again and again, and nothing hangs (microsoft/go-winio#357).
func TestCloseUnderLoad(t *testing.T) {
	testutil.CheckLeaks(t)
	name := newName()
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for range 2 {
		clients.Go(func() { connectUntil(name, stop) })
	}
	for i := range rounds(5000) {
		l, err := pipe.Listen(name, &pipe.Config{Type: pipe.Mode(i % 2), FirstInstance: false})
		if err != nil {
			t.Fatal(i, err)
		}
		var servers sync.WaitGroup
		servers.Go(func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Close()
			}
		})
		if i%3 > 0 {
			runtime.Gosched()
		}
		if err := l.Close(); err != nil {
			t.Fatal(i, err)
		}
		servers.Wait()
	}
	close(stop)
	clients.Wait()
}

func connectUntil(name string, stop chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if c, err := pipe.Dial(background, name, nil); err == nil {
			c.Write([]byte("x"))
			c.Close()
		} else {
			time.Sleep(200 * time.Microsecond)
		}
	}
}

// echo serves until the listener is closed.
func echo(l *pipe.Listener, done *sync.WaitGroup) {
	for {
		c, err := l.AcceptPipe()
		if err != nil {
			return
		}
		done.Go(func() {
			defer c.Close()
			b := make([]byte, 100)
			for {
				n, err := c.Read(b)
				if err != nil {
					return
				}
				if _, err := c.Write(b[:n]); err != nil {
					return
				}
			}
		})
	}
}

// 10,000 clients in turn and 500 at once: none is told that the pipe is busy. On Windows 500 are more than can wait to be
// accepted, so there they are ready to wait for that.
func TestManyClients(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{Type: pipe.Message, ReadMode: pipe.Message})
	var servers sync.WaitGroup
	servers.Go(func() { echo(l, &servers) })
	defer servers.Wait()
	defer l.Close()
	name := l.Addr().String()
	for i := range rounds(10000) {
		if err := exchange(name, fmt.Sprint("hello ", i), 0); err != nil {
			t.Fatal(i, err)
		}
	}
	patience := time.Duration(0)
	if runtime.GOOS == "windows" {
		patience = time.Minute
	}
	var wrong atomic.Value
	var clients sync.WaitGroup
	for i := range 500 {
		clients.Go(func() {
			if err := exchange(name, fmt.Sprint("at once ", i), patience); err != nil {
				wrong.Store(err)
			}
		})
	}
	clients.Wait()
	if err := wrong.Load(); err != nil {
		t.Error(err)
	}
}

func exchange(name, text string, patience time.Duration) error {
	c, err := pipe.Dial(background, name, &pipe.DialConfig{ReadMode: pipe.Message, Wait: patience})
	if err != nil {
		return err
	}
	defer c.Close()
	b := make([]byte, 100)
	n, err := c.Transact([]byte(text), b)
	if err == nil && string(b[:n]) != text {
		err = fmt.Errorf("%q came back as %q", text, b[:n])
	}
	return err
}

func TestPeer(t *testing.T) {
	each(t, []shape{bytePipe, messagePipe}, func(t *testing.T, s shape) {
		server, client := s.pair(t)
		client.Write([]byte("x"))
		server.Read(make([]byte, 1))
		for _, c := range []*pipe.Conn{server, client} {
			id, err := c.Peer()
			if err != nil || id.PID != os.Getpid() || id.User == "" {
				t.Errorf("%+v %v", id, err)
			}
			f, err := c.PeerProcess()
			if pipe.Supported(pipe.ProcessHandles) != (err == nil) {
				t.Errorf("PeerProcess: %v", err)
			}
			if err == nil {
				f.Close()
			} else if !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("PeerProcess: %v", err)
			}
		}
		own, _ := client.Peer()
		l := listen(t, newName(), &s.cfg)
		dial(t, l.Addr().String(), &pipe.DialConfig{ServerUser: own.User})
		accept(t, l)
	})
}

func TestInfo(t *testing.T) {
	server, client := pair(t, &pipe.Config{Type: pipe.Message, MaxInstances: 7}, nil)
	if i, err := server.Info(); err != nil || i.MaxInstances != 7 || !i.Server || i.Type != pipe.Message || i.ReadMode != pipe.Byte {
		t.Errorf("%+v %v", i, err)
	}
	if i, err := client.Info(); err != nil || i.Server || i.Type != pipe.Message || i.InBuffer == 0 {
		t.Errorf("%+v %v", i, err)
	}
}

func TestImpersonateOwnUser(t *testing.T) {
	testutil.CheckLeaks(t)
	server, client := bytePipe.pair(t)
	client.Write([]byte("x"))
	server.Read(make([]byte, 1))
	ran := false
	want := errors.New("of the function")
	err := server.Impersonate(func() error { ran = true; return want })
	if !ran || err != want {
		t.Errorf("%v %v", ran, err)
	}
	if err := client.Impersonate(nil); !errors.Is(err, pipe.ErrAccessDenied) {
		t.Errorf("by the client: %v", err)
	}
}

// What a system cannot do is an error that says so, and the table is right about it.
func TestCapabilities(t *testing.T) {
	_, client := bytePipe.pair(t)
	if err := client.CloseWrite(); errors.Is(err, errors.ErrUnsupported) == pipe.Supported(pipe.HalfClose) {
		t.Errorf("CloseWrite: %v", err)
	}
	l, err := pipe.Listen(newName(), &pipe.Config{Access: pipe.Access{SDDL: "D:P(A;;GA;;;WD)"}})
	if errors.Is(err, errors.ErrUnsupported) == pipe.Supported(pipe.SDDL) {
		t.Errorf("a security descriptor: %v", err)
	}
	if err == nil {
		l.Close()
	}
	l, err = pipe.Listen(t.TempDir()+"/socket", nil)
	if errors.Is(err, errors.ErrUnsupported) == pipe.Supported(pipe.FilePaths) {
		t.Errorf("a path: %v", err)
	}
	if err == nil {
		l.Close()
	}
}

func TestConditions(t *testing.T) {
	for _, c := range []struct {
		is   pipe.Condition
		also error
	}{
		{pipe.ErrBusy, syscall.EAGAIN}, {pipe.ErrNotExist, os.ErrNotExist}, {pipe.ErrInUse, os.ErrExist},
		{pipe.ErrAccessDenied, os.ErrPermission}, {pipe.ErrMoreData, io.ErrShortBuffer}, {pipe.ErrBrokenPipe, syscall.EPIPE},
		{pipe.ErrNoData, syscall.EPIPE}, {pipe.ErrNoData, pipe.ErrBrokenPipe}, {pipe.ErrNotConnected, syscall.ENOTCONN},
		{pipe.ErrMessageTooLong, syscall.EMSGSIZE}, {pipe.ErrTimeout, os.ErrDeadlineExceeded}, {pipe.ErrClosed, net.ErrClosed},
		{pipe.ErrClosed, os.ErrClosed}, {pipe.ErrClosed, io.ErrClosedPipe}, {pipe.ErrUnsupported, errors.ErrUnsupported},
		{pipe.ErrMessageCut, io.ErrUnexpectedEOF}, {pipe.ErrBadMode, syscall.EINVAL}, {pipe.ErrBadName, fs.ErrInvalid},
		{pipe.ErrWrongServer, fs.ErrPermission},
	} {
		err := error(&pipe.OpError{Op: "test", Name: "x", Err: c.is})
		if !errors.Is(err, c.is) || !errors.Is(err, c.also) || errors.Is(err, io.EOF) {
			t.Errorf("%v: %v", c.is, c.also)
		}
	}
	if s := pipe.Condition(99).Error(); s != "unknown condition" {
		t.Error(s)
	}
}
