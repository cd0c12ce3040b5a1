package history

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/watch"
)

// By says what lives are added up by.
type By uint8

// The ways to add up. A port is the one that serves: of what came in the local one, else the remote one. A day is the one on
// which a life began.
const (
	ByProcess By = iota + 1
	ByUnit
	ByHost
	ByCountry
	BySystem
	ByPort
	ByDay
	ByMonth
)

// Ways are their names.
var byNames = [...]string{ByProcess: "process", ByUnit: "unit", ByHost: "host", ByCountry: "country", BySystem: "asn", ByPort: "port",
	ByDay: "day", ByMonth: "month"}

// String is the name of the way.
func (b By) String() string {
	if int(b) < len(byNames) {
		return byNames[b]
	}
	return ""
}

// Group is what lives have in common, and their sum.
type Group struct {
	Key         string // name of the process or unit, address, ISO code or name of the country, number; 2026-11-21
	Place       *geoip.Location
	Lives       uint64 // that have a moment in common with the time asked for; of totals: that began in it
	Open        uint64 // of these, those that are open
	Uncounted   uint64 // of these, those whose bytes the system did not tell; not known of totals
	Bytes       watch.Bytes
	First, Last time.Time // first beginning and last end; zero in totals
}

// Groups adds up the lives that are asked for, the largest first; days and months in their order. Bytes are those of whole
// lives, also of the part outside of the time asked for, unless they are from totals: those count what was moved in it.
//
// Totals are taken where they can answer: by process, unit, host, country or system, over whole months (or days, where the
// filter is empty) of the calendar that SetCalendar says, with a filter of nothing but these. They are kept longer than lives.
func (r *Reader) Groups(ctx context.Context, q Query, by By) (all []Group, fromTotals bool, err error) {
	if all, fromTotals, err = r.totals(ctx, q, by); err != nil || fromTotals {
		return all, fromTotals, wrap("read", r.path, err)
	}
	keys := newKeys(r, ctx, by, &q)
	every := q
	every.Newest = 0
	p, err := r.plan(ctx, every, keys.sql())
	switch {
	case err != nil:
	case p.exact:
		err = keys.sum(p)
	default:
		err = r.Lives(ctx, every, keys.life)
	}
	return keys.sorted(), false, wrap("read", r.path, err)
}

// location is that of days: the calendar of whoever asks.
func (q *Query) location() *time.Location {
	if !q.From.IsZero() {
		return q.From.Location()
	}
	if !q.To.IsZero() {
		return q.To.Location()
	}
	return time.Local
}

// keys gathers groups.
type keys struct {
	reader *Reader
	ctx    context.Context
	by     By
	zone   *time.Location
	most   int // groups that are wanted; 0 is all
	groups map[string]*Group
}

func newKeys(r *Reader, ctx context.Context, by By, q *Query) *keys {
	return &keys{r, ctx, by, q.location(), q.Newest, make(map[string]*Group)}
}

// quarter is what the offsets of all time zones are multiples of, in microseconds.
const quarter = 15 * 60 * 1e6

// sql is what rows are grouped by in SQL; name makes the group's name of it.
func (k *keys) sql() string {
	switch k.by {
	case ByProcess, ByUnit:
		return "c.program"
	case ByHost, ByCountry, BySystem:
		return "c.remote"
	case ByPort:
		return fmt.Sprintf("CASE WHEN c.flags & %d OR c.rport = 0 THEN c.lport ELSE c.rport END", Incoming)
	}
	return fmt.Sprintf("c.opened / %d", int64(quarter))
}

// sum adds up rows of lives.
func (k *keys) sum(p *plan) error {
	text, with := p.text, ""
	if !p.q.Listeners {
		with = spans(p.q.From)
		text = text[len(with):]
	}
	return k.read(with, "SELECT key, count(*) AS n, sum(live) AS open, sum(rx) AS rx, sum(tx) AS tx, sum(basis = 0) AS untold, min(opened) AS first,"+
		" max(CASE WHEN live THEN ? ELSE closed END) AS last FROM ("+text+") GROUP BY key", append([]any{p.alive}, p.args...)...)
}

// joined puts to sums by host what is known of each, or adds them up by place: there are far fewer of them.
func (k *keys) joined(with, sums string) string {
	const joined = "SELECT g.*, h.addr, h.zone, h.place FROM (%s) g LEFT JOIN host h ON h.id = g.key"
	switch {
	case k.by == ByHost && k.most > 0:
		lead := "WITH "
		if with != "" {
			lead = strings.TrimSpace(with) + ", "
		}
		return lead + "g AS MATERIALIZED (" + sums + "), d AS MATERIALIZED (" + several + ") " + fmt.Sprintf(joined, fmt.Sprintf(
			"SELECT * FROM (SELECT * FROM g WHERE key NOT IN d ORDER BY rx + tx DESC, n DESC LIMIT %d) UNION ALL SELECT * FROM g WHERE key IN d", k.most))
	case k.by == ByHost:
		return with + fmt.Sprintf(joined, sums)
	case k.by == ByCountry, k.by == BySystem:
		return with + "SELECT coalesce(h.place, 0), sum(n), sum(open), sum(rx), sum(tx), sum(untold), min(first), max(last), NULL, NULL, NULL FROM (" +
			sums + ") g LEFT JOIN host h ON h.id = g.key GROUP BY 1"
	}
	return with + "SELECT g.*, NULL, NULL, NULL FROM (" + sums + ") g"
}

// several are the entries of which more than one makes a group: of an address that was in several places, and of none. The largest
// groups are those of the largest entries, but for these.
const several = `SELECT 0 AS id UNION ALL SELECT id FROM host WHERE addr IN (SELECT addr FROM host GROUP BY addr HAVING count(*) > 1)
	OR addr IN (x'', x'00000000000000000000000000000000', x'00000000000000000000ffff00000000')`

// read adds what a query for sums gives.
func (k *keys) read(with, sums string, args ...any) error {
	rows, err := k.reader.db.QueryContext(k.ctx, k.joined(with, sums), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	k.reader.mu.Lock()
	defer k.reader.mu.Unlock()
	for rows.Next() {
		var id, n, open, rx, tx, untold, first, last int64
		var addr []byte
		var zone sql.NullString
		var place sql.NullInt64
		if err := rows.Scan(&id, &n, &open, &rx, &tx, &untold, &first, &last, &addr, &zone, &place); err != nil {
			return err
		}
		h := readHost{addr: addr, zone: zone.String}
		if h.place, err = k.reader.place(k.ctx, place.Int64); err != nil {
			return err
		}
		name, where, err := k.name(id, &h)
		if err != nil {
			return err
		}
		g := Group{Place: where, Lives: uint64(n), Open: uint64(open), Uncounted: uint64(untold), Bytes: watch.Bytes{Sent: uint64(tx), Received: uint64(rx)}}
		if first != 0 {
			g.First, g.Last = time.UnixMicro(first), time.UnixMicro(last)
		}
		k.add(name, g)
	}
	return rows.Err()
}

// name is the group of an id: of a program, a place, a port or a quarter of an hour; hosts have none but themselves.
func (k *keys) name(id int64, h *readHost) (string, *geoip.Location, error) {
	switch k.by {
	case ByProcess, ByUnit:
		p, err := k.reader.program(k.ctx, id)
		if k.by == ByUnit {
			return p.unit, nil, err
		}
		return p.name, nil, err
	case ByHost:
		name, where := k.place(h.hostAddr(), h.place)
		return name, where, nil
	case ByCountry, BySystem:
		where, err := k.reader.place(k.ctx, id)
		name, where := k.area(where)
		return name, where, err
	case ByPort:
		return strconv.FormatInt(id, 10), nil, nil
	}
	return k.date(time.UnixMicro(id * quarter)), nil, nil
}

func (k *keys) date(t time.Time) string {
	if k.by == ByMonth {
		return t.In(k.zone).Format("2006-01")
	}
	return t.In(k.zone).Format(time.DateOnly)
}

// place is the group of a remote host. What is not shown of it is left out.
func (k *keys) place(a netip.Addr, l *geoip.Location) (string, *geoip.Location) {
	switch {
	case !a.IsValid() || a.IsUnspecified():
		return "", nil
	case k.by == ByHost:
		return a.String(), l
	}
	return k.area(l)
}

// area is the country or the autonomous system of a place.
func (k *keys) area(l *geoip.Location) (string, *geoip.Location) {
	switch {
	case l == nil, k.by == BySystem && l.ASN == 0:
		return "", nil
	case k.by == ByCountry:
		return cmp.Or(l.ISO, l.Country, l.Special), &geoip.Location{Country: l.Country, ISO: l.ISO}
	}
	return "AS" + strconv.Itoa(int(l.ASN)), &geoip.Location{ASN: l.ASN, Org: l.Org}
}

// life adds one that was filtered here.
func (k *keys) life(l *Life) error {
	name, place := "", (*geoip.Location)(nil)
	switch s := &l.Socket; k.by {
	case ByProcess:
		if len(s.Owners) > 0 {
			name = s.Owners[0].Process.Name
		}
	case ByUnit:
		name = s.Module
	case ByHost, ByCountry, BySystem:
		name, place = k.place(s.Remote.Addr().Unmap(), l.Place)
	case ByPort:
		port := s.Remote.Port()
		if l.Flags&Incoming != 0 || port == 0 {
			port = s.Local.Port()
		}
		name = strconv.Itoa(int(port))
	default:
		name = k.date(l.Opened)
	}
	open, uncounted := uint64(0), uint64(0)
	if l.Open {
		open = 1
	}
	if l.Bytes.Basis == watch.NotCounted {
		uncounted = 1
	}
	k.add(name, Group{Place: place, Lives: 1, Open: open, Uncounted: uncounted, Bytes: l.Bytes, First: l.Opened, Last: l.Closed})
	return nil
}

func (k *keys) add(name string, more Group) {
	g := k.groups[name]
	if g == nil {
		more.Key, more.Bytes.Basis = name, 0
		k.groups[name] = &more
		return
	}
	g.Lives, g.Open, g.Uncounted = g.Lives+more.Lives, g.Open+more.Open, g.Uncounted+more.Uncounted
	g.Bytes.Sent, g.Bytes.Received = g.Bytes.Sent+more.Bytes.Sent, g.Bytes.Received+more.Bytes.Received
	if more.First.Before(g.First) {
		g.First = more.First
	}
	if more.Last.After(g.Last) {
		g.Last = more.Last
	}
}

// sorted are so many of them: the largest, or the last days; 0 is all.
func (k *keys) sorted() (all []Group) {
	most := k.most
	order := slices.SortedFunc(maps.Values(k.groups), bySize)
	if k.by == ByDay || k.by == ByMonth {
		order = slices.SortedFunc(maps.Values(k.groups), func(a, b *Group) int { return cmp.Compare(a.Key, b.Key) })
		if most > 0 {
			order = order[max(len(order)-most, 0):]
		}
	}
	if most <= 0 {
		most = len(order)
	}
	for _, g := range order[:min(most, len(order))] {
		all = append(all, *g)
	}
	return all
}

func bySize(a, b *Group) int {
	if n := cmp.Compare(b.Bytes.Sent+b.Bytes.Received, a.Bytes.Sent+a.Bytes.Received); n != 0 {
		return n
	}
	return cmp.Or(cmp.Compare(b.Lives, a.Lives), strings.Compare(a.Key, b.Key))
}

// totals answers from totals, where they can.
func (r *Reader) totals(ctx context.Context, q Query, by By) ([]Group, bool, error) {
	if by > BySystem || q.Listeners || q.From.IsZero() {
		return nil, false, nil
	}
	if q.Names == nil {
		q.Names = new(view.Names)
	}
	t := &translator{ctx: ctx, reader: r, names: q.Names, totals: true}
	c, err := t.cond(q.Filter.Expr())
	if err != nil || !c.exact {
		return nil, false, err
	}
	alive, err := r.alive(ctx)
	if err != nil {
		return nil, false, err
	}
	grain, first, last := wholeTime(q.From.In(r.zone), q.To, time.UnixMicro(alive).In(r.zone))
	// A month's totals are kept by program and host; a day's by either.
	which, waiting := "1", "program, remote"
	switch {
	case grain == 0, grain == byDay && c.text != "":
		return nil, false, nil
	case c.text == "" && by <= ByUnit:
		which, waiting = "c.remote = 0", "program, 0"
	case c.text == "":
		which, waiting = "c.program = 0 AND c.remote != 0", "0, iif(host, remote, 0)"
	default:
		grain = byPair
	}
	k := newKeys(r, ctx, by, &q)
	err = k.read("", fmt.Sprintf("SELECT %s AS key, sum(opened) AS n, 0 AS open, sum(rx) AS rx, sum(tx) AS tx, 0 AS untold, 0 AS first, 0 AS last"+
		" FROM (SELECT program, host AS remote, rx, tx, opened FROM total WHERE grain = ? AND %s"+
		" UNION ALL SELECT %s, rx, tx, opened FROM pending WHERE moment >= ? AND moment < ?) c WHERE %s AND (%s) GROUP BY 1",
		k.sql(), starts(grain, first, last), waiting, which, c.or("1")), append([]any{grain, micros(q.From), endOf(q.To)}, c.args...)...)
	return k.sorted(), true, err
}

// endOf is micros of the end of a time, or later than all, if it has none.
func endOf(to time.Time) int64 {
	if to.IsZero() {
		return math.MaxInt64
	}
	return micros(to)
}

// starts is a condition for the days or months from first to last. Months are told one by one: then a program's rows in each are
// found at once.
func starts(grain, first, last int64) string {
	if grain == byDay {
		return fmt.Sprintf("start BETWEEN %d AND %d", first, last)
	}
	var all []int64
	for m := first; m <= last && len(all) < 1000; m++ {
		if m%100 > 12 {
			m += 100 - 12
		}
		all = append(all, m)
	}
	return "start IN (" + join(all) + ")"
}

// wholeTime reports whether a time is whole months or whole days, and which; grain 0 is neither. The last may still go on.
func wholeTime(from, to, now time.Time) (grain, first, last int64) {
	end := to
	if to.IsZero() || to.After(now) {
		end = now.Add(time.Microsecond)
	}
	final := end.Add(-time.Microsecond).In(from.Location())
	whole := func(t time.Time) bool { return t.Equal(midnight(t, 0)) }
	over := !end.Equal(to) // what is asked for goes beyond what there is
	if !whole(from) || !over && !whole(end.In(from.Location())) {
		return 0, 0, 0
	}
	if from.Day() == 1 && (over || end.In(from.Location()).Day() == 1) {
		return byMonth, monthOf(from), monthOf(final)
	}
	return byDay, dayOf(from), dayOf(final)
}

// midnight is the beginning of the day that is so many days after that of t. Where clocks are put forward at midnight a day begins
// later.
func midnight(t time.Time, days int) time.Time {
	noon := time.Date(t.Year(), t.Month(), t.Day()+days, 12, 0, 0, 0, t.Location())
	begin := time.Date(noon.Year(), noon.Month(), noon.Day(), 0, 0, 0, 0, t.Location())
	for begin.Day() != noon.Day() { // it was given as an hour of the day before
		begin = begin.Add(15 * time.Minute)
	}
	return begin
}
