package cli

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// TestPipeEcho: a server and clients in this process, on every system.
func TestPipeEcho(t *testing.T) {
	testutil.CheckLeaks(t)
	name := fmt.Sprintf("cli test %d", os.Getpid())
	ctx, cancel := context.WithCancel(context.Background())
	server := newWorld(t)
	done := make(chan int, 1)
	go func() { done <- server.Run(ctx, []string{"pipe", "listen", name, "--echo", "--message"}) }()
	call := func(message string) (string, int) {
		w := newWorld(t)
		code := w.Run(context.Background(), []string{"pipe", "call", name, message})
		return w.out.String() + w.err.String(), code
	}
	testutil.Eventually(t, 10*time.Second, func() error {
		if said, code := call("hello"); code != exitFound || said != "hello\n" {
			return fmt.Errorf("exit %d: %s", code, said)
		}
		return nil
	})
	w := newWorld(t)
	w.Stdin = strings.NewReader("one\n\nthree")
	if code := w.Run(context.Background(), []string{"pipe", "connect", name, "--message", "--linger", "500ms"}); code != exitFound || w.out.String() != "one\n\nthree\n" {
		t.Errorf("exit %d: %q %q", code, w.out.String(), w.err.String())
	}
	cancel()
	if code := <-done; code != exitFound {
		t.Errorf("exit %d: %s", code, server.err.String())
	}
	testutil.Eventually(t, 10*time.Second, func() error { // Windows closes the instances that waited a moment later
		if said, code := call("x"); code != exitNotFound || said != "sockeye: there is no pipe "+name+"; sockeye pipe list shows those that are there\n" {
			return fmt.Errorf("exit %d: %s", code, said)
		}
		return nil
	})
}
