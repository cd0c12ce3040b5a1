package tui

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Model is the state of the screen.
type Model struct {
	opt           Options
	width, height int
	at            time.Time // of the last reading
	interval      time.Duration
	source        watch.Source
	sourceKnown   bool
	ready         bool // there is something to show

	stores       [kinds]store // those of connections also hold listeners
	meter        ifstat.Meter
	begin        *ifstat.Counters // of the total, at the first reading
	linkReadings int
	ancestors    map[key]*row
	usage        []watch.Usage
	counts       watch.Counts

	pages  [kinds]page
	kind   Kind
	sorter sorter
	orders map[string]*view.Order // of columns of sockets that are compared by names

	filter     *view.Filter
	filterText string
	search     string
	paused     bool
	follow     bool
	detail     bool
	tree       bool
	idle       bool // interfaces that were never used are shown too

	prompt  *prompt
	confirm *confirm
	chooser *chooser
	help    bool
	helpTop int

	status      string // what was last done, or why not
	statusBad   bool
	statusUntil time.Time
	partial     []error

	details details
	reverse reverse
	jobs    []job
	quit    bool
	failed  error // why it ended

	layout layout
	lines  drawn
}

// page is a view with what was chosen for it.
type page struct {
	cols      []column // all there are
	names     []string // those that are shown, in order
	sort      int      // in cols
	down      bool
	rows      []*row
	selected  key
	cursor    int
	top       int
	unfolding map[key]bool
}

// job is something that takes time: it is done beside the screen, and what it returns is done to the model.
type job func() func(*Model)

// New is a model that has seen no reading yet.
func New(opt Options) (*Model, error) {
	m := &Model{opt: opt, kind: opt.View, filter: opt.Filter, filterText: opt.Text, tree: true, ancestors: make(map[key]*row), width: 80, height: 24,
		orders: make(map[string]*view.Order), at: opt.Now()}
	m.details.open()
	m.reverse.open()
	for k := range m.pages {
		m.stores[k] = newStore()
		p := &m.pages[k]
		p.cols, p.names = columnsOf(Kind(k)), usual[k]
		if err := p.sortBy(usualSort[k]); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"user", "interface", "place", "country", "iso", "region", "city", "isp", "org", "asn", "special"} {
		m.orders[name], _, _ = view.ParseOrder(name, opt.Names)
	}
	if opt.Width > 0 && opt.Height > 0 {
		m.width, m.height = opt.Width, opt.Height
	}
	return m, m.chosen()
}

// chosen applies what the options say of the first view.
func (m *Model) chosen() (err error) {
	p := m.page()
	if m.opt.Columns != "" {
		if p.names, err = choose(p.cols, m.opt.Columns); err != nil {
			return err
		}
	}
	if m.opt.Sort != "" {
		return p.sortBy(m.opt.Sort)
	}
	return nil
}

func (p *page) sortBy(name string) error {
	name, down := strings.CutPrefix(name, "-")
	i := find(p.cols, strings.ReplaceAll(name, "-", "_"))
	if i < 0 {
		return fmt.Errorf("this view has no column %q to sort by; it has %s", name, strings.Join(namesOf(p.cols), ", "))
	}
	p.sort, p.down = i, down
	return nil
}

func (m *Model) page() *page { return &m.pages[m.kind] }

// store is where the rows of a view are kept.
func (m *Model) store(k Kind) *store {
	if k == Listeners {
		k = Connections
	}
	return &m.stores[k]
}

// First takes a quick reading, which has no rates.
func (m *Model) First(s *netstat.Snapshot) {
	if m.ready {
		return
	}
	m.at, m.ready = m.opt.Now(), true
	st := m.store(Connections)
	st.expect(len(s.Sockets))
	st.begin()
	for i := range s.Sockets {
		sock := &s.Sockets[i]
		if sock.State == netstat.TimeWait || sock.State == netstat.SynRecv || sock.State == netstat.DeleteTCB {
			continue // no watcher tells of them
		}
		r := st.touch(socketKey(sock), m.at)
		r.setSocket(sock)
		r.By = bySocket
		r.Told = sock.Info.Known || sock.State == netstat.Listen
	}
	st.begun = true
	m.relist()
}

// Take takes a reading. The report, the watcher and the snapshot are not used after it returns.
func (m *Model) Take(report *watch.Report, w Watcher, links *ifstat.Snapshot) {
	if m.paused {
		return
	}
	m.at, m.interval, m.source, m.sourceKnown = m.opt.Now(), w.Interval(), w.Source(), true
	if report != nil {
		m.counts = report.Counts
	}
	if report != nil && report.Elapsed == 0 {
		m.insert(m.takeEvents(report))
		return
	}
	m.ready = true
	m.note(report)
	m.opt.Names.Forget()
	if m.opt.Places != nil {
		if err := m.opt.Places(); err != nil {
			m.say(err.Error(), true)
		}
	}
	m.takeSockets(w)
	if report != nil {
		m.takeEvents(report)
	}
	if links != nil {
		m.takeLinks(links)
	}
	m.takeUsage(w)
	m.details.age(m.at)
	m.relist()
}

// note keeps what the reading could not see.
func (m *Model) note(report *watch.Report) {
	if report != nil {
		m.partial = append(m.partial[:0], report.Partial...)
	}
}

const bySocket, byProcess, byRemote = "socket", "process", "remote"

// takeSockets takes the sockets of a reading.
func (m *Model) takeSockets(w Watcher) {
	st := m.store(Connections)
	first := !st.begun
	byBPF := m.source == watch.FromBPF
	st.begin()
	w.Flows(func(f *watch.Flow) bool {
		s := f.Socket
		r := st.touch(socketKey(s), m.at)
		r.setSocket(s)
		r.By, r.Total, r.Delta, r.Interval, r.since = bySocket, f.Total, f.Delta, m.interval, f.Since
		r.Told = f.Total.Basis != watch.NotCounted || s.State == netstat.Listen || byBPF && s.Proto == netstat.UDP
		if first {
			r.born = time.Time{}
		}
		return true
	})
	st.end(m.at)
}

// takeEvents takes what opened and closed between two readings, so that it is seen at once, and however short it lives.
// It returns the rows that are new.
func (m *Model) takeEvents(report *watch.Report) (rows []*row) {
	st := m.store(Connections)
	ends := 0
	for i := range report.Events {
		e := &report.Events[i]
		switch e.Kind {
		case watch.Opened, watch.ListenerAppeared:
			if r := st.byKey[socketKey(&e.Socket)]; r == nil && len(st.all) < maxGhosts*100 {
				r = st.touch(socketKey(&e.Socket), m.at)
				r.setEvent(&e.Socket)
				r.By, r.since, r.Interval, r.Told = bySocket, e.Since, m.interval, e.Socket.Proto == netstat.TCP
				rows = append(rows, r)
			}
		case watch.Closed, watch.ListenerVanished:
			if ends++; ends <= maxGhosts {
				if r, made := m.takeEnd(e); made {
					rows = append(rows, r)
				}
			}
		}
	}
	return rows
}

// takeEnd marks a socket as gone, and shows it for a moment if it had not been seen.
func (m *Model) takeEnd(e *watch.Event) (r *row, made bool) {
	st := m.store(Connections)
	k := socketKey(&e.Socket)
	if r = st.byKey[k]; r == nil {
		r, made = st.touch(k, m.at), true
		r.setEvent(&e.Socket)
		r.By, r.Interval = bySocket, m.interval
	}
	if r.died.IsZero() {
		r.died = m.at
	}
	if !e.Since.IsZero() {
		r.since = e.Since
	}
	if e.Bytes.Basis != watch.NotCounted {
		r.Total, r.Told = e.Bytes, true
	}
	return r, made
}

// manyNews is how many rows are put in their places one by one; more are sorted with the rest.
const manyNews = 64

// insert puts rows that came between two readings in their places.
func (m *Model) insert(news []*row) {
	switch {
	case len(news) == 0 || m.kind != Connections && m.kind != Listeners:
		return
	case len(news) > manyNews:
		m.relist()
		return
	}
	p, match, compare := m.page(), m.matcher(), m.order().compare
	for _, r := range news {
		if r.listed || !m.belongs(r) || !match(r) {
			continue
		}
		r.listed = true
		at, _ := slices.BinarySearchFunc(p.rows, r, compare)
		p.rows = slices.Insert(p.rows, at, r)
		if at <= p.cursor && len(p.rows) > 1 && (m.follow || m.detail) {
			p.cursor++
		}
	}
	m.place()
}

// takeUsage takes what processes and hosts moved, if they are shown.
func (m *Model) takeUsage(w Watcher) {
	if m.kind == Processes || m.kind == Hosts {
		m.takeUsageOf(m.kind, w)
	}
}

func (m *Model) takeUsageOf(k Kind, w Watcher) {
	by := map[Kind]watch.By{Processes: watch.ByProcess, Hosts: watch.ByRemote}[k]
	m.usage = w.Usage(by, m.usage[:0])
	st := m.store(k)
	st.begin()
	for i := range m.usage {
		u := &m.usage[i]
		if u.Open == 0 && (u.Process != nil || u.Remote.IsValid() || u.Total == watch.Bytes{}) {
			continue
		}
		m.takeAccount(st, by, u)
	}
	st.end(m.at)
}

func (m *Model) takeAccount(st *store, by watch.By, u *watch.Usage) {
	k := processKey(u.Process)
	if by == watch.ByRemote {
		k = hostKey(u.Remote)
	}
	r := st.touch(k, m.at)
	r.Usage, r.Interval, r.By = *u, m.interval, by.String()
	r.Told = u.Total.Basis != watch.NotCounted || u.Uncounted == 0
	if by == watch.ByRemote && u.Remote.IsValid() {
		r.sock.Remote = netip.AddrPortFrom(u.Remote, 0)
		r.sock.Proto = netstat.TCP
	}
}

// relist makes the rows of the view anew: those that pass the filter, in order.
func (m *Model) relist() {
	p, st := m.page(), m.store(m.kind)
	match := m.matcher()
	kept := p.rows[:0]
	for _, r := range p.rows {
		r.listed = !r.dropped && m.kind != Processes && m.belongs(r) && match(r) // of a tree not all rows are shown
		if r.listed {
			kept = append(kept, r)
		}
	}
	clear(p.rows[len(kept):])
	for _, r := range st.all {
		if !r.listed && m.belongs(r) && match(r) {
			r.listed = m.kind != Processes
			kept = append(kept, r)
		}
	}
	p.rows = m.inOrder(kept)
	m.place()
}

// switchTo shows another view.
func (m *Model) switchTo(k Kind) {
	if k == m.kind {
		return
	}
	for _, r := range m.page().rows {
		r.listed = false
	}
	m.page().rows = nil
	m.kind = k
	m.layout.forget()
	m.relist()
}

// order is that of the view.
func (m *Model) order() order {
	p := m.page()
	c, down := &p.cols[p.sort], p.down
	return order{value: c.value, down: down, compare: func(a, b *row) int {
		switch o := c.compare(m, a, b); {
		case o == 0:
			return tie(a, b)
		case down:
			return -o
		default:
			return o
		}
	}}
}

// inOrder sorts rows.
func (m *Model) inOrder(rows []*row) []*row {
	by := m.order()
	if m.kind == Processes && m.tree {
		return m.grow(rows, by.compare)
	}
	if m.kind == Processes {
		for _, r := range rows {
			r.tree.branch, r.tree.children, r.tree.folded = r.tree.branch[:0], r.tree.children[:0], false
		}
	}
	return m.sorter.resort(rows, by)
}

// belongs reports whether a row is one of the view's.
func (m *Model) belongs(r *row) bool {
	switch m.kind {
	case Listeners:
		return listens(&r.sock)
	case Connections:
		return !listens(&r.sock)
	case Links:
		return m.idle || !r.link.idle()
	}
	return true
}

func listens(s *netstat.Socket) bool {
	return s.State == netstat.Listen || s.State == netstat.Unconnected || s.State == netstat.Bound
}

// matcher reports which rows pass the filter. It is about sockets: processes and hosts pass that have one which does.
func (m *Model) matcher() func(*row) bool {
	if m.filter.Empty() || m.kind == Links {
		return func(*row) bool { return true }
	}
	if m.kind == Connections || m.kind == Listeners {
		return func(r *row) bool { return m.filter.Match(&r.sock) }
	}
	some := make(map[key]bool)
	for _, r := range m.store(Connections).all {
		if !m.filter.Match(&r.sock) {
			continue
		}
		for i := range r.sock.Owners {
			some[processKey(r.sock.Owners[i].Process)] = true
		}
		if a := r.remote(); m.kind == Hosts && a.IsValid() {
			some[hostKey(a.Unmap())] = true
		}
	}
	return func(r *row) bool { return some[r.key] }
}

// place puts the cursor where it belongs after the rows have changed: on its row if it follows, else where it was.
func (m *Model) place() {
	p := m.page()
	if m.follow || m.detail || m.confirm != nil {
		if i := slices.IndexFunc(p.rows, func(r *row) bool { return r.key == p.selected }); i >= 0 {
			p.cursor = i
		}
	}
	m.move(0)
}

// move moves the cursor by some rows.
func (m *Model) move(by int) {
	p := m.page()
	p.cursor = max(0, min(p.cursor+by, len(p.rows)-1))
	if p.cursor < len(p.rows) {
		p.selected = p.rows[p.cursor].key
	}
	room := m.room()
	p.top = max(0, min(p.top, len(p.rows)-room))
	p.top = min(p.top, p.cursor)
	p.top = max(p.top, p.cursor-room+1)
}

// current is the row under the cursor; nil is none.
func (m *Model) current() *row {
	if p := m.page(); p.cursor < len(p.rows) {
		return p.rows[p.cursor]
	}
	return nil
}

// say shows a line for a while.
func (m *Model) say(text string, bad bool) {
	m.status, m.statusBad, m.statusUntil = view.CleanText(text), bad, m.opt.Now().Add(8*time.Second)
}

// Tick is called when nothing was read for a while: what glows may have gone out.
func (m *Model) Tick() {
	if m.paused {
		return
	}
	m.at = m.opt.Now()
	for k := range m.stores {
		m.stores[k].sweep(m.at)
	}
	m.relist()
}

// glowing reports whether anything is marked as new or gone.
func (m *Model) glowing() bool { return m.store(m.kind).glowing(m.at) }

// do has a job done.
func (m *Model) do(j job) { m.jobs = append(m.jobs, j) }

// Jobs are those that were not begun yet.
func (m *Model) Jobs() (list []job) {
	list, m.jobs = m.jobs, nil
	return list
}

// Resize says how large the screen is, in cells.
func (m *Model) Resize(width, height int) {
	m.width, m.height = max(width, 1), max(height, 1)
	m.layout.forget()
	m.move(0)
}
