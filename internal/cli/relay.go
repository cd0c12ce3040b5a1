package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/pipe"
)

const relayLong = `Join any two ends, both ways, until they end or the relay is interrupted.

  sockeye relay tcp-listen:2375 pipe:docker_engine       Docker behind a pipe, for TCP
  sockeye relay unix-listen:/tmp/agent.sock tcp:10.0.0.5:4000
  sockeye relay pipe-listen:ssh-agent "unix:$SSH_AUTH_SOCK"
  sockeye relay stdio tcp:example.com:80                 as nc does
  sockeye relay tcp-listen:7000 'exec:wc -c'             a process for each connection

Ends:

  pipe:NAME  pipe-listen:NAME     a pipe; NAME alone is \\.\pipe\NAME, one with slashes
                                  is taken as it is (see sockeye pipe --help)
  tcp:HOST:PORT
  tcp-listen:[ADDR:]PORT          without ADDR on 127.0.0.1 only; * is every address
  unix:PATH  unix-listen:PATH     a Unix socket; @NAME is an abstract one (Linux)
  stdio, or -                     standard input and output
  exec:CMD                        a program, started without a shell; quotes are heeded
  echo                            what comes is sent back

Each connection to an end that listens gets an end of its own at the other side;
what goes wrong with one is a line on stderr, and the relay goes on. Where both
listen, each connection of the one is joined to the next of the other. On Linux
bytes are moved by the kernel (splice) wherever both ends are sockets or pipes.

When one side has sent its last byte the other is told, and may go on sending.
Where it cannot be told (pipes of Windows; not if they are of message type), the
connection ends once nothing has moved for --linger.

With --message pipes are of message type and messages stay messages; to another
end than a pipe a message is a line.

unix-listen replaces a socket that a dead server has left, and nothing else; only
the own user may connect, unless --mode says otherwise. An interrupt ends listening
at once, and connections when they have delivered what was read, or when they end
by themselves within --drain; a second one ends everything.

Exit status: 0 when it ended well or was interrupted, 1 when there is nobody to
connect to (without a listening end, or with --once), 2 when it could not.`

// relayFlags are the flags of relay.
type relayFlags struct {
	once, message, verbose    bool
	max                       int
	idle, linger, drain, wait time.Duration
	connect                   time.Duration
	mode                      string
	allowUsers, allowGroups   []string
	allowEverybody            bool
}

func (e *Env) relayCommand() *cobra.Command {
	var f relayFlags
	cmd := &cobra.Command{
		Use: "relay [flags] A B", Short: "Join two ends: pipe, TCP, Unix socket, stdio, program", Long: relayLong, Args: twoEnds,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.relay(cmd.Context(), &f, args[0], args[1]) },
		ValidArgsFunction: e.completeEnds,
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.once, "once", false, "end with the first connection")
	fs.BoolVar(&f.message, "message", false, "pipes are of message type; to other ends a message is a line")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "a line for each connection that begins and ends")
	fs.IntVar(&f.max, "max", relay.DefaultMax, "connections at once; others wait to be accepted")
	fs.DurationVar(&f.idle, "idle", 0, "end a connection in which nothing moves for so long; 0 is never")
	fs.DurationVar(&f.linger, "linger", relay.DefaultLinger, "the same after one side's end, where the other cannot be told")
	fs.DurationVar(&f.drain, "drain", 0, "how long connections may go on after an interrupt")
	fs.DurationVar(&f.wait, "wait", 0, "wait for somebody to connect to, at the beginning")
	fs.DurationVar(&f.connect, "connect", relay.DefaultConnect, "how long connecting may take")
	fs.StringVar(&f.mode, "mode", "0600", "permissions of the file that unix-listen makes, in octal")
	return cmd
}

func twoEnds(_ *cobra.Command, args []string) error {
	if len(args) != 2 {
		return errors.New("relay needs two ends, as in sockeye relay tcp-listen:2375 unix:/var/run/docker.sock")
	}
	return nil
}

func (e *Env) relay(ctx context.Context, f *relayFlags, first, second string) error {
	a, err := relay.Parse(first)
	if err != nil {
		return err
	}
	b, err := relay.Parse(second)
	if err != nil {
		return err
	}
	return e.runRelay(ctx, f, a, b, relayError)
}

// runRelay joins two ends, and tells of connections on stderr. explain says what to do about an error.
func (e *Env) runRelay(ctx context.Context, f *relayFlags, a, b relay.Address, explain func(error) error) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	if err := relay.Check(a, b, cfg); err != nil {
		return err
	}
	e.settle()
	if a.Kind == relay.Exec || b.Kind == relay.Exec {
		defer childrenMindPipes()()
	}
	cfg.Stdin, cfg.Stdout, cfg.Stderr, cfg.Interactive = e.Stdin, e.Stdout, e.Stderr, e.Interactive
	cfg.Trouble = func(err error) { e.complain(explain(err)) }
	if f.verbose {
		e.tellConnections(cfg)
	}
	err = relay.Run(ctx, a, b, cfg)
	switch {
	case err == nil, ctx.Err() != nil && errors.Is(err, context.Canceled):
		return nil
	case relay.NotFound(err):
		return &exit{exitNotFound, explain(err)}
	}
	return explain(err)
}

// childrenMindPipes gives SIGPIPE back to the programs that are started: they would inherit that it is ignored.
func childrenMindPipes() (undo func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGPIPE)
	return func() { signal.Stop(c); signal.Ignore(syscall.SIGPIPE) }
}

func (f *relayFlags) config() (*relay.Config, error) {
	for name, d := range map[string]time.Duration{"idle": f.idle, "linger": f.linger, "drain": f.drain, "wait": f.wait, "connect": f.connect} {
		if d < 0 {
			return nil, fmt.Errorf("--%s cannot be negative", name)
		}
	}
	if f.max < 1 {
		return nil, fmt.Errorf("--max is at least 1, not %d", f.max)
	}
	mode, err := strconv.ParseUint(f.mode, 8, 32)
	if err != nil || mode == 0 || mode > 0o777 {
		return nil, fmt.Errorf("--mode is three octal digits as in 0660, not %q", view.CleanText(f.mode))
	}
	cfg := &relay.Config{Once: f.once, Messages: f.message, Max: f.max, Idle: f.idle, Linger: f.linger, Drain: f.drain,
		Wait: f.wait, Connect: f.connect, Mode: fs.FileMode(mode)}
	cfg.Access.Users, cfg.Access.Groups, cfg.Access.Everyone = f.allowUsers, f.allowGroups, f.allowEverybody
	return cfg, nil
}

// tellConnections has a line written for each connection.
func (e *Env) tellConnections(cfg *relay.Config) {
	line := func(format string, args ...any) {
		text := e.Now().Format("15:04:05.000 ") + fmt.Sprintf(format, args...)
		fmt.Fprintln(e.Stderr, view.CleanText(text))
	}
	cfg.Listening = func(where string) { line("listening on %s", where) }
	cfg.Opened = func(c *relay.Connection) { line("%d opened: %s and %s", c.ID, c.A, c.B) }
	cfg.Closed = func(c *relay.Connection, err error) {
		if c.B == "" {
			return // Trouble tells why
		}
		line("%d closed: %s there, %s back, %s", c.ID, view.InBytes.Amount(float64(c.AB)), view.InBytes.Amount(float64(c.BA)), view.Lasted(c.Duration))
	}
}

// relayError says what to do about an error, where that is known.
func relayError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, pipe.ErrInUse):
		return fmt.Errorf("%w; end who listens there, or choose another address", err)
	case errors.Is(err, pipe.ErrBadMode):
		return fmt.Errorf("%w; leave --message out", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; it takes another user, or root", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w: nobody listens there", err)
	case relay.NotFound(err):
		return fmt.Errorf("%w; is the server running? --wait waits for it", err)
	}
	return err
}

// completeEnds offers the kinds of ends, and names of pipes behind pipe:.
func (e *Env) completeEnds(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	kind, _, colon := strings.Cut(typed, ":")
	switch {
	case !colon:
		return relay.Words(), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	case kind == "pipe":
		var words []string
		for _, name := range e.pipeNames() {
			words = append(words, "pipe:"+name)
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}
