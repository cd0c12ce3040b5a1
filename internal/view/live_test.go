package view

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

func TestAmounts(t *testing.T) {
	for _, c := range []struct {
		bytes             float64
		amount, rate, bit string
	}{
		{0, "0 B", "0 B/s", "0 bit"}, {0.04, "<1 B", "<1 B/s", "<1 bit"}, {0.5, "0 B", "0 B/s", "4 bit"}, {812, "812 B", "812 B/s", "6.5 kbit"},
		{999, "999 B", "999 B/s", "8.0 kbit"}, {999.5, "1.0 kB", "1.0 kB/s", "8.0 kbit"}, {1234567, "1.2 MB", "1.2 MB/s", "9.9 Mbit"},
		{99_949, "99.9 kB", "99.9 kB/s", "800 kbit"}, {99_950, "100 kB", "100 kB/s", "800 kbit"}, {999_499, "999 kB", "999 kB/s", "8.0 Mbit"},
		{999_500, "1.0 MB", "1.0 MB/s", "8.0 Mbit"}, {12.3e6, "12.3 MB", "12.3 MB/s", "98.4 Mbit"}, {1 << 63, "9.2 EB", "9.2 EB/s", "73.8 Ebit"},
	} {
		if a, r, b := InBytes.Amount(c.bytes), InBytes.Rate(c.bytes), InBits.Amount(c.bytes); a != c.amount || r != c.rate || b != c.bit {
			t.Errorf("%v: %q %q %q, want %q %q %q", c.bytes, a, r, b, c.amount, c.rate, c.bit)
		}
	}
	if got := Count(24_400); got != "24.4k" {
		t.Error(got)
	}
}

// TestAmountsAreShort: no amount is longer than its column is at first.
func TestAmountsAreShort(t *testing.T) {
	for v := 0.3; v < 1e19; v *= 1.01 {
		if a, b := InBytes.Rate(v), InBits.Rate(v); len(a) > bytesColumn("", InBytes, true).Least || len(b) > bytesColumn("", InBits, true).Least {
			t.Fatalf("%v: %q %q", v, a, b)
		}
	}
}

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{nil, ""}, {[]float64{0, 0}, "__"}, {[]float64{1}, "#"}, {[]float64{0, 1, 50, 100}, "_.=#"}, {[]float64{7, 7}, "##"},
	} {
		if got := Spark(c.values, true); got != c.want {
			t.Errorf("%v: %q, want %q", c.values, got, c.want)
		}
	}
	if got := Spark([]float64{0, 3, 6}, false); got != "▁▅█" {
		t.Error(got)
	}
}

func TestLasted(t *testing.T) {
	for d, want := range map[time.Duration]string{
		300 * time.Microsecond: "0.3 ms", 333 * time.Millisecond: "333 ms", 999_600 * time.Microsecond: "1.0 s", 12300 * time.Millisecond: "12.3 s",
		100 * time.Second: "1m40s", 2 * time.Minute: "2m", time.Hour: "1h0m", 3*time.Hour + time.Second: "3h0m1s",
	} {
		if got := Lasted(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

// TestGrid: columns keep the width they had, and no line is wider than it may be.
func TestGrid(t *testing.T) {
	g := NewGrid([]GridColumn{{Header: "NAME", Shrink: 4}, {Header: "N", Right: true, Least: 3}, {Header: "NOTE", Drop: 1}})
	first := g.Lines([][]string{{"接口接口", "1", ""}, {"b", "", "odd"}}, 0, true)
	want := []string{"NAME        N  NOTE", "接口接口    1", "b           -  odd"}
	if !slices.Equal(first, want) {
		t.Errorf("%q", first)
	}
	if later := g.Lines([][]string{{"b", "22", "x"}}, 0, false); !slices.Equal(later, []string{"b          22  x"}) {
		t.Errorf("%q", later)
	}
	if narrow := g.Lines([][]string{{"abcdefgh", "22", "x"}}, 11, false); !slices.Equal(narrow, []string{"abcde…   22"}) {
		t.Errorf("%q", narrow)
	}
	if Cut("abcdef", 4) != "abc…" || Cut("abc", 0) != "abc" || Wide("接a") != 3 {
		t.Error("Cut or Wide")
	}
}

// fill writes two objects of every kind of field.
func fill(o *Objects) {
	for i := range 2 {
		o.Begin()
		o.Text("text", []string{"a \"b\", \x1b", ""}[i])
		o.Uint("uint", 7, i == 0)
		o.Float("float", 1.0/3, i == 1)
		o.Time("time", []time.Time{{}, sampleTime}[i])
		o.True("true", i == 1)
		o.List("list", [][]string{{"x", "y,z"}, {}}[i], true)
		o.Socket(Columns("proto", "owners", "path"), nil, []*netstat.Socket{nil, {Proto: netstat.TCP}}[i])
		_ = o.End()
	}
}

func TestObjects(t *testing.T) {
	for format, want := range map[Format]string{
		JSONL: `{"text":"a \"b\", \u001b","uint":7,"list":["x","y,z"]}` + "\n" +
			`{"float":0.333,"time":"2026-03-04T05:06:07.000000Z","true":true,"list":[],"proto":"tcp","owners":[]}` + "\n",
		CSV: "text,uint,float,time,true,list,proto,owners,path\r\n" + `"a ""b"", \x1b",7,,,,"x y,z",,,` + "\r\n" +
			",,0.333,2026-03-04T05:06:07.000000Z,true,,tcp,,\r\n",
		JSON: `{"schema":1,"time":"2026-03-04T05:06:07Z","host":"box","things":[` + "\n" + `{"text":"a \"b\", \u001b","uint":7,"list":["x","y,z"]},` + "\n" +
			`{"float":0.333,"time":"2026-03-04T05:06:07.000000Z","true":true,"list":[],"proto":"tcp","owners":[]}` + "\n" + `],"partial":["why"]}` + "\n",
	} {
		var out bytes.Buffer
		o := NewObjects(&out, Options{Format: format, Time: sampleTime, Host: "box"}, "things")
		fill(o)
		if err := o.Close([]error{errors.New("why")}); err != nil || out.String() != want {
			t.Errorf("format %d: %v\n%s\nwant\n%s", format, err, out.String(), want)
		}
	}
	var empty, plain bytes.Buffer
	_ = NewObjects(&empty, Options{Format: JSON, Time: sampleTime}, "things").Close(nil)
	if !json.Valid(empty.Bytes()) {
		t.Errorf("%s", empty.String())
	}
	o := NewObjects(&plain, Options{Format: CSV, NoHeader: true}, "")
	fill(o)
	if _ = o.Close(nil); strings.HasPrefix(plain.String(), "text") {
		t.Errorf("a header: %s", plain.String())
	}
}

// TestObjectsRefused: an error of the stream stays, and is returned.
func TestObjectsRefused(t *testing.T) {
	o := NewObjects(refusing{}, Options{Format: JSONL}, "")
	fill(o)
	if o.Flush() == nil || o.Close(nil) == nil {
		t.Error("no error")
	}
}

type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestReadingMarks(t *testing.T) {
	i := &ifstat.Interface{Name: "e", Up: true, State: ifstat.Up}
	for _, c := range []struct {
		r     ifstat.Reading
		first bool
		marks string
		known bool
	}{
		{ifstat.Reading{First: true}, true, "", false},
		{ifstat.Reading{First: true}, false, "new", false},
		{ifstat.Reading{Elapsed: 1, Reset: true}, false, "reset", false},
		{ifstat.Reading{Elapsed: 1, Wrapped: true, AtLeast: true}, false, "wrapped at_least", true},
		{ifstat.Reading{Elapsed: 1}, false, "", true},
	} {
		c.r.Interface = i
		row := ReadingRow(&c.r, sampleTime, c.first)
		if strings.Join(row.Marks, " ") != c.marks || row.Known != c.known || row.Excluded != "" {
			t.Errorf("%+v: %+v", c.r, row)
		}
	}
	i.Up = false
	if row := ReadingRow(&ifstat.Reading{Interface: i, Excluded: ifstat.IsLoopback}, sampleTime, true); row.State != "disabled" || row.Excluded != "loopback" {
		t.Errorf("%+v", row)
	}
}

func TestEventFilter(t *testing.T) {
	s := sampleSockets()
	closed := watch.Event{Kind: watch.Closed, Socket: s[1]}
	opened := watch.Event{Kind: watch.Opened, Socket: s[1]}
	down := watch.Event{Kind: watch.LinkDown, Link: &ifstat.Change{New: &ifstat.Interface{Index: 2, Name: "eth0"}}}
	lost := watch.Event{Kind: watch.Overflow}
	for expr, want := range map[string][4]bool{
		"":                                  {true, true, true, true},
		"event = closed":                    {true, false, false, true},
		"event != closed and sport = 443":   {false, true, false, true},
		"event ~ ^link":                     {false, false, true, true},
		"dev = eth0":                        {true, true, true, true},
		"process = nginx":                   {true, true, false, true},
		"sport = 1":                         {false, false, false, true},
		"not ( event = opened ) dport > 10": {true, false, false, true},
	} {
		f, err := ParseEventFilter(expr, sampleNames())
		if err != nil {
			t.Fatal(err)
		}
		if got := [4]bool{f.MatchEvent(&closed), f.MatchEvent(&opened), f.MatchEvent(&down), f.MatchEvent(&lost)}; got != want {
			t.Errorf("%q: %v, want %v", expr, got, want)
		}
		if again, err := ParseEventFilter(f.String(), nil); err != nil || again.String() != f.String() {
			t.Errorf("%q is written as %q, which is another: %v", expr, f.String(), err)
		}
	}
	if _, err := ParseFilter("event = closed", nil); err == nil {
		t.Error("a socket has an event")
	}
	if _, err := ParseEventFilter("event < closed", nil); err == nil {
		t.Error("events are not ordered")
	}
	if _, err := ParseEventFilter("sport = 443 or not ( event != foo )", nil); err == nil || !strings.Contains(err.Error(), `"foo"`) {
		t.Errorf("%v: nobody should wait for what never comes", err)
	}
	f, _ := ParseEventFilter("sport = 443 and event = closed", nil)
	var q netstat.Query
	if !f.Narrow(&q) || !slices.Equal(q.LocalPorts, []uint16{443}) {
		t.Errorf("%+v", q)
	}
}

// TestEventFilterLinkNames: an interface has the name that it had at the event, before and after it was renamed.
func TestEventFilterLinkNames(t *testing.T) {
	named := func(name string) *ifstat.Interface { return &ifstat.Interface{Index: 9, NetNS: 7, Name: name} }
	renamed := watch.Event{Kind: watch.LinkRenamed, Link: &ifstat.Change{Event: ifstat.Renamed, Old: named("a0"), New: named("b0")}}
	gone := watch.Event{Kind: watch.LinkVanished, Link: &ifstat.Change{Event: ifstat.Vanished, Old: named("b0")}}
	for expr, want := range map[string][2]bool{"dev = a0": {true, false}, "dev = b0": {true, true}, "dev = c0": {}} {
		f, err := ParseEventFilter(expr, &Names{})
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]bool{f.MatchEvent(&renamed), f.MatchEvent(&gone)}; got != want {
			t.Errorf("%q: %v, want %v", expr, got, want)
		}
	}
}

func TestCongestionFilter(t *testing.T) {
	f, err := ParseFilter("congestion = loss", nil)
	if err != nil || !f.Needs().Info {
		t.Fatal(err, f.Needs())
	}
	for i, s := range sampleSockets() {
		if f.Match(&s) != (i == 1) {
			t.Errorf("socket %d: %v", i, i != 1)
		}
	}
}

// TestForget: a name that was looked up is looked up again.
func TestForget(t *testing.T) {
	asked := 0
	n := &Names{InterfaceName: func(uint64, uint32) string { asked++; return "e" + string(rune('0'+asked)) }}
	s := &netstat.Socket{Interface: 2}
	if a, b := n.Interface(s), n.Interface(s); a != "e1" || b != "e1" {
		t.Error(a, b)
	}
	if n.Forget(); n.Interface(s) != "e2" {
		t.Error("it remembers")
	}
}

// TestEventsHaveSigns: every kind has a line and a name of its own.
func TestEventsHaveSigns(t *testing.T) {
	i := &ifstat.Interface{Name: "e\x1bth0", Up: true, State: ifstat.Down}
	old := &ifstat.Interface{Name: "eno\u202e1", Up: true}
	text, lines := EventText{}, map[string]bool{}
	var objects bytes.Buffer
	o := NewObjects(&objects, Options{Format: CSV}, "")
	for k := watch.Opened; k <= watch.Repaired; k++ {
		e := watch.Event{Kind: k, Time: sampleTime, Socket: sampleSockets()[1]}
		if k >= watch.LinkAppeared && k <= watch.LinkChanged {
			e.Socket, e.Link = netstat.Socket{}, &ifstat.Change{Old: old, New: i, Fields: ifstat.FieldMTU}
		}
		line := string(text.Append(nil, &e))
		if signs[k].sign == "" || lines[line] || strings.ContainsAny(line, "\x1b\u202e") || strings.Count(line, "\n") != 1 {
			t.Errorf("%v: %q", k, line)
		}
		lines[line] = true
		if err := o.Event(EventColumns(CSV, Needs{}), nil, &e); err != nil {
			t.Fatal(err)
		}
	}
	_ = o.Close(nil)
	rows, err := csv.NewReader(&objects).ReadAll()
	if err != nil || len(rows) != 1+int(watch.Repaired) {
		t.Errorf("%d rows: %v", len(rows), err)
	}
	if n := len(EventWords()); n != int(watch.Repaired) {
		t.Errorf("%d words", n)
	}
}

func TestSortUsage(t *testing.T) {
	row := func(name string, rx, tx, all uint64, open int) UsageRow {
		return UsageRow{Usage: watch.Usage{Process: &netstat.Process{Name: name}, Delta: watch.Bytes{Received: rx, Sent: tx},
			Total: watch.Bytes{Received: all}, Open: open}}
	}
	rows := []UsageRow{row("b", 1, 9, 50, 1), row("c", 8, 0, 90, 2), row("a", 0, 0, 10, 3), row("d", 0, 0, 10, 0)}
	for by, want := range map[string]string{"rate": "bcad", "rx": "cbad", "tx": "bcad", "total": "cbad", "open": "acbd", "name": "abcd"} {
		some := slices.Clone(rows)
		SortUsage(some, by)
		got := ""
		for i := range some {
			got += some[i].Process.Name
		}
		if got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
	for _, by := range UsageOrders() {
		SortUsage([]UsageRow{{}, {}}, by) // rows without a process
	}
}
