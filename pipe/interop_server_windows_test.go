package pipe_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/pipe"
)

// Each end reads what was written before the other one has closed, and then its end.
func TestInteropClose(t *testing.T) {
	for _, mode := range []pipe.Mode{pipe.Byte, pipe.Message} {
		eachInterop(t, mode, func(t *testing.T, c *pipe.Conn, w *win32) {
			w.do(moved(5), "write", 5, 1)
			w.do(done, "close")
			readsBytes(t, c, pattern(5, 1))
			if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("Read after their close: %d, %v", n, err)
			}
			if _, err := c.Write([]byte("x")); !errors.Is(err, pipe.ErrNoData) || !errors.Is(err, pipe.ErrBrokenPipe) {
				t.Errorf("Write after their close: %v", err)
			}
			if _, err := c.Peek(nil); !errors.Is(err, pipe.ErrBrokenPipe) {
				t.Errorf("Peek after their close: %v", err)
			}
		})
		eachInterop(t, mode, func(t *testing.T, c *pipe.Conn, w *win32) {
			writes(t, c, pattern(5, 1))
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			w.do(data(0, pattern(5, 1)), "read", 10)
			w.do(failed(windows.ERROR_BROKEN_PIPE), "read", 10)
			w.do(failed(windows.ERROR_NO_DATA), "write", 5, 1)
		})
	}
}

func TestInteropKilled(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		w.do(moved(5), "write", 5, 1)
		w.begin("read", 10) // and in the middle of it
		time.AfterFunc(20*time.Millisecond, func() { w.cmd.Process.Kill() })
		readsMessage(t, c, pattern(5, 1))
		if _, err := c.ReadMessage(nil); err != io.EOF {
			t.Errorf("%v, want EOF", err)
		}
	})
}

// A client that was disconnected does not get what it has not read.
func TestInteropDisconnect(t *testing.T) {
	t.Run("their client", func(t *testing.T) {
		c, w := theirClient(t, pipe.Config{Type: pipe.Message}, 0)
		writes(t, c, pattern(5, 1))
		if err := c.Disconnect(); err != nil {
			t.Fatal(err)
		}
		w.do(failed(windows.ERROR_PIPE_NOT_CONNECTED), "read", 10)
		w.do(failed(windows.ERROR_PIPE_NOT_CONNECTED), "write", 5, 1)
	})
	t.Run("their server", func(t *testing.T) {
		c, w := theirServer(t, pipe.Message, 0)
		w.do(moved(5), "write", 5, 1)
		w.do(done, "disconnect")
		if _, err := c.Read(make([]byte, 10)); !errors.Is(err, pipe.ErrNotConnected) {
			t.Errorf("Read: %v", err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, pipe.ErrNotConnected) {
			t.Errorf("Write: %v", err)
		}
	})
	t.Run("their server, in a read", func(t *testing.T) {
		c, w := theirServer(t, pipe.Message, 0)
		time.AfterFunc(50*time.Millisecond, func() { w.begin("disconnect") })
		if _, err := c.Read(make([]byte, 10)); !errors.Is(err, pipe.ErrNotConnected) && err != io.EOF {
			t.Errorf("Read: %v", err)
		}
		w.answers(done)
	})
}

// A server in C uses its instance again, and our clients wait for it.
func TestInteropInstanceAgain(t *testing.T) {
	w, name := createTheirs(t, pipe.Message, windows.PIPE_ACCESS_DUPLEX, 1)
	for range 3 {
		w.begin("connect")
		c := dial(t, name, &pipe.DialConfig{Wait: -1, ReadMode: pipe.Message})
		w.answers(done)
		if _, err := pipe.Dial(background, name, nil); !errors.Is(err, pipe.ErrBusy) {
			t.Errorf("the second client: %v", err)
		}
		if err := pipe.Wait(background, name, 30*time.Millisecond); !errors.Is(err, pipe.ErrTimeout) {
			t.Errorf("Wait for a busy server: %v", err)
		}
		writes(t, c, pattern(5, 1))
		w.do(data(0, pattern(5, 1)), "read", 10)
		c.Close()
		w.do(done, "disconnect")
	}
	w.begin("connect")
	if err := pipe.Wait(background, name, -1); err != nil {
		t.Errorf("Wait: %v", err)
	}
	dial(t, name, &pipe.DialConfig{Wait: -1})
	w.answers(done)
	w.do(done, "close")
}

func TestInteropCallTheirs(t *testing.T) {
	w, name := createTheirs(t, pipe.Message, windows.PIPE_ACCESS_DUPLEX, 1)
	w.begin("connect")
	reply := make(chan error, 1)
	var got []byte
	go func() {
		var err error
		got, err = pipe.Call(background, name, pattern(10, 1), nil)
		reply <- err
	}()
	w.answers(done)
	w.do(data(0, pattern(10, 1)), "read", 100)
	w.begin("write", far, 2)
	if err := <-reply; err != nil || string(got) != string(pattern(far, 2)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	w.answers(moved(far))
}

// CallNamedPipe and WaitNamedPipe, where there is no pipe, where it is busy and where it answers.
func TestInteropCallOurs(t *testing.T) {
	w := startWin32(t)
	w.do(failed(windows.ERROR_FILE_NOT_FOUND), "call", interopName(), 5, 1, 100, 100)
	w.do(failed(windows.ERROR_FILE_NOT_FOUND), "wait", interopName(), 100)

	l := listen(t, interopName(), &pipe.Config{Type: pipe.Message, ReadMode: pipe.Message, MaxInstances: 2})
	name := l.Addr()
	w.do(done, "wait", name, 100)
	w.begin("call", name, 10, 1, 100, 1000)
	answerOne(t, l, pattern(10, 1), pattern(20, 2))
	w.answers(data(0, pattern(20, 2)))
	w.begin("call", name, 10, 1, 50, 1000)
	answerOne(t, l, pattern(10, 1), pattern(80, 2))
	w.answers(data(windows.ERROR_MORE_DATA, pattern(80, 2)[:50]))

	for range 2 {
		dial(t, name.String(), &pipe.DialConfig{Wait: -1})
	}
	c := accept(t, l)
	accept(t, l) // there is always an instance: to Wine, the name of the last is gone with it, and who waits for it waits in vain
	w.do(failed(windows.ERROR_PIPE_BUSY), "open", name, uint32(genericBoth), 0)
	w.do(failed(windows.ERROR_SEM_TIMEOUT), "wait", name, 30)
	w.begin("wait", name, 10_000)
	time.AfterFunc(30*time.Millisecond, func() { c.Close() })
	w.answers(done)
}

// answerOne answers one message of the next client. The client closes, not the server, or it might miss the answer.
func answerOne(t *testing.T, l *pipe.Listener, want, reply []byte) {
	t.Helper()
	c := accept(t, l)
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	readsMessage(t, c, want)
	writes(t, c, reply)
	if _, err := c.ReadMessage(nil); err != io.EOF {
		t.Errorf("after the answer: %v", err)
	}
}

func TestInteropDirections(t *testing.T) {
	for _, s := range []struct {
		d            pipe.Direction
		open         uint32
		right, wrong uint32
	}{
		{pipe.Inbound, windows.PIPE_ACCESS_INBOUND, windows.GENERIC_WRITE, windows.GENERIC_READ},
		{pipe.Outbound, windows.PIPE_ACCESS_OUTBOUND, windows.GENERIC_READ, windows.GENERIC_WRITE},
	} {
		t.Run("their client, "+s.d.String(), func(t *testing.T) {
			l := listen(t, interopName(), &pipe.Config{Direction: s.d})
			w := startWin32(t)
			for _, bad := range []uint32{s.wrong, genericBoth} {
				w.do(failed(windows.ERROR_ACCESS_DENIED), "open", l.Addr(), bad, 0)
			}
			w.do(done, "open", l.Addr(), s.right, 0)
			c := accept(t, l)
			if s.d == pipe.Inbound {
				w.do(moved(5), "write", 5, 1)
				readsBytes(t, c, pattern(5, 1))
				w.do(failed(windows.ERROR_ACCESS_DENIED), "read", 5)
			} else {
				writes(t, c, pattern(5, 1))
				w.do(data(0, pattern(5, 1)), "read", 10)
				w.do(failed(windows.ERROR_ACCESS_DENIED), "write", 5, 1)
			}
		})
		t.Run("their server, "+s.d.String(), func(t *testing.T) {
			w, name := createTheirs(t, pipe.Byte, s.open, 1)
			for _, bad := range []pipe.Direction{pipe.Duplex, pipe.Outbound + pipe.Inbound - s.d} {
				if isWine() { // it looks at the generic rights only, and ours are the single ones
					break
				}
				if c, err := pipe.Dial(background, name, &pipe.DialConfig{Direction: bad}); !errors.Is(err, pipe.ErrAccessDenied) {
					t.Errorf("Dial for %v: %v, %v", bad, c, err)
				}
			}
			w.begin("connect")
			c := dial(t, name, &pipe.DialConfig{Direction: s.d})
			w.answers(done)
			if s.d == pipe.Inbound {
				writes(t, c, pattern(5, 1))
				w.do(data(0, pattern(5, 1)), "read", 10)
			} else {
				w.do(moved(5), "write", 5, 1)
				readsBytes(t, c, pattern(5, 1))
			}
		})
	}
}

// A client in C that writes and closes before it was accepted is a client.
func TestInteropGoneBeforeAccept(t *testing.T) {
	l := listen(t, interopName(), &pipe.Config{Type: pipe.Message})
	w := startWin32(t)
	w.do(done, "open", l.Addr(), uint32(genericBoth), 0)
	w.do(moved(5), "write", 5, 1)
	w.do(done, "close")
	c := accept(t, l)
	readsMessage(t, c, pattern(5, 1))
	if _, err := c.ReadMessage(nil); err != io.EOF {
		t.Error(err)
	}
}

func TestInteropPeer(t *testing.T) {
	eachInterop(t, pipe.Byte, func(t *testing.T, c *pipe.Conn, w *win32) {
		id, err := c.Peer()
		if err != nil || id.PID != w.cmd.Process.Pid || !strings.HasPrefix(id.User, "S-1-") {
			t.Errorf("%+v, %v; it is process %d", id, err, w.cmd.Process.Pid)
		}
	})
}

// The server and the client of the introductions.
func TestInteropTextServer(t *testing.T) {
	name := interopName()
	_, _, lines := startProgram(t, "textserver", name, "2")
	if s := line(t, lines); s != "ready" {
		t.Fatal(s)
	}
	ctx, cancel := context.WithTimeout(background, 20*time.Second)
	defer cancel()
	reply, err := pipe.Call(ctx, name, utf16Text("Default message from client"), nil)
	if err != nil || string(reply) != string(utf16Text("Default answer from server")) {
		t.Errorf("%q, %v", reply, err)
	}
	if s := line(t, lines); s != "Default message from client" {
		t.Error(s)
	}
	// It makes the next instance after the client of the first has connected.
	for pipe.Wait(ctx, name, time.Second) != nil && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	c := dial(t, name, &pipe.DialConfig{ReadMode: pipe.Message, Wait: -1})
	for _, s := range []string{"one", "two"} {
		writes(t, c, utf16Text(s))
		readsMessage(t, c, utf16Text("Default answer from server"))
		if got := line(t, lines); got != s {
			t.Errorf("%q", got)
		}
	}
}

func TestInteropTextClient(t *testing.T) {
	l := listen(t, interopName(), &pipe.Config{Type: pipe.Message, ReadMode: pipe.Message})
	_, _, lines := startProgram(t, "textclient", l.Addr().String(), "question")
	answer := strings.Repeat("a", 1300) // longer than its buffer, twice
	answerOne(t, l, utf16Text("question"), utf16Text(answer))
	for _, want := range []string{"1024 " + answer[:512], "1024 " + answer[:512], "554 " + answer[:276]} {
		if got := line(t, lines); got != want {
			t.Errorf("it prints %q", got)
		}
	}
}

// utf16Text is a string of Windows, with its zero.
func utf16Text(s string) (b []byte) {
	for _, u := range append(utf16.Encode([]rune(s)), 0) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

// An instance that another process has may be missing to a listener, and is made when it is free.
func TestInteropMissingInstance(t *testing.T) {
	l := listen(t, interopName(), &pipe.Config{MaxInstances: 2, Backlog: 1})
	w := startWin32(t)
	w.do(done, "create", l.Addr(), windows.PIPE_ACCESS_DUPLEX, 0, 2, smallBuffer, smallBuffer, 0)
	dial(t, l.Addr().String(), nil)
	accept(t, l)
	w.do(done, "close")
	dial(t, l.Addr().String(), &pipe.DialConfig{Wait: 5 * time.Second})
	accept(t, l)
}

// The server's own time, which may be long, does not keep a Wait whose context has ended.
func TestInteropWaitCancelled(t *testing.T) {
	w := startWin32(t)
	name := interopName()
	w.do(done, "create", name, windows.PIPE_ACCESS_DUPLEX, 0, 1, smallBuffer, smallBuffer, 60_000)
	dial(t, name, nil)
	ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := pipe.Wait(ctx, name, 0); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 10*time.Second {
		t.Errorf("%v after %v", err, time.Since(begun))
	}
}
