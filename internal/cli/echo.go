package cli

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/internal/relay"
	"github.com/sockeye-net/sockeye/internal/view"
)

const echoLong = `Send back what comes, on a completion port: the system's own on Windows, io_uring on
Linux, and epoll where that is refused.

  sockeye echo --addr 7777
  sockeye echo --addr '*:7777' --max-conns 10000 --idle 1m --first-block 5s

Without ADDR only this machine can connect; * is every address. There is a port and a
thread for each worker. A connection ends when its client ends it; one that was taken
but says nothing can be limited by --first-block, an older one by --idle.

An interrupt ends it in good order: clients get what was echoed to them. Then it says
what it served.

Exit status: 0 when it was interrupted, 2 when it could not listen or serve.`

type echoFlags struct {
	addr, backend     string
	workers, maxConns int
	goroutines        int
	firstBlock, idle  time.Duration
	spin              time.Duration
	json              bool
}

func (e *Env) echoCommand() *cobra.Command {
	var f echoFlags
	cmd := &cobra.Command{
		Use: "echo --addr [ADDR:]PORT [flags]", Short: "Send back what comes, on a completion port", Long: echoLong, Args: cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return e.echo(cmd.Context(), &f) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	fs := cmd.Flags()
	fs.StringVar(&f.addr, "addr", "", "where to listen: [ADDR:]PORT; without ADDR this machine only, * is every address")
	fs.StringVar(&f.backend, "backend", "auto", "auto, io_uring, epoll or iocp")
	fs.IntVar(&f.workers, "workers", 0, "ports, with a thread each; 0 is one for each processor")
	fs.DurationVar(&f.firstBlock, "first-block", 0, "how long a new connection may be silent; 0 is for ever")
	fs.DurationVar(&f.idle, "idle", 0, "how long an older one may be; 0 is for ever")
	fs.IntVar(&f.maxConns, "max-conns", 0, "connections at once; others wait. 0 is no limit")
	fs.IntVar(&f.goroutines, "goroutines", 0, "have so many goroutines do the echoing; 0 leaves it to the ports")
	fs.DurationVar(&f.spin, "spin", 0, "how long a port looks for more before it sleeps; 60us makes single answers faster and a processor busy")
	fs.BoolVar(&f.json, "json", false, "what was served as a JSON document")
	completeWords(cmd, "backend", []string{"auto", "io_uring", "epoll", "iocp"})
	return cmd
}

func (f *echoFlags) options() (*completion.Options, error) {
	b, err := completion.ParseBackend(f.backend)
	switch {
	case err != nil:
		return nil, fmt.Errorf("--backend is auto, io_uring, epoll or iocp, not %q", view.CleanText(f.backend))
	case f.workers < 0 || f.maxConns < 0 || f.goroutines < 0:
		return nil, errors.New("--workers, --max-conns and --goroutines cannot be negative")
	case f.firstBlock < 0 || f.idle < 0 || f.spin < 0:
		return nil, errors.New("--first-block, --idle and --spin cannot be negative")
	}
	o := &completion.Options{Backend: b, Workers: f.workers, MaxConns: f.maxConns, Goroutines: f.goroutines,
		FirstBlock: f.firstBlock, Idle: f.idle, Spin: f.spin}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	return o, nil
}

// echoed is what an echo server has served.
type echoed struct {
	conns, failed, blocks, bytes atomic.Uint64
}

// echoCount is what a connection has. Only its handler touches it, and what is called when it is over.
type echoCount struct{ blocks, bytes uint64 }

func (e *Env) echo(ctx context.Context, f *echoFlags) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	a, err := relay.Parse("tcp-listen:" + f.addr)
	if err != nil {
		return fmt.Errorf("--addr is [ADDR:]PORT, as in --addr 7777, not %q", view.CleanText(f.addr))
	}
	backend, err := tryBackend(o.Backend)
	if err != nil {
		return err
	}
	l, err := completion.Listen("tcp", a.Name)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%w; end who listens there, or choose another port", err)
	case err != nil:
		return err
	}
	e.settle()
	if o.Goroutines == 0 { // a port that holds its processor leaves one to the collector
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(o.Workers + 1))
	}
	at, err := l.Addr()
	if err != nil {
		return errors.Join(err, l.Close())
	}
	fmt.Fprintf(e.Stderr, "listening on %s (%s, %s)\n", at, backend, count(o.Workers, "port"))
	var sum echoed
	began := e.Now()
	err = completion.Serve(ctx, l, sum.handle(o, e.complain), o)
	return errors.Join(err, e.served(f, &sum, backend, at.String(), e.Now().Sub(began)))
}

// tryBackend finds out which backend there will be, before anything listens.
func tryBackend(b completion.Backend) (completion.Backend, error) {
	p, err := completion.Open(&completion.Config{Backend: b})
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return b, fmt.Errorf("%s cannot be had on this machine: %w", b, err)
	case err != nil:
		return b, err
	}
	b = p.Backend()
	return b, p.Close()
}

// handle echoes and counts.
func (s *echoed) handle(o *completion.Options, complain func(error)) completion.Handler {
	o.Opened = func(c *completion.Conn) error {
		c.Data = new(echoCount)
		return nil
	}
	o.Closed = func(c *completion.Conn, err error) {
		s.conns.Add(1)
		if n, ok := c.Data.(*echoCount); ok {
			s.blocks.Add(n.blocks)
			s.bytes.Add(n.bytes)
		}
		if err != nil {
			s.failed.Add(1)
		}
	}
	o.Failed = complain
	return func(c *completion.Conn, block []byte) error {
		n := c.Data.(*echoCount)
		n.blocks++
		n.bytes += uint64(len(block))
		return c.Send(block)
	}
}

// served says what it was.
func (e *Env) served(f *echoFlags, s *echoed, backend completion.Backend, at string, took time.Duration) error {
	if f.json {
		return e.print(fmt.Sprintf(`{"schema":%d,"addr":%s,"backend":%s,"connections":%d,"broken":%d,"blocks":%d,"bytes":%d,"seconds":%.3f}`+"\n", view.Schema,
			view.AppendJSONString(nil, at), view.AppendJSONString(nil, backend.String()), s.conns.Load(), s.failed.Load(), s.blocks.Load(), s.bytes.Load(), took.Seconds()))
	}
	broken := ""
	if n := s.failed.Load(); n > 0 {
		broken = fmt.Sprintf(" (%d broke off or were silent)", n)
	}
	return e.print(fmt.Sprintf("served %s%s: %s in %s, in %s\n", count(int(s.conns.Load()), "connection"), broken,
		view.InBytes.Amount(float64(s.bytes.Load())), count(int(s.blocks.Load()), "block"), view.Lasted(took)))
}
