package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/act"
	"github.com/sockeye-net/sockeye/internal/ports"
	"github.com/sockeye-net/sockeye/netstat"
)

// Doings are what the verbs do to the system: close, kill, wait, free and why.
type Doings struct {
	Closer    func() ConnectionCloser
	Hold      func(*netstat.Process) (HeldProcess, error)
	Ancestors func() []int // of this process

	Policy    func() (ports.Policy, []error)
	TryPort   func(ports.Question) []ports.Test
	BindPort  func([]ports.Bind, uint16) error
	FindPorts func(context.Context, ports.Search, *ports.Policy) (ports.Found, error)

	Hints func(gone bool) PortHints
	Dial  func(ctx context.Context, addr netip.AddrPort) error // a TCP connection, which is closed at once
}

// ConnectionCloser is what the commands need of an *act.Closer.
type ConnectionCloser interface {
	Connection(act.Connection) error
	Close() error
}

// HeldProcess is what the commands need of an *act.Process.
type HeldProcess interface {
	End(context.Context, act.Ending) (act.Outcome, error)
	Close() error
}

// PortHints is what the commands need of a *ports.Hints.
type PortHints interface {
	Events() bool
	Wait(ctx context.Context, ports []uint16, while time.Duration) error
	Close() error
}

func systemDoings() Doings {
	return Doings{
		Closer: func() ConnectionCloser { return new(act.Closer) },
		Hold: func(p *netstat.Process) (HeldProcess, error) {
			held, err := act.Hold(p)
			if err != nil {
				return nil, err
			}
			return held, nil
		},
		Ancestors: act.Ancestors,
		Policy:    ports.ReadPolicy,
		TryPort:   func(q ports.Question) []ports.Test { return q.Try() },
		BindPort:  ports.TryEverywhere,
		FindPorts: func(ctx context.Context, s ports.Search, p *ports.Policy) (ports.Found, error) { return s.Find(ctx, p) },
		Hints:     func(gone bool) PortHints { return ports.OpenHints(gone) },
		Dial:      dialOnce,
	}
}

func dialOnce(ctx context.Context, addr netip.AddrPort) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr.String())
	if err != nil {
		return err
	}
	return c.Close()
}

// consent are the flags of what cannot be undone.
type consent struct{ yes, dryRun bool }

func (c *consent) addTo(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&c.yes, "yes", "y", false, "do it without asking, for scripts")
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "only show what would be hit")
	cmd.MarkFlagsMutuallyExclusive("yes", "dry-run")
}

var errNobodyToAsk = errors.New("there is no terminal to ask on: say --yes to do it unasked, or --dry-run to see what would be hit")

// confirm shows what will be hit and waits for a yes. All of it goes to stderr: what is written to stdout may be for a program.
func (e *Env) confirm(ctx context.Context, c *consent, shown, question string) error {
	if c.yes {
		return nil
	}
	fmt.Fprintf(e.Stderr, "%s%s [y/N] ", shown, question)
	answer, err := e.answerOf(ctx)
	switch {
	case err != nil:
		fmt.Fprintln(e.Stderr)
		return err
	case answer == "y", answer == "yes":
		return nil
	}
	return &exit{code: exitNotFound, err: errors.New("nothing was done")}
}

// mayAsk is asked before anything else is, so that a script learns at once what it lacks.
func (e *Env) mayAsk(c *consent) error {
	if c.yes || c.dryRun || e.Interactive && e.Stdin != nil {
		return nil
	}
	return errNobodyToAsk
}

// answerOf reads a line. A reading that nobody answers cannot be broken off, and ends with the process.
func (e *Env) answerOf(ctx context.Context) (string, error) {
	type line struct {
		text string
		err  error
	}
	got := make(chan line, 1)
	go func() {
		text, err := bufio.NewReader(e.Stdin).ReadString('\n')
		got <- line{text, err}
	}()
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case l := <-got:
		if l.err != nil && !errors.Is(l.err, io.EOF) {
			return "", fmt.Errorf("reading the answer: %w", l.err)
		}
		return strings.ToLower(strings.TrimSpace(l.text)), nil
	}
}

// why is what an error of act says, without what it was about, which stands before it.
func whyNot(err error) string {
	var e *act.Error
	if errors.As(err, &e) {
		return e.Err.Error()
	}
	return err.Error()
}

// signalFlag reads the name of a signal; none is 0.
func signalFlag(name string) (syscall.Signal, error) {
	if name == "" {
		return 0, nil
	}
	sig, err := act.ParseSignal(name)
	if err != nil {
		return 0, fmt.Errorf("--signal: %w; there are %s", err, strings.Join(act.SignalNames(), ", "))
	}
	return sig, nil
}

// secondsText is a time span as people write it: 300 ms, 1.5 s.
func spanText(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.3g s", d.Seconds())
}
