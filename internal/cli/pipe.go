package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/pipe"
)

const pipeLong = `Make and use named pipes: those of Windows, and on Linux Unix sockets that behave
like them.

  sockeye pipe listen NAME             be the server for one client, on the terminal
  sockeye pipe connect NAME            be a client
  sockeye pipe call NAME MESSAGE       send a message, print the answer
  sockeye pipe list                    the pipes of this machine

NAME is short for \\.\pipe\NAME; //./pipe/NAME is the same, and easier to type in a
Unix shell. On Linux a name with slashes is the path of a socket, so that any Unix
socket can be talked to. sockeye relay joins pipes with other things.`

func (e *Env) pipeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "pipe", Short: "Make, list and use named pipes", Long: pipeLong, Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("pipe has no command %q; there are listen, connect, call and list", args[0])
			}
			return cmd.Help()
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.AddCommand(e.pipeListenCommand(), e.pipeConnectCommand(), e.pipeCallCommand(), e.pipeListCommand())
	return cmd
}

const pipeListenLong = `Make a pipe and serve it.

  sockeye pipe listen NAME                    one client, with standard input and output
  sockeye pipe listen NAME --exec 'wc -l'     a process for each client
  sockeye pipe listen NAME --echo             what clients send is sent back

With --message the pipe is of message type: a line is a message, and a message is
printed as a line. Only the own user may connect, unless --user, --group or
--everyone let others in; on Linux the name is then a path, or the server root.

Exit status: 0 when it ended well or was interrupted, 2 when it could not.`

func (e *Env) pipeListenCommand() *cobra.Command {
	f := relayFlags{mode: "0600", linger: relay.DefaultLinger, connect: relay.DefaultConnect}
	var run string
	var echo bool
	cmd := &cobra.Command{
		Use: "listen NAME [flags]", Short: "Make a pipe and serve it", Long: pipeListenLong, Args: pipeArgs("listen", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.pipeListen(cmd.Context(), &f, args[0], run, echo)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.message, "message", false, "the pipe is of message type; a line is a message")
	fs.StringVar(&run, "exec", "", "a program to start for each client, without a shell")
	fs.BoolVar(&echo, "echo", false, "send back what clients send")
	fs.BoolVar(&f.once, "once", false, "end with the first client")
	fs.IntVar(&f.max, "max", relay.DefaultMax, "clients at once; others wait")
	fs.DurationVar(&f.idle, "idle", 0, "let a client go when nothing moves for so long; 0 is never")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "a line for each client that comes and goes")
	fs.StringArrayVar(&f.allowUsers, "user", nil, "a user who may connect; may be repeated")
	fs.StringArrayVar(&f.allowGroups, "group", nil, "a group whose members may connect; may be repeated")
	fs.BoolVar(&f.allowEverybody, "everyone", false, "every user may connect")
	cmd.MarkFlagsMutuallyExclusive("exec", "echo")
	return cmd
}

func (e *Env) pipeListen(ctx context.Context, f *relayFlags, name, run string, echo bool) error {
	a := relay.Address{Kind: relay.PipeListen, Name: relay.PipeName(name)}
	b := relay.Address{Kind: relay.Stdio}
	switch {
	case run != "":
		var err error
		if b, err = relay.Parse("exec:" + run); err != nil {
			return fmt.Errorf("--exec: %w", err)
		}
	case echo:
		b.Kind = relay.Echo
	}
	return e.runRelay(ctx, f, a, b, func(err error) error { return pipeError(name, err) })
}

const pipeConnectLong = `Connect to a pipe: standard input goes to it, and what comes from it to standard
output. With --message each line is sent as a message, and each message is printed
as a line.

At the end of the input the server is told, and what it still sends is printed
until it closes. Pipes of Windows cannot tell that, so it ends there once nothing
has come for --linger.

Exit status: 0 when it ended well, 1 when there is no such pipe, 2 when it could
not connect.`

func (e *Env) pipeConnectCommand() *cobra.Command {
	f := relayFlags{mode: "0600", max: 1, connect: relay.DefaultConnect}
	cmd := &cobra.Command{
		Use: "connect NAME [flags]", Short: "Connect to a pipe", Long: pipeConnectLong, Args: pipeArgs("connect", "NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			a := relay.Address{Kind: relay.Stdio}
			b := relay.Address{Kind: relay.Pipe, Name: relay.PipeName(args[0])}
			return e.runRelay(cmd.Context(), &f, a, b, func(err error) error { return pipeError(args[0], err) })
		},
		ValidArgsFunction: e.completePipes,
	}
	fs := cmd.Flags()
	fs.BoolVar(&f.message, "message", false, "a line is a message")
	fs.DurationVar(&f.wait, "wait", 0, "wait so long for the pipe to be there")
	fs.DurationVar(&f.linger, "linger", relay.DefaultLinger, "how long to wait for more after the input's end, where the server cannot be told")
	return cmd
}

const pipeCallLong = `Send one message to a pipe of message type, and print the one that comes back, with
a newline behind it. MESSAGE - is standard input as it is.

  sockeye pipe call answers '{"question":42}'

Exit status: 0 when there is an answer, 1 when there is no such pipe, 2 when it
could not be asked.`

func (e *Env) pipeCallCommand() *cobra.Command {
	timeout := 10 * time.Second
	cmd := &cobra.Command{
		Use: "call NAME MESSAGE [flags]", Short: "Send a message and print the answer", Long: pipeCallLong,
		Args: pipeArgs("call", "NAME MESSAGE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return e.pipeCall(cmd.Context(), args[0], args[1], timeout)
		},
		ValidArgsFunction: e.completePipes,
	}
	cmd.Flags().DurationVar(&timeout, "timeout", timeout, "how long it may take; 0 is for ever")
	return cmd
}

func (e *Env) pipeCall(ctx context.Context, name, message string, timeout time.Duration) error {
	if timeout < 0 {
		return errors.New("--timeout cannot be negative")
	}
	if message == "-" {
		all, err := io.ReadAll(io.LimitReader(orEmpty(e.Stdin), pipe.DefaultMaxMessageSize+1))
		if err != nil {
			return fmt.Errorf("reading standard input: %w", err)
		}
		message = string(all)
	}
	if timeout > 0 {
		limited, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		ctx = limited
	}
	reply, err := pipe.Call(ctx, relay.PipeName(name), []byte(message), nil)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer within %v; --timeout allows more", name, timeout)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: the server has closed without an answer", name)
	case err != nil:
		return pipeError(name, err)
	}
	return e.print(string(reply) + "\n")
}

func orEmpty(r io.Reader) io.Reader {
	if r == nil {
		return strings.NewReader("")
	}
	return r
}

// pipeError says what to do about an error of a pipe, where that is known.
func pipeError(name string, err error) error {
	name = view.CleanText(name)
	switch {
	case errors.Is(err, pipe.ErrNotExist):
		return &exit{exitNotFound, fmt.Errorf("there is no pipe %s; sockeye pipe list shows those that are there", name)}
	case errors.Is(err, pipe.ErrBadMode):
		return fmt.Errorf("%s is a pipe of bytes, not of messages; use sockeye pipe connect without --message", name)
	case errors.Is(err, pipe.ErrInUse):
		return fmt.Errorf("%s has a server already; end it, or choose another name", name)
	case errors.Is(err, pipe.ErrAccessDenied):
		return fmt.Errorf("%s may not be used by this user; run it as the server's, or as root (%w)", name, err)
	}
	return err
}

// pipeArgs checks the number of arguments of a command.
func pipeArgs(command, takes string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if want := len(strings.Fields(takes)); len(args) != want {
			return fmt.Errorf("pipe %s needs %s; see sockeye pipe %s --help", command, strings.ReplaceAll(takes, " ", " and "), command)
		}
		if args[0] == "" {
			return errors.New("the name of a pipe cannot be empty")
		}
		return nil
	}
}

// completePipes offers the names of pipes for the first argument.
func (e *Env) completePipes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return e.pipeNames(), cobra.ShellCompDirectiveNoFileComp
}
