package cli

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
)

// trafficRun is a traffic command on its way.
type trafficRun struct {
	pacing
	env      *Env
	flags    *trafficFlags
	table    InterfaceTable
	wanted   []string // names and patterns of interfaces; none is all of them
	partials partials

	snap     ifstat.Snapshot
	meter    ifstat.Meter
	readings int
	base     ifstat.Counters // of the interfaces in the total, at the first reading
	trends   map[trendKey][]float64
	explains string // what was explained last

	out    *view.Objects // nil: a table
	shape  view.TrafficTable
	grid   *view.Grid
	screen screen
}

type trendKey struct{ netns, id uint64 }

// trendLength is how many readings a row of bars shows.
const trendLength = 16

func (r *trafficRun) run(ctx context.Context) error {
	r.begin()
	next := r.env.Now()
	var failed failures
	for {
		err := r.read()
		switch {
		case err != nil && (r.readings == 0 || failed.add()):
			return r.end(err)
		case err != nil:
			r.partials.add([]error{err})
		default:
			failed.reset()
			if err := r.show(); err != nil {
				return err
			}
		}
		if r.done() {
			return r.end(nil)
		}
		if next = next.Add(r.flags.interval); next.Before(r.env.Now()) {
			next = r.env.Now().Add(r.flags.interval) // readings were missed: their time is gone
		}
		if r.env.Wait(ctx, next) != nil {
			return r.end(nil) // interrupted, which is how it is meant to end
		}
		if r.env.readerGone() {
			return nil
		}
	}
}

func (r *trafficRun) done() bool {
	return r.flags.count > 0 && r.readings >= r.flags.count || r.flags.once && r.readings >= 2
}

func (r *trafficRun) begin() {
	opt := view.Options{Format: r.format, NoHeader: r.flags.noHeader, Time: r.env.Now(), Host: r.env.Hostname()}
	if r.format != view.Table {
		r.out = view.NewObjects(r.env.Stdout, opt, "readings")
		return
	}
	r.shape = view.TrafficTable{Unit: r.unit, Since: r.since, NetNS: r.flags.allNetNS, Time: !r.live, Footer: r.live,
		Trend: r.live && !r.flags.once && r.flags.count != 1, ASCII: !r.env.unicode()}
	r.grid = view.NewGrid(r.shape.Columns())
	r.screen = screen{env: r.env}
}

// end ends the output in any case, so that a JSON document is whole.
func (r *trafficRun) end(err error) error {
	if r.out == nil {
		return err
	}
	missing := r.partials.list
	if err != nil {
		missing = append(slices.Clone(missing), err)
	}
	if werr := r.out.Close(missing); werr != nil {
		return writeFailed(werr)
	}
	return err
}

// read makes a reading; the first one also checks that the interfaces that were named exist.
func (r *trafficRun) read() error {
	if err := r.table.Read(&r.snap); err != nil {
		return err
	}
	r.partials.add(r.snap.Partial)
	if r.readings == 0 {
		return r.check()
	}
	return nil
}

func (r *trafficRun) check() error {
	for _, w := range r.wanted {
		if !slices.ContainsFunc(r.snap.Interfaces, func(i ifstat.Interface) bool { return named(&i, w) }) {
			if slices.Contains(sinceWords[1:], w) && r.flags.since != "" {
				return fmt.Errorf("no interface is called %q; if it belongs to --since, write --since=%s", w, w)
			}
			return &exit{exitNotFound, fmt.Errorf("no interface is called %q; there are %s", view.CleanText(w), interfaceNames(&r.snap))}
		}
	}
	return nil
}

func interfaceNames(s *ifstat.Snapshot) string {
	var names []string
	for i := range s.Interfaces {
		names = append(names, s.Interfaces[i].Name)
	}
	if len(names) == 0 {
		return "none"
	}
	if most := 10; len(names) > most {
		names = append(names[:most], fmt.Sprintf("and %d more", len(names)-most))
	}
	return strings.Join(names, ", ")
}

// named reports whether a name or pattern is that of the interface.
func named(i *ifstat.Interface, pattern string) bool {
	ok, _ := path.Match(pattern, i.Name)
	return ok || i.Name == pattern
}

// show writes the rows of a reading.
func (r *trafficRun) show() error {
	first := r.readings == 0
	readings := r.meter.Add(&r.snap)
	if r.readings++; first {
		r.base = sumOf(r.meter.Total().Counted)
	}
	var rows []view.TrafficRow
	for i := range readings {
		reading := &readings[i]
		trend := r.trend(reading)
		if !r.flags.total && r.shows(reading.Interface) {
			row := view.ReadingRow(reading, r.snap.Time, first)
			row.Trend = trend
			rows = append(rows, row)
		}
	}
	r.forgetTrends(readings)
	if len(r.wanted) == 0 {
		rows = append(rows, r.totalRow())
	}
	if first && r.flags.once {
		return nil
	}
	return r.write(rows, readings)
}

// shows reports whether an interface has a row: one that was named, and else, to a person, one that works and was used.
func (r *trafficRun) shows(i *ifstat.Interface) bool {
	if len(r.wanted) > 0 {
		return slices.ContainsFunc(r.wanted, func(w string) bool { return named(i, w) })
	}
	return r.flags.all || r.out != nil || i.Works() && (i.RxPackets != 0 || i.TxPackets != 0 || i.RxBytes != 0 || i.TxBytes != 0)
}

func sumOf(all []*ifstat.Interface) (sum ifstat.Counters) {
	for _, i := range all {
		sum = view.Plus(sum, i.Counters)
	}
	return sum
}

func (r *trafficRun) totalRow() view.TrafficRow {
	row := view.TotalRow(r.meter.Total(), r.snap.Time, r.base)
	row.Trend = r.push(trendKey{}, row.Rate, row.Known)
	return row
}

func (r *trafficRun) trend(g *ifstat.Reading) []float64 {
	return r.push(trendKey{g.Interface.NetNS, g.Interface.ID}, g.Rate(), g.Elapsed > 0)
}

// push remembers a rate, and returns the last ones.
func (r *trafficRun) push(key trendKey, rate ifstat.Rate, known bool) []float64 {
	if !r.shape.Trend || !known {
		return r.trends[key]
	}
	list := append(r.trends[key], rate.RxBytes+rate.TxBytes)
	list = list[max(0, len(list)-trendLength):]
	r.trends[key] = list
	return list
}

// forgetTrends drops those of interfaces that are gone.
func (r *trafficRun) forgetTrends(readings []ifstat.Reading) {
	if len(r.trends) <= len(readings)+1 {
		return
	}
	here := map[trendKey]bool{{}: true}
	for i := range readings {
		here[trendKey{readings[i].Interface.NetNS, readings[i].Interface.ID}] = true
	}
	for key := range r.trends {
		if !here[key] {
			delete(r.trends, key)
		}
	}
}

func (r *trafficRun) write(rows []view.TrafficRow, readings []ifstat.Reading) error {
	if r.out != nil {
		return r.writeObjects(rows)
	}
	cells := make([][]string, len(rows))
	for i := range rows {
		cells[i] = r.shape.Cells(&rows[i])
	}
	excluded := ""
	if r.flags.explain {
		excluded = explain(readings)
	}
	if r.live {
		return r.draw(cells, rows, excluded)
	}
	if excluded != r.explains {
		r.explains = excluded
		fmt.Fprintf(r.env.Stderr, "sockeye: %s\n", excluded)
	}
	lines := r.grid.Lines(cells, 0, r.headed() && !r.flags.noHeader)
	return r.env.printLines(lines)
}

// headed reports whether this is the first reading that is shown.
func (r *trafficRun) headed() bool {
	return r.readings == 1 || r.flags.once
}

func (r *trafficRun) writeObjects(rows []view.TrafficRow) error {
	for i := range rows {
		if err := r.out.Traffic(&rows[i]); err != nil {
			return writeFailed(err)
		}
	}
	if err := r.out.Flush(); err != nil {
		return writeFailed(err)
	}
	return nil
}

// draw shows the rows in the place of the last ones.
func (r *trafficRun) draw(cells [][]string, rows []view.TrafficRow, excluded string) error {
	width, _ := r.env.size()
	lines := cut(r.grid.Lines(cells, width, !r.flags.noHeader), width)
	var footer []string
	if r.color {
		r.paint(lines, rows)
	}
	if last := len(rows) - 1; last >= 0 && rows[last].Total { // it stays when the table is cut
		footer = append(footer, lines[len(lines)-1], view.Cut("the total is "+rows[last].Made(), width))
		lines = lines[:len(lines)-1]
	}
	if excluded != "" {
		footer = append(footer, view.Cut(excluded, width))
	}
	if r.flags.once || r.flags.count == 1 {
		return r.env.printLines(append(lines, footer...))
	}
	return r.screen.draw(lines, footer)
}

// paint makes the total bold, and what is idle dim.
func (r *trafficRun) paint(lines []string, rows []view.TrafficRow) {
	body := lines[len(lines)-len(rows):]
	for i := range rows {
		switch {
		case rows[i].Total:
			body[i] = "\x1b[1m" + body[i] + "\x1b[0m"
		case rows[i].Known && rows[i].Amount.RxPackets == 0 && rows[i].Amount.TxPackets == 0:
			body[i] = "\x1b[2m" + body[i] + "\x1b[0m"
		}
	}
}

// explain says why interfaces are not in the total.
func explain(readings []ifstat.Reading) string {
	var words []string
	for i := range readings {
		if x := readings[i].Excluded; x != ifstat.Counted {
			words = append(words, readings[i].Interface.Name+" ("+strings.ReplaceAll(x.String(), "_", " ")+")")
		}
	}
	return view.CleanText("not in the total: " + cmp.Or(strings.Join(words, ", "), "none"))
}

// printLines writes lines at once.
func (e *Env) printLines(lines []string) error {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return e.print(b.String())
}
