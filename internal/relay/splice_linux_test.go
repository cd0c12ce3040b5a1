package relay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

// connection is a connection of a kind: our end of it, and the other side.
func connection(t *testing.T, kind Kind) (*end, duplex) {
	t.Helper()
	var l net.Listener
	var err error
	path := filepath.Join(t.TempDir(), "s")
	switch kind {
	case TCP:
		l, err = net.Listen("tcp", "127.0.0.1:0")
	case Unix:
		l, err = net.Listen("unix", path)
	default:
		l, err = pipe.Listen(path, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := &run{cfg: Config{}}
	ours, err := r.dial(context.Background(), Address{Kind: kind, Name: l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	theirs.SetDeadline(time.Now().Add(10 * time.Second))
	t.Cleanup(func() { ours.close(); theirs.Close() })
	return ours, theirs.(duplex)
}

func newJoint(a, b *end, p *pipes) *joint {
	return &joint{a: a, b: b, linger: time.Second, closed: make(chan struct{}), left: make(chan struct{}), pipes: p}
}

// passes joins two connections and sends something through, there and back.
func passes(t *testing.T, a, b Kind, p *pipes) {
	t.Helper()
	ours, theirs := connection(t, a)
	others, behind := connection(t, b)
	done := make(chan error, 1)
	go func() { done <- newJoint(ours, others, p).run() }()
	data := bytes.Repeat([]byte("0123456789"), 100_000)
	for _, way := range [][2]duplex{{theirs, behind}, {behind, theirs}} {
		go func() { way[0].Write(data); way[0].CloseWrite() }()
		if got, err := io.ReadAll(way[1]); err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes, %v", len(got), err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestSplices: where both ends allow, bytes do not come to user memory; where there is no pipe left, they do.
func TestSplices(t *testing.T) {
	for _, a := range streams {
		for _, b := range streams {
			for _, full := range []bool{false, true} {
				t.Run(fmt.Sprint(a, "-", b, full), func(t *testing.T) {
					testutil.CheckLeaks(t)
					p := &pipes{}
					if full {
						p.used = maxPipes
					}
					passes(t, a, b, p)
					if spliced := len(p.idle) > 0; spliced == full {
						t.Errorf("spliced: %v", spliced)
					}
					if p.used != map[bool]int{true: maxPipes}[full] {
						t.Errorf("%d pipes in use", p.used)
					}
					p.close()
				})
			}
		}
	}
}

// TestSpliceProgram: a program's pipes are spliced too.
func TestSpliceProgram(t *testing.T) {
	testutil.CheckLeaks(t)
	program, err := startProgram([]string{"cat"}, os.Stderr)
	if err != nil {
		t.Skip("there is no cat: ", err)
	}
	ours, theirs := connection(t, TCP)
	p := &pipes{}
	defer p.close()
	done := make(chan error, 1)
	go func() { done <- newJoint(ours, program, p).run() }()
	go func() { io.WriteString(theirs, "hello"); theirs.CloseWrite() }()
	if got, err := io.ReadAll(theirs); err != nil || string(got) != "hello" {
		t.Errorf("%q %v", got, err)
	}
	if err := <-done; err != nil || len(p.idle) == 0 {
		t.Error(err, len(p.idle))
	}
}

// TestNoPipeIdle: a connection in which nothing moves has no kernel pipe.
func TestNoPipeIdle(t *testing.T) {
	testutil.CheckLeaks(t)
	ours, theirs := connection(t, TCP)
	others, behind := connection(t, Unix)
	p := &pipes{}
	defer p.close()
	done := make(chan error, 1)
	go func() { done <- newJoint(ours, others, p).run() }()
	io.WriteString(theirs, "x")
	if _, err := io.ReadFull(behind, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	testutil.Eventually(t, 5*time.Second, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.used != 0 {
			return fmt.Errorf("%d pipes in use", p.used)
		}
		return nil
	})
	theirs.Close()
	behind.Close()
	<-done
}

// TestProgramListens: a program that says no more, and goes on listening, has all of its input, however slowly that comes.
func TestProgramListens(t *testing.T) {
	testutil.CheckLeaks(t)
	file := filepath.Join(t.TempDir(), "f")
	program, err := startProgram([]string{"sh", "-c", `exec 1>&-; exec cat >"$0"`, file}, os.Stderr)
	if err != nil {
		t.Skip("there is no sh: ", err)
	}
	ours, theirs := connection(t, TCP)
	p := &pipes{}
	defer p.close()
	j := newJoint(ours, program, p)
	j.linger = 100 * time.Millisecond
	done := make(chan error, 1)
	go func() { done <- j.run() }()
	if _, err := io.ReadAll(theirs); err != nil {
		t.Error(err)
	}
	time.Sleep(400 * time.Millisecond)
	io.WriteString(theirs, "late")
	theirs.CloseWrite()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "late" {
		t.Errorf("%q %v", got, err)
	}
}
