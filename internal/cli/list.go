package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

const listLong = `List the sockets of this machine and the processes that own them.

Without flags: every TCP and UDP socket in every state, with its user and the
processes that own it. Flags choose as those of ss do; -l means listeners only,
and without -l and -a every state is shown, which ss would do with -a.
Once a flag selects (-t -u -x -l -4 -6 -e -i), owners are shown with -p only.

A filter is an expression as ss has it, and more:

  sockeye -tlp sport = :443
  sockeye state established '( dport = :https or dst 10.0.0.0/8 )'
  sockeye process '~' ^ngi and user != root

  state NAME, exclude NAME    established, listening, time-wait, LISTEN, TIME_WAIT, ...;
                              connected, synchronized, bucket, big, all; several add up
  sport dport port            = != < <= > >= (or eq ne lt le gt ge); number or service;
                              port is either end's
  src dst                     ADDRESS, NETWORK/BITS, either with :PORT; [IPv6]:PORT; *:PORT
                              (IPv4 also covers the same address mapped into IPv6)
  process user unit dev path congestion
                              = != ~ !~   (~ is a regular expression)
  pid uid inode netns cookie fd recv_q send_q rx_bytes tx_bytes rtt_us retrans cwnd
                              = != < <= > >=
  proto family type           tcp udp unix; 4 6; stream dgram seqpacket
  owner                       none, some, permission, time_wait, orphan, ...
  country region city isp     where the remote end is: = != (in any case) ~ !~; country is
                              the name or the code (CN), isp also the organisation
  asn                         its autonomous system: = != < <= > >=; 13335 or AS13335
  special                     private, loopback, link_local, cgnat, documentation, ...
  and or not && || ! ( )      two comparisons side by side are joined by and

--geo adds where the remote ends are, by the databases that sockeye geo finds; in
JSON it is an object "geo", in CSV geo_country and so on. Columns of places are
place, country, iso, region, city, isp, asn, ...; a listener has no place. It is an
error when a filter asks for what no database tells, such as asn of QQWry.dat.

A terminal gets the table sorted by protocol, listeners first, then port; a pipe
gets it in the system's order, unless --sort is given. Nothing is cut in a pipe.

--from lists what another sockeye serve sees: its address (the token comes from
--token-file or SOCKEYE_TOKEN), or the name of its pipe ("pipe" is the usual one).

Exit status: 0 when something was found (or no filter given), 1 when nothing
matches the filter, 2 when it could not be found out.`

// listFlags are the flags of list.
type listFlags struct {
	tcp, udp, unix, listening, all, numeric bool
	processes, extended, info, details      bool
	ipv4, ipv6, noHeader, allNetNS          bool
	columns, sort                           string
	placeFlags
	fromFlags
	output
}

func (e *Env) listCommand(use string) *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use: use, Short: "List sockets and who owns them", Long: listLong, Args: cobra.ArbitraryArgs,
		RunE:              func(cmd *cobra.Command, args []string) error { return e.list(cmd.Context(), &f, args) },
		ValidArgsFunction: completeFilter,
	}
	fs := cmd.Flags()
	fs.BoolVarP(&f.tcp, "tcp", "t", false, "TCP sockets")
	fs.BoolVarP(&f.udp, "udp", "u", false, "UDP sockets")
	fs.BoolVarP(&f.unix, "unix", "x", false, "Unix sockets")
	fs.BoolVarP(&f.listening, "listening", "l", false, "only listeners and unconnected UDP sockets")
	fs.BoolVarP(&f.all, "all", "a", false, "every state (the default)")
	fs.BoolVarP(&f.numeric, "numeric", "n", false, "user ids instead of names")
	fs.BoolVarP(&f.processes, "processes", "p", false, "the processes that own the sockets")
	fs.BoolVarP(&f.extended, "extended", "e", false, "user, inode, cookie, and unit, container or service")
	fs.BoolVarP(&f.info, "info", "i", false, "bytes, round-trip time and more of TCP")
	fs.BoolVarP(&f.ipv4, "ipv4", "4", false, "IPv4 sockets")
	fs.BoolVarP(&f.ipv6, "ipv6", "6", false, "IPv6 sockets")
	fs.BoolVarP(&f.noHeader, "no-header", "H", false, "no header line")
	fs.BoolVar(&f.allNetNS, "all-netns", false, "every network namespace (Linux, root)")
	fs.BoolVar(&f.details, "details", false, "with -p and JSON: executable, command line, user, start of the processes")
	fs.StringVar(&f.columns, "columns", "", "columns to show, with commas between them")
	fs.StringVar(&f.sort, "sort", "", "columns to sort by; -NAME sorts downwards")
	f.placeFlags.addTo(cmd)
	f.fromFlags.addTo(cmd)
	f.output.addTo(cmd)
	_ = cmd.RegisterFlagCompletionFunc("columns", completeColumns)
	_ = cmd.RegisterFlagCompletionFunc("sort", completeColumns)
	return cmd
}

// bare reports that no flag chooses anything: then owners and users are shown.
func (f *listFlags) bare() bool {
	return !(f.tcp || f.udp || f.unix || f.listening || f.processes || f.extended || f.info || f.ipv4 || f.ipv6)
}

// listing is a list command that was understood.
type listing struct {
	query  netstat.Query
	filter *view.Filter
	order  *view.Order // nil is the system's
	opt    view.Options
	never  bool // no socket can match
	places *locator

	rows   int
	hidden int // rows that failed a filter about owners, with owners that may not be seen
}

func (e *Env) list(ctx context.Context, f *listFlags, args []string) error {
	if err := f.fromFlags.check(); err != nil {
		return err
	}
	if f.from != "" {
		return e.listFrom(ctx, f, args)
	}
	return e.listHere(ctx, f, args)
}

func (e *Env) listHere(ctx context.Context, f *listFlags, args []string) error {
	l, err := e.plan(f, args)
	if err != nil {
		return err
	}
	defer l.places.close()
	table, err := e.open(false)
	if err != nil {
		return err
	}
	defer table.Close()
	w := view.NewWriter(e.Stdout, l.opt)
	partial, err := l.write(ctx, table, w)
	return e.endList(l, w, append(partial, l.places.missing()...), err)
}

// endList ends the output in any case, so that a JSON document is whole.
func (e *Env) endList(l *listing, w view.Writer, partial []error, err error) error {
	inDocument := partial
	if err != nil {
		inDocument = append(partial[:len(partial):len(partial)], err)
	}
	if werr := w.Close(inDocument); werr != nil {
		return writeFailed(werr)
	}
	for _, p := range partial {
		e.note(p)
	}
	if err != nil {
		return err
	}
	return l.verdict()
}

func (l *listing) verdict() error {
	switch {
	case l.rows > 0 || l.filter.Empty():
		return nil
	case l.hidden > 0:
		return fmt.Errorf("nothing found, but the owners of %s may not be seen; see sockeye doctor", count(l.hidden, "socket"))
	case l.filter.Needs().GeoDB != 0 && l.places.unsure():
		return errors.New("nothing found, but not every address could be looked up")
	}
	return quit(exitNotFound)
}

func writeFailed(err error) error { return fmt.Errorf("writing the output: %w", err) }

// write streams the rows, or, when they are to be sorted, reads them all first.
func (l *listing) write(ctx context.Context, t SocketTable, w view.Writer) (partial []error, err error) {
	switch {
	case l.never:
		return nil, nil
	case l.order != nil:
		return l.writeSorted(ctx, t, w)
	}
	p := newPipeline(func(s *netstat.Socket) error { return l.row(w, s) })
	partial, err = l.feed(ctx, t, p)
	return partial, errors.Join(p.end(), err)
}

// feed puts the sockets into the pipeline, until the table ends or the consumer has failed.
func (l *listing) feed(ctx context.Context, t SocketTable, p *pipeline) (partial []error, err error) {
	for s, err := range t.All(l.query) {
		switch {
		case failed(err):
			return partial, err
		case err != nil:
			partial = append(partial, err)
		case !p.put(s):
			return partial, nil
		case ctx.Err() != nil:
			return partial, fmt.Errorf("interrupted: %w", ctx.Err())
		}
	}
	return partial, nil
}

// failed tells an error that ended the pass from one that says what is missing.
func failed(err error) bool {
	_, is := err.(*netstat.OpError)
	return is
}

func (l *listing) writeSorted(ctx context.Context, t SocketTable, w view.Writer) ([]error, error) {
	var snap netstat.Snapshot
	if err := t.Read(l.query, &snap); err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return snap.Partial, fmt.Errorf("interrupted: %w", ctx.Err())
	}
	for _, s := range l.order.Sort(snap.Sockets) {
		if err := l.row(w, s); err != nil {
			return snap.Partial, err
		}
	}
	return snap.Partial, nil
}

func (l *listing) row(w view.Writer, s *netstat.Socket) error {
	if !l.filter.Match(s) {
		if s.Missing.Hides() && l.filter.Needs().Owners {
			l.hidden++
		}
		return nil
	}
	l.rows++
	return w.Row(s)
}
