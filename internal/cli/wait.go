package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

const waitLong = `Wait until ports are open, or free. For scripts and CI; several are waited for at
once, until all of them are.

  sockeye wait 8080 --open --timeout 5s        somebody listens here
  sockeye wait db:5432 [::1]:6379 --open       a connection succeeds
  sockeye wait 8080 53/udp --free              a server can bind it
  sockeye wait 8080 --free && start-server

PORT is a port of this machine. It is open when somebody listens on it at any
address, which is read from the socket table: nobody is connected to. It is free when
nobody listens or is bound, and a server can bind it that sets SO_REUSEADDR, as
servers do; with --strict, any program, so that also connections which the kernel
remembers (TIME_WAIT) are over.

HOST:PORT is asked by connecting, at every address that the name has. It is open when
one of them accepts, and free when all refuse. A name that is not known yet, and a
host that does not answer, are asked again.

That a socket is gone the kernel tells (Linux). That one begins to listen it tells to
nobody, so its list of listeners is asked for, a hundred times a second and later
forty times, which takes a hundredth of a processor or two.

Exit status: 0 when it came so, 1 when not in time, 2 when it could not be found out
or the command was not understood.`

type waitFlags struct {
	open, free, strict, quiet bool
	timeout                   time.Duration
	output
}

func (e *Env) waitCommand() *cobra.Command {
	var f waitFlags
	cmd := &cobra.Command{
		Use: "wait {PORT[/tcp|/udp] | HOST:PORT}... {--open | --free}", Short: "Wait until a port is open, or free", Long: waitLong, Args: needsPortFor("wait"),
		RunE:              func(cmd *cobra.Command, args []string) error { return e.waitFor(cmd.Context(), &f, args) },
		ValidArgsFunction: e.completePorts,
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.open, "open", false, "until somebody listens")
	fs.BoolVar(&f.free, "free", false, "until nobody does")
	fs.BoolVar(&f.strict, "strict", false, "with --free: until any program can bind it, TIME_WAIT over")
	fs.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait; 0 is for ever")
	fs.BoolVarP(&f.quiet, "quiet", "q", false, "say nothing, the exit status tells")
	f.output.addTo(cmd)
	completeNothing(cmd, "timeout")
	cmd.MarkFlagsOneRequired("open", "free")
	cmd.MarkFlagsMutuallyExclusive("open", "free")
	cmd.MarkFlagsMutuallyExclusive("open", "strict")
	return cmd
}

// target is what is waited for.
type target struct {
	text string
	question
	host string // empty: this machine's socket table

	done   bool
	after  time.Duration
	last   error // why it is not so, at the last look
	unsure bool  // last means that it is not known
}

var errTarget = errors.New("a target is PORT, PORT/udp or HOST:PORT")

// parseTarget tells a port from a host and its port. Only a socket table knows who has a UDP port.
func (e *Env) parseTarget(arg string, names *view.Names) (*target, error) {
	text, proto, _ := strings.Cut(arg, "/")
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		q, err := parseQuestion(arg, names)
		if err != nil {
			return nil, fmt.Errorf("%q: %w, and ports are numbers from 1 to 65535 or names of services", arg, errTarget)
		}
		if q.proto == 0 {
			q.proto = netstat.TCP
		}
		return &target{text: q.name(), question: q}, nil
	}
	q, err := parseQuestion(port+"/tcp", names)
	if err != nil || proto == "udp" {
		return nil, fmt.Errorf("%q: %w; HOST:PORT is of TCP", arg, errTarget)
	}
	return &target{text: net.JoinHostPort(host, strconv.Itoa(int(q.port))), question: q, host: host}, nil
}

// waiting is a wait command on its way.
type waiting struct {
	env     *Env
	flags   *waitFlags
	format  view.Format
	began   time.Time
	targets []*target
}

func (e *Env) waitFor(ctx context.Context, f *waitFlags, args []string) (err error) {
	w := &waiting{env: e, flags: f, began: e.Now()}
	if w.format, err = f.format(); err != nil {
		return err
	}
	if f.timeout < 0 {
		return errors.New("--timeout cannot be negative")
	}
	names := e.Names
	for _, arg := range args {
		t, err := e.parseTarget(arg, &names)
		if err != nil {
			return err
		}
		w.targets = append(w.targets, t)
	}
	limited, cancel := ctx, func() {}
	if f.timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, f.timeout)
	}
	defer cancel()
	if err := w.all(limited); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return w.report()
}

// all waits for the ports of this machine in one loop, and for each of the others in its own.
func (w *waiting) all(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(w.targets)+1)
	loops := 0
	begin := func(loop func() error) {
		loops++
		go func() { results <- loop() }()
	}
	var local []*target
	for _, t := range w.targets {
		if t.host == "" {
			local = append(local, t)
			continue
		}
		begin(func() error { return w.remote(ctx, t) })
	}
	if len(local) > 0 {
		begin(func() error { return w.local(ctx, local) })
	}
	var first error
	for range loops {
		if err := <-results; err != nil && !ended(err) && first == nil {
			first = err
			cancel()
		}
	}
	return first
}

func (w *waiting) came(t *target) {
	t.done, t.after, t.last = true, w.env.Now().Sub(w.began), nil
}

func (w *waiting) report() error {
	if !w.flags.quiet || w.format != view.Table {
		if err := w.write(); err != nil {
			return err
		}
	}
	code := exitFound
	for _, t := range w.targets {
		code = max(code, t.code())
	}
	return quit(code)
}

func (t *target) code() int {
	switch {
	case t.done:
		return exitFound
	case t.unsure:
		return exitUnknown
	}
	return exitNotFound
}

// word is the result: what was waited for, or what came instead.
func (w *waiting) word(t *target) string {
	switch {
	case t.done && w.flags.open:
		return "open"
	case t.done:
		return "free"
	case t.unsure:
		return "unknown"
	}
	return "timeout"
}

func (w *waiting) write() error {
	if w.format == view.Table {
		return w.env.print(w.text())
	}
	out := view.NewObjects(w.env.Stdout, view.Options{Format: w.format, Time: w.env.Now(), Host: w.env.Hostname()}, "targets")
	for _, t := range w.targets {
		out.Begin()
		out.Text("result", w.word(t))
		out.Text("error", errorText(t.last))
		out.Text("target", t.text)
		out.Text("proto", t.proto.String())
		out.Text("target_host", t.host)
		out.Uint("port", uint64(t.port), true)
		out.Float("waited_ms", float64(t.after.Microseconds())/1000, t.done)
		if err := out.End(); err != nil {
			return writeFailed(err)
		}
	}
	if err := out.Close(nil); err != nil {
		return writeFailed(err)
	}
	return nil
}

func (w *waiting) text() string {
	var b strings.Builder
	wanted := "free"
	if w.flags.open {
		wanted = "open"
	}
	for _, t := range w.targets {
		line := fmt.Sprintf("%s: %s after %s", t.text, wanted, spanText(t.after))
		if !t.done {
			line = fmt.Sprintf("%s: not %s within %v", t.text, wanted, w.flags.timeout)
			if t.last != nil {
				line += ": " + oneLine(t.last)
			}
		}
		b.WriteString(view.CleanText(line) + "\n")
	}
	return b.String()
}
