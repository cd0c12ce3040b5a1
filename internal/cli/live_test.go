package cli

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// fakeInterfaces gives one list of interfaces after the other, a second apart; the last one again and again.
type fakeInterfaces struct {
	readings [][]ifstat.Interface
	partial  []error
	fails    map[int]error // by reading
	config   *ifstat.Config
	reads    int
	closed   bool
}

func (t *fakeInterfaces) Read(s *ifstat.Snapshot) error {
	n := t.reads
	t.reads++
	if err := t.fails[n]; err != nil {
		return err
	}
	s.Time, s.Method, s.Partial = now.Add(time.Duration(n)*time.Second), ifstat.RTNetlink, t.partial
	s.Interfaces = append(s.Interfaces[:0], t.readings[min(n, len(t.readings)-1)]...)
	return nil
}

func (t *fakeInterfaces) Close() error {
	t.closed = true
	return nil
}

func link(index uint32, name string, kind ifstat.Kind, rx, tx uint64) ifstat.Interface {
	return ifstat.Interface{ID: uint64(index), Index: index, NetNS: 1, Name: name, Kind: kind, Up: true, State: ifstat.Up, Width: 64,
		Physical: kind == ifstat.Ethernet, Counters: ifstat.Counters{RxBytes: rx, TxBytes: tx, RxPackets: rx / 1000, TxPackets: tx / 1000, RxDropped: rx / 1e6}}
}

// sampleInterfaces are read three times: eth0 works, usb0 comes and counts anew, lo is not in the total, down0 is down.
func sampleInterfaces() *fakeInterfaces {
	down := link(9, "down0", ifstat.Ethernet, 0, 0)
	down.Up, down.State = false, ifstat.Down
	return &fakeInterfaces{readings: [][]ifstat.Interface{
		{link(1, "lo", ifstat.Loopback, 5000, 5000), link(2, "eth0", ifstat.Ethernet, 1e6, 2000), down},
		{link(1, "lo", ifstat.Loopback, 5000, 5000), link(2, "eth0", ifstat.Ethernet, 13.3e6, 4500), link(3, "usb\x1b[0", ifstat.Ethernet, 7e6, 7e6), down},
		{link(1, "lo", ifstat.Loopback, 9000, 9000), link(2, "eth0", ifstat.Ethernet, 13.3e6, 4500), link(3, "usb\x1b[0", ifstat.Ethernet, 10, 10), down},
	}}
}

// fakeWatcher tells what it was given, and then that it was interrupted.
type fakeWatcher struct {
	reports []watch.Report
	partial []error
	usage   []watch.Usage
	flows   []watch.Flow
	source  watch.Source
	errs    []error // come first
	config  *watch.Config
	by      watch.By
	closed  bool
}

func (w *fakeWatcher) Next(context.Context) (*watch.Report, error) {
	if len(w.errs) > 0 {
		err := w.errs[0]
		w.errs = w.errs[1:]
		return nil, err
	}
	if len(w.reports) == 0 {
		return nil, context.Canceled
	}
	r := w.reports[0]
	w.reports = w.reports[1:]
	return &r, nil
}

func (w *fakeWatcher) Partial() []error        { return w.partial }
func (w *fakeWatcher) Source() watch.Source    { return w.source }
func (w *fakeWatcher) Interval() time.Duration { return 2 * time.Second }

func (w *fakeWatcher) Usage(by watch.By, dst []watch.Usage) []watch.Usage {
	w.by = by
	return append(dst, w.usage...)
}

func (w *fakeWatcher) Flows(yield func(*watch.Flow) bool) {
	for i := range w.flows {
		if !yield(&w.flows[i]) {
			return
		}
	}
}

func (w *fakeWatcher) Close() error {
	w.closed = true
	return nil
}

func payload(sent, received uint64) watch.Bytes {
	return watch.Bytes{Sent: sent, Received: received, Basis: watch.FromTCPInfo}
}

func sampleWatcher() *fakeWatcher {
	conn := tcp(netstat.Established, "10.0.0.5:43210", "93.184.216.34:443", curl)
	hidden := without(tcp(netstat.Established, "10.0.0.5:5000", "192.0.2.9:22"), netstat.MissingPermission)
	accepted := without(tcp(netstat.Established, "10.0.0.5:8080", "192.0.2.8:1025", nginx), netstat.MissingUnknown)
	listener := tcp(netstat.Listen, "0.0.0.0:8080", "0.0.0.0:0", nginx, worker)
	udp := tcp(netstat.Unconnected, "0.0.0.0:5353", "0.0.0.0:0", curl)
	udp.Proto = netstat.UDP
	eth := link(2, "eth0", ifstat.Ethernet, 0, 0)
	at := func(ms int) time.Time { return now.Add(time.Duration(ms) * time.Millisecond) }
	return &fakeWatcher{source: watch.FromBPF, reports: []watch.Report{
		{Time: at(5), Events: []watch.Event{
			{Kind: watch.ListenerAppeared, Source: watch.FromBPF, Time: at(1), Since: at(1), Socket: listener, OwnerFrom: watch.OwnerHolds},
			{Kind: watch.Opened, Source: watch.FromBPF, Time: at(2), Since: at(2), Socket: conn, OwnerFrom: watch.OwnerActed},
			{Kind: watch.Opened, Source: watch.FromReading, Time: at(3), Since: at(3), Socket: hidden},
			{Kind: watch.Opened, Source: watch.FromReading, Time: at(4), Since: at(4), Socket: udp, OwnerFrom: watch.OwnerHolds},
		}, Counts: watch.Counts{Opened: 3}},
		{Time: at(1000), Elapsed: 2 * time.Second, Partial: []error{errors.New("something is hidden")}, Events: []watch.Event{
			{Kind: watch.StateChanged, Source: watch.FromBPF, Time: at(300), Since: at(2), Socket: conn, OldState: netstat.SynSent, OwnerFrom: watch.OwnerHolds},
			{Kind: watch.Closed, Source: watch.FromBPF, Time: at(335), Since: at(2), Socket: conn, OwnerFrom: watch.OwnerActed, Bytes: payload(812, 1_234_567)},
			{Kind: watch.Closed, Source: watch.FromNotice, Time: at(400), Socket: accepted, OwnerFrom: watch.OwnerOfListener, Inferred: true, Bytes: payload(1, 0)},
			{Kind: watch.Closed, Source: watch.FromReading, Time: at(401), Since: at(4), Socket: udp, OwnerFrom: watch.OwnerHolds},
			{Kind: watch.LinkChanged, Source: watch.FromReading, Time: at(500), Link: &ifstat.Change{Event: ifstat.Changed, Old: &eth, New: &eth, Fields: ifstat.FieldMTU | ifstat.FieldAddrs}},
			{Kind: watch.Overflow, Source: watch.FromBPF, Time: at(600), Lost: 17},
			{Kind: watch.Repaired, Source: watch.FromReading, Time: at(700)},
		}, Counts: watch.Counts{Opened: 3, Closed: 3, Inferred: 1, Overflows: 1, Lost: 17}},
		{Time: at(3000), Elapsed: 2 * time.Second, Partial: []error{errors.New("something is hidden")}, Counts: watch.Counts{Opened: 3, Closed: 3, Inferred: 1, Overflows: 1, Lost: 17}},
	}, usage: []watch.Usage{
		{Process: curl, Unit: "ssh.service", Remote: ap("192.0.2.7:1").Addr(), Total: payload(2000, 3000), Delta: payload(200, 300), Open: 2, Opened: 3, Closed: 1, Uncounted: 1},
		{Process: nginx, Unit: "nginx.service", Remote: ap("192.0.2.8:1").Addr(), Total: payload(9e6, 1000), Delta: payload(4e6, 0), Open: 1},
		{Process: worker, Remote: ap("192.0.2.9:1").Addr(), Open: 1, Uncounted: 1},
		{Total: payload(5, 5), Closed: 7, Opened: 7},
	}, flows: []watch.Flow{
		{Socket: &conn, Total: payload(2000, 3000), Delta: payload(200, 300)},
		{Socket: &hidden, Total: payload(0, 7)},
		{Socket: &udp},
	}}
}

// newLive is a world in which time passes at once, until so many readings were waited for.
func newLive(t *testing.T, waits int) (*world, *fakeInterfaces, *fakeWatcher) {
	t.Helper()
	w, links, events := newWorld(t), sampleInterfaces(), sampleWatcher()
	w.OpenInterfaces = func(c *ifstat.Config) (InterfaceTable, error) { links.config = c; return links, nil }
	w.OpenWatch = func(c *watch.Config) (Watcher, error) { events.config = c; return events, nil }
	w.Wait = func(ctx context.Context, _ time.Time) error {
		if waits--; waits < 0 {
			return context.Canceled
		}
		return ctx.Err()
	}
	return w, links, events
}

func TestTraffic(t *testing.T) {
	const explained = "sockeye: not in the total: lo (loopback)\n"
	for name, c := range map[string]struct{ line, stderr string }{
		"traffic.txt":       {"traffic --count 3", ""},
		"traffic-all.txt":   {"traffic -aH --bits --once --explain", explained},
		"traffic-since.txt": {"traffic --since --count 3", ""},
		"traffic-last.txt":  {"traffic --since=last --count 3 eth0", ""},
		"traffic-boot.txt":  {"traffic --count 1 -a", ""},
		"traffic-total.txt": {"traffic --total", ""},
		"traffic-jsonl.txt": {"traffic --jsonl --count 3 e* u*", ""},
		"traffic.json":      {"traffic --json --once --total", ""},
		"traffic-csv.txt":   {"traffic --csv --count 2", ""},
	} {
		w, links, _ := newLive(t, 2)
		if name == "traffic-jsonl.txt" {
			links.readings = links.readings[1:]
		}
		w.check(t, c.line, exitFound, c.stderr)
		golden(t, name, w.out.String())
		if !links.closed {
			t.Errorf("%s: the table stays open", c.line)
		}
	}
}

// TestTrafficObjects: what programs are promised of the fields.
func TestTrafficObjects(t *testing.T) {
	w, _, _ := newLive(t, 2)
	w.check(t, "traffic --jsonl", exitFound, "")
	first, last, total := map[string]any{}, map[string]any{}, map[string]any{}
	for line := range strings.Lines(w.out.String()) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatal(err)
		}
		switch o["interface"] {
		case "eth0":
			if len(first) == 0 {
				first = o
			} else if len(last) == 0 {
				last = o
			}
		case "total":
			total = o
		case "usb\x1b[0":
			if _, has := o["rx_bytes_delta"]; has {
				t.Errorf("a delta of an interface that came, or counts anew: %s", line)
			}
		}
	}
	if _, has := first["rx_bytes_delta"]; has || first["rx_bytes"] != 1e6 {
		t.Errorf("first reading: %v", first)
	}
	if last["rx_bytes_delta"] != 12.3e6 || last["rx_bytes_per_s"] != 12.3e6 || last["tx_packets_delta"] != 2.0 || last["kind"] != "ethernet" || last["netns"] != 1.0 {
		t.Errorf("second reading: %v", last)
	}
	if total["rx_bytes"] != 13.3e6 || len(total["counted"].([]any)) != 3 {
		t.Errorf("total: %v", total)
	}
}

func TestTrafficConfig(t *testing.T) {
	for line, want := range map[string]ifstat.Config{
		"traffic --count 1":                        {},
		"traffic --count 1 --netns web":            {NetNS: "/run/netns/web"},
		"traffic --count 1 --netns /proc/7/ns/net": {NetNS: "/proc/7/ns/net"},
		"traffic --count 1 --all-netns":            {AllNetNS: true},
	} {
		w, links, _ := newLive(t, 0)
		if w.check(t, line, exitFound, ""); *links.config != want {
			t.Errorf("%s opens %+v", line, *links.config)
		}
	}
}

func TestTrafficErrors(t *testing.T) {
	for line, c := range map[string]struct {
		code   int
		stderr string
	}{
		"traffic eth7":                  {1, "sockeye: no interface is called \"eth7\"; there are lo, eth0, down0\n"},
		"traffic --total eth0":          {2, "sockeye: --total is that of the machine, and goes with no names of interfaces\n"},
		"traffic --interval 1ms":        {2, "sockeye: --interval is at least 10ms, not 1ms\n"},
		"traffic --since=never":         {2, "sockeye: --since is one of last, start, boot, not \"never\"\n"},
		"traffic --sort rx":             {2, "sockeye: --top and --sort go with --by\n"},
		"traffic [":                     {2, "sockeye: \"[\" is no pattern: syntax error in pattern\n"},
		"traffic --count -1":            {2, "sockeye: --count and --top cannot be negative\n"},
		"traffic --by what":             {2, "sockeye: --by is one of process, unit, remote, socket, not \"what\"\n"},
		"traffic --by remote eth0":      {2, "sockeye: a filter goes with --by socket only, and names of interfaces go without --by\n"},
		"traffic --by socket --netns w": {2, "sockeye: --total, --explain, --netns and --since=boot are about interfaces, and do not go with --by\n"},
		"watch --interval 5ms":          {2, "sockeye: --interval is at least 10ms, not 5ms\n"},
		"traffic --since boot":          {2, "sockeye: no interface is called \"boot\"; if it belongs to --since, write --since=boot\n"},
		"watch --method magic":          {2, "sockeye: --method is one of auto, bpf, notices, poll, not \"magic\"\n"},
		"watch proto = tcp proto = udp": {1, "sockeye: no socket can match this filter\n"},
		"watch --count -1":              {2, "sockeye: --count and --for cannot be negative\n"},
		"list event = closed":           {2, "sockeye: filter: no field is called \"event\" at \"»event« = closed\"; it is no command either, see sockeye --help\n"},
	} {
		w, _, _ := newLive(t, 0)
		w.check(t, line, c.code, c.stderr)
		if w.out.Len() > 0 {
			t.Errorf("%s writes %q", line, w.out.String())
		}
	}
}

// TestTrafficFailures: one reading that fails is told and gone over; more are the end, and the document is whole.
func TestTrafficFailures(t *testing.T) {
	broken := errors.New("the kernel is tired")
	w, links, _ := newLive(t, 9)
	links.fails = map[int]error{1: broken, 2: broken}
	w.check(t, "traffic --json --count 2", exitFound, "sockeye: note: the kernel is tired\n")
	if !strings.Contains(w.out.String(), `"partial":["the kernel is tired"]`) {
		t.Errorf("%s", w.out.String())
	}
	links.fails = map[int]error{5: broken, 6: broken, 7: broken}
	w.check(t, "traffic --json", exitUnknown, "sockeye: note: the kernel is tired\nsockeye: the kernel is tired\n")
	if !json.Valid(w.out.Bytes()) {
		t.Errorf("%s", w.out.String())
	}
}

func TestLiveWriteErrors(t *testing.T) {
	for _, line := range []string{"traffic", "traffic --jsonl", "traffic --by process", "traffic --by socket --json", "watch", "watch --jsonl"} {
		for _, c := range []struct {
			err    error
			code   int
			stderr string
		}{
			{syscall.EPIPE, exitFound, ""},
			{syscall.ENOSPC, exitUnknown, "sockeye: writing the output: no space left on device\n"},
		} {
			w, _, events := newLive(t, 3)
			events.reports[1].Partial, events.reports[2].Partial = nil, nil
			w.Stdout = fullDisk{c.err}
			w.check(t, line, c.code, c.stderr)
		}
	}
}

func TestTrafficOnTerminal(t *testing.T) {
	w, _, _ := newLive(t, 2)
	w.Terminal, w.ANSI, w.Width = true, true, 100
	w.vars["LANG"] = "C.UTF-8"
	w.check(t, "traffic -v", exitFound, "")
	golden(t, "traffic-terminal.txt", strings.ReplaceAll(w.out.String(), "\x1b", "^["))
	w, _, _ = newLive(t, 2)
	w.Terminal, w.ANSI, w.Width, w.vars["NO_COLOR"] = true, true, 100, "1"
	w.check(t, "traffic", exitFound, "")
	if strings.Contains(w.out.String(), "m") && strings.Contains(w.out.String(), "\x1b[1m") || strings.Contains(w.out.String(), "█") {
		t.Errorf("colours despite NO_COLOR, or characters that the locale has not: %q", w.out.String())
	}
}

// TestNarrowTraffic: no line is wider than the terminal, and none is drawn below its last line.
func TestNarrowTraffic(t *testing.T) {
	for width := 30; width < 160; width += 9 {
		for _, line := range []string{"traffic -a", "traffic --by process", "traffic --by socket -a", "traffic --since -av"} {
			w, links, _ := newLive(t, 2)
			links.readings[0][1].Name, links.readings[1][1].Name, links.readings[2][1].Name = "接口接口接口接口接口接口接口", "接口接口接口接口接口接口接口", "接口接口接口接口接口接口接口"
			w.Terminal, w.ANSI, w.Width = true, true, width
			w.vars["NO_COLOR"] = "1"
			w.Size = func() (int, int) { return width, 4 }
			if w.run(line) != exitFound {
				t.Fatal(w.err.String())
			}
			for _, drawn := range strings.Split(w.out.String(), "\x1b[J")[:2] {
				lines := strings.Split(drawn, "\x1b[K\n")
				if len(lines) > 4 {
					t.Fatalf("%s: %d lines in a terminal of 4: %q", line, len(lines), drawn)
				}
				for _, l := range lines {
					if i := strings.LastIndexByte(l, '\r'); i >= 0 {
						l = l[i+1:]
					}
					if n := view.Wide(l); n > width {
						t.Errorf("%s: %d cells of %d: %s", line, n, width, l)
					}
				}
			}
		}
	}
}

func TestUsage(t *testing.T) {
	const bytesSay = "sockeye: bytes are payload, counted by tcp_info; those of %s are not told by the system\n"
	for name, c := range map[string]struct{ line, untold string }{
		"usage-process.txt": {"traffic --by process", "2 sockets"},
		"usage-unit.txt":    {"traffic --by unit --since -a", "2 sockets"},
		"usage-remote.txt":  {"traffic --by remote --sort rx --bits", "2 sockets"},
		"usage-top.txt":     {"traffic --by process -n 1 --once --since=last", "2 sockets"},
		"usage-socket.txt":  {"traffic --by socket -a dport != 22", ""},
	} {
		w, _, events := newLive(t, 0)
		for i := range events.reports {
			events.reports[i].Partial = nil
		}
		says := strings.ReplaceAll(bytesSay, "%s", c.untold)
		if c.untold == "" {
			says = "sockeye: bytes are payload, counted by tcp_info\n"
		}
		w.check(t, c.line, exitFound, says)
		golden(t, name, w.out.String())
		if !events.closed {
			t.Errorf("%s: the watcher stays open", c.line)
		}
	}
}

func TestUsageObjects(t *testing.T) {
	for name, line := range map[string]string{
		"usage.json": "traffic --by process --json", "usage-jsonl.txt": "traffic --by remote --jsonl", "usage-unit.csv": "traffic --by unit --csv",
		"usage-socket.jsonl": "traffic --by socket --jsonl", "usage-socket.csv": "traffic --by socket --csv",
	} {
		w, _, events := newLive(t, 0)
		w.check(t, line, exitFound, "sockeye: note: something is hidden\n")
		golden(t, name, w.out.String())
		switch {
		case strings.HasSuffix(name, ".json") && !json.Valid(w.out.Bytes()):
			t.Errorf("%s is not JSON", name)
		case strings.HasSuffix(name, ".csv"):
			rectangular(t, w.out.Bytes())
		}
		if line == "traffic --by unit --csv" && (events.by != watch.ByUnit || events.config.Query.Owner != netstat.OwnerModule) {
			t.Errorf("units: %v of %+v", events.by, events.config)
		}
	}
}

func rectangular(t *testing.T, text []byte) {
	t.Helper()
	if _, err := csv.NewReader(bytes.NewReader(text)).ReadAll(); err != nil { // all lines must have as many fields
		t.Error(err)
	}
}

const summary = "sockeye: 0.0 ms: 3 opened, 3 closed (1 known by their end only), 17 events lost by 1 overflow of the kernel's queue; between readings BPF told of everything\n"

func TestWatch(t *testing.T) {
	const hides = "sockeye: note: something is hidden\n"
	for name, line := range map[string]string{
		"watch.txt": "watch", "watch-listen.txt": "watch -l", "watch-jsonl.txt": "watch --json", "watch.csv": "watch --csv",
		"watch-filter.txt": "watch event = closed and process = curl", "watch-netns.txt": "watch --all-netns event ~ link",
		"watch-color.txt": "watch --color always",
	} {
		w, _, events := newLive(t, 0)
		w.check(t, line, exitFound, hides+summary)
		golden(t, name, strings.ReplaceAll(w.out.String(), "\x1b", "^["))
		if !events.closed {
			t.Errorf("%s: the watcher stays open", line)
		}
		if name == "watch.csv" {
			rectangular(t, w.out.Bytes())
		}
	}
}

// TestWatchAsks: what the flags ask of the watcher.
func TestWatchAsks(t *testing.T) {
	for line, want := range map[string]watch.Config{
		"watch":                          {Interval: time.Second},
		"watch -t4 --no-links":           {Interval: time.Second, NoLinks: true, Query: netstat.Query{Protos: netstat.QueryTCP, Families: netstat.IPv4}},
		"watch --states --interval 50ms": {Interval: 50 * time.Millisecond, States: true},
		"watch --method notices":         {Interval: time.Second, Method: watch.Notices},
		"watch --method poll -x":         {Interval: time.Second, Method: watch.Poll, Query: netstat.Query{Protos: netstat.QueryUnix}},
		"watch unit = ssh":               {Interval: time.Second, Query: netstat.Query{Protos: netstat.QueryTCP | netstat.QueryUDP, Owner: netstat.OwnerModule}},
		"watch -t sport = 80":            {Interval: time.Second, Query: netstat.Query{Protos: netstat.QueryTCP, LocalPorts: []uint16{80}}},
		"watch -t event = closed":        {Interval: time.Second, Query: netstat.Query{Protos: netstat.QueryTCP}},
	} {
		w, _, events := newLive(t, 0)
		want.Query.Owner = max(want.Query.Owner, netstat.OwnerPID)
		if w.run(line); events.config == nil {
			t.Errorf("%s: %s", line, w.err.String())
		} else if got := *events.config; !sameConfig(got, want) {
			t.Errorf("%s asks for %+v, want %+v", line, got, want)
		}
	}
}

func sameConfig(a, b watch.Config) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

func TestWatchEnds(t *testing.T) {
	w, _, _ := newLive(t, 0)
	w.check(t, "watch --count 2", exitFound, "sockeye: 0.0 ms: 3 opened, 0 closed, none lost; between readings BPF told of everything\n")
	if n := strings.Count(w.out.String(), "\n"); n != 2 {
		t.Errorf("%d events", n)
	}
	w, _, events := newLive(t, 0)
	events.errs = []error{errors.New("one"), errors.New("two")}
	if w.run("watch"); w.out.Len() == 0 {
		t.Error("a failed reading ends it")
	}
	w, _, events = newLive(t, 0)
	events.errs = []error{errors.New("one"), errors.New("one"), errors.New("one")}
	w.check(t, "watch", exitUnknown, "sockeye: note: one\nsockeye: one\n")
	w, _, events = newLive(t, 0)
	events.partial = []error{errors.New("short ones are not seen")}
	w.ReaderGone = func() bool { return true }
	w.check(t, "watch", exitFound, "sockeye: note: short ones are not seen\n")
	w.OpenWatch = func(*watch.Config) (Watcher, error) { return nil, errors.New("no") }
	w.check(t, "watch", exitUnknown, "sockeye: no\n")
	w.check(t, "traffic --by unit", exitUnknown, "sockeye: no\n")
}

// TestWatchFlushes: what a report tells is written before the next is waited for, in one piece.
func TestWatchFlushes(t *testing.T) {
	for _, line := range []string{"watch", "watch --jsonl"} {
		w, _, _ := newLive(t, 0)
		var pieces counter
		w.Stdout = &pieces
		if w.run(line); pieces.writes != 2 {
			t.Errorf("%s: %d writes for 2 reports with events", line, pieces.writes)
		}
	}
}

type counter struct{ writes int }

func (c *counter) Write(b []byte) (int, error) {
	c.writes++
	return len(b), nil
}

var _ io.Writer = (*counter)(nil)

func TestUnicode(t *testing.T) {
	for _, c := range []struct {
		vars map[string]string
		want bool
	}{
		{map[string]string{}, false}, {map[string]string{"LANG": "en_US.UTF-8"}, true}, {map[string]string{"LANG": "de_DE.utf8"}, true},
		{map[string]string{"LANG": "en_US.UTF-8", "LC_ALL": "C"}, false}, {map[string]string{"LC_CTYPE": "C.UTF-8", "LANG": "C"}, true},
		{map[string]string{"SystemRoot": `C:\Windows`}, true},
	} {
		e := Env{Getenv: func(k string) string { return c.vars[k] }}
		if e.unicode() != c.want {
			t.Errorf("%v: %v", c.vars, !c.want)
		}
	}
}

func TestCompleteLive(t *testing.T) {
	for line, want := range map[string]string{
		"__complete traffic ": "lo\neth0\ndown0\n", "__complete traffic --by ": "process\nunit\nremote\nsocket\n",
		"__complete watch --method ": "auto\nbpf\nnotices\npoll\n", "__complete traffic --since=": "last\nstart\nboot\n",
	} {
		w, _, _ := newLive(t, 0)
		w.Run(context.Background(), strings.Split(line, " "))
		if got, _, _ := strings.Cut(w.out.String(), ":"); got != want {
			t.Errorf("%s offers %q", line, got)
		}
	}
	w, _, _ := newLive(t, 0)
	w.Run(context.Background(), []string{"__complete", "watch", "event", "=", ""})
	if !strings.HasPrefix(w.out.String(), "opened\nclosed\nstate\nlistener_appeared\n") {
		t.Error(w.out.String())
	}
}
