package cli

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/history"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// lostAtMost is what a server that is killed may lose.
const lostAtMost = 5 * time.Second

// TestServeKilled: a server that is killed at any moment while connections come and go leaves a file that opens whole, with all
// that ended more than five seconds before.
func TestServeKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a quarter of a minute")
	}
	testutil.NeedRoot(t)
	if !testutil.Isolated(t, testutil.Child{NetNS: true}) {
		return
	}
	file := filepath.Join(t.TempDir(), "h.db")
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- comeAndGo(ctx) }()
	for round := range 3 {
		killed := killServer(t, file, 2*time.Second+rand.N(3*time.Second))
		newest := lastOpened(t, file)
		lost := killed.Sub(newest)
		t.Logf("round %d: %v lost", round+1, lost)
		if lost > lostAtMost {
			t.Errorf("round %d: the last that is recorded began %v before the kill", round+1, lost)
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// killServer starts a server, and kills it after a while of recording.
func killServer(t *testing.T, file string, after time.Duration) (killed time.Time) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestServeChild$")
	cmd.Env = append(os.Environ(), "SOCKEYE_RECORD="+file)
	errs, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(errs).ReadBytes('\n')
	if err != nil || !bytes.Contains(line, []byte("serving")) {
		t.Errorf("it says %q: %v", line, err)
	}
	time.Sleep(after)
	killed = time.Now()
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
	return killed
}

// TestServeChild is the server.
func TestServeChild(t *testing.T) {
	file := os.Getenv("SOCKEYE_RECORD")
	if file == "" {
		t.Skip("it is a part of TestServeKilled")
	}
	realEnv(io.Discard, os.Stderr).Run(t.Context(), []string{"serve", "--addr", "127.0.0.1:0", "--pipe", "", "--history", file, "--interval", "200ms"})
}

// comeAndGo opens and closes connections.
func comeAndGo(ctx context.Context) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	for ctx.Err() == nil {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		peer, err := l.Accept()
		if err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond)
		c.Close()
		peer.Close()
	}
	return nil
}

// lastOpened reads the file as a later recorder finds it.
func lastOpened(t *testing.T, file string) (last time.Time) {
	t.Helper()
	r, err := history.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	err = r.Lives(t.Context(), history.Query{}, func(l *history.Life) error {
		n++
		if l.Opened.After(last) {
			last = l.Opened
		}
		return nil
	})
	if err != nil || n == 0 {
		t.Fatal(fmt.Errorf("%d lives: %w", n, err))
	}
	return last
}
