package view

import (
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
)

// TrafficRow is a reading of one interface, or of the total of several.
type TrafficRow struct {
	Time     time.Time
	Name     string
	NetNS    uint64
	Kind     string
	State    string
	Excluded string          // why it is not in the total
	Counters ifstat.Counters // of the total: those at the first reading, and what was added since
	Known    bool            // Amount and Rate are known: it is not the first reading, and nothing was reset
	Amount   ifstat.Counters
	Sum      ifstat.Counters
	Rate     ifstat.Rate
	Marks    []string // what is odd about the reading: new, reset, wrapped, at_least
	Total    bool
	Counted  []string  // the interfaces that the total is made of
	Trend    []float64 // the last rates, both ways together; tables only
}

// Marks of a reading.
const (
	markNew     = "new"
	markReset   = "reset"
	markWrapped = "wrapped"
	markAtLeast = "at_least"
)

// ReadingRow is the row of a reading. first says that it is of a meter's first snapshot, in which every interface is new.
func ReadingRow(r *ifstat.Reading, at time.Time, first bool) TrafficRow {
	i := r.Interface
	row := TrafficRow{
		Time: at, Name: i.Name, NetNS: i.NetNS, Kind: i.Kind.String(), State: StateOfInterface(i), Excluded: excludedBy(r.Excluded),
		Counters: i.Counters, Known: r.Elapsed > 0 && !r.Reset && !r.First, Amount: r.Amount, Sum: r.Sum, Rate: r.Rate(),
	}
	for mark, on := range marks(r, first) {
		if on {
			row.Marks = append(row.Marks, mark)
		}
	}
	return row
}

// excludedBy is empty for what is in the total.
func excludedBy(x ifstat.Exclusion) string {
	if x == ifstat.Counted {
		return ""
	}
	return x.String()
}

// TotalRow is the row of the total. Its counters are those of its interfaces at the first reading, which are base, and what
// was added since, so that they do not fall when an interface goes.
func TotalRow(t *ifstat.Total, at time.Time, base ifstat.Counters) TrafficRow {
	row := TrafficRow{Time: at, Name: "total", Total: true, Counters: Plus(base, t.Sum), Known: t.Elapsed > 0, Amount: t.Amount, Sum: t.Sum, Rate: t.Rate()}
	for _, i := range t.Counted {
		row.Counted = append(row.Counted, i.Name)
	}
	if t.AtLeast {
		row.Marks = append(row.Marks, markAtLeast)
	}
	return row
}

// Plus adds counters.
func Plus(a, b ifstat.Counters) ifstat.Counters {
	return ifstat.Counters{
		RxBytes: a.RxBytes + b.RxBytes, RxPackets: a.RxPackets + b.RxPackets, RxErrors: a.RxErrors + b.RxErrors, RxDropped: a.RxDropped + b.RxDropped,
		TxBytes: a.TxBytes + b.TxBytes, TxPackets: a.TxPackets + b.TxPackets, TxErrors: a.TxErrors + b.TxErrors, TxDropped: a.TxDropped + b.TxDropped,
	}
}

func marks(r *ifstat.Reading, first bool) func(func(string, bool) bool) {
	return func(yield func(string, bool) bool) {
		_ = yield(markNew, r.First && !first) && yield(markReset, r.Reset) && yield(markWrapped, r.Wrapped) && yield(markAtLeast, r.AtLeast)
	}
}

// StateOfInterface is the operational state, or "disabled" where the administrator has it so.
func StateOfInterface(i *ifstat.Interface) string {
	if !i.Up {
		return "disabled"
	}
	return i.State.String()
}

// counterFields are the fields of a row that are counters, with their deltas and rates.
var counterFields = [...]struct {
	name    string
	counter func(*ifstat.Counters) uint64
	rate    func(*ifstat.Rate) float64
}{
	{"rx_bytes", func(c *ifstat.Counters) uint64 { return c.RxBytes }, func(r *ifstat.Rate) float64 { return r.RxBytes }},
	{"tx_bytes", func(c *ifstat.Counters) uint64 { return c.TxBytes }, func(r *ifstat.Rate) float64 { return r.TxBytes }},
	{"rx_packets", func(c *ifstat.Counters) uint64 { return c.RxPackets }, func(r *ifstat.Rate) float64 { return r.RxPackets }},
	{"tx_packets", func(c *ifstat.Counters) uint64 { return c.TxPackets }, func(r *ifstat.Rate) float64 { return r.TxPackets }},
	{"rx_errors", func(c *ifstat.Counters) uint64 { return c.RxErrors }, func(r *ifstat.Rate) float64 { return r.RxErrors }},
	{"tx_errors", func(c *ifstat.Counters) uint64 { return c.TxErrors }, func(r *ifstat.Rate) float64 { return r.TxErrors }},
	{"rx_dropped", func(c *ifstat.Counters) uint64 { return c.RxDropped }, func(r *ifstat.Rate) float64 { return r.RxDropped }},
	{"tx_dropped", func(c *ifstat.Counters) uint64 { return c.TxDropped }, func(r *ifstat.Rate) float64 { return r.TxDropped }},
}

// Traffic writes a row as an object.
func (o *Objects) Traffic(r *TrafficRow) error {
	o.Begin()
	o.Time("time", r.Time)
	o.Text("interface", r.Name)
	o.Uint("netns", r.NetNS, r.NetNS != 0)
	o.Text("kind", r.Kind)
	o.Text("state", r.State)
	for i := range counterFields {
		f := &counterFields[i]
		o.Uint(f.name, f.counter(&r.Counters), true)
		o.Uint(f.name+"_delta", f.counter(&r.Amount), r.Known)
		o.Float(f.name+"_per_s", f.rate(&r.Rate), r.Known)
	}
	o.Text("excluded", r.Excluded)
	o.List("marks", r.Marks, len(r.Marks) > 0)
	o.List("counted", r.Counted, r.Total)
	return o.End()
}

// Since says what the columns of a table of traffic show.
type Since uint8

// PerSecond is the average since the last reading; SinceLast is what was moved since then, SinceStart since the first.
// SinceBoot is what the counters say: since the interface was made.
const (
	PerSecond Since = iota
	SinceLast
	SinceStart
	SinceBoot
)

// TrafficTable says how rows of traffic are shown to a person.
type TrafficTable struct {
	Unit  Unit
	Since Since
	NetNS bool // a column for the network namespace
	Time  bool // a column for the time, for lines that follow one another
	Trend bool // a column of bars
	ASCII bool // of characters that every terminal has

	Footer bool // what the total is made of is said below, by Made, and not in its note
}

// Columns are those of the table.
func (t *TrafficTable) Columns() (cols []GridColumn) {
	add := func(on bool, more ...GridColumn) {
		if on {
			cols = append(cols, more...)
		}
	}
	add(t.Time, GridColumn{Header: "TIME"})
	add(t.NetNS, GridColumn{Header: "NETNS", Right: true, Drop: 1})
	add(true, GridColumn{Header: "INTERFACE", Shrink: 12}, GridColumn{Header: "KIND", Drop: 7}, GridColumn{Header: "STATE", Drop: 6})
	add(true, bytesColumn("RX", t.Unit, t.Since == PerSecond), bytesColumn("TX", t.Unit, t.Since == PerSecond))
	add(true, GridColumn{Header: "RX PKT", Right: true, Least: 7, Drop: 9}, GridColumn{Header: "TX PKT", Right: true, Least: 7, Drop: 8},
		GridColumn{Header: "ERR", Right: true, Drop: 3}, GridColumn{Header: "DROP", Right: true, Drop: 2})
	add(t.Trend, GridColumn{Header: "TREND", Least: trendCells, Drop: 4})
	add(true, GridColumn{Header: "NOTE", Shrink: 6})
	return cols
}

// bytesColumn is a column of amounts or rates, of which "99.9 MB/s" is among the longest.
func bytesColumn(header string, u Unit, rate bool) GridColumn {
	c := GridColumn{Header: header, Right: true, Least: len("99.9 MB")}
	if u == InBits {
		c.Least += len("it")
	}
	if rate {
		c.Least += len("/s")
	}
	return c
}

// trendCells is how many bars a trend has.
const trendCells = 16

// Cells are the texts of a row.
func (t *TrafficTable) Cells(r *TrafficRow) (cells []string) {
	add := func(on bool, more ...string) {
		if on {
			cells = append(cells, more...)
		}
	}
	add(t.Time, r.Time.Format(time.TimeOnly))
	add(t.NetNS, cellNumber(r.NetNS))
	add(true, CleanText(r.Name), r.Kind, r.State)
	add(true, t.figures(r)...)
	add(t.Trend, Spark(r.Trend, t.ASCII))
	add(true, r.note(!t.Footer))
	return cells
}

func cellNumber(n uint64) string {
	if n == 0 {
		return ""
	}
	return string(appendUint(nil, n))
}

// figures are the columns of bytes, packets, errors and drops: empty where they are not known.
func (t *TrafficTable) figures(r *TrafficRow) []string {
	if !r.Known && t.Since < SinceStart {
		return make([]string, 6)
	}
	c := [...]*ifstat.Counters{&r.Amount, &r.Amount, &r.Sum, &r.Counters}[t.Since]
	tail := []string{Count(float64(c.RxErrors + c.TxErrors)), Count(float64(c.RxDropped + c.TxDropped))}
	if t.Since != PerSecond {
		return append([]string{t.Unit.Amount(float64(c.RxBytes)), t.Unit.Amount(float64(c.TxBytes)),
			Count(float64(c.RxPackets)), Count(float64(c.TxPackets))}, tail...)
	}
	return append([]string{t.Unit.Rate(r.Rate.RxBytes), t.Unit.Rate(r.Rate.TxBytes),
		Count(r.Rate.RxPackets) + "/s", Count(r.Rate.TxPackets) + "/s"}, tail...)
}

// note is what a person has to know of the row: its marks, and perhaps of the total what it is made of.
func (r *TrafficRow) note(made bool) string {
	words := make([]string, 0, 4)
	for _, m := range r.Marks {
		words = append(words, strings.ReplaceAll(m, "_", " "))
	}
	if r.Total && made {
		words = append(words, r.Made())
	}
	return strings.Join(words, ", ")
}

// Made says what a total is made of.
func (r *TrafficRow) Made() string { return "of " + orNothing(r.Counted) }

func orNothing(names []string) string {
	if len(names) == 0 {
		return "no interface"
	}
	return CleanText(strings.Join(names, " "))
}
