package pipe_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/pipe"
)

// far is more than all buffers of a pipe hold.
const far = 300_000

func TestInteropBytes(t *testing.T) {
	eachInterop(t, pipe.Byte, func(t *testing.T, c *pipe.Conn, w *win32) {
		w.do(moved(5), "write", 5, 1)
		readsBytes(t, c, pattern(5, 1))
		writes(t, c, pattern(7, 2))
		w.do(data(0, pattern(7, 2)), "read", 100)

		w.begin("write", far, 3)
		readsBytes(t, c, pattern(far, 3))
		w.answers(moved(far))
		w.begin("readfull", far)
		writes(t, c, pattern(far, 4))
		w.answers(data(0, pattern(far, 4)))
	})
}

// Messages have their boundaries, at any size, also those longer than the buffers of the pipe and of the reader.
func TestInteropMessages(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		for i, size := range []int{1, 100, smallBuffer, smallBuffer + 1, far} {
			w.begin("write", size, i)
			readsMessage(t, c, pattern(size, i))
			w.answers(moved(size))
			w.begin("read", size+10)
			writes(t, c, pattern(size, i))
			w.answers(data(0, pattern(size, i)))
		}
		w.do(moved(3), "write", 3, 1)
		w.do(moved(4), "write", 4, 2)
		readsMessage(t, c, pattern(3, 1))
		readsMessage(t, c, pattern(4, 2))
	})
}

func TestInteropMoreData(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		long := pattern(1000, 1)
		writes(t, c, long)
		writes(t, c, pattern(3, 2))
		w.do(data(windows.ERROR_MORE_DATA, long[:600]), "read", 600)
		w.do(data(0, long[600:]), "read", 600)
		w.do(data(0, pattern(3, 2)), "read", 600)

		w.do(moved(1000), "write", 1000, 1)
		w.do(moved(3), "write", 3, 2)
		b := make([]byte, 600)
		if n, err := c.Read(b); n != 600 || !errors.Is(err, pipe.ErrMoreData) {
			t.Errorf("Read: %d, %v", n, err)
		}
		if n, err := c.Read(b); err != nil || !bytes.Equal(b[:n], long[600:]) {
			t.Errorf("the rest: %d, %v", n, err)
		}
		readsMessage(t, c, pattern(3, 2))
	})
}

// A message longer than the pipe's buffers, of which neither side has a buffer for all.
func TestInteropLongInPieces(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		w.begin("write", far, 1)
		var got []byte
		for more := true; more; {
			b := make([]byte, 50_001)
			n, err := c.Read(b)
			if more = errors.Is(err, pipe.ErrMoreData); err != nil && !more {
				t.Fatal(err)
			}
			got = append(got, b[:n]...)
		}
		w.answers(moved(far))
		if !bytes.Equal(got, pattern(far, 1)) {
			t.Errorf("%d bytes, which differ", len(got))
		}
		w.begin("readfull", far)
		writes(t, c, pattern(far, 2))
		w.answers(data(0, pattern(far, 2)))
	})
}

// A message that is too long ends the reading: what is left of it is no message.
func TestInteropTooLong(t *testing.T) {
	for _, size := range []int{1001, far} {
		c, w := theirClient(t, pipe.Config{Type: pipe.Message, MaxMessageSize: 1000}, 0)
		if err := c.WriteMessage(pattern(size, 1)); !errors.Is(err, pipe.ErrMessageTooLong) {
			t.Errorf("WriteMessage: %v", err)
		}
		w.begin("write", size, 1)
		for range 3 {
			if m, err := c.ReadMessage(nil); len(m) != 0 || !errors.Is(err, pipe.ErrMessageTooLong) {
				t.Errorf("ReadMessage: %d bytes, %v", len(m), err)
			}
		}
		c.Close()
		line(t, w.lines) // whether all of it was written depends on the buffers
	}
}

func TestInteropEmptyMessages(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		for _, size := range []int{0, 2, 0, 0} {
			w.begin("read", 10)
			if err := c.WriteMessage(pattern(size, 1)); err != nil {
				t.Fatal(err)
			}
			w.answers(data(0, pattern(size, 1)))
		}
		for _, size := range []int{0, 2, 0} {
			w.begin("write", size, 1)
			readsMessage(t, c, pattern(size, 1))
			w.answers(moved(size))
		}
		w.begin("write", 0, 1)
		if n, err := c.Read(make([]byte, 10)); n != 0 || err != nil {
			t.Errorf("Read of an empty message: %d, %v", n, err)
		}
		w.answers(moved(0))
	})
}

// Read modes are each end's own, and can be changed when messages are in the pipe.
func TestInteropReadModes(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		w.do(done, "mode", windows.PIPE_READMODE_BYTE)
		writes(t, c, pattern(100, 1))
		w.do(data(0, pattern(100, 1)[:60]), "read", 60)
		w.do(data(0, pattern(100, 1)[60:]), "read", 40)
		w.do(done, "mode", windows.PIPE_READMODE_MESSAGE)
		writes(t, c, pattern(100, 1))
		w.do(data(windows.ERROR_MORE_DATA, pattern(100, 1)[:60]), "read", 60)
		w.do(data(0, pattern(100, 1)[60:]), "read", 60)

		w.do(moved(100), "write", 100, 1)
		if err := c.SetReadMode(pipe.Byte); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 60)
		if n, err := c.Read(b); n != 60 || err != nil {
			t.Errorf("in byte mode: %d, %v", n, err)
		}
		if err := c.SetReadMode(pipe.Message); err != nil {
			t.Fatal(err)
		}
		readsMessage(t, c, pattern(100, 1)[60:])
	})
}

func TestInteropPeek(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		w.do("0 0 0 0", "peek", 10)
		writes(t, c, pattern(20, 1))
		writes(t, c, pattern(30, 2))
		w.do("0 10 50 10", "peek", 10)
		w.do(data(0, pattern(20, 1)), "read", 100)

		w.do(moved(20), "write", 20, 1)
		w.do(moved(30), "write", 30, 2)
		p, err := c.Peek(make([]byte, 10))
		if err != nil || p != (pipe.Peeked{N: 10, Available: 50, Message: 20}) {
			t.Errorf("%+v, %v", p, err)
		}
	})
}

func TestInteropTransact(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		w.begin("transact", 10, 1, 100)
		readsMessage(t, c, pattern(10, 1))
		writes(t, c, pattern(20, 2))
		w.answers(data(0, pattern(20, 2)))

		w.begin("transact", 10, 1, 50)
		readsMessage(t, c, pattern(10, 1))
		writes(t, c, pattern(80, 2))
		w.answers(data(windows.ERROR_MORE_DATA, pattern(80, 2)[:50]))
		w.do(data(0, pattern(80, 2)[50:]), "read", 100)

		w.begin("read", 100)
		got := make(chan error, 1)
		b := make([]byte, 50)
		go func() {
			n, err := c.Transact(pattern(10, 3), b)
			if n != 50 {
				err = errors.Join(err, io.ErrShortWrite)
			}
			got <- err
		}()
		w.answers(data(0, pattern(10, 3)))
		w.do(moved(80), "write", 80, 4)
		if err := <-got; !errors.Is(err, pipe.ErrMoreData) || errors.Is(err, io.ErrShortWrite) || !bytes.Equal(b, pattern(80, 4)[:50]) {
			t.Errorf("Transact: %v", err)
		}
		readsMessage(t, c, pattern(80, 4)[50:])
	})
}

// Flush waits for the other end to have read, from both sides.
func TestInteropFlush(t *testing.T) {
	eachInterop(t, pipe.Message, func(t *testing.T, c *pipe.Conn, w *win32) {
		writes(t, c, pattern(10, 1))
		ctx, cancel := context.WithTimeout(background, 50*time.Millisecond)
		defer cancel()
		if err := c.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Flush before it is read: %v", err)
		}
		w.do(data(0, pattern(10, 1)), "read", 100)
		if err := c.Flush(background); err != nil {
			t.Error(err)
		}
		w.do(moved(10), "write", 10, 2)
		w.begin("flush")
		select {
		case s := <-w.lines:
			t.Errorf("FlushFileBuffers did not wait: %s", s)
		case <-time.After(50 * time.Millisecond):
		}
		readsMessage(t, c, pattern(10, 2))
		w.answers(done)
	})
}

// An overlapped read waits beside writes, and can be cancelled.
func TestInteropPendingRead(t *testing.T) {
	for _, f := range []func(*testing.T) (*pipe.Conn, *win32){
		func(t *testing.T) (*pipe.Conn, *win32) {
			return theirClient(t, pipe.Config{Type: pipe.Message, ReadMode: pipe.Message}, windows.FILE_FLAG_OVERLAPPED)
		},
		func(t *testing.T) (*pipe.Conn, *win32) {
			return theirServer(t, pipe.Message, windows.FILE_FLAG_OVERLAPPED)
		},
	} {
		c, w := f(t)
		w.do(failed(windows.ERROR_IO_PENDING), "beginread", 100)
		w.do(moved(10), "write", 10, 1)
		readsMessage(t, c, pattern(10, 1))
		writes(t, c, pattern(20, 2))
		w.do(data(0, pattern(20, 2)), "endread")

		w.do(failed(windows.ERROR_IO_PENDING), "beginread", 100)
		w.do(done, "cancel")
		w.do(failed(windows.ERROR_OPERATION_ABORTED), "endread")
		writes(t, c, pattern(5, 3))
		w.do(data(0, pattern(5, 3)), "read", 100)
	}
}

func writes(t *testing.T, c *pipe.Conn, b []byte) {
	t.Helper()
	if n, err := c.Write(b); n != len(b) || err != nil {
		t.Fatalf("Write of %d bytes: %d, %v", len(b), n, err)
	}
}

func readsBytes(t *testing.T, c *pipe.Conn, want []byte) {
	t.Helper()
	b := make([]byte, len(want))
	if n, err := io.ReadFull(c, b); err != nil || !bytes.Equal(b, want) {
		t.Fatalf("%d of %d bytes, %v; the same: %t", n, len(want), err, bytes.Equal(b, want))
	}
}

func readsMessage(t *testing.T, c *pipe.Conn, want []byte) {
	t.Helper()
	if b, err := c.ReadMessage(nil); err != nil || !bytes.Equal(b, want) {
		t.Fatalf("ReadMessage: %d bytes, want %d; %v", len(b), len(want), err)
	}
}
