package metrics

import (
	"bytes"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/testutil"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// told is a watcher that tells what it was given.
type told struct {
	usage []watch.Usage
	flows []watch.Flow
}

func (w *told) Usage(_ watch.By, dst []watch.Usage) []watch.Usage { return append(dst, w.usage...) }

func (w *told) Flows(yield func(*watch.Flow) bool) {
	for i := range w.flows {
		if !yield(&w.flows[i]) {
			return
		}
	}
}

var start = time.Unix(1_750_000_000, 0)

func process(pid int, name, unit string) *netstat.Process {
	return &netstat.Process{PID: pid, Name: name, Module: unit}
}

func socket(p *netstat.Process) netstat.Socket {
	s := netstat.Socket{Proto: netstat.TCP, State: netstat.Established, Local: netip.MustParseAddrPort("127.0.0.1:80"), Remote: netip.MustParseAddrPort("[2001:db8::1]:443")}
	if p != nil {
		s.Owners = []netstat.Owner{{Process: p, FD: 3}}
	}
	return s
}

// sample has seen two processes of one program, an event without an owner, names that have to be escaped, and interfaces.
func sample(cfg Config) *Metrics {
	cfg.Now, cfg.AllNetNS = func() time.Time { return start }, true
	m := New(cfg)
	a, b, odd := process(10, "nginx", "nginx.service"), process(11, "nginx", "nginx.service"), process(12, "a\"b\\c\nd\xff", "")
	s := socket(a)
	w := &told{flows: []watch.Flow{{Socket: &s}, {Socket: &s}}, usage: []watch.Usage{
		{Process: a, Delta: watch.Bytes{Sent: 100, Received: 1}, Open: 2}, {Process: b, Delta: watch.Bytes{Sent: 20, Received: 3}, Open: 1, Uncounted: 1},
		{Process: odd, Delta: watch.Bytes{Sent: 7}, Open: 1}, {Delta: watch.Bytes{Sent: 9}, Open: 0}}}
	r := &watch.Report{Time: start.Add(time.Second), Elapsed: time.Second, Events: []watch.Event{
		{Kind: watch.Opened, Source: watch.FromBPF, Time: start, Socket: socket(a), OwnerFrom: watch.OwnerActed},
		{Kind: watch.Closed, Source: watch.FromBPF, Time: start.Add(time.Second), Since: start, Socket: socket(b), Bytes: watch.Bytes{Sent: 5, Received: 6, Basis: watch.FromTCPInfo}},
		{Kind: watch.Closed, Source: watch.FromNotice, Time: start, Socket: socket(nil), Inferred: true}, {Kind: watch.Overflow, Time: start, Lost: 4}}}
	m.Report(w, r)
	m.Interfaces(&ifstat.Snapshot{Interfaces: []ifstat.Interface{{Name: "lo", NetNS: 1, Up: true, Counters: ifstat.Counters{RxBytes: 1 << 60}}, {Name: "lo", NetNS: 2}}})
	return m
}

func textOf(t testing.TB, m *Metrics) string {
	t.Helper()
	var b bytes.Buffer
	if err := m.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	m := sample(Config{Version: "1.2"})
	text := textOf(t, m)
	for _, line := range []string{
		`sockeye_build_info{version="1.2"} 1`,
		`sockeye_sockets{proto="tcp",family="4",state="ESTABLISHED"} 2`,
		`sockeye_program_sockets{program="nginx",unit="nginx.service"} 3`,
		`sockeye_program_uncounted_sockets{program="nginx",unit="nginx.service"} 1`,
		`sockeye_program_opened_total{program="nginx",unit="nginx.service"} 1`,
		`sockeye_program_closed_total{program="nginx",unit="nginx.service"} 1`,
		`sockeye_program_opened_total{program="",unit=""} 1`,
		`sockeye_program_closed_total{program="",unit=""} 1`,
		`sockeye_program_transmit_bytes_total{program="nginx",unit="nginx.service"} 120`,
		`sockeye_program_receive_bytes_total{program="nginx",unit="nginx.service"} 4`,
		`sockeye_program_transmit_bytes_total{program="",unit=""} 9`,
		`sockeye_program_transmit_bytes_total{program="a\"b\\c\nd` + "�" + `",unit=""} 7`,
		`sockeye_network_receive_bytes_total{device="lo",netns="1"} 1152921504606846976`,
		`sockeye_events_total{event="closed"} 2`,
		`sockeye_events_lost_total 4`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
	if strings.Contains(text, "pid") || strings.Contains(text, "otlp") {
		t.Error(text)
	}
}

// TestNetNSLabel: it is there where interfaces of all network namespaces are wanted, also while there is one, and else never.
func TestNetNSLabel(t *testing.T) {
	one := []ifstat.Interface{{Name: "lo", NetNS: 1}}
	for _, test := range []struct {
		all  bool
		of   []ifstat.Interface
		want []string
	}{
		{false, one, []string{`{device="lo"} 0`}},
		{true, one, []string{`{device="lo",netns="1"} 0`}},
		{false, append(one, ifstat.Interface{Name: "lo", NetNS: 2}), []string{`{device="lo"} 0`}},
		{true, append(one, ifstat.Interface{Name: "lo", NetNS: 2}), []string{`{device="lo",netns="1"} 0`, `{device="lo",netns="2"} 0`}},
	} {
		m := New(Config{AllNetNS: test.all})
		m.Interfaces(&ifstat.Snapshot{Interfaces: test.of})
		text := textOf(t, m)
		for _, name := range []string{"sockeye_network_up", "sockeye_network_receive_bytes_total"} {
			for _, labels := range test.want {
				if !strings.Contains(text, name+labels+"\n") {
					t.Errorf("%v: no %s%s", test.all, name, labels)
				}
			}
			if n := strings.Count(text, "\n"+name+"{"); n != len(test.want) {
				t.Errorf("%v: %d series %s", test.all, n, name)
			}
		}
	}
}

// TestCountersOnlyGrow: also where the watcher folds processes away, or they end.
func TestCountersOnlyGrow(t *testing.T) {
	m := sample(Config{})
	m.Report(&told{}, &watch.Report{Time: start.Add(2 * time.Second), Elapsed: time.Second})
	text := textOf(t, m)
	for _, line := range []string{`sockeye_program_transmit_bytes_total{program="nginx",unit="nginx.service"} 120`,
		`sockeye_program_sockets{program="nginx",unit="nginx.service"} 0`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
}

// TestSeriesAreBounded: programs beyond the bound are added up in one series, which loses nothing, and counted; who is idle
// for long makes room.
func TestSeriesAreBounded(t *testing.T) {
	const most = 10
	m := New(Config{MaxSeries: most, Now: func() time.Time { return start }})
	for i := range 100 {
		w := &told{usage: []watch.Usage{{Process: process(i, fmt.Sprintf("p%d", i), ""), Delta: watch.Bytes{Sent: 1}, Open: 1}}}
		m.Report(w, &watch.Report{Time: start, Elapsed: time.Second})
	}
	text := textOf(t, m)
	if n := strings.Count(text, "sockeye_program_transmit_bytes_total{"); n != most+1 {
		t.Errorf("%d series for %d", n, most)
	}
	for _, line := range []string{`sockeye_program_transmit_bytes_total{program="(other programs)",unit=""} 90`, `sockeye_series_folded_total 90`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%s is not in\n%s", line, text)
		}
	}
	later := start.Add(2 * idle)
	m.Report(&told{}, &watch.Report{Time: start, Elapsed: time.Second}) // nobody holds a socket any more
	m.Report(&told{usage: []watch.Usage{{Process: process(1, "new", ""), Delta: watch.Bytes{Sent: 3}}}}, &watch.Report{Time: later, Elapsed: time.Second})
	if text := textOf(t, m); !strings.Contains(text, `transmit_bytes_total{program="new",unit=""} 3`) {
		t.Errorf("a new program finds no room:\n%s", text)
	}
	many := new(ifstat.Snapshot)
	for i := range maxInterfaces + 7 {
		many.Interfaces = append(many.Interfaces, ifstat.Interface{Name: fmt.Sprint("veth", i)})
	}
	m.Interfaces(many)
	if len(m.interfaces) != maxInterfaces {
		t.Errorf("%d interfaces", len(m.interfaces))
	}
}

// hostile has names that differ in what is no UTF-8 only, or beyond what a label holds, and one that is our own word.
func hostile() *Metrics {
	m := New(Config{AllNetNS: true, Now: func() time.Time { return start }})
	m.Report(&told{usage: []watch.Usage{{Process: process(1, "a\xff", longName+"1"), Delta: watch.Bytes{Sent: 1}, Open: 1}, {Process: process(2, "a\xfe", longName+"2"), Delta: watch.Bytes{Sent: 2}, Open: 1},
		{Process: process(3, otherPrograms, ""), Delta: watch.Bytes{Sent: 4}, Open: 1}, {Process: process(4, "\r\n# TYPE x\ty\"} 1\n{}", "\u2028\u0085\x1b[31m\x7f"), Open: 1}}},
		&watch.Report{Time: start, Elapsed: time.Second})
	m.Interfaces(&ifstat.Snapshot{Interfaces: []ifstat.Interface{{Name: "v\xff", NetNS: 1}, {Name: "v\xfe", NetNS: 1}, {Name: "v\xfe", NetNS: 2}}})
	return m
}

var longName = strings.Repeat("x", maxLabel)

// TestHostileNames: such names are one series: Prometheus refuses two of the same labels.
func TestHostileNames(t *testing.T) {
	text := textOf(t, hostile())
	checkSeries(t, text)
	if !strings.Contains(text, `sockeye_program_transmit_bytes_total{program="a�",unit="`+longName+`"} 3`) {
		t.Error(text)
	}
}

// checkSeries holds that no series is there twice.
func checkSeries(t *testing.T, text string) {
	t.Helper()
	seen := make(map[string]bool)
	for line := range strings.Lines(text) {
		series := line[:strings.LastIndexByte(line, ' ')]
		if !strings.HasPrefix(line, "#") && seen[series] {
			t.Errorf("%s is there twice", series)
		}
		seen[series] = true
	}
}

// TestNoSocketsLeft: a kind of which there are none any more is 0, and not gone.
func TestNoSocketsLeft(t *testing.T) {
	m := sample(Config{})
	m.Report(&told{}, &watch.Report{Time: start.Add(2 * time.Second), Elapsed: time.Second})
	if text := textOf(t, m); !strings.Contains(text, `sockeye_sockets{proto="tcp",family="4",state="ESTABLISHED"} 0`+"\n") {
		t.Error(text)
	}
}

// TestManyPrograms: on a machine with far more programs than there is room for no figure is lost or falls, whoever comes, goes
// and comes again.
func TestManyPrograms(t *testing.T) {
	const programs, most, readings = 20_000, 500, 5
	m := New(Config{MaxSeries: most, Now: func() time.Time { return start }})
	w := new(told)
	for i := range programs {
		w.usage = append(w.usage, watch.Usage{Process: process(i, fmt.Sprint("p", i), ""), Delta: watch.Bytes{Sent: 1, Received: 2}, Open: 1})
	}
	last := make(map[string]uint64)
	for n := range readings {
		all := w.usage
		if n == 3 {
			w.usage = w.usage[:programs/2] // the others have ended
		}
		r := &watch.Report{Time: start.Add(time.Duration(n) * time.Second), Elapsed: time.Second}
		for i := 0; i < len(w.usage); i += 100 {
			r.Events = append(r.Events, watch.Event{Kind: watch.Opened, Time: r.Time, Socket: socket(w.usage[i].Process)})
		}
		m.Report(w, r)
		w.usage = all
		last = grown(t, last, m)
	}
	var sent, received, opened uint64
	for series, n := range last {
		switch name, _, _ := strings.Cut(series, "{"); name {
		case "sockeye_program_transmit_bytes_total":
			sent += n
		case "sockeye_program_receive_bytes_total":
			received += n
		case "sockeye_program_opened_total":
			opened += n
		}
	}
	const want = programs*(readings-1) + programs/2
	if sent != want || received != 2*want || opened != want/100 {
		t.Errorf("%d bytes sent of %d, %d received, %d opened", sent, want, received, opened)
	}
}

// grown is the counters as they are now, none of which may be less than before, or gone.
func grown(t *testing.T, before map[string]uint64, m *Metrics) map[string]uint64 {
	t.Helper()
	now := seriesOf(t, m)
	for series := range now {
		if name, _, _ := strings.Cut(series, "{"); !strings.HasSuffix(name, "_total") {
			delete(now, series)
		}
	}
	for series, n := range before {
		if is, has := now[series]; !has || is < n {
			t.Errorf("%s falls from %d to %d", series, n, is)
		}
	}
	return now
}

// seriesOf are all series of whole numbers.
func seriesOf(t *testing.T, m *Metrics) map[string]uint64 {
	t.Helper()
	now := make(map[string]uint64)
	for line := range strings.Lines(textOf(t, m)) {
		at := strings.LastIndexByte(line, ' ')
		if n, err := strconv.ParseUint(strings.TrimSpace(line[at:]), 10, 64); err == nil && !strings.HasPrefix(line, "#") {
			now[line[:at]] = n
		}
	}
	return now
}

// TestStartOfSeries: the series of a program that comes again after it made room begins anew, and says when (OTLP, "resets").
func TestStartOfSeries(t *testing.T) {
	m := New(Config{MaxSeries: 1, Now: func() time.Time { return start }})
	one := func(name string, after time.Duration, open int) {
		m.Report(&told{usage: []watch.Usage{{Process: process(1, name, ""), Delta: watch.Bytes{Sent: 7}, Open: open}}}, &watch.Report{Time: start.Add(after), Elapsed: time.Second})
	}
	at := start.Add(5 * time.Hour)
	since := func() string {
		body, err := m.metricsJSON(resource{}, at)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(body), `"name":"sockeye_program_transmit_bytes"`)
		_, rest, _ = strings.Cut(rest, `"startTimeUnixNano":"`)
		text, _, _ := strings.Cut(rest, `"`)
		return text
	}
	one("a", time.Second, 0)
	if got := since(); got != nano(start) {
		t.Error("the first:", got)
	}
	one("b", 2*time.Hour, 0)
	one("a", 4*time.Hour, 0)
	if got := since(); got != nano(start.Add(2*time.Hour)) {
		t.Error("the one that came again:", got)
	}
	if at = start.Add(-time.Hour); since() != nano(at) {
		t.Error("with a clock that was set back:", since())
	}
}

// TestPromtool: Prometheus' own checker finds nothing to say against names, types and texts.
func TestPromtool(t *testing.T) {
	tool := testutil.NeedTool(t, "promtool")
	m := sample(Config{MaxSeries: 1, Version: "x"})
	if _, err := NewPusher(m, PushConfig{Endpoint: "http://127.0.0.1:1"}, nil); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{textOf(t, m), textOf(t, hostile())} {
		cmd := exec.Command(tool, "check", "metrics")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%v: %s\n%s", err, out, text)
		}
	}
}

func FuzzLabel(f *testing.F) {
	for _, s := range []string{"", "nginx", "a\"b", "\\", "\n", "\xff\xfe", strings.Repeat("ж", 200)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := New(Config{Now: func() time.Time { return start }})
		m.Report(&told{usage: []watch.Usage{{Process: process(1, text, text), Open: 1}}}, &watch.Report{Time: start, Elapsed: time.Second})
		for line := range strings.Lines(textOf(t, m)) {
			if !strings.HasPrefix(line, "sockeye_") && !strings.HasPrefix(line, "# ") {
				t.Errorf("%q makes the line %q", text, line)
			}
		}
		if _, err := m.metricsJSON(resource{}, start); err != nil {
			t.Error(err)
		}
	})
}
