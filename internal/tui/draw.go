package tui

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
)

// The lines of the screen that stay where they are.
const (
	titleLine = iota
	tabsLine
	headerLine
)

// drawn is the screen while it is drawn, and what of it can be clicked.
type drawn struct {
	buf   []byte
	width int // of the screen
	line  int // cells written in this line
	tabs  [kinds][2]int
	cell  []byte

	cursorX, cursorY int
	cursor           bool // a text is being typed
}

func (d *drawn) tabAt(x int) (Kind, bool) {
	for k, t := range d.tabs {
		if x >= t[0] && x < t[1] {
			return Kind(k), true
		}
	}
	return 0, false
}

// put writes clean text of a known width.
func (d *drawn) put(st style, text []byte, cells int) {
	if st != "" {
		d.buf = append(append(append(d.buf, "\x1b["...), st...), 'm')
	}
	d.buf = append(d.buf, text...)
	if st != "" {
		d.buf = append(d.buf, "\x1b[m"...)
	}
	d.line += cells
}

// text writes clean text, cut to the room that is left in the line.
func (d *drawn) text(st style, text string, width int) {
	room := width - d.line
	if room <= 0 || text == "" {
		return
	}
	text = view.Cut(text, room)
	d.put(st, []byte(text), view.Wide(text))
}

func (d *drawn) spaces(n int) {
	n = min(n, d.width-d.line)
	for range n {
		d.buf = append(d.buf, ' ')
	}
	d.line += max(n, 0)
}

func (d *drawn) newline() { d.buf, d.line = append(d.buf, '\n'), 0 }

// Draw is the screen: as many lines as it is high, none wider than it is wide. Where a text is being typed, x and y are where.
func (m *Model) Draw() (screen string, x, y int, typing bool) {
	d := &m.lines
	d.buf, d.width, d.line, d.cursor = d.buf[:0], m.width, 0, false
	m.drawTitle(d)
	switch {
	case m.height < 5:
		for range m.height - 2 {
			d.newline()
		}
	case m.help:
		m.drawHelp(d)
	case m.chooser != nil:
		m.drawChooser(d)
	default:
		m.drawTabs(d)
		m.drawTable(d)
		m.drawPane(d)
	}
	if m.height > 1 {
		d.newline()
		m.drawStatus(d)
	}
	return string(d.buf), d.cursorX, d.cursorY, d.cursor
}

// room is how many rows of the table have room.
func (m *Model) room() int { return max(1, m.body()-m.paneHeight()) }

// body is how many lines are between header and status.
func (m *Model) body() int { return m.height - headerLine - 2 }

func (m *Model) drawTitle(d *drawn) {
	p := m.palette()
	d.text(p.title, "sockeye top", m.width)
	d.text("", "  "+view.CleanText(m.opt.Host)+"  "+m.at.Format(time.TimeOnly), m.width)
	if m.paused {
		d.text(p.bad, "  PAUSED", m.width)
	}
	d.text("", fmt.Sprintf("  %s conn  %s listen", view.Count(float64(m.tally[0])), view.Count(float64(m.tally[1]))), m.width)
	if m.linkReadings > 1 {
		t := m.meter.Total().Rate()
		d.text(p.rx, "  RX "+m.opt.Unit.Rate(t.RxBytes), m.width)
		d.text(p.tx, "  TX "+m.opt.Unit.Rate(t.TxBytes), m.width)
		if l := m.totalLink(); l != nil && m.width-d.line > 4 {
			d.text(p.dim, "  "+view.Spark(l.both(min(40, m.width-d.line-2)), m.opt.ASCII), m.width)
		}
	}
}

func (m *Model) totalLink() *linkState {
	if r := m.stores[Links].byKey[key{0, 1 << 63}]; r != nil {
		return r.link
	}
	return nil
}

func (m *Model) drawTabs(d *drawn) {
	d.newline()
	p := m.palette()
	for k := range kinds {
		st := ""
		if k == m.kind {
			st = p.tab
		}
		name := k.String()
		text := fmt.Sprintf(" %d %s ", k+1, strings.ToUpper(name[:1])+name[1:])
		from := d.line
		d.text(st, text, m.width)
		d.tabs[k] = [2]int{from, d.line}
	}
	if m.filterText != "" {
		d.text(p.label, "  filter: ", m.width)
		d.text(p.bad, view.CleanText(m.filterText), m.width)
	}
}

func (m *Model) drawTable(d *drawn) {
	p := m.page()
	room, rows := m.room(), m.seen()
	m.lay(rows)
	m.drawHeader(d)
	for i, r := range rows {
		d.newline()
		m.drawRow(d, i, r, p.top+i == p.cursor)
	}
	for i := len(rows); i < room; i++ {
		d.newline()
		if i == 0 {
			d.text(m.palette().dim, "  "+m.emptiness(), m.width)
		}
	}
}

// emptiness says why there is no row.
func (m *Model) emptiness() string {
	switch {
	case !m.ready || !m.sourceKnown && (m.kind == Processes || m.kind == Hosts) || m.kind == Links && m.linkReadings == 0:
		return "reading ..."
	case m.filterText != "":
		return "nothing passes the filter; esc takes it away"
	}
	return "there are none"
}

func (m *Model) drawHeader(d *drawn) {
	d.newline()
	p, pg := m.palette(), m.page()
	d.spaces(marks)
	for i := range m.layout.placed {
		c := &m.layout.placed[i]
		if c.dropped {
			continue
		}
		d.spaces(c.x - d.line)
		text, st := c.header, p.header
		if c.name == pg.cols[pg.sort].name {
			text, st = text+m.arrow(pg.down), p.sorted
		}
		m.drawCell(d, c, []byte(text), st, st)
	}
}

func (m *Model) arrow(down bool) string {
	switch {
	case m.opt.ASCII && down:
		return "v"
	case m.opt.ASCII:
		return "^"
	case down:
		return "▼"
	}
	return "▲"
}

// drawRow draws a row of the table: in one style if it is new, gone or under the cursor.
func (m *Model) drawRow(d *drawn, line int, r *row, cursor bool) {
	mark, st := m.mark(r)
	if cursor {
		if st != "" {
			st += ";"
		}
		st += m.palette().cursor
		d.buf = append(append(append(d.buf, "\x1b["...), st...), 'm')
	}
	whole := st
	if cursor {
		whole = ""
	}
	d.put(whole, []byte(mark), marks)
	for i := range m.layout.placed {
		c := &m.layout.placed[i]
		if c.dropped {
			continue
		}
		d.spaces(c.x - d.line)
		text := c.cell(line)
		cell := whole
		if cell == "" && !cursor {
			cell = m.cellStyle(c, text, r)
		}
		m.drawCell(d, c, text, cell, st)
	}
	if cursor {
		d.spaces(m.width - d.line)
		d.buf = append(d.buf, "\x1b[m"...)
	}
}

// mark says of a row that it is new or gone, also to those who see no colours.
func (m *Model) mark(r *row) (string, style) {
	p := m.palette()
	switch {
	case r.gone():
		return "- ", p.gone
	case !r.fresh(m.at):
		return "  ", ""
	case m.at.Sub(r.born) < glow/2:
		return "+ ", p.glow
	}
	return "+ ", p.fresh
}

// cellStyle makes what moves stand out, and what says nothing step back.
func (m *Model) cellStyle(c *place, text []byte, r *row) style {
	p := m.palette()
	switch {
	case len(text) == 1 && (text[0] == '0' || text[0] == '-' || text[0] == '?'), r.bare():
		return p.dim
	case c.name == "rx_rate":
		return p.rx
	case c.name == "tx_rate":
		return p.tx
	case r.link != nil && r.link.total:
		return p.title
	}
	return ""
}

// drawCell draws a cell in its place, with what is searched for marked. around is the style of the line.
func (m *Model) drawCell(d *drawn, c *place, text []byte, st, around style) {
	d.cell = c.trim(d.cell[:0], text)
	n := wide(d.cell)
	room := m.width - d.line
	if n > room {
		d.cell = append(d.cell[:0], view.Cut(string(d.cell), max(room, 1))...)
		n = wide(d.cell)
	}
	if room <= 0 {
		return
	}
	if c.right {
		d.spaces(min(c.width, room) - n)
	}
	if at, end := m.found(d.cell); at >= 0 {
		d.put(st, d.cell[:at], wide(d.cell[:at]))
		d.put(m.palette().match, d.cell[at:end], wide(d.cell[at:end]))
		if st == "" && around != "" { // the match has ended the style of the line
			d.buf = append(append(append(d.buf, "\x1b["...), around...), 'm')
		}
		d.put(st, d.cell[end:], wide(d.cell[end:]))
		return
	}
	d.put(st, d.cell, n)
}

// found is where a cell has what is searched for; -1 is nowhere.
func (m *Model) found(cell []byte) (at, end int) {
	if m.search == "" {
		return -1, -1
	}
	lower := bytes.ToLower(cell)
	at = bytes.Index(lower, []byte(strings.ToLower(m.search)))
	if at < 0 || len(lower) != len(cell) {
		return -1, -1
	}
	return at, at + len(m.search)
}

// seen are the rows that have room.
func (m *Model) seen() []*row {
	p := m.page()
	return p.rows[min(p.top, len(p.rows)):min(p.top+m.room(), len(p.rows))]
}

const hints = "? help  / filter  s sort  space pause  enter detail  c columns  x close  X end  e export  q quit"

func (m *Model) drawStatus(d *drawn) {
	p := m.palette()
	pg := m.page()
	switch {
	case m.prompt != nil:
		m.drawPrompt(d)
		return
	case m.status != "" && m.opt.Now().Before(m.statusUntil):
		st := p.good
		if m.statusBad {
			st = p.bad
		}
		d.text(st, m.status, m.width)
		return
	}
	at := fmt.Sprintf("%d/%d by %s%s", min(pg.cursor+1, len(pg.rows)), len(pg.rows), pg.cols[pg.sort].name, m.arrow(pg.down))
	if m.follow {
		at = "following  " + at
	}
	if len(m.partial) > 0 {
		at = fmt.Sprintf("! %d in ?  ", len(m.partial)) + at
	}
	wideAt := view.Wide(at)
	d.text(p.dim, hints, max(0, m.width-wideAt-2))
	d.spaces(m.width - wideAt - d.line)
	d.text("", at, m.width)
}

// drawPrompt draws the line that is typed, so that its cursor is seen.
func (m *Model) drawPrompt(d *drawn) {
	p := m.prompt
	d.text(m.palette().label, p.label+": ", m.width)
	room := max(1, m.width-d.line-1)
	before, after := string(p.text[:p.at]), string(p.text[p.at:])
	for view.Wide(before) > room && len(before) > 0 {
		before = string([]rune(before)[1:])
	}
	d.text("", before, m.width)
	d.cursor, d.cursorX, d.cursorY = true, min(d.line, m.width-1), m.height-1
	d.text("", after, m.width)
	if p.trouble != "" {
		d.text(m.palette().bad, "  "+p.trouble, m.width)
	}
}
