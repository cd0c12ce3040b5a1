package cli

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/sockeye-net/sockeye/internal/act"
	"github.com/sockeye-net/sockeye/internal/tui"
	"github.com/sockeye-net/sockeye/netstat"
)

// actions are what the screen can do to connections and processes.
func (e *Env) actions() tui.Actions { return topActions{} }

type topActions struct{}

func (topActions) CloseConnection(_ context.Context, s *netstat.Socket) error {
	return plainly(act.ConnectionOf(s).Close())
}

func (topActions) Hold(p *netstat.Process) (tui.Held, error) {
	held, err := act.Hold(p)
	if err != nil {
		return nil, plainly(err)
	}
	return topHeld{held}, nil
}

// topHeld is a process that is held on to.
type topHeld struct{ *act.Process }

func (h topHeld) End(ctx context.Context, kill bool) (string, error) {
	how := act.Ending{}
	if kill {
		how.Signal = syscall.SIGKILL
	}
	outcome, err := h.Process.End(ctx, how)
	switch {
	case act.ReasonOf(err) == act.Gone:
		return "had ended by itself", nil
	case err != nil:
		return "", plainly(err)
	}
	return outcomeWords[outcome], nil
}

var outcomeWords = map[act.Outcome]string{
	act.Ended:     "has ended",
	act.Killed:    "was killed",
	act.Alive:     "is still there: it heeds no signal, or hangs in the kernel",
	act.Signalled: "was sent a signal",
}

// plainly puts the reason in front, which is what a person wants to know first.
func plainly(err error) error {
	var a *act.Error
	if !errors.As(err, &a) || a.Reason == act.Failed {
		return err
	}
	return fmt.Errorf("%s: %w", a.Reason, err)
}
