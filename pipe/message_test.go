package pipe_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

// step is a line of a script: one end does something, and something comes of it.
type step struct {
	do   string // see run
	at   string // "s" the server's end, "c" the client's
	data string // what is written, or must be read
	size int    // the buffer's, for reading
	err  error  // that errors.Is must find; io.EOF must be bare
}

// script runs steps one after the other. The same scripts run on every system.
func script(t *testing.T, s shape, steps []step) {
	t.Helper()
	server, client := s.pair(t)
	for n, st := range steps {
		c := client
		if st.at == "s" {
			c = server
		}
		got, err := st.run(c)
		if !errors.Is(err, st.err) || st.err == nil && err != nil {
			t.Fatalf("step %d %+v: error %v", n, st, err)
		}
		if got != st.data && st.reads() {
			t.Fatalf("step %d %+v: read %q", n, st, got)
		}
	}
}

func (st step) reads() bool { return st.do == "read" || st.do == "message" || st.do == "peek" }

func (st step) run(c *pipe.Conn) (string, error) {
	b := make([]byte, st.size)
	switch st.do {
	case "write":
		n, err := c.Write([]byte(st.data))
		if err == nil && n != len(st.data) {
			err = io.ErrShortWrite
		}
		return "", err
	case "read":
		n, err := c.Read(b)
		return string(b[:n]), err
	case "message":
		m, err := c.ReadMessage(nil)
		return string(m), err
	case "peek":
		p, err := c.Peek(b)
		return string(b[:p.N]), err
	case "byte mode":
		return "", c.SetReadMode(pipe.Byte)
	case "message mode":
		return "", c.SetReadMode(pipe.Message)
	case "close":
		return "", c.Close()
	case "close write":
		return "", c.CloseWrite()
	case "disconnect":
		return "", c.Disconnect()
	case "flush":
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer cancel()
		return "", c.Flush(ctx)
	case "soon": // a deadline that expires soon
		return "", c.SetDeadline(time.Now().Add(20 * time.Millisecond))
	}
	panic(st.do)
}

var scripts = []struct {
	name  string
	shape shape
	needs []pipe.Capability
	steps []step
}{
	{name: "bytes have no boundaries", shape: bytePipe, steps: []step{
		{do: "write", at: "s", data: "abc"}, {do: "write", at: "s", data: "def"},
		{do: "read", at: "c", size: 4, data: "abcd"}, {do: "read", at: "c", size: 4, data: "ef"},
	}},
	{name: "messages have boundaries", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "abc"}, {do: "write", at: "s", data: "de"},
		{do: "read", at: "c", size: 9, data: "abc"}, {do: "read", at: "c", size: 9, data: "de"},
		{do: "write", at: "c", data: "x"}, {do: "write", at: "c", data: "yz"},
		{do: "read", at: "s", size: 9, data: "x"}, {do: "message", at: "s", data: "yz"},
	}},
	{name: "a short read says that there is more, and the next goes on", shape: messagePipe, steps: []step{
		{do: "write", at: "c", data: "abcdefg"}, {do: "write", at: "c", data: "next"},
		{do: "read", at: "s", size: 3, data: "abc", err: pipe.ErrMoreData},
		{do: "read", at: "s", size: 3, data: "def", err: pipe.ErrMoreData},
		{do: "read", at: "s", size: 3, data: "g"},
		{do: "read", at: "s", size: 4, data: "next"},
	}},
	{name: "a read of nothing says that there is more", shape: messagePipe, steps: []step{
		{do: "write", at: "c", data: "ab"},
		{do: "read", at: "s", size: 0, err: pipe.ErrMoreData},
		{do: "read", at: "s", size: 2, data: "ab"},
	}},
	{name: "ReadMessage takes what Read has left", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "abcdef"},
		{do: "read", at: "c", size: 2, data: "ab", err: pipe.ErrMoreData},
		{do: "message", at: "c", data: "cdef"},
	}},
	{name: "the read mode changes in the middle of a message", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "abcdef"},
		{do: "read", at: "c", size: 2, data: "ab", err: pipe.ErrMoreData},
		{do: "byte mode", at: "c"},
		{do: "read", at: "c", size: 2, data: "cd"},
		{do: "message mode", at: "c"},
		{do: "read", at: "c", size: 9, data: "ef"},
	}},
	{name: "messages can be read as bytes", shape: messageBytes, steps: []step{
		{do: "write", at: "s", data: "abcdef"},
		{do: "read", at: "c", size: 4, data: "abcd"}, {do: "read", at: "c", size: 4, data: "ef"},
		{do: "write", at: "s", data: "ghi"}, {do: "message", at: "c", data: "ghi"},
	}},
	{name: "no message mode for bytes", shape: bytePipe, steps: []step{
		{do: "message mode", at: "c", err: pipe.ErrBadMode}, {do: "message mode", at: "s", err: pipe.ErrBadMode},
		{do: "message", at: "c", err: pipe.ErrBadMode}, {do: "byte mode", at: "c"},
	}},
	{name: "an empty message is a message", shape: messagePipe, steps: []step{
		{do: "write", at: "c", data: ""}, {do: "write", at: "c", data: "a"}, {do: "write", at: "c", data: ""},
		{do: "read", at: "s", size: 9, data: ""}, {do: "read", at: "s", size: 9, data: "a"}, {do: "message", at: "s", data: ""},
		{do: "close", at: "c"}, {do: "read", at: "s", size: 9, err: io.EOF},
	}},
	{name: "an empty message before the end is not the end", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: ""}, {do: "close", at: "s"},
		{do: "read", at: "c", size: 9, data: ""}, {do: "read", at: "c", size: 9, err: io.EOF}, {do: "read", at: "c", size: 9, err: io.EOF},
	}},
	{name: "CloseWrite is not Close", shape: messagePipe, needs: []pipe.Capability{pipe.HalfClose}, steps: []step{
		{do: "write", at: "c", data: "ask"}, {do: "write", at: "c"}, {do: "close write", at: "c"},
		{do: "read", at: "s", size: 9, data: "ask"}, {do: "read", at: "s", size: 9}, {do: "read", at: "s", size: 9, err: io.EOF},
		{do: "write", at: "s", data: "answer"}, {do: "read", at: "c", size: 9, data: "answer"},
		{do: "write", at: "c", data: "more", err: pipe.ErrNoData},
	}},
	{name: "CloseWrite of bytes", shape: bytePipe, needs: []pipe.Capability{pipe.HalfClose}, steps: []step{
		{do: "write", at: "s", data: "ask"}, {do: "close write", at: "s"},
		{do: "read", at: "c", size: 9, data: "ask"}, {do: "read", at: "c", size: 9, err: io.EOF},
		{do: "write", at: "c", data: "answer"}, {do: "read", at: "s", size: 9, data: "answer"},
	}},
	{name: "CloseWrite as Windows programs agree on it", shape: shape{
		cfg:  pipe.Config{Type: pipe.Message, EmptyIsEOF: true},
		dial: pipe.DialConfig{EmptyIsEOF: true}}, steps: []step{
		{do: "write", at: "c", data: "ask"}, {do: "close write", at: "c"},
		{do: "read", at: "s", size: 9, data: "ask"}, {do: "read", at: "s", size: 9, err: io.EOF},
		{do: "write", at: "s", data: "answer"}, {do: "read", at: "c", size: 9, data: "answer"},
		{do: "write", at: "c", data: "more", err: pipe.ErrNoData},
	}},
	{name: "what was written before Close is read", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "abc"}, {do: "write", at: "s", data: "def"}, {do: "close", at: "s"},
		{do: "read", at: "c", size: 2, data: "ab", err: pipe.ErrMoreData}, {do: "read", at: "c", size: 9, data: "c"},
		{do: "read", at: "c", size: 9, data: "def"}, {do: "read", at: "c", size: 9, err: io.EOF},
		{do: "write", at: "c", data: "x", err: pipe.ErrBrokenPipe},
	}},
	{name: "what was not read does not take from the other end", shape: messagePipe, steps: []step{
		{do: "write", at: "c", data: "unread"}, {do: "write", at: "s", data: "abc"}, {do: "close", at: "s"},
		{do: "read", at: "c", size: 9, data: "abc"}, {do: "read", at: "c", size: 9, err: io.EOF},
	}},
	{name: "nor with bytes", shape: bytePipe, steps: []step{
		{do: "write", at: "c", data: "unread"}, {do: "write", at: "s", data: "abc"}, {do: "close", at: "s"},
		{do: "read", at: "c", size: 9, data: "abc"}, {do: "read", at: "c", size: 9, err: io.EOF},
		{do: "write", at: "c", data: "x", err: pipe.ErrNoData},
	}},
	{name: "Disconnect throws away what the client has not read", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "one"}, {do: "write", at: "s", data: "two"},
		{do: "read", at: "c", size: 9, data: "one"}, {do: "disconnect", at: "s"},
		{do: "read", at: "c", size: 9, err: pipe.ErrNotConnected}, {do: "read", at: "c", size: 9, err: pipe.ErrNotConnected},
		{do: "write", at: "c", data: "x", err: pipe.ErrNotConnected}, {do: "peek", at: "c", size: 1, err: pipe.ErrNotConnected},
	}},
	{name: "and the rest of a message", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "one"}, {do: "write", at: "s", data: "two"}, {do: "disconnect", at: "s"},
		{do: "write", at: "c", data: "x", err: pipe.ErrNotConnected}, {do: "read", at: "c", size: 1, err: pipe.ErrNotConnected},
	}},
	{name: "and bytes", shape: bytePipe, steps: []step{
		{do: "write", at: "s", data: "onetwo"}, {do: "read", at: "c", size: 3, data: "one"}, {do: "disconnect", at: "s"},
		{do: "read", at: "c", size: 3, err: pipe.ErrNotConnected}, {do: "read", at: "c", size: 3, err: pipe.ErrNotConnected},
		{do: "write", at: "c", data: "x", err: pipe.ErrNotConnected},
	}},
	{name: "Disconnect of an idle client", shape: bytePipe, steps: []step{
		{do: "disconnect", at: "s"}, {do: "peek", at: "c", size: 3, err: pipe.ErrNotConnected},
		{do: "read", at: "c", size: 3, err: pipe.ErrNotConnected},
	}},
	{name: "after Flush nothing is thrown away", shape: messagePipe, steps: []step{
		{do: "write", at: "s", data: "one"}, {do: "flush", at: "s", err: context.DeadlineExceeded},
		{do: "read", at: "c", size: 9, data: "one"}, {do: "flush", at: "s"}, {do: "disconnect", at: "s"},
		{do: "read", at: "c", size: 9, err: pipe.ErrNotConnected},
	}},
	{name: "Flush of bytes", shape: bytePipe, steps: []step{
		{do: "flush", at: "c"}, {do: "write", at: "c", data: "one"}, {do: "flush", at: "c", err: context.DeadlineExceeded},
		{do: "read", at: "s", size: 2, data: "on"}, {do: "flush", at: "c", err: context.DeadlineExceeded},
		{do: "read", at: "s", size: 2, data: "e"}, {do: "flush", at: "c"},
	}},
	{name: "a client does not disconnect", shape: bytePipe, steps: []step{{do: "disconnect", at: "c", err: pipe.ErrAccessDenied}}},
	{name: "closed is closed", shape: messagePipe, steps: []step{
		{do: "close", at: "c"}, {do: "close", at: "c", err: pipe.ErrClosed},
		{do: "read", at: "c", size: 1, err: os.ErrClosed}, {do: "write", at: "c", data: "x", err: pipe.ErrClosed},
		{do: "message", at: "c", err: pipe.ErrClosed}, {do: "peek", at: "c", err: pipe.ErrClosed}, {do: "flush", at: "c", err: pipe.ErrClosed},
		{do: "close write", at: "c", err: pipe.ErrClosed}, {do: "soon", at: "c", err: pipe.ErrClosed},
	}},
	{name: "a deadline takes nothing", shape: messagePipe, steps: []step{
		{do: "soon", at: "s"}, {do: "read", at: "s", size: 9, err: os.ErrDeadlineExceeded}, {do: "message", at: "s", err: pipe.ErrTimeout},
		{do: "soon", at: "s"}, {do: "write", at: "c", data: "abc"}, {do: "read", at: "s", size: 9, data: "abc"},
	}},
}

func TestScripts(t *testing.T) {
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			for _, c := range s.needs {
				if !pipe.Supported(c) {
					t.Skip("not on this system: ", c)
				}
			}
			testutil.CheckLeaks(t)
			script(t, s.shape, s.steps)
		})
	}
}

func TestPeek(t *testing.T) {
	server, client := messagePipe.pair(t)
	check := func(want pipe.Peeked, data string, size int) {
		t.Helper()
		b := make([]byte, size)
		if got, err := server.Peek(b); got != want || err != nil || string(b[:got.N]) != data {
			t.Fatalf("Peek: %+v %q %v, want %+v %q", got, b[:got.N], err, want, data)
		}
	}
	check(pipe.Peeked{}, "", 4)
	client.Write([]byte("abcdef"))
	client.Write([]byte("xy"))
	check(pipe.Peeked{N: 4, Available: 8, Message: 6}, "abcd", 4)
	check(pipe.Peeked{N: 0, Available: 8, Message: 6}, "", 0)
	if n, err := server.Read(make([]byte, 2)); n != 2 || !errors.Is(err, pipe.ErrMoreData) {
		t.Fatal(n, err)
	}
	check(pipe.Peeked{N: 4, Available: 6, Message: 4}, "cdef", 9)
	if m, err := server.ReadMessage(nil); string(m) != "cdef" || err != nil {
		t.Fatal(m, err)
	}
	client.Close()
	check(pipe.Peeked{N: 2, Available: 2, Message: 2}, "xy", 9)
	server.ReadMessage(nil)
	if _, err := server.Peek(nil); !errors.Is(err, pipe.ErrBrokenPipe) {
		t.Errorf("Peek at the end: %v", err)
	}
}

func TestPeekBytes(t *testing.T) {
	server, client := bytePipe.pair(t)
	client.Write([]byte("abc"))
	client.Write([]byte("def"))
	b := make([]byte, 4)
	if p, err := server.Peek(b); err != nil || p != (pipe.Peeked{N: 4, Available: 6}) || string(b) != "abcd" {
		t.Errorf("Peek: %+v %v %q", p, err, b)
	}
	if n, err := server.Read(b); n != 4 || err != nil {
		t.Error(n, err)
	}
	client.Close()
	server.Read(b)
	if _, err := server.Peek(b); !errors.Is(err, pipe.ErrBrokenPipe) {
		t.Errorf("Peek at the end: %v", err)
	}
}

// Peek does not wait, also where somebody else is waiting for something to read.
func TestPeekBesideReader(t *testing.T) {
	server, client := messagePipe.pair(t)
	read := make(chan error, 1)
	go func() {
		_, err := server.Read(make([]byte, 1))
		read <- err
	}()
	time.Sleep(20 * time.Millisecond)
	if p, err := server.Peek(nil); p.Available != 0 || err != nil {
		t.Error(p, err)
	}
	client.Write([]byte("x"))
	if err := <-read; err != nil {
		t.Error(err)
	}
}

// Messages of every size cross whole, in either read mode and direction.
func TestMessageSizes(t *testing.T) {
	sizes := []int{0, 1, 64, 4095, 4096, 65535, 65536, 128 << 10, 128<<10 + 1, 200000, 212960, 212961, 1 << 20, 5<<20 + 3}
	each(t, []shape{messageBytes, messagePipe}, func(t *testing.T, s shape) {
		server, client := s.pair(t)
		for _, ends := range [][2]*pipe.Conn{{server, client}, {client, server}} {
			errs := make(chan error, 1)
			go func() {
				for i, size := range sizes {
					if err := ends[0].WriteMessage(pattern(size, i)); err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
			var m []byte
			for i, size := range sizes {
				var err error
				if m, err = ends[1].ReadMessage(m); err != nil || !bytes.Equal(m, pattern(size, i)) {
					t.Fatalf("message %d of %d bytes: got %d bytes, %v", i, size, len(m), err)
				}
			}
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
	})
}

func pattern(size, seed int) []byte {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(i>>12 + i + seed)
	}
	return b
}

// A large message read piece by piece has its boundary where it ends, and nowhere else.
func TestLargePieces(t *testing.T) {
	server, client := messagePipe.pair(t)
	want := pattern(700001, 3)
	go func() {
		client.Write(want)
		client.Write([]byte("next"))
	}()
	var got []byte
	b := make([]byte, 30011)
	for {
		n, err := server.Read(b)
		got = append(got, b[:n]...)
		if err == nil {
			break
		}
		if !errors.Is(err, pipe.ErrMoreData) {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
	if m, err := server.ReadMessage(nil); string(m) != "next" {
		t.Errorf("%q %v", m, err)
	}
}

// Over the limit nothing is sent, and the pipe stays as it is.
func TestMaxMessageSize(t *testing.T) {
	server, client := pair(t, &pipe.Config{Type: pipe.Message, MaxMessageSize: 1000}, &pipe.DialConfig{MaxMessageSize: 2000})
	if n, err := server.Write(make([]byte, 1001)); n != 0 || !errors.Is(err, pipe.ErrMessageTooLong) {
		t.Fatal(n, err)
	}
	server.Write([]byte("after"))
	if m, err := client.ReadMessage(nil); string(m) != "after" || err != nil {
		t.Fatal(m, err)
	}
	if err := client.WriteMessage(make([]byte, 1500)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.ReadMessage(nil); !errors.Is(err, pipe.ErrMessageTooLong) {
		t.Errorf("the reader of a message over its limit got %v", err)
	}
}

func TestTransact(t *testing.T) {
	server, client := messagePipe.pair(t)
	go func() {
		for {
			m, err := server.ReadMessage(nil)
			if err != nil {
				return
			}
			server.WriteMessage(append([]byte("re: "), m...))
		}
	}()
	b := make([]byte, 6)
	n, err := client.Transact([]byte("hello"), b)
	if string(b[:n]) != "re: he" || !errors.Is(err, pipe.ErrMoreData) {
		t.Fatalf("%q %v", b[:n], err)
	}
	if _, err := client.Transact([]byte("x"), b); !errors.Is(err, pipe.ErrBusy) {
		t.Errorf("with a message half read: %v", err)
	}
	if m, err := client.ReadMessage(nil); string(m) != "llo" || err != nil {
		t.Fatalf("%q %v", m, err)
	}
	if n, err := client.Transact(nil, b); string(b[:n]) != "re: " || err != nil {
		t.Fatalf("%q %v", b[:n], err)
	}
	client.SetReadMode(pipe.Byte)
	if _, err := client.Transact([]byte("x"), b); !errors.Is(err, pipe.ErrBadMode) {
		t.Errorf("in byte mode: %v", err)
	}
}

// What is there before is not taken for the answer, nor is what disconnects.
func TestTransactBusy(t *testing.T) {
	server, client := messagePipe.pair(t)
	wrote := make(chan error, 1)
	go func() { wrote <- server.WriteMessage(nil) }()
	time.Sleep(50 * time.Millisecond) // it may wait to be read, and Peek does not tell an empty message from none
	if _, err := client.Transact([]byte("x"), nil); !errors.Is(err, pipe.ErrBusy) {
		t.Errorf("with an empty message: %v", err)
	}
	if m, err := client.ReadMessage(nil); len(m) != 0 || err != nil {
		t.Errorf("%q, %v", m, err)
	}
	if err := <-wrote; err != nil {
		t.Error(err)
	}
	if err := server.Disconnect(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Transact([]byte("x"), nil); !errors.Is(err, pipe.ErrNotConnected) {
		t.Errorf("disconnected: %v", err)
	}
}

func TestCall(t *testing.T) {
	testutil.CheckLeaks(t)
	l := listen(t, newName(), &pipe.Config{Type: pipe.Message})
	go func() {
		for {
			c, err := l.AcceptPipe()
			if err != nil {
				return
			}
			m, _ := c.ReadMessage(nil)
			if string(m) == "silence" {
				m, _ = c.ReadMessage(nil) // until the client gives up
			}
			c.WriteMessage(bytes.Repeat(m, 100000))
			c.Flush(context.Background())
			c.Close()
		}
	}()
	got, err := pipe.Call(context.Background(), l.Addr().String(), []byte("hello"), nil)
	if err != nil || !bytes.Equal(got, bytes.Repeat([]byte("hello"), 100000)) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := pipe.Call(ctx, l.Addr().String(), []byte("silence"), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call that is not answered: %v", err)
	}
}
