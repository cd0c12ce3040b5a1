package tui

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// cells are the texts of a column, of all rows from the top.
func cells(m *Model, name string) (list []string) {
	p := m.page()
	c := p.cols[find(p.cols, name)]
	for _, r := range p.rows {
		list = append(list, string(c.text(m, nil, r)))
	}
	return list
}

func want[T comparable](t *testing.T, got []T, want ...T) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func screen(m *Model) string {
	s, _, _, _ := m.Draw()
	return s
}

// keys presses keys that type themselves, or have names in spaces.
func keys(m *Model, list ...string) {
	for _, k := range list {
		text := ""
		if len([]rune(k)) == 1 {
			text = k
		}
		if k == "space" {
			text = " "
		}
		m.Key(k, text)
	}
}

func typed(m *Model, text string) {
	for _, r := range text {
		if r == ' ' {
			keys(m, "space")
			continue
		}
		keys(m, string(r))
	}
}

// work does the jobs, as the terminal's program has them done.
func work(m *Model) {
	for jobs := m.Jobs(); len(jobs) > 0; jobs = m.Jobs() {
		for _, j := range jobs {
			j()(m)
		}
	}
}

var small = script{source: watch.FromBPF, flows: []watch.Flow{
	tcp(1, "192.0.2.1:50001", "198.51.100.7:443", curl, 2000, 10),
	tcp(2, "192.0.2.1:50002", "198.51.100.8:80", curl, 500, 900),
	tcp(3, "192.0.2.1:443", "203.0.113.9:40000", nginx, 0, 4000),
	listener(4, "0.0.0.0:443", nginx),
}, usage: map[watch.By][]watch.Usage{
	watch.ByProcess: {
		{Process: curl, Open: 2, Total: watch.Bytes{Received: 2500, Sent: 910, Basis: watch.FromTCPInfo}},
		{Process: nginx, Open: 2, Total: watch.Bytes{Sent: 4000, Basis: watch.FromTCPInfo}, Delta: watch.Bytes{Sent: 4000}}},
	watch.ByRemote: {
		{Remote: netip.MustParseAddr("198.51.100.7"), Open: 1, Delta: watch.Bytes{Received: 2000}, Total: watch.Bytes{Received: 2000, Basis: watch.FromTCPInfo}},
		{Remote: netip.MustParseAddr("203.0.113.9"), Open: 1, Delta: watch.Bytes{Sent: 4000}, Total: watch.Bytes{Sent: 4000, Basis: watch.FromTCPInfo}}},
}}

func TestViews(t *testing.T) {
	m, _ := newModel(t, nil)
	m.Take(reading(), &small, links(0, 0))
	want(t, cells(m, "remote"), "203.0.113.9:40000", "198.51.100.7:443", "198.51.100.8:80") // by rate
	keys(m, "3")
	want(t, cells(m, "local"), "0.0.0.0:443")
	keys(m, "2")
	m.Take(reading(), &small, links(1000, 0))
	want(t, cells(m, "process"), "nginx", "curl")
	keys(m, "4")
	m.Take(reading(), &small, links(3000, 500))
	want(t, cells(m, "remote_addr"), "203.0.113.9", "198.51.100.7")
	keys(m, "5")
	want(t, cells(m, "interface"), "eth0", "total")
	keys(m, "tab")
	if m.kind != Connections {
		t.Error("after the last view comes", m.kind)
	}
}

func TestGlow(t *testing.T) {
	m, c := newModel(t, nil)
	s := &script{source: watch.FromBPF, flows: slices.Clone(small.flows)}
	m.Take(nil, s, nil)
	if text := screen(m); strings.Contains(text, "\n+ ") {
		t.Errorf("what was there at the start is marked as new:\n%s", text)
	}
	next := func() string {
		c.at = c.at.Add(time.Second)
		m.Take(reading(), s, nil)
		return screen(m)
	}
	s.flows = append(s.flows, tcp(9, "192.0.2.1:50009", "198.51.100.9:443", curl, 0, 0))
	if text := next(); !strings.Contains(text, "+ \x1b[mtcp") && !strings.Contains(text, "+ tcp") && !strings.Contains(text, "+ \x1b[m\x1b[1mtcp") {
		t.Errorf("a new row is not marked:\n%q", text)
	}
	s.flows = s.flows[1:]
	gone := next()
	if !strings.Contains(gone, "- ") || !strings.Contains(gone, "198.51.100.7:443") {
		t.Errorf("a row that is gone is not marked:\n%s", gone)
	}
	next()
	if text := next(); strings.Contains(text, "198.51.100.7:443") {
		t.Errorf("a row that is gone is still here:\n%s", text)
	}
}

// What lives between two readings is shown at once, and for a moment.
func TestEvents(t *testing.T) {
	m, c := newModel(t, nil)
	m.Take(nil, &small, nil)
	short := *tcp(7, "192.0.2.1:50007", "198.51.100.77:443", curl, 0, 0).Socket
	m.Take(&watch.Report{Events: []watch.Event{{Kind: watch.Opened, Socket: short, Since: c.at}}}, &small, nil)
	if !slices.Contains(cells(m, "remote"), "198.51.100.77:443") {
		t.Fatal("a connection that was told of is not there")
	}
	m.Take(&watch.Report{Events: []watch.Event{{Kind: watch.Closed, Socket: short, Since: c.at, Bytes: watch.Bytes{Received: 12345, Basis: watch.FromTCPInfo}}}}, &small, nil)
	r := m.store(Connections).byKey[socketKey(&short)]
	if r == nil || !r.gone() || r.Total.Received != 12345 {
		t.Fatalf("it closed, and is %+v", r)
	}
	inferred := *tcp(8, "192.0.2.1:50008", "198.51.100.88:443", nil, 0, 0).Socket
	m.Take(&watch.Report{Events: []watch.Event{{Kind: watch.Closed, Socket: inferred, Inferred: true}}}, &small, nil)
	if !slices.Contains(cells(m, "remote"), "198.51.100.88:443") {
		t.Error("a connection that is known by its end is not shown")
	}
	c.at = c.at.Add(2 * glow)
	m.Take(reading(), &small, nil)
	if len(m.page().rows) != 3 {
		t.Errorf("there are %d rows", len(m.page().rows))
	}
}

// A flood of short connections does not fill memory, or the screen for good.
func TestFlood(t *testing.T) {
	m, c := newModel(t, nil)
	m.Take(nil, &small, nil)
	var events []watch.Event
	for i := range 20 * maxGhosts {
		s := *tcp(uint64(1000+i), "192.0.2.1:1", "198.51.100.1:2", nil, 0, 0).Socket
		events = append(events, watch.Event{Kind: watch.Closed, Socket: s, Inferred: true})
	}
	m.Take(&watch.Report{Events: events}, &small, nil)
	c.at = c.at.Add(time.Second)
	m.Take(reading(), &small, nil)
	if n := len(m.store(Connections).all); n > maxGhosts+10 {
		t.Errorf("%d rows are kept", n)
	}
}

func TestFilter(t *testing.T) {
	m, _ := newModel(t, func(o *Options) {
		o.Check = func(n view.Needs) error {
			if n.Geo {
				return errors.New("there is no database")
			}
			return nil
		}
	})
	m.Take(reading(), &small, nil)
	keys(m, "/")
	typed(m, "dport = :443 and process ~ cu")
	want(t, cells(m, "remote"), "198.51.100.7:443")
	keys(m, "enter", "2")
	m.Take(reading(), &small, nil)
	want(t, cells(m, "process"), "curl")
	keys(m, "esc")
	if m.filterText != "" {
		t.Error("esc leaves the filter", m.filterText)
	}
	keys(m, "/")
	typed(m, "sport = ")
	if m.prompt.trouble == "" || !strings.Contains(screen(m), m.prompt.trouble[:10]) {
		t.Errorf("of a filter that cannot be read it is said %q", m.prompt.trouble)
	}
	keys(m, "enter")
	if m.prompt == nil {
		t.Error("a filter that cannot be read was taken")
	}
	keys(m, "ctrl+u")
	typed(m, "country = CN")
	if m.prompt.trouble != "there is no database" {
		t.Error("trouble:", m.prompt.trouble)
	}
	keys(m, "esc")
	if len(m.page().rows) != 2 || m.prompt != nil {
		t.Error("after esc there are", len(m.page().rows), "rows")
	}
}

func TestSort(t *testing.T) {
	m, _ := newModel(t, nil)
	m.Take(reading(), &small, nil)
	screen(m)
	m.sortColumn("remote")
	want(t, cells(m, "remote"), "198.51.100.7:443", "198.51.100.8:80", "203.0.113.9:40000")
	keys(m, "S")
	want(t, cells(m, "remote"), "203.0.113.9:40000", "198.51.100.8:80", "198.51.100.7:443")
	keys(m, "s", "s")
	if name := m.page().cols[m.page().sort].name; name != "rx_rate" {
		t.Error("the next column but one is", name) // the state is between
	}
	want(t, cells(m, "rx_rate"), "2.0 kB/s", "500 B/s", "0")
	keys(m, "left")
	if name := m.page().cols[m.page().sort].name; name != "state" {
		t.Error("the column before is", name)
	}
}

// resort gives what a sort gives, however many rows moved.
func TestResort(t *testing.T) {
	var o scratch[*row]
	compare := func(a, b *row) int { return int(int64(a.key.a) - int64(b.key.a)) }
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 3, 10, 1000} {
		rows := make([]*row, n)
		for i := range rows {
			rows[i] = &row{key: key{a: uint64(i)}}
		}
		for _, moved := range []int{0, 1, 2, n / 20, n / 2, n} {
			for range min(moved, n) {
				rows[random.IntN(n)].key.a = uint64(random.IntN(n + 1))
			}
			before := slices.Clone(rows)
			rows = o.resort(rows, compare)
			if !slices.IsSortedFunc(rows, compare) {
				t.Fatalf("%d of %d moved, and are not in order", moved, n)
			}
			for _, r := range before {
				if !slices.Contains(rows, r) {
					t.Fatalf("%d of %d moved, and a row is lost", moved, n)
				}
			}
		}
	}
}

func TestPause(t *testing.T) {
	m, c := newModel(t, nil)
	m.Take(reading(), &small, nil)
	keys(m, "space")
	c.at = c.at.Add(time.Second)
	m.Take(reading(), &script{source: watch.FromBPF}, nil)
	if n := len(m.page().rows); n != 3 || !strings.Contains(screen(m), "PAUSED") {
		t.Errorf("%d rows while it is paused:\n%s", n, screen(m))
	}
	keys(m, "space")
	m.Take(reading(), &script{source: watch.FromBPF}, nil)
	for _, r := range m.page().rows {
		if !r.gone() {
			t.Error("after the pause a row is still there")
		}
	}
}

// The cursor stays at its line, or on its row.
func TestFollow(t *testing.T) {
	for _, follow := range []bool{false, true} {
		m, c := newModel(t, nil)
		s := crowd(100, 100)
		m.Take(reading(), s, nil)
		keys(m, "down", "down")
		if follow {
			keys(m, "f")
		}
		before := m.current()
		s.flows[0].Delta.Received = 1 << 40 // now on top
		c.at = c.at.Add(time.Second)
		m.Take(reading(), s, nil)
		if same := m.current() == before; same != follow {
			t.Errorf("follow %v: the row is the same: %v", follow, same)
		}
		if at := m.page().cursor; follow != (at == 3) {
			t.Errorf("follow %v: the cursor is at %d", follow, at)
		}
	}
}

func TestMove(t *testing.T) {
	m, _ := newModel(t, nil)
	m.Take(reading(), crowd(100, 0), nil)
	for _, step := range []struct {
		key  string
		want int
	}{{"k", 0}, {"j", 1}, {"down", 2}, {"up", 1}, {"G", 99}, {"pgup", 84}, {"pgdown", 99}, {"g", 0}, {"ctrl+d", 8}, {"ctrl+u", 0}, {"end", 99}, {"home", 0}} {
		keys(m, step.key)
		p := m.page()
		if p.cursor != step.want || p.cursor < p.top || p.cursor >= p.top+m.room() {
			t.Errorf("after %s the cursor is at %d of %d to %d, not at %d", step.key, p.cursor, p.top, p.top+m.room(), step.want)
		}
	}
}

func TestSearch(t *testing.T) {
	m, _ := newModel(t, nil)
	m.Take(reading(), &small, nil)
	keys(m, "ctrl+f")
	typed(m, ".100.")
	keys(m, "enter")
	want(t, []int{m.page().cursor}, 1)
	keys(m, "n")
	want(t, []int{m.page().cursor}, 2)
	keys(m, "n", "N", "N")
	want(t, []int{m.page().cursor}, 1)
	if !strings.Contains(screen(m), "\x1b[1;4m.100.") {
		t.Errorf("what is searched for is not marked:\n%q", screen(m))
	}
	m.search = "nowhere"
	keys(m, "n")
	if !strings.Contains(m.status, "not found") {
		t.Error("status:", m.status)
	}
}

func TestColumns(t *testing.T) {
	m, _ := newModel(t, nil)
	m.Take(reading(), &small, nil)
	keys(m, "c")
	if !strings.Contains(screen(m), "[x] proto") || !strings.Contains(screen(m), "[ ] inode") {
		for m.chooser.names[m.chooser.cursor] != "inode" {
			keys(m, "j")
		}
		if !strings.Contains(screen(m), "[ ] inode") {
			t.Fatalf("the list of columns:\n%s", screen(m))
		}
	}
	keys(m, "g", "space", "j", "J", "enter")
	want(t, m.page().names[:2], "remote", "local")
	keys(m, "c")
	for range m.chooser.names {
		keys(m, "space", "j")
	}
	for _, n := range m.page().names {
		if find(m.page().cols, n) < 0 {
			t.Error("a column is called", n)
		}
	}
	keys(m, "g")
	for _, n := range m.chooser.names {
		m.chooser.on[n] = false
	}
	keys(m, "down")
	want(t, []int{len(m.page().names)}, 1) // there is always one
	keys(m, "u")
	want(t, m.page().names, usual[Connections]...)
}

func TestTree(t *testing.T) {
	master := &netstat.Process{PID: 70, Name: "master", Started: noon.Add(-2 * time.Hour)}
	m, _ := newModel(t, func(o *Options) {
		o.View = Processes
		o.Details = func(p *netstat.Process) (d netstat.Details, _ error) {
			switch p {
			case nginx:
				d.Parents = []netstat.Parent{{PID: 70, Name: "master"}, {PID: 1, Name: "init"}}
			case curl:
				d.Parents = []netstat.Parent{{PID: 30, Name: "bash"}, {PID: 1, Name: "init"}}
			case master:
				d.Parents = []netstat.Parent{{PID: 1, Name: "init"}}
			}
			return d, nil
		}
	})
	s := &script{source: watch.FromBPF, usage: map[watch.By][]watch.Usage{watch.ByProcess: {
		{Process: curl, Open: 1, Delta: watch.Bytes{Received: 50}},
		{Process: nginx, Open: 1, Delta: watch.Bytes{Received: 70}},
		{Process: master, Open: 1, Delta: watch.Bytes{Received: 7}},
	}}}
	m.Take(reading(), s, nil)
	screen(m)
	work(m)
	want(t, cells(m, "process"), "init", "├─master", "│ └─nginx", "└─bash", "  └─curl")
	keys(m, "down", "left")
	want(t, cells(m, "process"), "init", "├─master [+]", "└─bash", "  └─curl")
	want(t, cells(m, "rx_rate"), "0", "77 B/s", "0", "50 B/s")
	m.Take(reading(), s, nil)
	want(t, cells(m, "process"), "init", "├─master [+]", "└─bash", "  └─curl")
	keys(m, "right", "g", "left")
	want(t, cells(m, "process"), "init [+]")
	keys(m, "right", "t")
	want(t, cells(m, "process"), "nginx", "curl", "master")
	keys(m, "t")
	want(t, cells(m, "process"), "init", "├─master", "│ └─nginx", "└─bash", "  └─curl")
	m.opt.ASCII = true
	m.relist()
	want(t, cells(m, "process"), "init", "|-master", "| `-nginx", "`-bash", "  `-curl")
}

// Parents that go round in a circle, because ids were given again, end the tree and not the program.
func TestTreeCircle(t *testing.T) {
	m, _ := newModel(t, func(o *Options) {
		o.View = Processes
		o.Details = func(p *netstat.Process) (d netstat.Details, _ error) {
			other := map[int]int{4242: 80, 80: 4242}[p.PID]
			d.Parents = []netstat.Parent{{PID: other, Name: "x"}, {PID: p.PID, Name: "y"}}
			return d, nil
		}
	})
	m.Take(reading(), &small, nil)
	screen(m)
	work(m)
	if n := len(m.page().rows); n != 2 {
		t.Errorf("%d rows: %v", n, cells(m, "process"))
	}
}

// What is compared beside the rows puts them in the same order as the rows themselves.
func TestRanked(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	m, _ := newModel(t, nil)
	address := func() netip.AddrPort {
		list := []string{"0.0.0.0", "10.0.0.1", "10.0.0.2", "255.255.255.255", "::", "::1", "::ffff:10.0.0.1", "2001:db8::1", "2001:db8::2", "fe80::1%a", "fe80::1%b"}
		return netip.AddrPortFrom(netip.MustParseAddr(list[random.IntN(len(list))]), uint16(random.IntN(3)))
	}
	var rows []*row
	for i := range 3000 {
		r := &row{key: key{a: uint64(i)}}
		r.By, r.Told, r.Interval = bySocket, true, time.Second
		r.sock = netstat.Socket{Proto: netstat.Proto(1 + random.IntN(2)), Local: address(), Remote: address()}
		r.Delta.Received = uint64(random.IntN(3))
		rows = append(rows, r)
	}
	for _, down := range []bool{false, true} {
		m.page().down = down
		by := m.order()
		if by.value == nil {
			t.Fatal("the rate has no value")
		}
		want := slices.SortedFunc(slices.Values(rows), by.compare)
		var list []ranked
		for _, r := range rows {
			list = append(list, by.ranked(r))
		}
		slices.SortFunc(list, by.compareRanked)
		for i := range list {
			if list[i].row != want[i] {
				t.Fatalf("down %v: the orders differ at %d", down, i)
			}
		}
	}
}

// The rows of the quick reading, in which sockets have no cookies yet, become those of the watcher.
func TestFirst(t *testing.T) {
	m, c := newModel(t, nil)
	s := crowd(50, 0)
	snap := new(netstat.Snapshot)
	for i := range s.flows {
		s.flows[i].Socket.Inode = uint64(1000 + i)
		sock := *s.flows[i].Socket
		if i%3 > 0 {
			sock.Cookie = 0
		}
		snap.Sockets = append(snap.Sockets, sock)
	}
	m.First(snap)
	m.Resize(100, 70)
	first := m.page().rows[7]
	if m.tally != [2]int{50, 0} {
		t.Error("tally", m.tally)
	}
	c.at = c.at.Add(100 * time.Millisecond)
	m.Take(nil, s, nil)
	if text := screen(m); strings.Contains(text, "\n+ ") || strings.Contains(text, "\n- ") || len(m.page().rows) != 50 || m.tally != [2]int{50, 0} {
		t.Errorf("%d rows, %v:\n%s", len(m.page().rows), m.tally, text)
	}
	if !slices.Contains(m.page().rows, first) {
		t.Error("a row is another one")
	}
	c.at = c.at.Add(time.Second)
	s.flows = s.flows[:49]
	m.Take(reading(), s, nil)
	if !strings.Contains(screen(m), "- ") {
		t.Error("one that is gone is not marked")
	}
}

func TestMergeInto(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	compare := func(a, b *row) int { return int(int64(a.key.a) - int64(b.key.a)) }
	some := func(n int) (list []*row) {
		for range n {
			list = append(list, &row{key: key{a: uint64(random.IntN(50))}})
		}
		slices.SortFunc(list, compare)
		return list
	}
	for range 200 {
		list, news := some(random.IntN(20)), some(random.IntN(20))
		all := append(slices.Clone(list), news...)
		got := mergeInto(list, news, compare)
		if len(got) != len(all) || !slices.IsSortedFunc(got, compare) {
			t.Fatalf("%d rows of %d", len(got), len(all))
		}
		for _, r := range all {
			if !slices.Contains(got, r) {
				t.Fatal("a row is lost")
			}
		}
	}
}

// Of many sockets the quick reading shows those that stand first, and the watcher's all, without marks.
func TestFirstOfMany(t *testing.T) {
	m, _ := newModel(t, nil)
	s := crowd(5*firstRows, 0)
	snap := new(netstat.Snapshot)
	for i := range s.flows {
		snap.Sockets = append(snap.Sockets, *s.flows[len(s.flows)-1-i].Socket)
	}
	m.First(snap)
	before := cells(m, "remote")[:10]
	m.Take(nil, s, nil)
	want(t, cells(m, "remote")[:10], before...)
	if text := screen(m); len(m.page().rows) != 5*firstRows || strings.Contains(text, "\n+") {
		t.Errorf("%d rows:\n%s", len(m.page().rows), text)
	}
}
