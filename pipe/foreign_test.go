package pipe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

// What the tests of others assert about named pipes, as far as this package has it: Wine's (dlls/kernel32/tests/pipe.c and
// dlls/ntdll/tests/pipe.c, by the names of their functions), go-winio's and npipe's.

var (
	long   = strings.Repeat("a", 4000)
	middle = strings.Repeat("b", 20)
	short  = strings.Repeat("c", 15)
)

var foreignScripts = []script{
	{name: "test_CreateNamedPipe: the read mode changes while messages wait", shape: messageBytes, steps: []step{
		{do: "write", at: "s", data: "Bit Bucket"}, {do: "write", at: "s", data: "More bits"}, {do: "message mode", at: "c"},
		{do: "peek", at: "c", size: 32, data: "Bit Bucket"}, {do: "read", at: "c", size: 32, data: "Bit Bucket"},
		{do: "read", at: "c", size: 4, data: "More", err: pipe.ErrMoreData}, {do: "read", at: "c", size: 32, data: " bits"},
	}},
	{name: "test_CloseHandle: a message outlives its writer", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "Hello World"}, {do: "peek", at: "c", size: 32, data: "Hello World"}, {do: "close", at: "s"},
		{do: "read", at: "c", size: 0, err: pipe.ErrMoreData}, {do: "peek", at: "c", size: 32, data: "Hello World"},
		{do: "read", at: "c", size: 32, data: "Hello World"}, {do: "byte mode", at: "c"}, {do: "message mode", at: "c"},
		{do: "read", at: "c", size: 0, err: io.EOF}, {do: "peek", at: "c", err: pipe.ErrBrokenPipe},
		{do: "write", at: "c", data: "x", err: pipe.ErrNoData},
	}},
	{name: "test_CloseHandle: so does an empty one", shape: messagePipe, steps: []step{
		{do: "write", at: "s"}, {do: "close", at: "s"}, {do: "read", at: "c", size: 32}, {do: "read", at: "c", size: 0, err: io.EOF},
		{do: "byte mode", at: "c"}, {do: "message mode", at: "c"}, {do: "read", at: "c", size: 0, err: io.EOF},
		{do: "write", at: "c", data: "x", err: pipe.ErrNoData},
	}},
	{name: "test_CreatePipe: 32 KiB outlive their writer", shape: bytePipe, steps: []step{
		{do: "write", at: "s", data: strings.Repeat("0123456789abcdef", 2048)}, {do: "close", at: "s"},
		{do: "read", at: "c", size: 32768, data: strings.Repeat("0123456789abcdef", 2048)}, {do: "read", at: "c", size: 32, err: io.EOF},
	}},
	{name: "test_pipe_with_data_state: a write that fails leaves what waits", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "abc"}, {do: "write", at: "s", data: "def"}, {do: "close", at: "s"},
		{do: "write", at: "c", data: "x", err: pipe.ErrNoData}, {do: "peek", at: "c", size: 9, data: "abc"},
		{do: "read", at: "c", size: 9, data: "abc"}, {do: "read", at: "c", size: 9, data: "def"}, {do: "read", at: "c", size: 9, err: io.EOF},
	}},
	{name: "test_pipe_with_data_state: also of bytes", shape: bytePipe, steps: []step{
		{do: "write", at: "s", data: "abc"}, {do: "close", at: "s"}, {do: "write", at: "c", data: "x", err: pipe.ErrNoData},
		{do: "peek", at: "c", size: 9, data: "abc"}, {do: "read", at: "c", size: 9, data: "abc"}, {do: "read", at: "c", size: 9, err: io.EOF},
	}},
	{name: "test_pipe_state: the other end has closed", shape: messagePipe, steps: []step{
		{do: "close", at: "c"}, {do: "peek", at: "s", size: 1, err: pipe.ErrBrokenPipe}, {do: "flush", at: "s"},
		{do: "read", at: "s", size: 1, err: io.EOF}, {do: "write", at: "s", data: "x", err: pipe.ErrNoData},
		{do: "close", at: "s"}, {do: "read", at: "s", size: 1, err: pipe.ErrClosed}, {do: "message", at: "s", err: pipe.ErrClosed},
	}},
	{name: "test_pipe_state: the other end of bytes has closed", shape: bytePipe, steps: []step{
		{do: "close", at: "c"}, {do: "peek", at: "s", size: 1, err: pipe.ErrBrokenPipe}, {do: "flush", at: "s"},
		{do: "read", at: "s", size: 1, err: io.EOF}, {do: "write", at: "s", data: "x", err: pipe.ErrNoData},
		{do: "close", at: "s"}, {do: "read", at: "s", size: 1, err: pipe.ErrClosed},
	}},
	{name: "serverThreadMain4: Disconnect of a client that has gone", shape: bytePipe, steps: []step{
		{do: "close", at: "c"}, {do: "peek", at: "s", err: pipe.ErrBrokenPipe}, {do: "write", at: "s", data: "x", err: pipe.ErrNoData},
		{do: "read", at: "s", size: 9, err: io.EOF}, {do: "flush", at: "s"}, {do: "disconnect", at: "s"},
	}},
	{name: "test_DisconnectNamedPipe: with unread bytes of the client", shape: bytePipe, steps: disconnected},
	{name: "test_ReadFile: with an unread message of the client", shape: messagePipe, steps: disconnected},
	{name: "test_pipe_state: Flush by a client that was disconnected", shape: bytePipe, steps: []step{
		{do: "disconnect", at: "s"}, {do: "flush", at: "c", err: pipe.ErrNotConnected}, {do: "read", at: "c", size: 1, err: pipe.ErrNotConnected},
	}},
	{name: "test_pipe_state: Flush of messages by such a client", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "unread"}, {do: "disconnect", at: "s"}, {do: "flush", at: "c", err: pipe.ErrNotConnected},
		{do: "read", at: "c", size: 9, err: pipe.ErrNotConnected}, {do: "flush", at: "c", err: pipe.ErrNotConnected},
	}},
	{name: "test_blocking_rw: messages", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: long}, {do: "read", at: "c", size: 1000, data: long[:1000], err: pipe.ErrMoreData},
		{do: "write", at: "s", data: middle}, {do: "write", at: "s"}, {do: "write", at: "s", data: short},
		{do: "peek", at: "c", size: 12000, data: long[1000:]}, {do: "read", at: "c", size: 3000, data: long[1000:]},
		{do: "read", at: "c", size: 10, data: middle[:10], err: pipe.ErrMoreData}, {do: "peek", at: "c", size: 12000, data: middle[10:]},
		{do: "read", at: "c", size: 10, data: middle[10:]}, {do: "read", at: "c", size: 1000}, {do: "read", at: "c", size: 15, data: short},
		{do: "peek", at: "c", size: 1}, {do: "flush", at: "s"},
	}},
	{name: "test_blocking_rw: bytes", shape: bytePipe, steps: []step{
		{do: "write", at: "s", data: long}, {do: "read", at: "c", size: 1000, data: long[:1000]}, {do: "write", at: "s"},
		{do: "write", at: "s", data: middle}, {do: "write", at: "s", data: short}, {do: "peek", at: "c", size: 12000, data: long[1000:] + middle + short},
		{do: "read", at: "c", size: 3010, data: long[1000:] + middle[:10]}, {do: "peek", at: "c", size: 12000, data: middle[10:] + short},
		{do: "read", at: "c", size: 12000, data: middle[10:] + short}, {do: "peek", at: "c", size: 1}, {do: "flush", at: "s"},
	}},
	{name: "go-winio TestMessageReadMode: a byte at a time", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "hey"}, {do: "close", at: "s"}, {do: "read", at: "c", size: 1, data: "h", err: pipe.ErrMoreData},
		{do: "read", at: "c", size: 1, data: "e", err: pipe.ErrMoreData}, {do: "read", at: "c", size: 1, data: "y"},
		{do: "read", at: "c", size: 1, err: io.EOF},
	}},
	{name: "go-winio TestDisconnectPipe", shape: bytePipe, steps: []step{
		{do: "write", at: "s", data: "foo"}, {do: "read", at: "c", size: 3, data: "foo"}, {do: "flush", at: "s"},
		{do: "disconnect", at: "s"}, {do: "read", at: "c", size: 3, err: pipe.ErrNotConnected},
	}},
}

var disconnected = []step{
	{do: "write", at: "c", data: "Bit Bucket"}, {do: "disconnect", at: "s"}, {do: "write", at: "c", data: "x", err: pipe.ErrNotConnected},
	{do: "write", at: "s", data: "x", err: pipe.ErrClosed}, {do: "read", at: "c", size: 32, err: pipe.ErrNotConnected},
	{do: "read", at: "s", size: 32, err: pipe.ErrClosed}, {do: "disconnect", at: "s", err: pipe.ErrClosed},
	{do: "peek", at: "c", err: pipe.ErrNotConnected}, {do: "peek", at: "s", err: pipe.ErrClosed},
	{do: "flush", at: "c", err: pipe.ErrNotConnected}, {do: "flush", at: "s", err: pipe.ErrClosed},
}

// both runs f for each shape, with the server's end first and with the client's.
func both(t *testing.T, of []shape, f func(t *testing.T, a, b *pipe.Conn)) {
	each(t, of, func(t *testing.T, s shape) {
		server, client := s.pair(t)
		f(t, server, client)
		server, client = s.pair(t)
		f(t, client, server)
	})
}

// soon gives what another goroutine does next the time to wait.
func soon() { time.Sleep(20 * time.Millisecond) }

type result struct {
	s   string
	err error
}

// reading reads in another goroutine.
func reading(c *pipe.Conn, size int) chan result {
	r := make(chan result, 1)
	go func() {
		b := make([]byte, size)
		n, err := c.Read(b)
		r <- result{string(b[:n]), err}
	}()
	soon()
	return r
}

// test_blocking_rw: a read that waits gets the beginning of what is longer, and the rest stays.
func TestPendingReadOfMore(t *testing.T) {
	both(t, shapes, func(t *testing.T, a, b *pipe.Conn) {
		r := reading(b, 1000)
		if p, err := b.Peek(nil); p != (pipe.Peeked{}) || err != nil {
			t.Errorf("Peek beside a reader: %+v %v", p, err)
		}
		a.Write([]byte(long))
		got := <-r
		if got.s != long[:1000] || errors.Is(got.err, pipe.ErrMoreData) != (b.ReadMode() == pipe.Message) {
			t.Errorf("%d bytes, %v", len(got.s), got.err)
		}
		want := pipe.Peeked{N: 10, Available: 3000}
		if b.Type() == pipe.Message {
			want.Message = 3000
		}
		if p, err := b.Peek(make([]byte, 10)); p != want || err != nil {
			t.Errorf("%+v %v, want %+v", p, err, want)
		}
	})
}

// test_blocking_rw, test_readfileex_pending: a read of nothing waits for a message and leaves it; an empty one ends it.
func TestPendingReadOfNothing(t *testing.T) {
	both(t, []shape{messagePipe}, func(t *testing.T, a, b *pipe.Conn) {
		r := reading(b, 0)
		select {
		case got := <-r:
			t.Fatalf("%+v before there was a message", got)
		default:
		}
		a.Write([]byte("x"))
		if got := <-r; !errors.Is(got.err, pipe.ErrMoreData) {
			t.Errorf("with a message: %v", got.err)
		}
		if got := <-reading(b, 1); got.s != "x" || got.err != nil {
			t.Errorf("%+v", got)
		}
		r = reading(b, 0)
		a.Write(nil)
		if got := <-r; got.err != nil {
			t.Errorf("with an empty message: %v", got.err)
		}
	})
}

// test_CreateNamedPipe (9, 10): who reads on may be another.
func TestRestInAnotherThread(t *testing.T) {
	both(t, []shape{messagePipe}, func(t *testing.T, a, b *pipe.Conn) {
		for _, m := range []string{"Bit Bucket", "More bits."} {
			a.Write([]byte(m))
			for i, want := range []result{{m[:4], pipe.ErrMoreData}, {m[4:8], pipe.ErrMoreData}, {m[8:], nil}} {
				done := make(chan struct{})
				go func() {
					runtime.LockOSThread()
					defer close(done)
					if got := <-reading(b, 4); got.s != want.s || !errors.Is(got.err, want.err) {
						t.Errorf("part %d: %+v", i, got)
					}
				}()
				<-done
			}
		}
	})
}

// test_blocking_rw: of a write that was cancelled before any of it was read, nothing is read.
func TestCancelledWrite(t *testing.T) {
	both(t, []shape{messageBytes, messagePipe}, func(t *testing.T, a, b *pipe.Conn) {
		wrote := make(chan error, 1)
		go func() {
			_, err := a.Write(make([]byte, 4<<20))
			wrote <- err
		}()
		soon()
		a.SetWriteDeadline(time.Unix(1, 0)) // while it waits
		if err := <-wrote; !errors.Is(err, pipe.ErrTimeout) {
			t.Fatal(err)
		}
		a.SetWriteDeadline(time.Now().Add(10 * time.Second))
		go func() {
			_, err := a.Write([]byte("x"))
			wrote <- err
		}()
		if m, err := b.ReadMessage(nil); string(m) != "x" || err != nil {
			t.Errorf("%d bytes, %v", len(m), err)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
	})
}

// test_overlapped_transport: a write that waits ends when the other end goes.
func TestPendingWriteEnds(t *testing.T) {
	big := make([]byte, 8<<20)
	pend := func(c *pipe.Conn) chan error {
		done := make(chan error, 1)
		go func() {
			_, err := c.Write(big)
			done <- err
		}()
		soon()
		return done
	}
	both(t, shapes, func(t *testing.T, a, b *pipe.Conn) {
		done := pend(a)
		b.Close()
		if err := <-done; !errors.Is(err, pipe.ErrBrokenPipe) {
			t.Errorf("closed: %v", err)
		}
	})
	each(t, shapes, func(t *testing.T, s shape) {
		server, client := s.pair(t)
		done, other := pend(client), pend(server)
		server.Disconnect()
		if err := <-done; !errors.Is(err, pipe.ErrNotConnected) {
			t.Errorf("disconnected: %v", err)
		}
		if err := <-other; !errors.Is(err, pipe.ErrClosed) && !errors.Is(err, pipe.ErrNotConnected) {
			t.Errorf("the server's: %v", err)
		}
	})
}

// test_overlapped_transport: so does a Flush that waits.
func TestPendingFlushEnds(t *testing.T) {
	pend := func(c *pipe.Conn) chan error {
		c.Write([]byte("unread"))
		done := make(chan error, 1)
		go func() { done <- c.Flush(background) }()
		soon()
		return done
	}
	both(t, shapes, func(t *testing.T, a, b *pipe.Conn) {
		done := pend(a)
		b.Close()
		err := <-done
		if a.Type() == pipe.Message && runtime.GOOS == "linux" && err == nil {
			return // closing has to take what was not read, see end.drain
		}
		if !errors.Is(err, pipe.ErrBrokenPipe) {
			t.Errorf("closed: %v", err)
		}
	})
	each(t, shapes, func(t *testing.T, s shape) {
		server, client := s.pair(t)
		done := pend(client)
		server.Disconnect()
		if err := <-done; !errors.Is(err, pipe.ErrNotConnected) {
			t.Errorf("disconnected: %v", err)
		}
	})
}

func transacting(c *pipe.Conn, request string, size int) chan result {
	r := make(chan result, 1)
	go func() {
		b := make([]byte, size)
		n, err := c.Transact([]byte(request), b)
		r <- result{string(b[:n]), err}
	}()
	return r
}

// test_TransactNamedPipe, test_transceive.
func TestTransactions(t *testing.T) {
	both(t, []shape{messagePipe}, func(t *testing.T, a, b *pipe.Conn) {
		check := func(what string, r chan result, want result) {
			t.Helper()
			if got := <-r; got.s != want.s || !errors.Is(got.err, want.err) || want.err == nil && got.err != nil {
				t.Errorf("%s: %+v, want %+v", what, got, want)
			}
		}
		r := reading(b, 10)
		call := transacting(a, "12345", 6)
		check("the request, with a reader that waits", r, result{s: "12345"})
		b.Write([]byte("1234567890"))
		check("a reply that is too long", call, result{"123456", pipe.ErrMoreData})
		check("its rest", reading(a, 100), result{s: "7890"})

		call = transacting(a, "", 0)
		check("an empty request", reading(b, 100), result{})
		b.Write(nil)
		check("an empty reply", call, result{})

		call = transacting(a, "abc", 100)
		check("the request", reading(b, 100), result{s: "abc"})
		back := transacting(b, "test", 100)
		check("a reply that is a request", call, result{s: "test"})
		a.Write([]byte("x"))
		check("the reply to it", back, result{s: "x"})

		a.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		check("cancelled", transacting(a, "kept", 9), result{"", pipe.ErrTimeout})
		a.SetReadDeadline(time.Now().Add(10 * time.Second))
		check("what it had written", reading(b, 100), result{s: "kept"})
	})
	both(t, []shape{bytePipe, messageBytes}, func(t *testing.T, a, b *pipe.Conn) {
		if _, err := a.Transact([]byte("x"), nil); !errors.Is(err, pipe.ErrBadMode) {
			t.Errorf("in byte mode: %v", err)
		}
	})
}

// test_CreateNamedPipe, "picky conformance tests": an instance is taken until the server has ended the connection.
func TestTakenUntilServerEnds(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{MaxInstances: 1})
	name := l.Addr().String()
	c := dial(t, name, nil)
	s := accept(t, l)
	busy := func(when string) {
		t.Helper()
		if _, err := pipe.Dial(background, name, nil); !errors.Is(err, pipe.ErrBusy) {
			t.Errorf("%s: %v", when, err)
		}
	}
	busy("connected")
	c.Close()
	busy("closed by the client")
	if _, err := s.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	busy("seen by the server")
}

// serverThreadMain1, exerciseServer: one instance serves clients in turn, each to the end.
func TestOneInstanceInTurn(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{MaxInstances: 1})
	const rounds = 8
	served := make(chan error, 1)
	go func() { served <- serveInTurn(l, rounds) }()
	for range rounds {
		c := dialRetry(t, l.Addr().String())
		c.Write([]byte("Bit Bucket"))
		b := make([]byte, 32)
		if n, err := c.Read(b); string(b[:n]) != "Bit Bucket" || err != nil {
			t.Fatalf("%q %v", b[:n], err)
		}
		c.Close()
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func serveInTurn(l *pipe.Listener, rounds int) error {
	b := make([]byte, 512)
	for range rounds {
		c, err := l.AcceptPipe()
		if err != nil {
			return err
		}
		n, err := c.Read(b)
		if err == nil {
			_, err = c.Write(b[:n])
		}
		if err == nil {
			err = c.Flush(background)
		}
		if e := c.Disconnect(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dialRetry dials where the name may be gone for a moment (see Config.MaxInstances).
func dialRetry(t *testing.T, name string) (c *pipe.Conn) {
	t.Helper()
	testutil.Eventually(t, 10*time.Second, func() (err error) {
		c, err = pipe.Dial(background, name, &pipe.DialConfig{Wait: 10 * time.Second})
		return err
	})
	return c
}

// test_multiple_instances: who came first is served first.
func TestAcceptOrder(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{Backlog: 4})
	for i := range 4 {
		fmt.Fprint(dial(t, l.Addr().String(), nil), i)
	}
	for i := range 4 {
		b := make([]byte, 1)
		if n, err := accept(t, l).Read(b); string(b[:n]) != fmt.Sprint(i) || err != nil {
			t.Errorf("accepted as number %d: %q %v", i, b[:n], err)
		}
	}
}

// test_wait_pipe: Wait returns at once where an instance is free, and does not take it.
func TestWaitTakesNothing(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{MaxInstances: 1})
	for range 3 {
		if err := pipe.Wait(background, l.Addr().String(), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	c := dial(t, l.Addr().String(), nil)
	c.Write([]byte("x"))
	if n, err := accept(t, l).Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("the first that is accepted is another than the first that has dialed: %d %v", n, err)
	}
}

// test_overlapped: an Accept that was cancelled leaves the listener as it was.
func TestAcceptAfterDeadline(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), nil)
	for range 3 {
		l.SetDeadline(time.Now().Add(10 * time.Millisecond))
		if _, err := l.Accept(); !errors.Is(err, pipe.ErrTimeout) {
			t.Fatal(err)
		}
		c := dial(t, l.Addr().String(), nil)
		c.Write([]byte("x"))
		if n, err := accept(t, l).Read(make([]byte, 2)); n != 1 || err != nil {
			t.Error(n, err)
		}
	}
}

// test_namedpipe_process_id, test_ImpersonateNamedPipeClient: who the other end was is known after it has closed.
func TestPeerThatHasGone(t *testing.T) {
	each(t, shapes, func(t *testing.T, s shape) {
		server, client := s.pair(t)
		client.Write([]byte("x"))
		server.Read(make([]byte, 1))
		client.Close()
		if id, err := server.Peer(); id.PID != os.Getpid() || err != nil {
			t.Errorf("the client: %+v %v", id, err)
		}
		if err := server.Impersonate(func() error { return nil }); err != nil {
			t.Errorf("Impersonate: %v", err)
		}
		server, client = s.pair(t)
		server.Close()
		if id, err := client.Peer(); id.PID != os.Getpid() || err != nil {
			t.Errorf("the server: %+v %v", id, err)
		}
	})
}

// go-winio TestDialListenerGetsCancelled.
func TestDialCancelled(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{MaxInstances: 1})
	dial(t, l.Addr().String(), nil)
	accept(t, l)
	ctx, cancel := context.WithCancel(background)
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := pipe.Dial(ctx, l.Addr().String(), &pipe.DialConfig{Wait: -1}); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial: %v", err)
	}
	if err := pipe.Wait(ctx, l.Addr().String(), -1); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
}

// go-winio TestEchoWithMessaging: io.Copy ends with the half-close that Windows programs have agreed on.
func TestEchoWithMessaging(t *testing.T) {
	testutil.CheckLeaks(t)
	server, client := pair(t, &pipe.Config{Type: pipe.Message, EmptyIsEOF: true}, &pipe.DialConfig{EmptyIsEOF: true})
	client.Write([]byte{0, 1})
	client.CloseWrite()
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(server, server)
		server.CloseWrite()
		copied <- err
	}()
	if b, err := io.ReadAll(client); string(b) != "\x00\x01" || err != nil {
		t.Errorf("%q %v", b, err)
	}
	if err := <-copied; err != nil {
		t.Error(err)
	}
}

// npipe TestPipeConnected: a client that has gone before it was accepted does not keep the next one out, and what it wrote
// is there.
func TestGoneBeforeAccept(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), nil)
	for _, text := range []string{"", "gone", "test"} {
		c := dial(t, l.Addr().String(), nil)
		c.Write([]byte(text))
		c.Close()
	}
	for _, want := range []string{"", "gone", "test"} {
		s := accept(t, l)
		s.SetDeadline(time.Now().Add(10 * time.Second))
		if b, err := io.ReadAll(s); string(b) != want || err != nil {
			t.Errorf("%q %v, want %q", b, err, want)
		}
	}
}

// npipe TestBadDial, TestDialExistingFile, TestBadListen: what is not a pipe is neither opened nor made.
func TestNotAPipe(t *testing.T) {
	testutil.CheckLeaks(t)
	missing, file := filepath.Join(t.TempDir(), "missing"), filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{missing, file, "http://www.example.com", "somethingbadhere"} {
		c, err := pipe.Dial(background, name, nil)
		var op *pipe.OpError
		if !errors.As(err, &op) || c != nil {
			t.Errorf("Dial(%q): %v", name, err)
		}
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Dial made a file: %v", err)
	}
	var op *pipe.OpError
	for _, name := range []string{file, `\\127.0.0.1\pipe\TestBadListen`} {
		if l, err := pipe.Listen(name, nil); !errors.As(err, &op) || l != nil {
			t.Errorf("Listen(%q): %v", name, err)
		}
	}
	if b, err := os.ReadFile(file); string(b) != "content" {
		t.Errorf("the file has %q, %v", b, err)
	}
}
