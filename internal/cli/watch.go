package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

const watchLong = `Print what opens and closes among the sockets, and what changes among the
interfaces, one event a line, until interrupted.

  sockeye watch                                  everything
  sockeye watch -l                               who begins and ends to listen
  sockeye watch dport = :443 and process = curl  some connections
  sockeye watch event = closed --json            with bytes and lifetime, for programs

  12:03:44.123 + opened   tcp  10.0.0.5:43210 -> 93.184.216.34:443  curl[4242]
  12:03:44.456 - closed   tcp  10.0.0.5:43210 -> 93.184.216.34:443  curl[4242]  333 ms  tx 812 B rx 1.2 MB

'?' stands for an owner that is not known, "(listener)" for one that is concluded
from the listener which the connection came to. Bytes are payload.

Between two readings of the socket table events come from BPF (Linux, root), where
a connection is seen however short it is; else from the kernel's notices of closed
connections, which everyone gets: one that lived between two readings is then
"known by its end only"; else from readings alone. --method chooses one of them.
When the kernel's queue overflows, a line says how many events were lost, and
everything is read again. At the end stderr has a summary.

The filter is that of list (sockeye list --help) with one field more:

  event = != ~ !~   opened closed state listener_appeared listener_vanished link_up
                    link_down link_appeared link_vanished link_changed ...

--geo says where the remote ends are, by the databases that sockeye geo finds.

Exit status: 0 when it ended or was interrupted, 1 when nothing can match the
filter, 2 when it could not watch.`

// watchFlags are the flags of watch.
type watchFlags struct {
	tcp, udp, unix, listening, ipv4, ipv6 bool
	states, noLinks, allNetNS, noHeader   bool
	method                                string
	interval, limit                       time.Duration
	count                                 int
	placeFlags
	output
}

func (e *Env) watchCommand() *cobra.Command {
	var f watchFlags
	cmd := &cobra.Command{
		Use: "watch [flags] [filter]", Short: "Print what opens and closes, and who did it", Long: watchLong, Args: cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.watch(cmd.Context(), &f, args) },
		ValidArgsFunction: completeEventFilter,
	}
	fs := cmd.Flags()
	fs.BoolVarP(&f.tcp, "tcp", "t", false, "TCP sockets")
	fs.BoolVarP(&f.udp, "udp", "u", false, "UDP sockets")
	fs.BoolVarP(&f.unix, "unix", "x", false, "Unix sockets (by readings only)")
	fs.BoolVarP(&f.listening, "listening", "l", false, "only listeners and unconnected UDP sockets")
	fs.BoolVarP(&f.ipv4, "ipv4", "4", false, "IPv4 sockets")
	fs.BoolVarP(&f.ipv6, "ipv6", "6", false, "IPv6 sockets")
	fs.BoolVar(&f.states, "states", false, "every change of state, too")
	fs.BoolVar(&f.noLinks, "no-links", false, "no events of interfaces")
	fs.StringVar(&f.method, "method", "auto", "auto, bpf, notices or poll")
	fs.DurationVar(&f.interval, "interval", time.Second, "time from one reading to the next")
	fs.IntVar(&f.count, "count", 0, "events, then end; 0 is until interrupted")
	fs.DurationVar(&f.limit, "for", 0, "end after this time; 0 is when interrupted")
	fs.BoolVar(&f.allNetNS, "all-netns", false, "every network namespace (Linux, root)")
	fs.BoolVarP(&f.noHeader, "no-header", "H", false, "no header line (CSV)")
	f.placeFlags.addTo(cmd)
	f.output.addTo(cmd)
	fs.Lookup("json").Usage = "the same as --jsonl: events have no end"
	completeWords(cmd, "method", watchMethods())
	return cmd
}

func watchMethods() (names []string) {
	for m := watch.Auto; m <= watch.Poll; m++ {
		names = append(names, m.String())
	}
	return names
}

// completeEventFilter offers what may stand next in a filter of events.
func completeEventFilter(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	words, directive := completeFilter(cmd, args, typed)
	switch n := len(args); {
	case n > 1 && args[n-2] == "event" && strings.Trim(args[n-1], "=!") == "":
		words = view.EventWords()
	case valuesAfter(args) == nil:
		words = append(words, "event")
	}
	return words, directive
}

// watchRun is a watch command on its way.
type watchRun struct {
	env      *Env
	flags    *watchFlags
	watcher  Watcher
	filter   *view.EventFilter
	names    *view.Names
	places   *locator
	partials partials
	began    time.Time

	shown  int
	counts watch.Counts

	out  *view.Objects // nil: text
	cols []*view.Column
	text view.EventText
	buf  []byte
}

func (e *Env) watch(ctx context.Context, f *watchFlags, args []string) error {
	names := e.Names
	r := &watchRun{env: e, flags: f, names: &names, partials: partials{env: e}, began: e.Now()}
	cfg, err := r.plan(args)
	if err != nil {
		return err
	}
	defer r.places.close()
	if r.watcher, err = e.openWatch(cfg); err != nil {
		return err
	}
	defer r.watcher.Close()
	e.settle()
	if f.limit > 0 {
		limited, cancel := context.WithTimeout(ctx, f.limit)
		defer cancel()
		ctx = limited
	}
	r.partials.add(r.watcher.Partial())
	if err := r.run(ctx); err != nil || e.readerGone() {
		return err
	}
	e.summarize(r)
	return nil
}

// plan turns flags and filter into what is asked of the watcher.
func (r *watchRun) plan(args []string) (cfg *watch.Config, err error) {
	f := r.flags
	if f.interval < minInterval {
		return nil, fmt.Errorf("--interval is at least %v, not %v", minInterval, f.interval)
	}
	if f.count < 0 || f.limit < 0 {
		return nil, fmt.Errorf("--count and --for cannot be negative")
	}
	if err := oneOf("method", f.method, watchMethods()); err != nil {
		return nil, err
	}
	if r.filter, err = view.ParseEventFilter(view.JoinArgs(args), r.names); err != nil {
		return nil, err
	}
	cfg = &watch.Config{Interval: f.interval, States: f.states, NoLinks: f.noLinks, Query: f.query(r.filter)}
	for i, name := range watchMethods() {
		if name == f.method {
			cfg.Method = watch.Method(i)
		}
	}
	if !r.filter.Narrow(&cfg.Query) {
		return nil, errNeverMatches
	}
	if err := r.chooseOutput(); err != nil {
		return nil, err
	}
	needs := r.filter.Needs()
	needs.Geo = needs.Geo || f.geo
	r.places, err = r.env.locate(&f.placeFlags, needs, r.names)
	return cfg, err
}

func (f *watchFlags) query(filter *view.EventFilter) netstat.Query {
	like := listFlags{tcp: f.tcp, udp: f.udp, unix: f.unix, ipv4: f.ipv4, ipv6: f.ipv6, allNetNS: f.allNetNS}
	q := like.query(&filter.Filter)
	q.Owner = netstat.OwnerPID
	if filter.Needs().Module {
		q.Owner = netstat.OwnerModule
	}
	return q
}

func (r *watchRun) chooseOutput() error {
	format, err := r.flags.format()
	if err != nil {
		return err
	}
	color, err := r.env.colored(&r.flags.output)
	switch {
	case err != nil:
		return err
	case format == view.Table:
		r.text = view.EventText{Names: r.names, Color: color, NetNS: r.flags.allNetNS, Geo: r.flags.geo}
		return nil
	case format == view.JSON: // events have no end that a document could wait for
		format = view.JSONL
	}
	r.out = view.NewObjects(r.env.Stdout, view.Options{Format: format, NoHeader: r.flags.noHeader}, "")
	needs := r.filter.Needs()
	needs.Geo = r.flags.geo
	r.cols = view.EventColumns(format, needs)
	return nil
}

func (r *watchRun) run(ctx context.Context) error {
	var failed failures
	for {
		report, err := r.watcher.Next(ctx)
		switch {
		case ended(err):
			return nil
		case err != nil && failed.add():
			return err
		case err != nil:
			r.partials.add([]error{err})
			continue
		}
		failed.reset()
		if report.Elapsed != 0 {
			r.names.Forget()
			r.places.refresh(r.env.Now(), r.names)
		}
		r.partials.add(report.Partial)
		r.counts = report.Counts
		if err := r.show(report); err != nil {
			return writeFailed(err)
		}
		r.partials.add(r.places.missing())
		if r.done() || r.env.readerGone() {
			return nil
		}
	}
}

func (r *watchRun) done() bool { return r.flags.count > 0 && r.shown >= r.flags.count }

// show writes the events of a report at once, so that nobody waits for them.
func (r *watchRun) show(report *watch.Report) error {
	r.buf = r.buf[:0]
	for i := range report.Events {
		e := &report.Events[i]
		if r.done() || !r.wants(e) || !r.filter.MatchEvent(e) {
			continue
		}
		r.shown++
		if r.out == nil {
			r.buf = r.text.Append(r.buf, e)
		} else if err := r.out.Event(r.cols, r.names, e); err != nil {
			return err
		}
	}
	if r.out != nil {
		return r.out.Flush()
	}
	if len(r.buf) == 0 {
		return nil
	}
	_, err := r.env.Stdout.Write(r.buf)
	return err
}

// wants is about what flags say and the watcher is not asked.
func (r *watchRun) wants(e *watch.Event) bool {
	if !r.flags.listening || e.Kind == watch.Overflow || e.Kind == watch.Repaired {
		return true
	}
	s := &e.Socket
	return s.State == netstat.Listen || e.Link == nil && s.State == netstat.Unconnected
}

// summarize says what was seen, and whether that was all.
func (e *Env) summarize(r *watchRun) {
	c := &r.counts
	text := fmt.Sprintf("%s: %d opened, %d closed", view.Lasted(e.Now().Sub(r.began)), c.Opened, c.Closed)
	if c.Inferred > 0 {
		text += fmt.Sprintf(" (%d known by their end only)", c.Inferred)
	}
	switch {
	case c.Lost > 0:
		text += fmt.Sprintf(", %d events lost by %s of the kernel's queue", c.Lost, count(int(c.Overflows), "overflow"))
	case c.Overflows > 0:
		text += fmt.Sprintf(", events lost by %s of the kernel's queue", count(int(c.Overflows), "overflow"))
	default:
		text += ", none lost"
	}
	fmt.Fprintf(e.Stderr, "sockeye: %s; %s\n", text, sourceWords[r.watcher.Source()])
}

var sourceWords = map[watch.Source]string{
	watch.FromReading: "what lived between two readings was not seen",
	watch.FromNotice:  "between readings the kernel told of closed connections",
	watch.FromBPF:     "between readings BPF told of everything",
}
