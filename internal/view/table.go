package view

import (
	"encoding/binary"
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
)

// layoutRows is how many rows are looked at to find the widths of the columns, where lines have no bound. Later rows are
// written as they come; a cell that is longer pushes the rest of its line.
const layoutRows = 1000

const gap = 2 // spaces between columns

// table writes aligned columns.
type table struct {
	stream
	names    *Names
	cols     []tableColumn
	color    bool
	fixed    bool
	noHeader bool
	width    int
	cell     []byte // scratch of a cut cell

	// The rows before the layout is known: their cells one after the other, and where each ends.
	held   []byte
	ends   []int32
	states []netstat.State
	laid   bool
}

// tableColumn is a column and its place.
type tableColumn struct {
	*Column
	width   int
	least   int  // to which the width may be cut; 0 is not at all
	cut     bool // cells are cut to the width
	dropped bool
	state   bool // coloured by state
	last    bool // needs no spaces behind it
}

func newTable(out stream, opt *Options) *table {
	t := &table{stream: out, names: opt.Names, color: opt.Color, fixed: opt.Fixed, noHeader: opt.NoHeader, width: opt.Width}
	for _, c := range opt.Columns {
		col := tableColumn{Column: c, least: c.shrink, state: c.Name == "state"}
		if !opt.NoHeader {
			col.width = textWidth([]byte(c.Header))
		}
		t.cols = append(t.cols, col)
	}
	return t
}

// Row holds the first rows back, then writes; where lines are bound, it holds all of them.
func (t *table) Row(s *netstat.Socket) error {
	if t.laid {
		t.write(s)
		return t.row()
	}
	for i := range t.cols {
		start := len(t.held)
		t.held = t.append(t.held, &t.cols[i], s)
		t.cols[i].width = max(t.cols[i].width, textWidth(t.held[start:]))
		t.ends = append(t.ends, int32(len(t.held)))
	}
	if t.states = append(t.states, s.State); len(t.states) == layoutRows && t.width == 0 {
		t.layOut()
	}
	return t.err
}

// append writes a cell; one without a value shows it, so that the columns can be told apart by programs too.
func (t *table) append(dst []byte, c *tableColumn, s *netstat.Socket) []byte {
	start := len(dst)
	if dst = c.text(t.names, dst, s); len(dst) == start {
		dst = append(dst, '-')
	}
	return dst
}

// Close writes the rows that are held back.
func (t *table) Close([]error) error {
	if !t.laid {
		t.layOut()
	}
	return t.flush()
}

func (t *table) layOut() {
	t.laid = true
	t.fit()
	t.markLast()
	if !t.noHeader {
		t.header()
	}
	start := int32(0)
	for row, st := range t.states {
		for i := range t.cols {
			end := t.ends[row*len(t.cols)+i]
			t.put(i, t.held[start:end], st)
			start = end
		}
		t.endLine()
		if t.row() != nil {
			break
		}
	}
	t.held, t.ends, t.states = nil, nil, nil
}

func (t *table) markLast() {
	for i := len(t.cols) - 1; i >= 0; i-- {
		if !t.cols[i].dropped {
			t.cols[i].last = true
			return
		}
	}
}

func (t *table) header() {
	for i := range t.cols {
		t.put(i, []byte(t.cols[i].Header), 0)
	}
	t.endLine()
}

func (t *table) endLine() { t.buf = append(t.buf, '\n') }

// write is the way of most rows: cells go straight to the buffer.
func (t *table) write(s *netstat.Socket) {
	for i := range t.cols {
		c := &t.cols[i]
		if c.dropped {
			continue
		}
		if c.cut || c.state && t.color {
			t.cell = t.append(t.cell[:0], c, s)
			t.put(i, t.cell, s.State)
			continue
		}
		start := len(t.buf)
		if c.num != nil {
			t.number(c, s)
			continue
		}
		t.buf = t.append(t.buf, c, s)
		t.pad(c, start, !c.wide || s.Proto != netstat.Unix && c.port)
	}
	t.endLine()
}

// number writes a cell to the right of its column, without moving it there afterwards.
func (t *table) number(c *tableColumn, s *netstat.Socket) {
	v, ok := c.num(s)
	if !ok || v >= 10 {
		start := len(t.buf)
		t.buf = t.append(t.buf, c, s)
		t.pad(c, start, true)
		return
	}
	t.buf = append(appendSpaces(t.buf, max(c.width-1, 0)), '0'+byte(v))
	if !c.last {
		t.buf = append(t.buf, ' ', ' ') // the gap
	}
}

// put writes a cell of a known text.
func (t *table) put(i int, text []byte, st netstat.State) {
	c := &t.cols[i]
	if c.dropped {
		return
	}
	start := len(t.buf)
	if c.cut {
		t.buf = appendCut(t.buf, text, c)
	} else {
		t.buf = append(t.buf, text...)
	}
	t.pad(c, start, false)
	if c.state && t.color {
		t.paint(start, len(text), st)
	}
}

const spaces = "                                                                "

// pad makes the cell that begins at start as wide as its column, and adds the gap. Of ASCII the width is the length.
func (t *table) pad(c *tableColumn, start int, ascii bool) {
	if c.last && !c.Right {
		return
	}
	n := c.width - (len(t.buf) - start)
	if !ascii {
		n = c.width - textWidth(t.buf[start:])
	}
	if n > 0 && c.Right {
		t.buf = appendSpaces(t.buf, n)
		copy(t.buf[start+n:], t.buf[start:len(t.buf)-n])
		copySpaces(t.buf[start : start+n])
		n = 0
	}
	if !c.last {
		t.buf = appendSpaces(t.buf, max(n, 0)+gap)
	}
}

// appendSpaces writes few spaces as a word or two: most cells are that close to their column's width.
func appendSpaces(dst []byte, n int) []byte {
	const eight = 0x2020202020202020
	if end := len(dst); n <= 16 && cap(dst)-end >= 16 {
		room := dst[end : end+16]
		binary.LittleEndian.PutUint64(room, eight)
		binary.LittleEndian.PutUint64(room[8:], eight)
		return dst[:end+n]
	}
	for ; n > len(spaces); n -= len(spaces) {
		dst = append(dst, spaces...)
	}
	return append(dst, spaces[:n]...)
}

func copySpaces(dst []byte) {
	for i := range dst {
		dst[i] = ' '
	}
}

// paint colours the first n bytes of the cell at start: listeners green, connections that are coming or going dim.
func (t *table) paint(start, n int, st netstat.State) {
	code := stateColor(st)
	if code == "" {
		return
	}
	rest := append([]byte(nil), t.buf[start+n:]...)
	cell := append([]byte(nil), t.buf[start:start+n]...)
	t.buf = append(append(append(t.buf[:start], code...), cell...), "\x1b[0m"...)
	t.buf = append(t.buf, rest...)
}

func stateColor(st netstat.State) string {
	switch st {
	case 0, netstat.Established, netstat.Unconnected:
		return ""
	case netstat.Listen:
		return "\x1b[32m"
	}
	return "\x1b[2m"
}

// fit makes the table as narrow as the terminal: it cuts columns of long texts, the longest first, and where that is not
// enough, leaves out the least important columns. Then owners and places are cut further, and at last places are left out.
// Ports and states are never touched, and of the owners that are shown, neither are process ids.
func (t *table) fit() {
	natural := slices.Clone(t.cols)
	for t.width > 0 && !t.shrink() {
		if !t.dropOne() && (t.squeeze() || !t.dropLate()) {
			return
		}
		for i := range t.cols {
			t.cols[i].width, t.cols[i].least, t.cols[i].cut = natural[i].width, natural[i].least, false
		}
	}
}

// squeeze is for when leaving columns out was not enough. It reports whether this is.
func (t *table) squeeze() bool {
	for i := range t.cols {
		if c := &t.cols[i]; c.squeeze > 0 {
			c.least = c.squeeze
		}
	}
	return t.shrink()
}

// dropLate is for when nothing else was enough.
func (t *table) dropLate() bool {
	for i := range t.cols {
		if c := &t.cols[i]; c.late && !c.dropped && !t.fixed {
			c.dropped = true
			return true
		}
	}
	return false
}

// shrink cuts columns until the table fits, and reports whether it does.
func (t *table) shrink() bool {
	for {
		over := t.total() - t.width
		if over <= 0 {
			return true
		}
		if !t.shrinkOne(over) {
			return false
		}
	}
}

func (t *table) total() int {
	sum := -gap
	for i := range t.cols {
		if !t.cols[i].dropped {
			sum += t.cols[i].width + gap
		}
	}
	return sum
}

// shrinkOne takes what is too much from the column with the most to give, down to the next one's room.
func (t *table) shrinkOne(over int) bool {
	best, room, next := -1, 0, 0
	for i := range t.cols {
		c := &t.cols[i]
		if r := c.width - c.least; c.least > 0 && !c.dropped && r > room {
			best, room, next = i, r, room
		} else if c.least > 0 && !c.dropped && r > next {
			next = r
		}
	}
	if best < 0 {
		return false
	}
	c := &t.cols[best]
	c.width -= min(over, max(room-next, 1))
	c.cut = true
	return true
}

func (t *table) dropOne() bool {
	best := -1
	for i := range t.cols {
		c := &t.cols[i]
		if c.drop > 0 && !c.dropped && !t.fixed && (best < 0 || c.drop > t.cols[best].drop) {
			best = i
		}
	}
	if best >= 0 {
		t.cols[best].dropped = true
	}
	return best >= 0
}
