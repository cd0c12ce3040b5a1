package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// output are the flags that choose the form of what is printed.
type output struct {
	json, jsonl, csv bool
	color            string
}

func (o *output) addTo(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.BoolVar(&o.json, "json", false, "one JSON document")
	fs.BoolVar(&o.jsonl, "jsonl", false, "a JSON object a line")
	fs.BoolVar(&o.csv, "csv", false, "CSV with a header")
	fs.StringVar(&o.color, "color", "auto", "auto, always or never; auto also obeys NO_COLOR")
	_ = cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
}

func (o *output) format() (view.Format, error) {
	form, chosen := view.Table, 0
	for f, on := range map[view.Format]bool{view.JSON: o.json, view.JSONL: o.jsonl, view.CSV: o.csv} {
		if on {
			form, chosen = f, chosen+1
		}
	}
	if chosen > 1 {
		return 0, errors.New("--json, --jsonl and --csv exclude each other")
	}
	return form, nil
}

func (e *Env) colored(o *output) (bool, error) {
	switch o.color {
	case "always":
		return true, nil
	case "never":
		return false, nil
	case "auto":
		return e.Terminal && e.ANSI && e.Getenv("NO_COLOR") == "", nil
	}
	return false, fmt.Errorf("--color is auto, always or never, not %q", o.color)
}

// plan turns flags and filter into what is asked of the table and how it is written.
func (e *Env) plan(f *listFlags, args []string) (*listing, error) {
	names := e.Names
	if f.numeric {
		names.UserName = nil
	}
	l := &listing{opt: view.Options{Names: &names, NoHeader: f.noHeader, Time: e.Now(), Host: e.Hostname()}}
	var err error
	if l.filter, err = view.ParseFilter(view.JoinArgs(args), &names); err != nil {
		return nil, unknownCommand(err, args)
	}
	if l.opt.Format, err = f.format(); err != nil {
		return nil, err
	}
	if l.opt.Color, err = e.colored(&f.output); err != nil {
		return nil, err
	}
	l.query = f.query(l.filter)
	needs, err := f.chooseColumns(l)
	if err != nil {
		return nil, err
	}
	if f.details {
		names.Details = e.details
	}
	sorted, err := e.planOrder(f, l, &names)
	if err != nil {
		return nil, err
	}
	needs = e.union(e.union(needs, sorted), l.filter.Needs())
	l.query.Info, l.query.Owner = needs.Info, ownerLevel(needs)
	if l.never = !l.filter.Narrow(&l.query); l.never {
		return l, nil
	}
	l.places, err = e.locate(&f.placeFlags, needs, &names)
	return l, err
}

// unknownCommand says more when the first word looks like a mistyped command.
func unknownCommand(err error, args []string) error {
	var syntax *view.SyntaxError
	if errors.As(err, &syntax) && syntax.Pos == 0 && syntax.End >= len(args[0]) && args[0] != "" {
		return fmt.Errorf("%w; it is no command either, see sockeye --help", err)
	}
	return err
}

// query is what the flags alone ask for.
func (f *listFlags) query(filter *view.Filter) netstat.Query {
	q := netstat.Query{AllNetNS: f.allNetNS}
	set(&q.Protos, f.tcp, netstat.QueryTCP)
	set(&q.Protos, f.udp, netstat.QueryUDP)
	set(&q.Protos, f.unix, netstat.QueryUnix)
	if q.Protos == 0 && filter.Needs().Unix {
		q.Protos = netstat.QueryTCP | netstat.QueryUDP | netstat.QueryUnix
	}
	set(&q.Families, f.ipv4, netstat.IPv4)
	set(&q.Families, f.ipv6, netstat.IPv6)
	if f.listening && !f.all {
		q.States = netstat.StatesOf(netstat.Listen, netstat.Unconnected)
	}
	return q
}

func set[T ~uint8](to *T, on bool, bit T) {
	if on {
		*to |= bit
	}
}

// chooseColumns finds the columns, and what they need to be asked for.
func (f *listFlags) chooseColumns(l *listing) (needs view.Needs, err error) {
	if f.columns != "" {
		l.opt.Columns, err = view.ParseColumns(f.columns)
		l.opt.Fixed = true
		return view.NeedsOf(l.opt.Columns), err
	}
	needs = view.Needs{Owners: f.processes || f.bare() || f.details, Module: f.extended, Info: f.info, User: f.extended, Geo: f.geo}
	switch l.opt.Format {
	case view.Table:
		l.opt.Columns = f.tableColumns(l.query.Protos, needs)
	case view.CSV:
		l.opt.Columns = view.FlatColumns(shown(needs))
	default:
		l.opt.Columns = view.SchemaColumns(shown(needs))
	}
	return needs, nil
}

// shown is what the rows will have: who asks for modules is told the owners too.
func shown(n view.Needs) view.Needs {
	n.Owners = n.Owners || n.Module
	return n
}

// tableColumns are those that the flags ask for, in the order of ss.
func (f *listFlags) tableColumns(protos netstat.Protos, needs view.Needs) []*view.Column {
	var names []string
	add := func(on bool, more ...string) {
		if on {
			names = append(names, more...)
		}
	}
	add(f.allNetNS, "netns")
	add(true, "proto")
	add(protos&netstat.QueryUnix != 0, "type")
	add(true, "state", "recv_q", "send_q", "local", "remote")
	add(f.geo, "place")
	add(f.extended || f.bare(), map[bool]string{false: "user", true: "uid"}[f.numeric])
	add(f.extended, "inode", "cookie", "module")
	add(f.info, "rx_bytes", "tx_bytes", "rtt_us", "retrans", "cwnd")
	add(needs.Owners, "owners")
	return view.Columns(names...)
}

// union also asks for the owners where users are known by them only.
func (e *Env) union(a, b view.Needs) view.Needs {
	byOwner := (a.User || b.User) && e.Names.OwnerUser != nil
	return view.Needs{Owners: a.Owners || b.Owners || byOwner, Module: a.Module || b.Module, Info: a.Info || b.Info,
		Geo: a.Geo || b.Geo, GeoDB: a.GeoDB | b.GeoDB}
}

func ownerLevel(n view.Needs) netstat.OwnerLevel {
	switch {
	case n.Module:
		return netstat.OwnerModule
	case n.Owners:
		return netstat.OwnerPID
	}
	return netstat.OwnerNone
}

// planOrder sorts for people, and for pipes only when told to. It returns what the columns need that are sorted by.
func (e *Env) planOrder(f *listFlags, l *listing, names *view.Names) (needs view.Needs, err error) {
	if e.Terminal && l.opt.Format == view.Table {
		l.opt.Width, l.order = e.Width, view.DefaultOrder(names)
	}
	if f.sort == "" {
		return needs, nil
	}
	l.order, needs, err = view.ParseOrder(f.sort, names)
	return needs, err
}
