package history

import (
	"context"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// cond is a condition in SQL on a row of lives. It holds for every life that the filter matches; exact ones hold for no
// other. An empty text holds for all.
type cond struct {
	text  string
	args  []any
	exact bool
}

// translator makes a cond of a filter. Fields of the dictionaries are decided here, by the filter's own rules, for each
// entry: what the condition asks for is a list of ids.
type translator struct {
	ctx    context.Context
	reader *Reader
	names  *view.Names
	totals bool // rows are totals, which have a program and a host only
}

// way is an index by which rows can be found: those for which this condition holds are all there are.
type way struct {
	index string // of connection
	cond
}

func (t *translator) cond(x *view.Expr) (cond, error) {
	if x == nil {
		return cond{exact: true}, nil
	}
	switch x.Op {
	case "and":
		return t.all(x.Parts)
	case "or":
		return t.any(x.Parts)
	case "not":
		c, err := t.cond(x.Parts[0])
		return c.not(), err
	case "state":
		return t.states(x.States), nil
	case "!=", "!~":
		c, err := t.compare(x, map[string]string{"!=": "=", "!~": "~"}[x.Op])
		return c.not(), err
	}
	return t.compare(x, x.Op)
}

func (c cond) not() cond {
	if !c.exact {
		return cond{}
	}
	return exactly("NOT ("+c.or("1")+")", c.args...)
}

// or is the text, or another where there is none.
func (c cond) or(text string) string {
	if c.text == "" {
		return text
	}
	return c.text
}

func exactly(text string, args ...any) cond { return cond{text, args, true} }

func (t *translator) all(parts []*view.Expr) (cond, error) {
	all := cond{exact: true}
	for _, p := range parts {
		c, err := t.cond(p)
		if err != nil {
			return c, err
		}
		all = all.and(c)
	}
	return all, nil
}

func (c cond) and(d cond) cond {
	both := cond{exact: c.exact && d.exact, args: append(c.args[:len(c.args):len(c.args)], d.args...)}
	switch {
	case c.text == "":
		both.text = d.text
	case d.text == "":
		both.text = c.text
	default:
		both.text = "(" + c.text + ") AND (" + d.text + ")"
	}
	return both
}

func (t *translator) any(parts []*view.Expr) (cond, error) {
	some := cond{exact: true}
	var texts []string
	for _, p := range parts {
		c, err := t.cond(p)
		if err != nil || c.text == "" {
			return cond{exact: c.exact}, err
		}
		texts = append(texts, "("+c.text+")")
		some.args, some.exact = append(some.args, c.args...), some.exact && c.exact
	}
	some.text = strings.Join(texts, " OR ")
	return some, nil
}

func (t *translator) states(set netstat.States) cond {
	if t.totals {
		return cond{}
	}
	var list []int64
	for s := netstat.Established; s <= netstat.DeleteTCB; s++ {
		if set&(1<<s) != 0 {
			list = append(list, int64(s))
		}
	}
	return exactly("c.state IN (" + join(list) + ")")
}

// join writes numbers with commas between them.
func join(list []int64) string {
	var b []byte
	for i, n := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}

// compare translates = < <= > >= ~. What it does not know bounds nothing.
func (t *translator) compare(x *view.Expr, op string) (cond, error) {
	switch x.Field {
	case "process", "unit":
		return t.programs(x, op)
	case "country", "region", "city", "isp", "asn", "special":
		return t.places(x, op)
	case "dst":
		if !t.totals || x.Port < 0 {
			return t.address(x, "remote", "rport")
		}
	}
	if t.totals {
		return cond{}, nil
	}
	switch x.Field {
	case "sport":
		return t.number("c.lport", op, x.Number), nil
	case "dport":
		return t.number("c.rport", op, x.Number), nil
	case "port":
		a, b := t.number("c.lport", op, x.Number), t.number("c.rport", op, x.Number)
		return exactly(a.text+" OR "+b.text, append(a.args, b.args...)...), nil
	case "src":
		return t.address(x, "local", "lport")
	case "proto":
		return t.proto(x.Text), nil
	case "family":
		return exactly("c.family = " + strconv.Itoa(int(x.Text[0]-'0'))), nil
	case "pid":
		return t.pid(op, x.Number), nil
	case "uid":
		c := t.number("c.uid", op, x.Number)
		return exactly("c.uid >= 0 AND "+c.text, c.args...), nil
	case "netns":
		c := t.number("c.netns", op, x.Number)
		return exactly("c.netns != 0 AND "+c.text, c.args...), nil
	case "rx_bytes", "tx_bytes":
		c := t.number("c."+x.Field[:2], op, x.Number)
		return exactly("c.proto = 1 AND c.basis != 0 AND "+c.text, c.args...), nil
	}
	return cond{}, nil
}

// number compares a column. SQLite's integers end at 2^63-1, which nothing here reaches.
func (t *translator) number(column, op string, n uint64) cond {
	return exactly(column+" "+op+" ?", int64(min(n, math.MaxInt64)))
}

func (t *translator) proto(name string) cond {
	for p := netstat.TCP; p <= netstat.Unix; p++ {
		if p.String() == name {
			return exactly("c.proto = " + strconv.Itoa(int(p)))
		}
	}
	return cond{}
}

func (t *translator) pid(op string, n uint64) cond {
	match := "SELECT id FROM process WHERE pid " + op + " ?"
	v := int64(min(n, math.MaxInt64))
	return exactly("c.process IN ("+match+") OR c.owners IN (SELECT id FROM owners WHERE process IN ("+match+"))", v, v)
}

// ids goes through a dictionary and finds the entries that match.
func (t *translator) ids(query string, match func(scanner) (int64, bool, error)) (list []int64, err error) {
	rows, err := t.reader.db.QueryContext(t.ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		id, ok, err := match(rows)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, id)
		}
	}
	return list, rows.Err()
}

// programs finds programs by name or unit: the filter is asked about a socket that has just this program, as
// one of its owners. Only a unit can be known where there is no owner.
func (t *translator) programs(x *view.Expr, op string) (cond, error) {
	list, err := t.programIDs(x, op)
	if err != nil {
		return cond{}, err
	}
	main := "c.program IN (" + join(list) + ")"
	if t.totals {
		return exactly(main), nil
	}
	if x.Field == "process" {
		main = "c.process != 0 AND " + main
	}
	return exactly(main + " OR c.owners IN (" + ownersOf(list) + ")"), nil
}

// programIDs are those of the programs that match. Totals do not tell a process without a name from none.
func (t *translator) programIDs(x *view.Expr, op string) ([]int64, error) {
	positive := positiveOf(x, op, t.names)
	return t.ids("SELECT id, name, unit FROM program", func(row scanner) (id int64, ok bool, err error) {
		var p netstat.Process
		if err := row.Scan(&id, &p.Name, &p.Module); err != nil {
			return 0, false, err
		}
		s := netstat.Socket{Module: p.Module}
		if p.Name != "" || !t.totals {
			s.Owners = []netstat.Owner{{Process: &p, FD: -1}}
		}
		return id, positive(&s), nil
	})
}

// ownersOf selects the sets of owners that have one of these programs.
func ownersOf(programs []int64) string {
	return "SELECT o.id FROM owners o JOIN process p ON p.id = o.process WHERE p.program IN (" + join(programs) + ")"
}

// positiveOf is a comparison without its negation.
func positiveOf(x *view.Expr, op string, names *view.Names) func(*netstat.Socket) bool {
	match := x.Filter(names).Match
	if op == x.Op {
		return match
	}
	return func(s *netstat.Socket) bool { return !match(s) }
}

// places finds hosts by where they are.
func (t *translator) places(x *view.Expr, op string) (cond, error) {
	var here *geoip.Location
	names := *t.names
	names.ForgetPlaces()
	names.Place = func(netip.Addr) *geoip.Location { return here }
	positive := positiveOf(x, op, &names)
	anywhere := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	list, err := t.ids("SELECT id, "+placeNames+" FROM place", func(row scanner) (id int64, ok bool, err error) {
		p, err := scanPlace(row, &id)
		if err != nil {
			return 0, false, err
		}
		// Another address each time: places are remembered by it.
		here, anywhere = p.location(), anywhere.Next()
		return id, positive(&netstat.Socket{Remote: netip.AddrPortFrom(anywhere, 1)}), nil
	})
	return exactly("c.remote IN (SELECT id FROM host WHERE place IN (" + join(list) + "))"), err
}

// address finds hosts by a network. Addresses of IPv4 are stored mapped, as a pattern of IPv4 covers them.
func (t *translator) address(x *view.Expr, host, port string) (cond, error) {
	c := exactly("c." + host + " != 0")
	if x.Prefix.IsValid() {
		low, high := bounds(x.Prefix)
		c = exactly("c."+host+" IN (SELECT id FROM host WHERE addr BETWEEN ? AND ? AND (zone = ? OR ? = ''))", low, high, x.Zone, x.Zone)
		if !x.Prefix.Addr().Is4() {
			c = c.and(t.family6())
		}
	}
	if x.Port >= 0 {
		c = c.and(exactly("c."+port+" = ?", x.Port))
	}
	return c, nil
}

// family6 holds for sockets of IPv6. Totals do not tell a mapped address from one of IPv4.
func (t *translator) family6() cond {
	if t.totals {
		return cond{}
	}
	return exactly("c.family = 6")
}

// bounds are the first and the last address of a network, as they are stored.
func bounds(p netip.Prefix) (low, high []byte) {
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	low = blob(p.Masked().Addr())
	high = append([]byte(nil), low...)
	for i := bits; i < 128; i++ {
		high[i/8] |= 0x80 >> (i % 8)
	}
	return low, high
}

// maxWayIDs bounds the ids that an index is asked for one by one.
const maxWayIDs = 200

// way finds the best way to the rows of a filter, of which each part has to hold: by remote host, by port, by program, and
// else by time only.
func (t *translator) way(x *view.Expr) ([]way, error) {
	parts := []*view.Expr{x}
	if x == nil {
		parts = nil
	} else if x.Op == "and" {
		parts = x.Parts
	}
	for _, find := range []func(*view.Expr) ([]way, error){t.wayByHost, t.wayByPort, t.wayByProgram} {
		for _, p := range parts {
			if ways, err := find(p); err != nil || ways != nil {
				return ways, err
			}
		}
	}
	return []way{{index: "connection_time"}}, nil
}

func (t *translator) wayByHost(x *view.Expr) ([]way, error) {
	if x.Field != "dst" || x.Op != "=" || !x.Prefix.IsValid() {
		return nil, nil
	}
	low, high := bounds(x.Prefix)
	var list []int64
	rows, err := t.reader.db.QueryContext(t.ctx, "SELECT id FROM host WHERE addr BETWEEN ? AND ? LIMIT ?", low, high, maxWayIDs+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		list = append(list, id)
	}
	if len(list) > maxWayIDs {
		return nil, rows.Err()
	}
	return []way{{"connection_remote", exactly("c.remote IN (" + join(list) + ")")}}, rows.Err()
}

func (t *translator) wayByPort(x *view.Expr) ([]way, error) {
	n := x.Number
	if x.Op != "=" {
		return nil, nil
	}
	local, remote := way{"connection_lport", exactly("c.lport = ?", int64(n))}, way{"connection_rport", exactly("c.rport = ?", int64(n))}
	switch x.Field {
	case "sport":
		return []way{local}, nil
	case "dport":
		return []way{remote}, nil
	case "port": // what both find is found once
		remote.cond = exactly("c.rport = ? AND c.lport != ?", int64(n), int64(n))
		return []way{local, remote}, nil
	}
	return nil, nil
}

func (t *translator) wayByProgram(x *view.Expr) ([]way, error) {
	if x.Field != "process" && x.Field != "unit" || x.Op != "=" && x.Op != "~" {
		return nil, nil
	}
	ids, err := t.programIDs(x, x.Op)
	if err != nil || len(ids) > maxWayIDs {
		return nil, err
	}
	list := join(ids)
	return []way{
		{"connection_program", exactly("c.program IN (" + list + ")")},
		{"connection_owners", exactly("c.owners != 0 AND c.owners IN (" + ownersOf(ids) + ") AND c.program NOT IN (" + list + ")")},
	}, nil
}
