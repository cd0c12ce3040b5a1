package view

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
)

// TestFilterMatch says by number which of the sample sockets each filter passes.
func TestFilterMatch(t *testing.T) {
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8}
	for expr, want := range map[string][]int{
		"":                                    all,
		"state all":                           all,
		"exclude all":                         nil,
		"state established":                   {1, 3, 5},
		"state ESTAB":                         {1, 3, 5},
		"state listening state time-wait":     {0, 2, 7},
		"state = TIME_WAIT":                   {2},
		"state LISTEN,TIME_WAIT":              {0, 2, 7},
		"state connected":                     {1, 3, 5},
		"state bucket":                        {2},
		"exclude bucket exclude established":  {0, 4, 6, 7, 8},
		"state big exclude listen":            {1, 3, 4, 5, 6, 8},
		"state != established":                {0, 2, 4, 6, 7, 8},
		"state established state = LISTEN":    nil, // a comparison is not part of the run
		"sport = :443":                        {0, 1, 2},
		"sport = :https":                      {0, 1, 2},
		"sport eq 443":                        {0, 1, 2},
		"sport :443":                          {0, 1, 2},
		"dport = 443":                         {3},
		"port = https":                        {0, 1, 2, 3},
		"port = odd-service":                  nil,
		"sport != :443":                       {3, 4, 5, 6, 7, 8},
		"sport >= :1024":                      {3, 6},
		"sport lt 100":                        {4},
		"src 10.0.0.0/8":                      {1},
		"src = 10.0.0.5:443":                  {1},
		"dst 127.0.0.1":                       {2},
		"dst ::ffff:127.0.0.1":                {2},
		"dst [::ffff:127.0.0.1]:40000":        {2},
		"dst 127.0.0.0/8:40000":               {2},
		"src *:53":                            {4},
		"src :53":                             {4},
		"dst [2001:db8::/32]:443":             {3},
		"dst [2001:db8::]/32:443":             {3},
		"dst 2001:db8::/32":                   {3},
		"dst != 2001:db8::/32":                {0, 1, 2, 4, 5, 6, 7, 8},
		"src fe80::1":                         {5},
		"src fe80::1%eth0":                    {5},
		"src fe80::1%eth1":                    nil,
		"src *":                               {0, 1, 2, 3, 4, 5, 6},
		"process = nginx":                     {0, 1, 7},
		"process ~ ^ngi and pid = 4243":       {0, 1},
		"process !~ ^ngi":                     {2, 3, 4, 5, 6, 8},
		"process ~ (ngi|fire) proto = udp":    {4},
		"pid != 4242":                         {1, 2, 3, 4, 5, 6, 8},
		"user = root":                         {0, 4, 5, 7, 8},
		"user = 33 or user = 'www-data'":      {1},
		"user ~ ^w":                           {1},
		"uid = 0":                             {0, 4, 5, 7, 8},
		"unit = nginx":                        {0, 1, 7},
		"unit = nginx.service and owner some": {0, 1, 7},
		"module ~ nginx":                      {0, 1, 7},
		"proto = tcp":                         {0, 1, 2, 3},
		"proto unix":                          {7, 8},
		"family = 6":                          {2, 3, 5},
		"dev = lo":                            {4},
		"interface = 2":                       {1},
		"netns = 4026532000":                  {5},
		"inode = 9":                           {8},
		"cookie = 77":                         {0},
		"recv_q > 0":                          {1},
		"recv-q gt 0":                         {1},
		"send_q >= 511":                       {0, 1},
		"rx_bytes < 1000":                     {1},
		"rtt > 24999":                         {1},
		"owner = none":                        {2, 3, 5, 6, 8},
		"owner = permission":                  {3},
		"owner = time_wait":                   {2},
		"path ~ odd":                          {7},
		`path = "/run/my \"odd\"` + "\n\xff.sock\"": {7},
		"peer = 4321":                            {8},
		"type = dgram":                           {8},
		"fd = 4":                                 {7},
		"sport=:443&&!state listen":              {1, 2},
		"sport=443&state=LISTEN|sport=53":        {0, 4},
		"not ( sport = :443 or proto = udp )":    {3, 7, 8},
		"sport = 53 or sport = 443 state listen": {0, 4}, // and binds closer
		"! ! sport = 53":                         {4},
	} {
		f, err := ParseFilter(expr, sampleNames())
		if err != nil {
			t.Errorf("%q: %v", expr, err)
			continue
		}
		if got := matching(f, sampleSockets()); !slices.Equal(got, want) {
			t.Errorf("%q passes %v, want %v", expr, got, want)
		}
	}
}

func matching(f *Filter, sockets []netstat.Socket) (found []int) {
	for i := range sockets {
		if f.Match(&sockets[i]) {
			found = append(found, i)
		}
	}
	return found
}

func TestSyntaxErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"sport = foo":       `filter: expected a port at "sport = »foo«"`,
		"sport = 70000":     `filter: expected a port at "sport = »70000«"`,
		"sport =":           `filter: expected a port at "sport =»«"`,
		"sport and":         `filter: expected a port at "sport »and«"`,
		"dst 10.0.0.0/33":   `filter: expected an address at "dst »10.0.0.0/33«"`,
		"dst [::1":          `filter: expected an address at "dst »[::1«"`,
		"state foo":         `filter: expected a state at "state »foo«"`,
		"state":             `filter: expected a state at "state»«"`,
		"pid = x":           `filter: expected a number at "pid = »x«"`,
		"pid ~ 1":           `filter: pid cannot be compared with ~ at "»pid ~« 1"`,
		"proto = sctp":      `filter: expected tcp, udp or unix at "proto = »sctp«"`,
		"bogus = 1":         `filter: no field is called "bogus" at "»bogus« = 1"`,
		"( sport = 1":       `filter: the parenthesis is not closed at "»( sport = 1«"`,
		"sport = 1 )":       `filter: expected a field, and, or, or not at "sport = 1 »)«"`,
		"sport = 1 and":     `filter: expected a field or a state at "sport = 1 and»«"`,
		"= 1":               `filter: expected a field or a state at "»=« 1"`,
		"process = \"x":     `filter: the quote is not closed at "process = »"x«"`,
		"process ~ [a":      "filter: expected a pattern (missing closing ]: `[a`) at \"process ~ »[a«\"",
		"user > 5":          `filter: user cannot be compared with > at "»user >« 5"`,
		"sport = \x1b[31m5": `filter: expected a port at "sport = »\x1b[31m5«"`,
	} {
		_, err := ParseFilter(expr, nil)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) {
			t.Errorf("%q: error %v is no SyntaxError", expr, err)
		} else if got := err.Error(); got != want {
			t.Errorf("%q: %s\nwant %s", expr, got, want)
		}
	}
}

func TestFilterNeeds(t *testing.T) {
	for expr, want := range map[string]Needs{
		"sport = 1":            {},
		"process = x":          {Owners: true},
		"unit = x":             {Owners: true, Module: true},
		"not rtt_us > 5":       {Info: true},
		"path = x or user = y": {Unix: true, User: true},
		"proto = unix":         {Unix: true},
		"proto != unix":        {},
	} {
		f, err := ParseFilter(expr, nil)
		if err != nil || f.Needs() != want {
			t.Errorf("%q needs %+v, %v, want %+v", expr, f.Needs(), err, want)
		}
	}
}

func TestNarrow(t *testing.T) {
	for expr, want := range map[string]netstat.Query{
		"sport = 443":                         {Protos: inetProto, LocalPorts: []uint16{443}},
		"sport = 443 or src *:80":             {Protos: inetProto, LocalPorts: []uint16{80, 443}},
		"sport = 443 or dport = 443":          {Protos: inetProto},
		"port = 443":                          {Protos: inetProto},
		"state listening proto = tcp":         {Protos: netstat.QueryTCP, States: netstat.StatesOf(netstat.Listen)},
		"not ( sport != 22 or proto != udp )": {Protos: netstat.QueryUDP, LocalPorts: []uint16{22}},
		"dst ::1":                             {Protos: inetProto, Families: netstat.IPv6},
		"dst 10.0.0.0/8":                      {Protos: inetProto},
		"family = 4 and state established or family = 4": {Protos: inetProto, Families: netstat.IPv4},
		"rtt_us > 5": {Protos: netstat.QueryTCP},
	} {
		f, err := ParseFilter(expr, nil)
		if err != nil {
			t.Fatal(err)
		}
		var q netstat.Query
		if !f.Narrow(&q) || !reflect.DeepEqual(q, want) {
			t.Errorf("%q narrows to %+v, want %+v", expr, q, want)
		}
	}
}

func TestNarrowToNothing(t *testing.T) {
	for _, expr := range []string{"exclude all", "proto = tcp proto = udp", "sport = 1 sport = 2", "family = 4 family = 6", "proto = unix"} {
		f, _ := ParseFilter(expr, nil)
		if q := (netstat.Query{}); f.Narrow(&q) || !reflect.DeepEqual(q, netstat.Query{}) {
			t.Errorf("%q is thought to match something: %+v", expr, q)
		}
	}
}

// inQuery is what a table yields, as netstat documents it.
func inQuery(q *netstat.Query, s *netstat.Socket) bool {
	family := netstat.IPv6
	if s.Local.Addr().Is4() {
		family = netstat.IPv4
	}
	return q.Protos.Has(s.Proto) && q.States.Has(s.State) &&
		(q.Families == 0 || s.Proto == netstat.Unix || q.Families&family != 0) &&
		(len(q.LocalPorts) == 0 || s.Proto != netstat.Unix && slices.Contains(q.LocalPorts, s.Local.Port()))
}

// TestNarrowLosesNothing: over random filters, queries and sockets, what the narrowed query yields and the filter passes is
// what the query yields and the filter passes.
func TestNarrowLosesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	narrowed, names := 0, sampleNames()
	for range 20000 {
		f, err := ParseFilter(randomExpr(r, r.IntN(4)), names)
		if err != nil {
			t.Fatal(err)
		}
		q := netstat.Query{Protos: netstat.Protos(r.IntN(8)), Families: netstat.Families(r.IntN(4)), States: pick(r, 0, 0, netstat.ListenerStates)}
		n := q
		possible := f.Narrow(&n)
		if !reflect.DeepEqual(n, q) {
			narrowed++
		}
		for range 30 {
			s := randomSocket(r)
			plain := inQuery(&q, &s) && f.Match(&s)
			pushed := possible && inQuery(&n, &s) && f.Match(&s)
			if plain != pushed {
				t.Fatalf("%s\nquery %+v\nnarrowed %+v, possible %v\nloses %+v", f, q, n, possible, s)
			}
		}
	}
	if narrowed < 1000 {
		t.Errorf("only %d queries were narrowed", narrowed)
	}
}

// checkRoundTrip prints what was parsed, and parses it again.
func checkRoundTrip(t *testing.T, expr string) {
	t.Helper()
	a, err := parse(expr, nil)
	if err != nil || a == nil {
		return
	}
	printed := string(a.append(nil))
	b, err := parse(printed, nil)
	if err != nil {
		t.Fatalf("%q is printed as %q, which does not parse: %v", expr, printed, err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Fatalf("%q is printed as %q, which parses to another filter, printed as %q", expr, printed, b.append(nil))
	}
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 5000 {
		checkRoundTrip(t, randomExpr(r, r.IntN(5)))
	}
}

func FuzzFilter(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		f.Add(randomExpr(r, 2))
	}
	for _, s := range []string{`process = "a b\\\"c"`, "src [fe80::1%lo]/64:22", "process ~ (a|b)", "!(((state a", "\xff = \x00", "state a state = b",
		"country = CN and not asn = AS13335", `city ~ ^(a|b)$ or isp = "China Telecom"`, "special != link_local region 浙江", "asn < 4134 iso de"} {
		f.Add(s)
	}
	sockets := sampleSockets()
	f.Fuzz(func(t *testing.T, expr string) {
		checkRoundTrip(t, expr)
		filter, err := ParseFilter(expr, &Names{Place: samplePlace})
		if err != nil {
			_ = err.Error()
			return
		}
		q := netstat.Query{Protos: anyProto}
		possible := filter.Narrow(&q)
		for i := range sockets {
			if filter.Match(&sockets[i]) && !(possible && inQuery(&q, &sockets[i])) {
				t.Fatalf("%q loses %+v by %+v", expr, sockets[i], q)
			}
		}
	})
}

func TestJoinArgs(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"sport", "=", ":443"}, "sport = :443"},
		{[]string{"state", "established", "( sport = :443 )"}, "state established ( sport = :443 )"},
		{[]string{"process", "=", `a "b" c`}, `process = "a \"b\" c"`},
		{[]string{"process", "eq", ""}, `process eq ""`},
		{[]string{"!", "( sport = 1 )"}, "! ( sport = 1 )"},
	} {
		if got := JoinArgs(c.args); got != c.want {
			t.Errorf("%q: %q, want %q", c.args, got, c.want)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	f, err := ParseFilter("not (user = root and process ~ ^ngi) or dst 10.0.0.0/8 or src fe80::1%eth0 or dev = lo or unit = nginx or pid > 5", sampleNames())
	if err != nil {
		t.Fatal(err)
	}
	sockets := sampleSockets()
	if n := testing.AllocsPerRun(100, func() { matching0(f, sockets) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func matching0(f *Filter, sockets []netstat.Socket) {
	for i := range sockets {
		f.Match(&sockets[i])
	}
}

func BenchmarkMatch(b *testing.B) {
	f, _ := ParseFilter("state established and ( dport = 443 or dst 10.0.0.0/8 ) and process ~ ^ngi", sampleNames())
	sockets := sampleSockets()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		f.Match(&sockets[i%len(sockets)])
	}
}
