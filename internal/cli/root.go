package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// The exit codes of every command.
const (
	exitFound    = 0
	exitNotFound = 1
	exitUnknown  = 2
)

// exit is an error that ends the command with a code; without a text it does so quietly.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit %d", e.code)
	}
	return e.err.Error()
}

func (e *exit) Unwrap() error { return e.err }

// quit ends the command with a code and no message.
func quit(code int) error {
	if code == exitFound {
		return nil
	}
	return &exit{code: code}
}

// Run runs one command and returns its exit code.
func (e *Env) Run(ctx context.Context, args []string) int {
	root := e.root()
	root.SetArgs(args)
	root.SetOut(e.Stdout)
	root.SetErr(e.Stderr)
	return e.finish(root.ExecuteContext(ctx))
}

// finish turns the error of a command into a line and an exit code.
func (e *Env) finish(err error) int {
	var quiet *exit
	switch {
	case err == nil, brokenPipe(err):
		return exitFound
	case errors.As(err, &quiet) && quiet.err == nil:
		return quiet.code
	case errors.Is(err, context.Canceled):
		return exitUnknown
	}
	e.complain(err)
	if quiet != nil {
		return quiet.code
	}
	return exitUnknown
}

// complain writes an error as one line.
func (e *Env) complain(err error) { fmt.Fprintf(e.Stderr, "sockeye: %s\n", oneLine(err)) }

// note writes what is missing from an answer as one line.
func (e *Env) note(err error) { fmt.Fprintf(e.Stderr, "sockeye: note: %s\n", oneLine(err)) }

func oneLine(err error) string {
	return view.CleanText(strings.Join(strings.Fields(err.Error()), " "))
}

// count is "1 socket" or "2 sockets".
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

func (e *Env) root() *cobra.Command {
	root := e.listCommand("sockeye [list] [flags] [filter]")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.Version = e.version()
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(e.listCommand("list [flags] [filter]"), e.whoCommand(), e.trafficCommand(), e.watchCommand(), e.topCommand(), e.historyCommand(),
		e.closeCommand(), e.killCommand(), e.waitCommand(), e.freeCommand(), e.whyCommand(),
		e.geoCommand(), e.pipeCommand(), e.relayCommand(), e.sendCommand(), e.recvCommand(), e.echoCommand(), e.serveCommand(), e.setupCommand(), e.doctorCommand(), e.versionCommand(), e.manCommand())
	return root
}

func flagError(cmd *cobra.Command, err error) error {
	return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
}

// open opens the table by the method that SOCKEYE_METHOD names, for few sockets or for all of them.
func (e *Env) open(few bool) (SocketTable, error) {
	method, err := e.method()
	if err != nil {
		return nil, err
	}
	return e.Open(&netstat.Config{Few: few, Method: method})
}

// method is what SOCKEYE_METHOD names.
func (e *Env) method() (netstat.Method, error) {
	if name := e.Getenv("SOCKEYE_METHOD"); name != "" {
		return methodByName(name)
	}
	return netstat.Auto, nil
}

// openWatch opens a watcher that reads the table by that method.
func (e *Env) openWatch(cfg *watch.Config) (_ Watcher, err error) {
	if cfg.Table, err = e.method(); err != nil {
		return nil, err
	}
	return e.OpenWatch(cfg)
}

func methodByName(name string) (netstat.Method, error) {
	var names []string
	for m := netstat.Auto; m <= netstat.IPHelper; m++ {
		if m.String() == name {
			return m, nil
		}
		names = append(names, m.String())
	}
	return 0, fmt.Errorf("SOCKEYE_METHOD: there is no method %q; there are %s", name, strings.Join(names, ", "))
}
