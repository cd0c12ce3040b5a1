package cli

import (
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/pipe"
)

// TestServeUnanswered: a server that ends while it is asked is an error, whatever the system calls that, and no success.
func TestServeUnanswered(t *testing.T) {
	testutil.CheckLeaks(t)
	for _, reads := range []bool{false, true} {
		name := pipeName(t)
		shutsUp(t, name, reads)
		for range 3 {
			for _, line := range [][]string{{"serve", "status", "--pipe", name}, {"list", "--from", name}} {
				if code, out, errs := run(nil, line...); code != exitUnknown || out != "" || strings.Count(errs, "\n") != 1 {
					t.Errorf("%v, %v: %d %q %q", line, reads, code, out, errs)
				}
			}
		}
	}
}

// shutsUp is a server that closes each connection, having read the question or not.
func shutsUp(t *testing.T, name string, reads bool) {
	t.Helper()
	l, err := pipe.Listen(relay.PipeName(name), &pipe.Config{Type: pipe.Message, ReadMode: pipe.Message, MaxInstances: 2})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.AcceptPipe()
			if err != nil {
				return
			}
			if reads {
				_, _ = conn.ReadMessage(nil)
			}
			conn.Close()
		}
	}()
}
