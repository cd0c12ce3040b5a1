package tui

import (
	"fmt"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// paneHeight is how many lines the pane below the table takes.
func (m *Model) paneHeight() int {
	most := m.body() - 1
	switch {
	case m.confirm != nil:
		return max(0, min(len(m.confirm.lines)+3, most))
	case m.kind == Links:
		return max(0, min(m.graphHeight(), most))
	case !m.detail || m.body() < 6 || m.current() == nil:
		return 0
	}
	n := len(m.facts(m.current()))
	if m.twoColumns() {
		n = (n + 1) / 2
	}
	return max(0, min(max(n+1, 8), m.body()*2/3))
}

func (m *Model) twoColumns() bool { return m.width >= 140 }

func (m *Model) drawPane(d *drawn) {
	height := m.body() - m.room()
	switch {
	case height <= 0:
	case m.confirm != nil:
		m.drawConfirm(d, height)
	case m.kind == Links:
		m.drawGraph(d, height)
	default:
		m.drawDetail(d, height)
	}
}

// rule draws a line across, with a title in it.
func (m *Model) rule(d *drawn, st style, title string) {
	d.newline()
	dash := "─"
	if m.opt.ASCII {
		dash = "-"
	}
	d.text(st, dash+" "+title+" ", m.width)
	d.text(st, strings.Repeat(dash, max(0, m.width-d.line)), m.width)
}

func (m *Model) drawConfirm(d *drawn, height int) {
	p, c := m.palette(), m.confirm
	m.rule(d, p.bad, c.title)
	lines := c.lines[:min(len(c.lines), max(0, height-3))]
	for _, line := range lines {
		d.newline()
		d.text("", "  "+line, m.width)
	}
	for range height - 3 - len(lines) {
		d.newline()
	}
	if height > 2 {
		d.newline()
	}
	if height > 1 {
		d.newline()
		d.text(p.title, "  "+c.keys, m.width)
	}
}

// fact is one thing that is known of a row.
type fact struct{ label, text string }

func (m *Model) drawDetail(d *drawn, height int) {
	p := m.palette()
	r := m.current()
	m.rule(d, p.label, m.rowTitle(r))
	facts := m.facts(r)
	rows := height - 1
	if m.twoColumns() {
		half := (len(facts) + 1) / 2
		for i := range rows {
			d.newline()
			m.drawFact(d, facts, i, half, m.width/2-1)
			d.spaces(m.width/2 - d.line)
			m.drawFact(d, facts, half+i, len(facts), m.width)
		}
		return
	}
	for i := range rows {
		d.newline()
		m.drawFact(d, facts, i, len(facts), m.width)
	}
}

func (m *Model) drawFact(d *drawn, facts []fact, i, end, width int) {
	if i >= end || i >= len(facts) {
		return
	}
	d.text(m.palette().label, fmt.Sprintf("  %-10s ", facts[i].label), width)
	d.text("", facts[i].text, width)
}

func (m *Model) rowTitle(r *row) string {
	switch {
	case r == nil:
		return ""
	case r.Socket != nil:
		return m.socketLine(&r.sock)
	case r.By == byProcess && r.Process != nil:
		return fmt.Sprintf("%s[%d]", view.CleanText(r.Process.Name), r.Process.PID)
	case r.By == byRemote:
		return r.remote().String()
	}
	return ""
}

// facts are what is known of a row, the most telling first.
func (m *Model) facts(r *row) (list []fact) {
	if r == nil {
		return nil
	}
	add := func(label, text string) {
		if text != "" {
			list = append(list, fact{label, view.CleanText(text)})
		}
	}
	switch {
	case r.Socket != nil:
		add("owner", m.ownersLine(&r.sock))
		m.processFacts(r.process(), add)
		m.socketFacts(r, add)
	case r.By == byProcess && r.Process != nil:
		m.processFacts(r.Process, add)
		add("moved", m.moved(r))
		add("sockets", fmt.Sprintf("%d open, %d opened and %d closed since the start", r.Open, r.Opened, r.Closed))
		if r.Uncounted > 0 {
			add("", fmt.Sprintf("the bytes of %d are not told by the system", r.Uncounted))
		}
		add("holds", m.holdings(r.Process))
	case r.By == byRemote:
		add("name", m.reverse.name(r.remote()))
		add("place", m.opt.Names.PlaceOf(r.remote()))
		add("moved", m.moved(r))
		add("sockets", fmt.Sprintf("%d open, %d opened and %d closed since the start", r.Open, r.Opened, r.Closed))
		add("processes", m.processesAt(r))
	}
	return list
}

func (m *Model) processFacts(p *netstat.Process, add func(label, text string)) {
	if p == nil {
		return
	}
	d := m.details.of(p)
	add("command", strings.Join(d.Args, " "))
	add("program", d.Exe)
	add("user", d.User)
	var parents []string
	for _, q := range d.Parents {
		parents = append(parents, fmt.Sprintf("%s[%d]", q.Name, q.PID))
	}
	add("parents", strings.Join(parents, " < "))
	add("unit", m.unitOf(p))
	if !p.Started.IsZero() {
		add("started", p.Started.Format("2006-01-02 15:04:05")+", "+roughly(max(0, m.at.Sub(p.Started)))+" ago")
	}
	if d.err != nil {
		add("not told", d.err.Error())
	}
}

func (m *Model) socketFacts(r *row, add func(label, text string)) {
	s := &r.sock
	if a := r.remote(); a.IsValid() && s.Remote.Port() != 0 {
		add("name", m.reverse.name(a))
		add("place", m.opt.Names.PlaceOf(a))
	}
	add("moved", m.moved(r))
	switch d, known := age(m, r); {
	case known:
		add("lifetime", roughly(d)+", since "+r.since.Format("15:04:05"))
	case !r.gone():
		add("lifetime", "it was there before the watch began")
	}
	add("tcp", m.tcpLine(s))
	switch {
	case !s.HasQueues:
	case s.State == netstat.Listen:
		add("queue", fmt.Sprintf("%d connections wait to be accepted, of at most %d", s.RecvQ, s.SendQ))
	default:
		add("queues", fmt.Sprintf("%d B received and not read, %d B sent and not acknowledged", s.RecvQ, s.SendQ))
	}
	add("user", m.cell("user", s))
	add("interface", m.cell("interface", s))
	add("ids", m.idsLine(s))
}

// moved is what went each way, since the watch began and now.
func (m *Model) moved(r *row) string {
	if !r.Told {
		return "the system does not tell"
	}
	u := m.opt.Unit
	return fmt.Sprintf("RX %s, %s; TX %s, %s", u.Amount(float64(r.Total.Received)), u.Rate(r.rxRate()), u.Amount(float64(r.Total.Sent)), u.Rate(r.txRate()))
}

func (m *Model) tcpLine(s *netstat.Socket) string {
	if !s.Info.Known || s.State == netstat.Listen {
		return ""
	}
	text := fmt.Sprintf("round trip %.1f ms, %d sent again, window %d", float64(s.Info.RTT)/1000, s.Info.Retrans, s.Info.Cwnd)
	if c := s.Info.Congestion.String(); c != "" {
		text += ", congestion " + c
	}
	return text
}

func (m *Model) idsLine(s *netstat.Socket) string {
	var parts []string
	for _, name := range []string{"inode", "cookie", "netns"} {
		if v := m.cell(name, s); v != "" {
			parts = append(parts, name+" "+v)
		}
	}
	return strings.Join(parts, ", ")
}

// processesAt are those that talk to a host.
func (m *Model) processesAt(host *row) string {
	var names []string
	seen := make(map[*netstat.Process]bool)
	for _, r := range m.store(Connections).all {
		if r.gone() || r.remote().Unmap() != host.remote() {
			continue
		}
		for _, o := range r.sock.Owners {
			if !seen[o.Process] && len(names) < 20 {
				seen[o.Process] = true
				names = append(names, fmt.Sprintf("%s[%d]", o.Process.Name, o.Process.PID))
			}
		}
	}
	return strings.Join(names, ", ")
}
