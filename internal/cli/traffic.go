package cli

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
)

const trafficLong = `Show how much goes through the network interfaces, once a second.

  sockeye traffic                  every interface that is up and was used, and the total
  sockeye traffic eth0 'wlan*'     these
  sockeye traffic --once --total   the rate of the whole machine, measured once
  sockeye traffic --by process     what processes, units, remotes or sockets move

Rates are averages since the reading before. --since shows instead what was moved
since the command began, --since=last since the reading before, --since=boot what
the counters say. The first reading has no rates: --count 1 shows the counters, and
--once waits for the second reading and shows that. RX is received, TX is sent.
Bytes are those of whole frames, as drivers count them; 1 kB is 1000 bytes.

The total counts no packet twice: an interface whose packets another one counts
too is left out (loopback, ports of a bridge or bond, VLANs, tunnels, both ends
of a veth). The total's note says what it is made of; --explain, why not of more.

A note beside a reading: "new" came since the reading before (also in the place of
another of its name), "reset" began to count anew, so that this reading is not
known, "wrapped" passed the end of its counter, which is undone, "at least" may
have passed it more than once.

--by process, unit, remote, socket adds up the bytes of TCP and UDP sockets. They
count payload, without headers and what was sent again, since the command began.
Bytes of UDP, and connections between two readings, need BPF (Linux, root). Where
the system does not tell ('?', or "at least"), it is said of how many sockets.
With --by socket the arguments are a filter, see sockeye list --help. --geo says
where the other ends are, with --by remote and --by socket.

JSON and CSV have every interface, and always counters, what was added since the
reading before (_delta) and rates (_per_s).

Exit status: 0 when it ended or was interrupted, 1 when there is no such
interface, 2 when it could not be found out.`

// trafficFlags are the flags of traffic.
type trafficFlags struct {
	interval                        time.Duration
	count, top                      int
	once, total, all, explain       bool
	bits, bytes, allNetNS, noHeader bool
	since, netns, by, sort          string
	placeFlags
	output
}

func (e *Env) trafficCommand() *cobra.Command {
	var f trafficFlags
	cmd := &cobra.Command{
		Use: "traffic [flags] [interface]...", Short: "Show how much goes through interfaces, processes, sockets", Long: trafficLong,
		Args:              cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.traffic(cmd.Context(), &f, args) },
		ValidArgsFunction: e.completeInterfaces,
	}
	fs := cmd.Flags()
	fs.DurationVar(&f.interval, "interval", time.Second, "time from one reading to the next")
	fs.IntVar(&f.count, "count", 0, "readings, then end; 0 is until interrupted")
	fs.BoolVarP(&f.once, "once", "1", false, "one reading with rates, then end")
	fs.BoolVar(&f.total, "total", false, "the total only")
	fs.StringVar(&f.since, "since", "", "amounts instead of rates: since start (of the command), last (reading) or boot")
	fs.Lookup("since").NoOptDefVal = "start"
	fs.BoolVar(&f.bits, "bits", false, "bits instead of bytes")
	fs.BoolVar(&f.bytes, "bytes", false, "bytes (the default)")
	fs.BoolVarP(&f.all, "all", "a", false, "also what is down or was never used")
	fs.BoolVarP(&f.explain, "explain", "v", false, "say why interfaces are not in the total")
	fs.StringVar(&f.by, "by", "", "add up by process, unit, remote or socket")
	fs.IntVarP(&f.top, "top", "n", 0, "with --by: the first rows only")
	fs.StringVar(&f.sort, "sort", "rate", "with --by: "+strings.Join(view.UsageOrders(), ", "))
	fs.StringVar(&f.netns, "netns", "", "a network namespace, by name or path (Linux, root)")
	fs.BoolVar(&f.allNetNS, "all-netns", false, "every network namespace (Linux, root)")
	fs.BoolVarP(&f.noHeader, "no-header", "H", false, "no header line")
	f.placeFlags.addTo(cmd)
	f.output.addTo(cmd)
	cmd.MarkFlagsMutuallyExclusive("bits", "bytes")
	cmd.MarkFlagsMutuallyExclusive("once", "count")
	cmd.MarkFlagsMutuallyExclusive("netns", "all-netns")
	completeWords(cmd, "by", usageWords)
	completeWords(cmd, "sort", view.UsageOrders())
	completeWords(cmd, "since", sinceWords[1:])
	return cmd
}

func completeWords(cmd *cobra.Command, flag string, words []string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}

var (
	usageWords = []string{"process", "unit", "remote", "socket"}
	sinceWords = []string{"", "last", "start", "boot"} // by view.Since
)

// minInterval is the shortest time between readings.
const minInterval = 10 * time.Millisecond

// pacing is what all kinds of traffic have in common.
type pacing struct {
	format view.Format
	color  bool
	live   bool // it is drawn in place
	since  view.Since
	unit   view.Unit
}

func (e *Env) pace(f *trafficFlags) (p pacing, err error) {
	if f.interval < minInterval {
		return p, fmt.Errorf("--interval is at least %v, not %v", minInterval, f.interval)
	}
	if f.count < 0 || f.top < 0 {
		return p, errors.New("--count and --top cannot be negative")
	}
	if err = oneOf("since", f.since, sinceWords[1:]); f.since != "" && err != nil {
		return p, err
	}
	p.since = view.Since(slices.Index(sinceWords, f.since))
	if f.since == "" && f.count == 1 && f.by == "" {
		p.since = view.SinceBoot // of one reading there is nothing else
	}
	if p.format, err = f.format(); err != nil {
		return p, err
	}
	if p.color, err = e.colored(&f.output); err != nil {
		return p, err
	}
	if f.bits {
		p.unit = view.InBits
	}
	p.live = p.format == view.Table && e.Terminal && e.ANSI
	return p, nil
}

func (e *Env) traffic(ctx context.Context, f *trafficFlags, args []string) error {
	p, err := e.pace(f)
	if err != nil {
		return err
	}
	if f.by != "" {
		return e.usage(ctx, f, p, args)
	}
	if err := f.checkInterfaces(args); err != nil {
		return err
	}
	table, err := e.OpenInterfaces(&ifstat.Config{NetNS: netnsPath(f.netns), AllNetNS: f.allNetNS})
	if err != nil {
		return err
	}
	defer table.Close()
	e.settle()
	r := &trafficRun{env: e, flags: f, pacing: p, table: table, wanted: args, partials: partials{env: e}, trends: map[trendKey][]float64{}}
	return r.run(ctx)
}

func (f *trafficFlags) checkInterfaces(args []string) error {
	if f.top != 0 || f.sort != "rate" {
		return errors.New("--top and --sort go with --by")
	}
	if f.geo || len(f.db) > 0 {
		return errors.New("--geo and --db go with --by remote and --by socket")
	}
	if f.total && len(args) > 0 {
		return errors.New("--total is that of the machine, and goes with no names of interfaces")
	}
	for _, a := range args {
		if _, err := path.Match(a, ""); err != nil {
			return fmt.Errorf("%q is no pattern: %w", a, err)
		}
	}
	return nil
}

// netnsPath is where a namespace of ip-netns(8) is; what has a slash is a path already.
func netnsPath(name string) string {
	if name == "" || strings.ContainsRune(name, '/') {
		return name
	}
	return "/run/netns/" + name
}

// settle is for commands that run for long: their garbage is collected as usual.
func (e *Env) settle() {
	if e.Settle != nil {
		e.Settle()
	}
}

// completeInterfaces offers the names of the interfaces.
func (e *Env) completeInterfaces(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	const plain = cobra.ShellCompDirectiveNoFileComp
	table, err := e.OpenInterfaces(nil)
	if err != nil {
		return nil, plain
	}
	defer table.Close()
	var s ifstat.Snapshot
	if table.Read(&s) != nil {
		return nil, plain
	}
	var names []string
	for i := range s.Interfaces {
		names = append(names, view.CleanText(s.Interfaces[i].Name))
	}
	return names, plain
}
