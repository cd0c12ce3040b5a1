package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
)

// column is one thing to show of a row.
type column struct {
	name, header string
	right        bool // numbers stand to the right
	big          bool // what is large is wanted first
	shrink       int  // where the terminal is narrow: 0 keeps it whole, else the least width it is cut to
	squeeze      int  // and where leaving columns out is not enough, the least width it is cut to then; 0 is shrink
	drop         int  // and left out altogether, the highest first; 0 is never
	least        int  // how wide it is at first, so that later cells need not widen it
	port         bool // cut before the last ':'
	sure         bool // known also where the system does not tell bytes

	text    func(m *Model, dst []byte, r *row) []byte
	compare func(m *Model, a, b *row) int
	value   func(r *row) float64 // what compare compares, where that is a number
}

// ofSocket makes a column of one of the socket table's.
func ofSocket(name string, shape column) column {
	c := view.Columns(name)[0]
	order, _, err := view.ParseOrder(name, nil)
	if err != nil {
		panic(err) // the name is a constant of this package
	}
	shape.name, shape.right = name, c.Right
	shape.header = cmp.Or(shape.header, c.Header)
	shape.text = func(m *Model, dst []byte, r *row) []byte { return c.Append(m.opt.Names, dst, &r.sock) }
	shape.compare = func(m *Model, a, b *row) int {
		if o := m.orders[name]; o != nil {
			return o.Compare(&a.sock, &b.sock)
		}
		return order.Compare(&a.sock, &b.sock)
	}
	return shape
}

// number is a column of an amount, a rate or a count.
func number(name, header string, shape column, value func(*row) float64, text func(*Model, float64) string) column {
	shape.name, shape.header, shape.right, shape.big, shape.value = name, header, true, true, value
	shape.text = func(m *Model, dst []byte, r *row) []byte {
		if r.By != byLink && !r.Told && !shape.sure {
			return append(dst, '?')
		}
		return append(dst, text(m, value(r))...)
	}
	shape.compare = func(_ *Model, a, b *row) int { return cmp.Compare(value(a), value(b)) }
	return shape
}

func rate(m *Model, v float64) string {
	if v == 0 {
		return "0"
	}
	return m.opt.Unit.Rate(v)
}

func amount(m *Model, v float64) string { return m.opt.Unit.Amount(v) }

func count(_ *Model, v float64) string { return view.Count(v) }

// text is a column of words.
func words(name, header string, shape column, value func(*Model, *row) string) column {
	shape.name, shape.header = name, header
	shape.text = func(m *Model, dst []byte, r *row) []byte { return append(dst, view.CleanText(value(m, r))...) }
	shape.compare = func(m *Model, a, b *row) int { return cmp.Compare(value(m, a), value(m, b)) }
	return shape
}

// figures are the columns of rates and totals that rows of sockets, processes and hosts have.
func figures(get func(*row) *view.UsageRow) []column {
	per := func(r *row, bytes uint64) float64 { return r.perSecond(bytes) }
	return []column{
		number("rx_rate", "RX/s", column{least: 9}, func(r *row) float64 { return per(r, get(r).Delta.Received) }, rate),
		number("tx_rate", "TX/s", column{least: 9}, func(r *row) float64 { return per(r, get(r).Delta.Sent) }, rate),
		number("rate", "RX+TX/s", column{least: 9, drop: 30}, func(r *row) float64 { return per(r, get(r).Delta.Received+get(r).Delta.Sent) }, rate),
		number("rx_total", "RX ALL", column{least: 7, drop: 20}, func(r *row) float64 { return float64(get(r).Total.Received) }, amount),
		number("tx_total", "TX ALL", column{least: 7, drop: 21}, func(r *row) float64 { return float64(get(r).Total.Sent) }, amount),
		number("total", "ALL", column{least: 7, drop: 30}, func(r *row) float64 { return float64(get(r).Total.Received + get(r).Total.Sent) }, amount),
	}
}

func own(r *row) *view.UsageRow { return &r.UsageRow }

// age is how long a socket has been there, as far as it is known.
func age(m *Model, r *row) (time.Duration, bool) {
	since := r.since
	if since.IsZero() {
		return 0, false
	}
	end := m.at
	if r.gone() {
		end = r.died
	}
	return max(end.Sub(since), 0), true
}

func ageColumn() column {
	return column{name: "age", header: "AGE", right: true, big: true, drop: 25, least: 6,
		text: func(m *Model, dst []byte, r *row) []byte {
			if d, known := age(m, r); known {
				return append(dst, roughly(d)...)
			}
			return dst
		},
		compare: func(_ *Model, a, b *row) int { return -compareSince(a.since, b.since) }}
}

// compareSince puts what was there before the watch first.
func compareSince(a, b time.Time) int { return a.Compare(b) }

// roughly is a duration in few letters: "12s", "3m", "2h5m", "4d".
func roughly(d time.Duration) string {
	switch s := int(d / time.Second); {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%dm", s/3600, s/60%60)
	default:
		return fmt.Sprintf("%dd%dh", s/86400, s/3600%24)
	}
}

// columnsOf are the columns that a view can show.
func columnsOf(k Kind) []column {
	switch k {
	case Processes:
		return processColumns()
	case Hosts:
		return hostColumns()
	case Links:
		return linkColumns()
	}
	return socketColumns()
}

func socketColumns() []column {
	cols := []column{
		ofSocket("proto", column{}),
		ofSocket("local", column{shrink: 21, squeeze: 14, port: true}),
		ofSocket("remote", column{shrink: 21, squeeze: 14, port: true}),
		ofSocket("state", column{drop: 10, least: 11}),
	}
	cols = append(cols, figures(own)...)
	cols = append(cols, ageColumn(),
		ofSocket("owners", column{shrink: 20, squeeze: 12}),
		ofSocket("user", column{shrink: 6, drop: 11}),
		ofSocket("module", column{shrink: 8, drop: 13}),
		ofSocket("place", column{shrink: 10, drop: 22}))
	for _, name := range []string{"recv_q", "send_q", "rtt_us", "retrans", "cwnd", "congestion", "pid", "process", "uid", "interface", "netns",
		"inode", "cookie", "type", "local_port", "remote_port", "family", "country", "iso", "city", "isp", "org", "asn", "special"} {
		cols = append(cols, ofSocket(name, column{shrink: 8, drop: 12}))
	}
	return cols
}

func processColumns() []column {
	cols := []column{
		{name: "pid", header: "PID", right: true, least: 6, text: textPID,
			compare: func(_ *Model, a, b *row) int { return cmp.Compare(pidOf(a), pidOf(b)) }},
		{name: "process", header: "PROCESS", shrink: 24, text: textProcess,
			compare: func(_ *Model, a, b *row) int { return cmp.Compare(nameOf(a), nameOf(b)) }},
		words("user", "USER", column{shrink: 6, drop: 12}, func(m *Model, r *row) string { return m.userOf(r.Process) }),
		words("module", "UNIT", column{shrink: 8, drop: 26}, func(m *Model, r *row) string { return m.unitOf(r.Process) }),
	}
	cols = append(cols, figures(shown)...)
	return append(cols,
		number("open", "OPEN", column{sure: true, drop: 14}, func(r *row) float64 { return float64(shown(r).Open) }, count),
		number("opened", "OPENED", column{sure: true, drop: 27}, func(r *row) float64 { return float64(shown(r).Opened) }, count),
		number("closed", "CLOSED", column{sure: true, drop: 28}, func(r *row) float64 { return float64(shown(r).Closed) }, count),
		words("command", "COMMAND", column{shrink: 10, drop: 29}, func(m *Model, r *row) string {
			return strings.Join(m.details.of(r.Process).Args, " ")
		}))
}

// hostColumn is the address; what was folded has none.
func hostColumn() column {
	c := ofSocket("remote_addr", column{header: "HOST", shrink: 15})
	address := c.text
	c.text = func(m *Model, dst []byte, r *row) []byte {
		if !r.Remote.IsValid() {
			return append(dst, "(others)"...)
		}
		return address(m, dst, r)
	}
	return c
}

func hostColumns() []column {
	cols := []column{
		hostColumn(),
		words("name", "NAME", column{shrink: 12, drop: 18}, func(m *Model, r *row) string { return m.reverse.name(r.remote()) }),
		ofSocket("place", column{shrink: 14}),
		ofSocket("country", column{shrink: 8, drop: 12}), ofSocket("iso", column{drop: 12}), ofSocket("region", column{shrink: 8, drop: 12}),
		ofSocket("city", column{shrink: 8, drop: 12}), ofSocket("isp", column{shrink: 8, drop: 12}), ofSocket("org", column{shrink: 8, drop: 12}),
		ofSocket("asn", column{drop: 12, least: 5}), ofSocket("special", column{drop: 12}),
	}
	cols = append(cols, figures(own)...)
	return append(cols,
		number("open", "OPEN", column{sure: true, drop: 14}, func(r *row) float64 { return float64(r.Open) }, count),
		number("opened", "OPENED", column{sure: true, drop: 27}, func(r *row) float64 { return float64(r.Opened) }, count),
		number("closed", "CLOSED", column{sure: true, drop: 28}, func(r *row) float64 { return float64(r.Closed) }, count))
}

// usual are the columns that a view begins with; where there is no room for all of them, some are left out.
var usual = [kinds][]string{
	Connections: {"proto", "local", "remote", "state", "rx_rate", "tx_rate", "rx_total", "tx_total", "age", "owners", "place"},
	Processes:   {"pid", "process", "user", "rx_rate", "tx_rate", "rx_total", "tx_total", "open", "opened", "closed", "module", "command"},
	Listeners:   {"proto", "local", "state", "recv_q", "send_q", "owners", "user", "module"},
	Hosts:       {"remote_addr", "name", "place", "asn", "rx_rate", "tx_rate", "rx_total", "tx_total", "open", "closed"},
	Links:       {"interface", "kind", "state", "rx_rate", "tx_rate", "rx_packets", "tx_packets", "errors", "dropped", "trend"},
}

// usualSort is what a view is sorted by at first.
var usualSort = [kinds]string{Connections: "-rate", Processes: "-rate", Listeners: "local_port", Hosts: "-rate", Links: "interface"}

// find is the place of a column of a name in a list; -1 is none.
func find(cols []column, name string) int {
	return slices.IndexFunc(cols, func(c column) bool { return c.name == name })
}

// Columns are the names of the columns that a view can show.
func Columns(k Kind) []string { return namesOf(columnsOf(k)) }

// choose finds columns by names with commas between them.
func choose(cols []column, list string) (chosen []string, _ error) {
	for name := range strings.SplitSeq(list, ",") {
		if name = strings.ReplaceAll(strings.TrimSpace(name), "-", "_"); find(cols, name) < 0 {
			return nil, fmt.Errorf("this view has no column %q; it has %s", name, strings.Join(namesOf(cols), ", "))
		}
		if !slices.Contains(chosen, name) {
			chosen = append(chosen, name)
		}
	}
	return chosen, nil
}

func namesOf(cols []column) (names []string) {
	for i := range cols {
		names = append(names, cols[i].name)
	}
	return names
}
