package cli

import (
	"context"
	"io"
	"iter"
	"math"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/pipe"
	"github.com/sockeye-net/sockeye/watch"
)

// SocketTable is what the commands need of a *netstat.Table.
type SocketTable interface {
	All(netstat.Query) iter.Seq2[*netstat.Socket, error]
	Read(netstat.Query, *netstat.Snapshot) error
	Close() error
}

// memoryBeforeGC is how much memory the program takes, in bytes, before it collects garbage.
const memoryBeforeGC = 48 << 20

// Env is the world around a command.
type Env struct {
	Stdin          io.Reader // nil is empty
	Interactive    bool      // Stdin is a terminal
	Stdout, Stderr io.Writer
	Terminal       bool                       // Stdout is one
	ANSI           bool                       // and understands colours
	Width          int                        // of the terminal, in cells
	Size           func() (width, height int) // of the terminal as it is now; nil or 0 is not known
	Getenv         func(string) string
	Now            func() time.Time
	Hostname       func() string
	User           func() string // of this process, for doctor
	Kernel         func() string
	Names          view.Names // names of users, interfaces and services

	Open    func(*netstat.Config) (SocketTable, error)
	Details func(*netstat.Process) (netstat.Details, error)
	Probe   func() []netstat.Capability
	Pin     func(netstat.PinConfig) error
	Unpin   func() error

	OpenInterfaces func(*ifstat.Config) (InterfaceTable, error)
	OpenWatch      func(*watch.Config) (Watcher, error)
	Wait           func(context.Context, time.Time) error // until a time; the error is the context's
	ReaderGone     func() bool                            // whoever reads Stdout has closed it; nil is not known
	Settle         func()                                 // the command is one that runs for long
	Ready          func()                                 // a server serves; nil is that nobody waits for it

	// LocalAddrs are the addresses in the network namespace of a process, as far as they can be read.
	LocalAddrs func(pid int) []netip.Addr

	// Resolve finds the addresses of a host.
	Resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	// Databases finds files that may be databases of addresses; nil finds none.
	Databases func(getenv func(string) string) []string

	// Pipes are the named pipes that the system lists, and PipeAt tells a pipe from other Unix sockets by its path;
	// nil where pipes are no sockets.
	Pipes  func() ([]pipe.Listed, error)
	PipeAt func(path string) (pipe.Listed, bool)

	Build func() (*debug.BuildInfo, bool)

	Do Doings // what close, kill, wait, free and why do to the system
}

// System is the world of this process.
func System() *Env {
	e := &Env{
		Stdin: os.Stdin, Interactive: term.IsTerminal(int(os.Stdin.Fd())), Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv, Now: time.Now,
		Hostname: hostname, User: currentUser, Kernel: kernelRelease, Names: systemNames(),
		Open: openTable, Details: (*netstat.Process).Details, Probe: netstat.Probe, Pin: netstat.Pin, Unpin: netstat.Unpin,
		LocalAddrs: localAddrs, Resolve: resolveHost, Databases: geodb.Find, Build: debug.ReadBuildInfo,
		OpenInterfaces: openInterfaces, OpenWatch: openWatch, Wait: wait, Settle: collectGarbage,
		Pipes:      pipe.List,
		Do:         systemDoings(),
		ReaderGone: func() bool { return readerGone(os.Stdout) },
	}
	if runtime.GOOS != "windows" {
		e.PipeAt = pipe.ListedAt
	}
	if fd := int(os.Stdout.Fd()); term.IsTerminal(fd) {
		e.Terminal, e.ANSI = true, enableANSI(os.Stdout)
		e.Width, _, _ = term.GetSize(fd)
		e.Size = func() (int, int) { return terminalSize(fd) }
	}
	return e
}

func terminalSize(fd int) (width, height int) {
	width, height, _ = term.GetSize(fd)
	return width, height
}

// collectGarbage undoes what Main has set for commands that end at once.
func collectGarbage() {
	debug.SetMemoryLimit(math.MaxInt64)
	debug.SetGCPercent(100)
}

func openTable(cfg *netstat.Config) (SocketTable, error) { return netstat.Open(cfg) }

func hostname() string {
	name, _ := os.Hostname()
	return name
}

// Main runs the command with the arguments of this process, and returns the exit code.
func Main(args []string) int {
	// A command lives for milliseconds: its garbage is not worth a collection, unless there is a lot of it.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryBeforeGC)
	cobra.MousetrapHelpText = "" // a double-click shows the table instead of a lecture
	ctx, stop := untilInterrupted()
	defer stop()
	return System().Run(ctx, args)
}

// details is Details for the writers: what could be read, however little.
func (e *Env) details(p *netstat.Process) (netstat.Details, bool) {
	d, err := e.Details(p)
	return d, err == nil
}

// untilInterrupted is a context that ends at the first interrupt; the second one kills the process as usual.
func untilInterrupted() (context.Context, func()) {
	ctx, stop := notifyInterrupt()
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
