package pipe_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

var names atomic.Int64

// newName is a name that no other test has.
func newName() string {
	return fmt.Sprintf(`\\.\pipe\sockeye test %d.%d`, os.Getpid(), names.Add(1))
}

func listen(t testing.TB, name string, cfg *pipe.Config) *pipe.Listener {
	t.Helper()
	l, err := pipe.Listen(name, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t testing.TB, name string, cfg *pipe.DialConfig) *pipe.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := pipe.Dial(ctx, name, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func accept(t testing.TB, l *pipe.Listener) *pipe.Conn {
	t.Helper()
	l.SetDeadline(time.Now().Add(10 * time.Second))
	c, err := l.AcceptPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.SetDeadline(time.Time{})
	t.Cleanup(func() { c.Close() })
	return c
}

// pair is a connected pipe: the server's end and the client's.
func pair(t testing.TB, cfg *pipe.Config, d *pipe.DialConfig) (server, client *pipe.Conn) {
	t.Helper()
	l := listen(t, newName(), cfg)
	client = dial(t, l.Addr().String(), d)
	server = accept(t, l)
	for _, c := range []*pipe.Conn{server, client} {
		c.SetDeadline(time.Now().Add(20 * time.Second)) // no test hangs
	}
	return server, client
}

// shape is a pipe and how it is read.
type shape struct {
	name string
	cfg  pipe.Config
	dial pipe.DialConfig
}

func (s shape) pair(t testing.TB) (server, client *pipe.Conn) {
	t.Helper()
	return pair(t, &s.cfg, &s.dial)
}

var (
	bytePipe     = shape{name: "byte"}
	messageBytes = shape{name: "message type, byte mode", cfg: pipe.Config{Type: pipe.Message}}
	messagePipe  = shape{name: "message", cfg: pipe.Config{Type: pipe.Message, ReadMode: pipe.Message}, dial: pipe.DialConfig{ReadMode: pipe.Message}}
	shapes       = []shape{bytePipe, messageBytes, messagePipe}
)

// each runs a test for each shape.
func each(t *testing.T, of []shape, f func(t *testing.T, s shape)) {
	for _, s := range of {
		t.Run(strings.ReplaceAll(s.name, " ", "-"), func(t *testing.T) {
			testutil.CheckLeaks(t)
			f(t, s)
		})
	}
}
