package cli

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// notifyInterrupt also takes SIGPIPE away: a write to a pipe that nobody reads is then an error like any other, and ends
// the command quietly instead of killing it.
func notifyInterrupt() (context.Context, func()) {
	signal.Ignore(syscall.SIGPIPE)
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// brokenPipe reports whether the reader of our output has gone away.
func brokenPipe(err error) bool { return errors.Is(err, syscall.EPIPE) || brokenPipeSystem(err) }
