package relay

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

var names atomic.Int64

// place is an address that no other test has, and what the other side of it is called.
func place(t *testing.T, kind Kind) (listens, connects string) {
	t.Helper()
	switch kind {
	case Pipe:
		name := fmt.Sprintf("relay test %d.%d", os.Getpid(), names.Add(1))
		return "pipe-listen:" + name, "pipe:" + name
	case Unix:
		if runtime.GOOS == "windows" {
			t.Skip("Unix sockets are left to Linux")
		}
		path := filepath.Join(t.TempDir(), "s")
		return "unix-listen:" + path, "unix:" + path
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "tcp-listen:" + l.Addr().String(), "tcp:" + l.Addr().String()
}

// parse is Parse for addresses that are right.
func parse(t testing.TB, text string) Address {
	t.Helper()
	a, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// started is a relay that runs.
type started struct {
	t      *testing.T
	cancel context.CancelFunc
	done   chan error
	mu     sync.Mutex
	said   []error
	closed []Connection
}

// start starts a relay and waits until it listens, if it does.
func start(t *testing.T, a, b string, cfg Config) *started {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &started{t: t, cancel: cancel, done: make(chan error, 1)}
	A, B := parse(t, a), parse(t, b)
	if err := Check(A, B, &cfg); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 2)
	cfg.Listening = func(where string) { ready <- where }
	cfg.Trouble = func(err error) { s.mu.Lock(); s.said = append(s.said, err); s.mu.Unlock() }
	cfg.Closed = func(c *Connection, _ error) { s.mu.Lock(); s.closed = append(s.closed, *c); s.mu.Unlock() }
	go func() { s.done <- Run(ctx, A, B, &cfg) }()
	t.Cleanup(func() { s.end() })
	if A.Kind.Listens() || B.Kind.Listens() {
		select {
		case <-ready:
		case err := <-s.done:
			s.done <- err
			t.Fatal(err)
		}
	}
	return s
}

// end interrupts the relay and returns its error.
func (s *started) end() error {
	s.cancel()
	return s.wait()
}

func (s *started) wait() error {
	select {
	case err := <-s.done:
		s.done <- err
		return err
	case <-time.After(20 * time.Second):
		s.t.Error("the relay does not end")
		return errors.New("does not end")
	}
}

func (s *started) troubles() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]error(nil), s.said...)
}

type duplex interface {
	net.Conn
	CloseWrite() error
}

func dialTo(t testing.TB, text string) duplex {
	t.Helper()
	c, err := dialing(parse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func dialing(a Address) (duplex, error) { return dialingFor(a, -1) }

// dialingAtOnce does not wait for a busy server. That is what a pipe of Windows has for those that come when nobody listens
// any more, as long as one client is left.
func dialingAtOnce(a Address) (duplex, error) { return dialingFor(a, 0) }

func dialingFor(a Address, wait time.Duration) (duplex, error) {
	if a.Kind == Pipe {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		c, err := pipe.Dial(ctx, a.Name, &pipe.DialConfig{Wait: wait})
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	c, err := net.Dial(a.Kind.String(), a.Name)
	if err != nil {
		return nil, err
	}
	return c.(duplex), nil
}

// serve listens and handles each connection.
func serve(t testing.TB, text string, handle func(duplex)) {
	t.Helper()
	a := parse(t, text)
	var l net.Listener
	var err error
	switch a.Kind {
	case PipeListen:
		l, err = pipe.Listen(a.Name, nil)
	case UnixListen:
		l, err = net.Listen("unix", a.Name)
	default:
		l, err = net.Listen("tcp", a.Name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { l.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(20 * time.Second))
				handle(c.(duplex))
			})
		}
	})
}

// digest answers with the checksum of what came, once it has ended.
func digest(c duplex) {
	h := sha256.New()
	io.Copy(h, c)
	fmt.Fprintf(c, "%x", h.Sum(nil))
}

// echo does not let io.Copy splice, whose pipes the runtime keeps for a while.
func echo(c duplex) { io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}) }

var streams = []Kind{TCP, Unix, Pipe}

// halfCloses tells kinds that can.
func halfCloses(k Kind) bool { return k != Pipe || pipe.Supported(pipe.HalfClose) }

// TestHalfClose: what is sent arrives whole, and so does the answer that comes after the end of it. 5 MiB do not fit in what
// the kernel keeps, so reader and writer wait for each other.
func TestHalfClose(t *testing.T) {
	data := make([]byte, 5<<20+17)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	want := fmt.Sprintf("%x", sha256.Sum256(data))
	for _, front := range streams {
		for _, behind := range streams {
			t.Run(front.String()+"-"+behind.String(), func(t *testing.T) {
				if !halfCloses(front) || !halfCloses(behind) {
					t.Skip("these pipes have no half-close")
				}
				testutil.CheckLeaks(t)
				at, to := place(t, front)
				server, forward := place(t, behind)
				serve(t, server, digest)
				r := start(t, at, forward, Config{})
				c := dialTo(t, to)
				if _, err := c.Write(data); err != nil {
					t.Fatal(err)
				}
				c.CloseWrite()
				got, err := io.ReadAll(c)
				if err != nil || string(got) != want {
					t.Errorf("%s, %v, want %s", got, err, want)
				}
				c.Close()
				if err := r.end(); err != nil || len(r.troubles()) > 0 {
					t.Error(err, r.troubles())
				}
				if len(r.closed) != 1 || r.closed[0].AB != int64(len(data)) || r.closed[0].BA != int64(len(want)) {
					t.Errorf("%+v", r.closed)
				}
			})
		}
	}
}

// TestBothWays: large amounts both ways at once.
func TestBothWays(t *testing.T) {
	for _, front := range streams {
		t.Run(front.String(), func(t *testing.T) {
			testutil.CheckLeaks(t)
			at, to := place(t, front)
			start(t, at, "echo", Config{})
			c := dialTo(t, to)
			data := bytes.Repeat([]byte("0123456789abcde\n"), 1<<16)
			var all sync.WaitGroup
			defer all.Wait()
			all.Go(func() {
				c.Write(data)
				if halfCloses(front) {
					c.CloseWrite()
				}
			})
			got := make([]byte, len(data))
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, data) {
				t.Error("what came back differs: ", err)
			}
		})
	}
}

// TestMany: 500 connections at once, beyond what there are kernel pipes for, and the limit holds.
func TestMany(t *testing.T) {
	n := 500
	if runtime.GOOS == "windows" {
		n = 100 // instances of a pipe come one by one there
	}
	for _, kinds := range [][2]Kind{{TCP, Pipe}, {Pipe, TCP}} {
		t.Run(kinds[0].String()+"-"+kinds[1].String(), func(t *testing.T) {
			testutil.CheckLeaks(t)
			at, to := place(t, kinds[0])
			server, forward := place(t, kinds[1])
			serve(t, server, echo)
			r := start(t, at, forward, Config{})
			address := parse(t, to)
			var all, open sync.WaitGroup
			open.Add(n)
			for i := range n {
				all.Go(func() {
					c, err := dialing(address)
					open.Done()
					if err != nil {
						t.Error(err)
						return
					}
					defer c.Close()
					open.Wait()
					c.SetDeadline(time.Now().Add(20 * time.Second))
					exchange(t, c, i)
				})
			}
			all.Wait()
			if err := r.end(); err != nil || len(r.troubles()) > 0 {
				t.Error(err, r.troubles())
			}
			if len(r.closed) != n {
				t.Errorf("%d connections, want %d", len(r.closed), n)
			}
		})
	}
}

func exchange(t *testing.T, c net.Conn, i int) {
	said := bytes.Repeat(fmt.Appendf(nil, "connection %d\n", i), 300)
	heard := make([]byte, len(said))
	for range 3 {
		if _, err := c.Write(said); err != nil {
			t.Error(err)
			return
		}
		if _, err := io.ReadFull(c, heard); err != nil || !bytes.Equal(heard, said) {
			t.Errorf("connection %d: %q, %v", i, heard[:20], err)
			return
		}
	}
}

// TestMax: connections beyond the limit wait until one has ended.
func TestMax(t *testing.T) {
	testutil.CheckLeaks(t)
	at, to := place(t, TCP)
	start(t, at, "echo", Config{Max: 2})
	first, second, third := dialTo(t, to), dialTo(t, to), dialTo(t, to)
	for _, c := range []net.Conn{first, second} {
		exchange(t, c, 1)
	}
	third.Write([]byte("x"))
	third.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := third.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the third was served: ", err)
	}
	first.Close()
	third.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := third.Read(make([]byte, 1)); err != nil {
		t.Error("the third was not served: ", err)
	}
}

// TestNobodyBehind: an end that cannot be opened is one error, and the next connection works.
func TestNobodyBehind(t *testing.T) {
	for _, behind := range streams {
		t.Run(behind.String(), func(t *testing.T) {
			testutil.CheckLeaks(t)
			at, to := place(t, TCP)
			server, forward := place(t, behind)
			r := start(t, at, forward, Config{})
			if _, err := io.ReadAll(dialTo(t, to)); err != nil {
				t.Error(err)
			}
			testutil.Eventually(t, 5*time.Second, func() error {
				if s := r.troubles(); len(s) != 1 || !strings.HasPrefix(s[0].Error(), forward[:4]) || strings.Contains(s[0].Error(), "\n") {
					return fmt.Errorf("%q", s)
				}
				return nil
			})
			serve(t, server, echo)
			exchange(t, dialTo(t, to), 1)
		})
	}
}

// TestPeerGone: whichever side goes without a word, the other one is told and nothing is left.
func TestPeerGone(t *testing.T) {
	for _, front := range streams {
		for _, behind := range streams {
			t.Run(front.String()+"-"+behind.String(), func(t *testing.T) {
				testutil.CheckLeaks(t)
				at, to := place(t, front)
				server, forward := place(t, behind)
				begun, got := make(chan struct{}), make(chan []byte, 1)
				serve(t, server, func(c duplex) {
					c.Write([]byte("greeting that nobody reads"))
					first := make([]byte, 1)
					_, _ = io.ReadFull(c, first)
					close(begun)
					rest, _ := io.ReadAll(c)
					got <- append(first, rest...)
				})
				r := start(t, at, forward, Config{Linger: 200 * time.Millisecond})
				c := dialTo(t, to)
				c.Write([]byte("command"))
				<-begun // else the reset that closing becomes would overtake it
				c.Close()
				select {
				case all := <-got:
					if string(all) != "command" {
						t.Errorf("arrived: %q", all)
					}
				case <-time.After(10 * time.Second):
					t.Fatal("the server was not told that its client has gone")
				}
				testutil.Eventually(t, 5*time.Second, func() error {
					r.mu.Lock()
					defer r.mu.Unlock()
					if len(r.closed) != 1 {
						return errors.New("the connection is still there")
					}
					return nil
				})
				if s := r.troubles(); len(s) > 0 {
					t.Error(s)
				}
			})
		}
	}
}

// TestServerGone: the server closes while the client still sends.
func TestServerGone(t *testing.T) {
	for _, front := range streams {
		t.Run(front.String(), func(t *testing.T) {
			testutil.CheckLeaks(t)
			at, to := place(t, front)
			server, forward := place(t, TCP)
			serve(t, server, func(c duplex) { io.ReadFull(c, make([]byte, 100)); c.Write([]byte("enough")) })
			start(t, at, forward, Config{Linger: 200 * time.Millisecond})
			c := dialTo(t, to)
			go func() {
				for {
					if _, err := c.Write(make([]byte, 64<<10)); err != nil {
						return
					}
				}
			}()
			if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the client was not told: ", err)
			}
		})
	}
}

// TestIdle: a connection in which nothing moves ends, and one in which something does goes on.
func TestIdle(t *testing.T) {
	testutil.CheckLeaks(t)
	at, to := place(t, TCP)
	r := start(t, at, "echo", Config{Idle: 300 * time.Millisecond})
	c := dialTo(t, to)
	begun := time.Now()
	for time.Since(begun) < 600*time.Millisecond {
		exchange(t, c, 1)
		time.Sleep(50 * time.Millisecond)
	}
	if _, err := io.ReadAll(c); err != nil {
		t.Error(err)
	}
	if d := time.Since(begun); d < 800*time.Millisecond {
		t.Errorf("ended after %v", d)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if s := r.troubles(); len(s) != 1 || !errors.Is(s[0], errIdle) {
		t.Error(s)
	}
}

// TestInterrupt: an interrupt frees the address at once; with Drain what goes on may end by itself.
func TestInterrupt(t *testing.T) {
	for _, drain := range []time.Duration{0, 5 * time.Second} {
		for _, front := range streams {
			t.Run(fmt.Sprint(front, drain), func(t *testing.T) {
				testutil.CheckLeaks(t)
				at, to := place(t, front)
				server, forward := place(t, TCP)
				serve(t, server, echo)
				r := start(t, at, forward, Config{Drain: drain})
				c := dialTo(t, to)
				exchange(t, c, 1)
				r.cancel()
				testutil.Eventually(t, 5*time.Second, func() error {
					if c, err := dialingAtOnce(parse(t, to)); err == nil {
						c.Close()
						return errors.New("somebody still listens")
					}
					return nil
				})
				if drain > 0 {
					exchange(t, c, 2)
					c.Close()
				} else if _, err := io.ReadAll(c); err != nil {
					t.Error(err)
				}
				if err := r.wait(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestTwoListeners: each connection of the one is joined to the next of the other.
func TestTwoListeners(t *testing.T) {
	testutil.CheckLeaks(t)
	a, toA := place(t, TCP)
	b, toB := place(t, Pipe)
	start(t, a, b, Config{})
	for range 3 {
		one, other := dialTo(t, toA), dialTo(t, toB)
		one.Write([]byte("hello"))
		got := make([]byte, 5)
		if _, err := io.ReadFull(other, got); err != nil || string(got) != "hello" {
			t.Fatalf("%q %v", got, err)
		}
		other.Write([]byte("there"))
		if _, err := io.ReadFull(one, got); err != nil || string(got) != "there" {
			t.Fatalf("%q %v", got, err)
		}
		one.Close()
		other.Close()
	}
}

// TestMessages: boundaries stay between pipes, empty messages and long ones too; to others they are lines.
func TestMessages(t *testing.T) {
	testutil.CheckLeaks(t)
	front, to := place(t, Pipe)
	back, forward := place(t, Pipe)
	l, err := pipe.Listen(parse(t, back).Name, &pipe.Config{Type: pipe.Message, ReadMode: pipe.Message})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start(t, front, forward, Config{Messages: true})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pipe.Dial(ctx, parse(t, to).Name, &pipe.DialConfig{ReadMode: pipe.Message, Wait: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.AcceptPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, ends := range [][2]*pipe.Conn{{c, s}, {s, c}} {
		from, at := ends[0], ends[1]
		for _, size := range []int{1, 0, 0, 100_000, 3 << 20, 5} {
			from.SetDeadline(time.Now().Add(10 * time.Second))
			at.SetDeadline(time.Now().Add(10 * time.Second))
			go from.WriteMessage(make([]byte, size))
			if m, err := at.ReadMessage(nil); err != nil || len(m) != size {
				t.Fatalf("%d bytes, %v, want %d", len(m), err, size)
			}
		}
	}
}

// TestLines: a line is a message, and a message is a line.
func TestLines(t *testing.T) {
	testutil.CheckLeaks(t)
	server, to := place(t, Pipe)
	l, err := pipe.Listen(parse(t, server).Name, &pipe.Config{Type: pipe.Message, ReadMode: pipe.Message})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan []string, 1)
	go func() {
		c, err := l.AcceptPipe()
		if err != nil {
			return
		}
		defer c.Close()
		var all []string
		for range 4 {
			m, err := c.ReadMessage(nil)
			if err != nil {
				break
			}
			all = append(all, string(m))
			c.WriteMessage(append([]byte("re "), m...))
		}
		got <- all
	}()
	var out bytes.Buffer
	long := strings.Repeat("x", 100_000)
	r := start(t, "stdio", to, Config{Messages: true, Stdin: strings.NewReader("one\r\n\n" + long + "\nlast"), Stdout: &out, Wait: 5 * time.Second})
	if err := r.wait(); err != nil {
		t.Error(err)
	}
	want := []string{"one", "", long, "last"}
	if all := <-got; strings.Join(all, "\n") != strings.Join(want, "\n") {
		t.Errorf("%.60q", all)
	}
	if out.String() != "re one\nre \nre "+long+"\nre last\n" {
		t.Errorf("%.60q", out.String())
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"pipe:docker_engine":     `pipe:\\.\pipe\docker_engine`,
		`PIPE://./pipe/a b`:      `pipe://./pipe/a b`,
		"pipe-listen:/run/x":     "pipe-listen:/run/x",
		"tcp:example.com:80":     "tcp:example.com:80",
		"tcp::22":                "tcp:localhost:22",
		"tcp:[::1]:http":         "tcp:[::1]:http",
		"tcp-listen:80":          "tcp-listen:127.0.0.1:80",
		"tcp-listen::0":          "tcp-listen:127.0.0.1:0",
		"tcp-listen:*:80":        "tcp-listen::80",
		"tcp-listen:0.0.0.0:80":  "tcp-listen:0.0.0.0:80",
		"unix:/a:b":              "unix:/a:b",
		"unix-listen:@x":         "unix-listen:@x",
		"stdio":                  "stdio",
		"-":                      "stdio",
		"exec:cat -u":            "exec:cat -u",
		"echo":                   "echo",
		"tcp:":                   "!tcp:HOST:PORT",
		"tcp":                    "!tcp:HOST:PORT",
		"stdio:x":                "!it is written stdio",
		"tcp:host":               "!HOST:PORT",
		"tcp:host:0":             "!port 0",
		"tcp:host:70000":         `!"70000" is no port`,
		"tcp:host:nosuchservice": `!"nosuchservice" is no port`,
		"exec:":                  "!exec:CMD",
		"exec: ":                 "!no command",
		"udp:x:1":                `!"udp:x:1" is no end`,
		"":                       `!"" is no end`,
	} {
		a, err := Parse(text)
		if part, bad := strings.CutPrefix(want, "!"); bad {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v, want %q", text, err, part)
			}
		} else if err != nil || a.String() != want {
			t.Errorf("%q: %q, %v, want %q", text, a.String(), err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tcp:a:1", "tcp-listen:[::]:1", "exec:a 'b c' \"d\\\"\" e\\ f", "pipe:x", "unix:@", "stdio"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err == nil && (a.Kind == 0 || a.Kind == Exec && len(a.Args) == 0) {
			t.Errorf("%+v", a)
		}
	})
}
