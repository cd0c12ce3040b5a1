package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/ports"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

const freeLong = `Print ports that can be bound now, one a line.

  sockeye free                        one
  sockeye free -n 3                   three
  sockeye free --range 8000-8100      the lowest of these
  PORT=$(sockeye free) && server --port $PORT

Each is tried: bound for TCP and UDP, for IPv4 and IPv6 (where the machine has it),
at all addresses, without SO_REUSEADDR; so it is one that any program can bind. Left
out are the ports that the system gives to outgoing connections (the ephemeral range;
they are free, and taken a moment later), and those that an administrator has
reserved (net.ipv4.ip_local_reserved_ports), unless --ephemeral or --reserved is
given.

Without --range the ports come in no order, so that two who ask at once mostly get
different ones. Nothing holds a port that was printed: another program may take it
first.

Exit status: 0 when there are as many as asked for, 1 when there are fewer, 2 when it
could not be found out or the command was not understood.`

type freeFlags struct {
	span                 string
	count                int
	tcp, udp, ipv4, ipv6 bool
	ephemeral, reserved  bool
	output
}

func (e *Env) freeCommand() *cobra.Command {
	var f freeFlags
	cmd := &cobra.Command{
		Use: "free [--range A-B] [-n COUNT]", Short: "Print ports that can be bound", Long: freeLong, Args: cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return e.free(cmd.Context(), &f) },
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	fs := cmd.Flags()
	fs.StringVar(&f.span, "range", "", "the ports to try, such as 8000-8100 (default 1024-65535)")
	fs.IntVarP(&f.count, "count", "n", 1, "how many")
	fs.BoolVarP(&f.tcp, "tcp", "t", false, "for TCP only, or with -u for both (the default)")
	fs.BoolVarP(&f.udp, "udp", "u", false, "for UDP only")
	fs.BoolVarP(&f.ipv4, "ipv4", "4", false, "for IPv4 only, or with -6 for both (the default)")
	fs.BoolVarP(&f.ipv6, "ipv6", "6", false, "for IPv6 only")
	fs.BoolVar(&f.ephemeral, "ephemeral", false, "also ports that outgoing connections are given")
	fs.BoolVar(&f.reserved, "reserved", false, "also ports that an administrator has reserved")
	f.output.addTo(cmd)
	completeNothing(cmd, "range", "count")
	return cmd
}

// completeNothing keeps a shell from offering file names for a flag.
func completeNothing(cmd *cobra.Command, flags ...string) {
	for _, name := range flags {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
}

// firstUnprivileged is where the search begins without --range: below it are ports that need a privilege, or that one leaves to
// the services which they are assigned to.
const firstUnprivileged = 1024

func (e *Env) free(ctx context.Context, f *freeFlags) error {
	format, err := f.format()
	if err != nil {
		return err
	}
	s, err := f.search()
	if err != nil {
		return err
	}
	policy, partial := e.Do.Policy()
	found, err := e.Do.FindPorts(ctx, s, &policy)
	if err != nil {
		return err
	}
	if err := e.writeFree(found, format, partial); err != nil {
		return err
	}
	for _, p := range partial {
		e.note(p)
	}
	if len(found.Ports) == s.Count {
		return nil
	}
	return fewer(s, found, &policy)
}

func (f *freeFlags) search() (s ports.Search, err error) {
	s = ports.Search{Range: ports.Range{First: firstUnprivileged, Last: 65535}, Count: f.count, Ephemeral: f.ephemeral, Reserved: f.reserved, Scattered: f.span == ""}
	if f.span != "" {
		if s.Range, err = ports.ParseRange(f.span); err != nil {
			return s, fmt.Errorf("--range: %w", err)
		}
	}
	if f.count < 1 {
		return s, fmt.Errorf("-n is 1 or more, not %d", f.count)
	}
	var families netstat.Families
	set(&families, f.ipv4, netstat.IPv4)
	set(&families, f.ipv6, netstat.IPv6)
	if f.tcp || !f.udp {
		s.Ways = append(s.Ways, ports.Everywhere(netstat.TCP, families)...)
	}
	if f.udp || !f.tcp {
		s.Ways = append(s.Ways, ports.Everywhere(netstat.UDP, families)...)
	}
	return s, nil
}

// fewer says why there are not as many as wanted.
func fewer(s ports.Search, f ports.Found, p *ports.Policy) error {
	var why []string
	add := func(n int, text string) {
		if n > 0 {
			why = append(why, fmt.Sprintf("%d %s", n, text))
		}
	}
	add(f.InUse, "in use")
	add(f.Ephemeral, fmt.Sprintf("in the ephemeral range %v (--ephemeral takes them)", p.Ephemeral))
	add(f.Reserved, "reserved (--reserved takes them)")
	add(f.NotPermitted, "not permitted to this user")
	text := fmt.Sprintf("%d of %d found in %v", len(f.Ports), s.Count, s.Range)
	if len(why) > 0 {
		text += ": " + strings.Join(why, ", ")
	}
	if f.Err != nil {
		return fmt.Errorf("%s; %w", text, f.Err)
	}
	return &exit{code: exitNotFound, err: errors.New(text)}
}

func (e *Env) writeFree(f ports.Found, format view.Format, partial []error) error {
	if format == view.Table {
		var b strings.Builder
		for _, port := range f.Ports {
			fmt.Fprintln(&b, port)
		}
		return e.print(b.String())
	}
	out := view.NewObjects(e.Stdout, view.Options{Format: format, Time: e.Now(), Host: e.Hostname()}, "ports")
	for _, port := range f.Ports {
		out.Begin()
		out.Uint("port", uint64(port), true)
		if err := out.End(); err != nil {
			return writeFailed(err)
		}
	}
	if err := out.Close(partial); err != nil {
		return writeFailed(err)
	}
	return nil
}
