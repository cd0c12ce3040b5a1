package view

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// UsageRow is what one process, unit, remote host or socket moved.
type UsageRow struct {
	Time time.Time
	By   string // process, unit, remote, socket
	watch.Usage
	Socket   *netstat.Socket // by socket only
	Interval time.Duration   // which Delta is of
	Told     bool            // the system tells the bytes, of some of the sockets at least
}

// counts is what all bytes of sockets count, in JSON.
const counts = "payload"

// rate is the average per second.
func (r *UsageRow) rate(bytes uint64) float64 {
	if r.Interval <= 0 {
		return 0
	}
	return float64(bytes) / r.Interval.Seconds()
}

// usageSocketColumns are the columns of a socket whose names say nothing else in a row of usage.
var usageSocketColumns = [...]string{"proto", "family", "type", "state", "local_addr", "local_port", "remote_addr", "remote_port", "path", "peer",
	"interface", "netns", "uid", "inode", "cookie"}

// Usage writes a row as an object. geo are the columns of where the remote end is, if that is wanted: see GeoColumns.
func (o *Objects) Usage(n *Names, r *UsageRow, geo []*Column) error {
	o.Begin()
	o.Time("time", r.Time)
	o.Text("by", r.By)
	if r.By == "socket" {
		o.Socket(Columns(usageSocketColumns[:]...), n, r.Socket)
		o.owners(n, r.Socket)
		o.Socket(geo, n, r.Socket)
	} else {
		o.usageKey(r)
		o.Socket(geo, n, &netstat.Socket{Remote: netip.AddrPortFrom(r.Remote, 0)})
	}
	o.usageBytes(r)
	return o.End()
}

// owners are the processes of a socket: in CSV side by side.
func (o *Objects) owners(n *Names, s *netstat.Socket) {
	cols := ownersAsObjects[:]
	if o.format == CSV {
		cols = ownersSideBySide[:]
	}
	o.Socket(Columns(cols...), n, s)
}

var (
	ownersAsObjects  = [...]string{"owners", "owner_missing"}
	ownersSideBySide = [...]string{"process", "pid", "fd", "owner_missing"}
)

// usageKey is whose usage it is.
func (o *Objects) usageKey(r *UsageRow) {
	p := r.Process
	if p == nil {
		p = new(netstat.Process)
	}
	module := p.Module
	if r.By == "unit" {
		module = r.Unit
	}
	if r.By == "process" {
		o.Uint("pid", uint64(p.PID), r.Process != nil)
		o.Text("name", p.Name)
		o.Text("started", startText(p.Started))
	}
	if r.By != "remote" {
		o.Text("module", module)
		return
	}
	o.Text("remote_addr", addrText(r.Remote))
}

// startText is a process's start as a socket's owner has it.
func startText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (o *Objects) usageBytes(r *UsageRow) {
	o.Uint("rx_bytes", r.Total.Received, r.Told)
	o.Uint("tx_bytes", r.Total.Sent, r.Told)
	o.Uint("rx_bytes_delta", r.Delta.Received, r.Told)
	o.Uint("tx_bytes_delta", r.Delta.Sent, r.Told)
	o.Float("rx_bytes_per_s", r.rate(r.Delta.Received), r.Told)
	o.Float("tx_bytes_per_s", r.rate(r.Delta.Sent), r.Told)
	if r.By != "socket" {
		o.Uint("open", uint64(r.Open), true)
		o.Uint("opened", r.Opened, true)
		o.Uint("closed", r.Closed, true)
		o.Uint("uncounted", uint64(r.Uncounted), true)
	}
	text := ""
	if r.Told {
		text = counts
	}
	o.Text("counts", text)
	o.Text("counted_by", r.Total.Basis.String())
}

// UsageTable says how usage is shown to a person.
type UsageTable struct {
	By    string
	Unit  Unit
	Since Since
	Time  bool
	Geo   bool // say where the remote end is
	Names *Names
}

// Columns are those of the table.
func (t *UsageTable) Columns() (cols []GridColumn) {
	if t.Time {
		cols = append(cols, GridColumn{Header: "TIME"})
	}
	switch t.By {
	case "socket":
		cols = append(cols, GridColumn{Header: "PROTO", Drop: 3}, GridColumn{Header: "LOCAL", Shrink: 14}, GridColumn{Header: "REMOTE", Shrink: 14},
			GridColumn{Header: "PROCESS", Shrink: 12, Drop: 1})
	default:
		cols = append(cols, GridColumn{Header: strings.ToUpper(t.By), Shrink: 12})
	}
	if t.Geo {
		cols = putPlace(t.By, cols, GridColumn{Header: "PLACE", Shrink: 12})
	}
	cols = append(cols, bytesColumn("RX", t.Unit, t.Since == PerSecond), bytesColumn("TX", t.Unit, t.Since == PerSecond))
	if t.Since != SinceStart {
		rx, tx := bytesColumn("RX ALL", t.Unit, false), bytesColumn("TX ALL", t.Unit, false)
		rx.Drop, tx.Drop = 4, 5
		cols = append(cols, rx, tx)
	}
	if t.By != "socket" {
		cols = append(cols, GridColumn{Header: "OPEN", Right: true, Drop: 1}, GridColumn{Header: "CLOSED", Right: true, Drop: 2})
	}
	return append(cols, GridColumn{Header: "NOTE", Shrink: 6})
}

// Cells are the texts of a row.
func (t *UsageTable) Cells(r *UsageRow) (cells []string) {
	if t.Time {
		cells = append(cells, r.Time.Format(time.TimeOnly))
	}
	cells = append(cells, t.key(r)...)
	if t.Geo {
		cells = putPlace(t.By, cells, t.place(r))
	}
	cells = append(cells, t.figures(r)...)
	if t.By != "socket" {
		cells = append(cells, Count(float64(r.Open)), Count(float64(r.Closed)))
	}
	return append(cells, r.note())
}

// putPlace puts the place behind the remote end, which of a socket is followed by the process.
func putPlace[T any](by string, list []T, place T) []T {
	if by == "socket" {
		return slices.Insert(list, len(list)-1, place)
	}
	return append(list, place)
}

func (t *UsageTable) key(r *UsageRow) []string {
	const rest = "(others)"
	switch {
	case t.By == "socket":
		return []string{r.Socket.Proto.String(), string(textLocal(t.Names, nil, r.Socket)), string(textRemote(t.Names, nil, r.Socket)),
			string(textOwners(t.Names, nil, r.Socket))}
	case t.By == "unit":
		return []string{cmp.Or(CleanText(r.Unit), "(no unit)")}
	case t.By == "remote":
		return []string{cmp.Or(CleanText(addrText(r.Remote)), rest)}
	case r.Process == nil:
		return []string{rest}
	}
	return []string{string(append(appendUint(append(appendClean(nil, r.Process.Name), '['), uint64(r.Process.PID)), ']'))}
}

func (t *UsageTable) place(r *UsageRow) string {
	if r.Socket != nil {
		return t.Names.PlaceOf(r.Socket.Remote.Addr())
	}
	return t.Names.PlaceOf(r.Remote)
}

func (t *UsageTable) figures(r *UsageRow) []string {
	if !r.Told {
		return []string{"?", "?", "?", "?"}[:map[bool]int{true: 2, false: 4}[t.Since == SinceStart]]
	}
	all := []string{t.Unit.Amount(float64(r.Total.Received)), t.Unit.Amount(float64(r.Total.Sent))}
	switch t.Since {
	case SinceStart:
		return all
	case SinceLast:
		return append([]string{t.Unit.Amount(float64(r.Delta.Received)), t.Unit.Amount(float64(r.Delta.Sent))}, all...)
	}
	return append([]string{t.Unit.Rate(r.rate(r.Delta.Received)), t.Unit.Rate(r.rate(r.Delta.Sent))}, all...)
}

func (r *UsageRow) note() string {
	switch {
	case r.By == "socket" || r.Uncounted == 0:
		return ""
	case !r.Told:
		return "not told"
	}
	return "at least"
}

// UsageOrders are the names that usage can be sorted by.
func UsageOrders() []string { return []string{"rate", "rx", "tx", "total", "open", "name"} }

// SortUsage sorts by one of UsageOrders, the largest first, names upwards.
func SortUsage(rows []UsageRow, by string) {
	both := func(b watch.Bytes) uint64 { return b.Sent + b.Received }
	slices.SortStableFunc(rows, func(x, y UsageRow) int {
		a, b := &x, &y
		c := 0
		switch by {
		case "rx":
			c = cmp.Compare(b.Delta.Received, a.Delta.Received)
		case "tx":
			c = cmp.Compare(b.Delta.Sent, a.Delta.Sent)
		case "total":
			c = cmp.Compare(both(b.Total), both(a.Total))
		case "open":
			c = cmp.Compare(b.Open, a.Open)
		case "name":
		default:
			c = cmp.Compare(both(b.Delta), both(a.Delta))
		}
		if c == 0 && by != "name" {
			c = cmp.Compare(both(b.Total), both(a.Total))
		}
		return cmp.Or(c, compareUsage(a, b))
	})
}

// compareUsage puts rows whose figures are equal in an order that stays.
func compareUsage(a, b *UsageRow) int {
	if a.Socket != nil && b.Socket != nil {
		return cmp.Or(cmp.Compare(a.Socket.Proto, b.Socket.Proto), byLocal(nil, a.Socket, b.Socket), byRemote(nil, a.Socket, b.Socket))
	}
	return cmp.Or(cmp.Compare(nameOf(a.Process), nameOf(b.Process)), cmp.Compare(pidOf(a.Process), pidOf(b.Process)),
		cmp.Compare(a.Unit, b.Unit), a.Remote.Compare(b.Remote))
}
