package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// usageRun is a traffic --by command on its way.
type usageRun struct {
	pacing
	env      *Env
	flags    *trafficFlags
	watcher  Watcher
	filter   *view.Filter
	names    *view.Names
	places   *locator
	partials partials

	readings int
	usage    []watch.Usage
	rows     []view.UsageRow
	untold   int // sockets whose bytes the system does not tell
	bases    []string
	said     string // what was last said about them

	out    *view.Objects // nil: a table
	geo    []*view.Column
	shape  view.UsageTable
	grid   *view.Grid
	screen screen
}

func (e *Env) usage(ctx context.Context, f *trafficFlags, p pacing, args []string) error {
	names := e.Names
	r := &usageRun{pacing: p, env: e, flags: f, names: &names, partials: partials{env: e}}
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
	r.begin()
	r.partials.add(r.watcher.Partial())
	return r.end(r.run(ctx))
}

// plan turns flags and filter into what is asked of the watcher.
func (r *usageRun) plan(args []string) (*watch.Config, error) {
	f := r.flags
	if err := errors.Join(oneOf("by", f.by, usageWords), oneOf("sort", f.sort, view.UsageOrders())); err != nil {
		return nil, err
	}
	switch {
	case f.by != "socket" && len(args) > 0:
		return nil, errors.New("a filter goes with --by socket only, and names of interfaces go without --by")
	case f.geo && f.by != "remote" && f.by != "socket":
		return nil, errors.New("--geo goes with --by remote and --by socket")
	case f.total || f.explain || f.netns != "" || f.since == "boot":
		return nil, errors.New("--total, --explain, --netns and --since=boot are about interfaces, and do not go with --by")
	}
	var err error
	if r.filter, err = view.ParseFilter(view.JoinArgs(args), r.names); err != nil {
		return nil, err
	}
	cfg := &watch.Config{Interval: f.interval, NoLinks: true, Query: netstat.Query{AllNetNS: f.allNetNS, Owner: netstat.OwnerPID}}
	if f.by == "unit" || r.filter.Needs().Module {
		cfg.Query.Owner = netstat.OwnerModule
	}
	if !r.filter.Narrow(&cfg.Query) {
		return nil, errNeverMatches
	}
	needs := r.filter.Needs()
	needs.Geo = needs.Geo || f.geo
	r.places, err = r.env.locate(&f.placeFlags, needs, r.names)
	return cfg, err
}

// errNeverMatches is for a filter whose parts exclude each other: there is nothing to wait for.
var errNeverMatches = &exit{exitNotFound, errors.New("no socket can match this filter")}

func (r *usageRun) begin() {
	opt := view.Options{Format: r.format, NoHeader: r.flags.noHeader, Time: r.env.Now(), Host: r.env.Hostname()}
	if r.format != view.Table {
		r.out = view.NewObjects(r.env.Stdout, opt, "readings")
		if r.flags.geo {
			r.geo = view.GeoColumns(r.format)
		}
		return
	}
	r.shape = view.UsageTable{By: r.flags.by, Unit: r.unit, Since: r.since, Time: !r.live, Geo: r.flags.geo, Names: r.names}
	r.grid = view.NewGrid(r.shape.Columns())
	r.screen = screen{env: r.env}
}

func (r *usageRun) run(ctx context.Context) error {
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
		case report.Elapsed == 0:
			continue
		}
		failed.reset()
		r.names.Forget()
		r.places.refresh(r.env.Now(), r.names)
		r.partials.add(report.Partial)
		r.readings++
		if err := r.show(report); err != nil {
			return err
		}
		r.partials.add(r.places.missing())
		if r.flags.once || r.flags.count > 0 && r.readings >= r.flags.count || r.env.readerGone() {
			return nil
		}
	}
}

func (r *usageRun) end(err error) error {
	if r.out == nil {
		return err
	}
	missing := slices.Clone(r.partials.list)
	if err != nil {
		missing = append(missing, err)
	}
	if werr := r.out.Close(missing); werr != nil {
		return writeFailed(werr)
	}
	return err
}

func (r *usageRun) show(report *watch.Report) error {
	r.rows, r.untold, r.bases = r.rows[:0], 0, r.bases[:0]
	if r.flags.by == "socket" {
		r.addFlows(report)
	} else {
		r.addUsage(report)
	}
	view.SortUsage(r.rows, r.flags.sort)
	if r.flags.top > 0 && len(r.rows) > r.flags.top {
		r.rows = r.rows[:r.flags.top]
	}
	if r.out != nil {
		return r.writeObjects()
	}
	return r.writeTable()
}

func (r *usageRun) addUsage(report *watch.Report) {
	by := watch.By(slices.Index(usageWords, r.flags.by))
	r.usage = r.watcher.Usage(by, r.usage[:0])
	for i := range r.usage {
		u := &r.usage[i]
		told := u.Total.Basis != watch.NotCounted || u.Uncounted == 0
		r.add(view.UsageRow{Time: report.Time, By: r.flags.by, Usage: *u, Interval: r.watcher.Interval(), Told: told})
		r.untold += u.Uncounted
	}
}

func (r *usageRun) addFlows(report *watch.Report) {
	byBPF := r.watcher.Source() == watch.FromBPF
	r.watcher.Flows(func(f *watch.Flow) bool {
		if s := f.Socket; r.filter.Match(s) {
			told := f.Total.Basis != watch.NotCounted || s.State == netstat.Listen || byBPF && s.Proto == netstat.UDP
			r.add(view.UsageRow{Time: report.Time, By: "socket", Usage: watch.Usage{Total: f.Total, Delta: f.Delta}, Socket: s,
				Interval: r.watcher.Interval(), Told: told})
			if !told {
				r.untold++
			}
		}
		return true
	})
}

// add takes a row, unless it is for a person and nothing was moved, or could have been.
func (r *usageRun) add(row view.UsageRow) {
	if b := row.Total.Basis.String(); b != "" && !slices.Contains(r.bases, b) {
		r.bases = append(r.bases, b)
	}
	if r.out != nil || r.flags.all || row.Total.Sent+row.Total.Received > 0 {
		r.rows = append(r.rows, row)
	}
}

func (r *usageRun) writeObjects() error {
	for i := range r.rows {
		if err := r.out.Usage(r.names, &r.rows[i], r.geo); err != nil {
			return writeFailed(err)
		}
	}
	if err := r.out.Flush(); err != nil {
		return writeFailed(err)
	}
	return nil
}

func (r *usageRun) writeTable() error {
	cells := make([][]string, len(r.rows))
	for i := range r.rows {
		cells[i] = r.shape.Cells(&r.rows[i])
	}
	says := r.basis()
	if !r.live {
		err := r.env.printLines(r.grid.Lines(cells, 0, r.readings == 1 && !r.flags.noHeader))
		if kind, _, _ := strings.Cut(says, ";"); err == nil && kind != r.said { // numbers change, and are not worth a line each time
			r.said = kind
			fmt.Fprintf(r.env.Stderr, "sockeye: %s\n", says)
		}
		return err
	}
	width, _ := r.env.size()
	lines := cut(r.grid.Lines(cells, width, !r.flags.noHeader), width)
	footer := []string{view.Cut(says, width)}
	if r.flags.once || r.flags.count == 1 {
		return r.env.printLines(append(lines, footer...))
	}
	return r.screen.draw(lines, footer)
}

// basis says what the bytes count, who counted them, and of how many sockets they are not known.
func (r *usageRun) basis() string {
	slices.Sort(r.bases)
	text := "bytes are payload"
	if len(r.bases) > 0 {
		text += ", counted by " + strings.Join(r.bases, " and ")
	}
	if r.untold > 0 {
		text += "; those of " + count(r.untold, "socket") + " are not told by the system"
	}
	return text
}
