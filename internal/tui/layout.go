package tui

import (
	"bytes"
	"unicode/utf8"

	"github.com/sockeye-net/sockeye/internal/view"
)

// layout is where the columns stand. It remembers how wide they were, so that a table that is drawn again does not tremble.
type layout struct {
	widths   map[string]int
	placed   []place
	squeezed bool // columns are cut as far as they can
}

// place is a shown column. The text of its cells is in cells, one after the other.
type place struct {
	*column
	x, width int
	natural  int
	dropped  bool
	cells    []byte
	ends     []int32
}

func (l *layout) forget() { l.widths, l.placed = nil, l.placed[:0] }

// names are the columns that are shown, from the left.
func (l *layout) names(p *page) (names []string) {
	for i := range l.placed {
		if c := &l.placed[i]; !c.dropped {
			names = append(names, c.name)
		}
	}
	if len(names) == 0 {
		return p.names
	}
	return names
}

// at is the column at a cell of the header.
func (l *layout) at(x int) (string, bool) {
	for i := range l.placed {
		if c := &l.placed[i]; !c.dropped && x >= c.x && x < c.x+c.width {
			return c.name, true
		}
	}
	return "", false
}

// marks is how wide the marks before a row are.
const marks = 2

// lay writes the cells of some rows, and finds places for the columns.
func (m *Model) lay(rows []*row) {
	l, p := &m.layout, m.page()
	if l.widths == nil {
		l.widths = make(map[string]int)
	}
	for len(l.placed) < len(p.names) {
		l.placed = append(l.placed, place{})
	}
	l.placed = l.placed[:len(p.names)]
	for i, name := range p.names {
		c := &l.placed[i]
		at := find(p.cols, name)
		*c = place{column: &p.cols[at], cells: c.cells[:0], ends: c.ends[:0]}
		c.natural = max(l.widths[name], c.least, len(c.header)+1)
		for _, r := range rows {
			c.fill(m, r)
		}
		l.widths[name] = c.natural
		c.width = c.natural
	}
	l.fit(m.width-marks, gapFor(m.width))
}

// fill writes the cell of a row.
func (c *place) fill(m *Model, r *row) {
	from := len(c.cells)
	if c.cells = c.text(m, c.cells, r); len(c.cells) == from {
		c.cells = append(c.cells, '-')
	}
	c.natural = max(c.natural, wide(c.cells[from:]))
	c.ends = append(c.ends, int32(len(c.cells)))
}

func (c *place) cell(line int) []byte {
	from := int32(0)
	if line > 0 {
		from = c.ends[line-1]
	}
	return c.cells[from:c.ends[line]]
}

// wide is the number of terminal cells of clean text.
func wide(text []byte) int {
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return view.Wide(string(text))
		}
	}
	return len(text)
}

// gapFor is how many spaces are between columns.
func gapFor(width int) int {
	if width < 100 {
		return 1
	}
	return 2
}

// fit makes the columns as wide as there is room for: it leaves out the least important ones until the rest can be cut to what
// there is, cuts those with the most to give, and gives what is left to those that grow.
func (l *layout) fit(room, gap int) {
	for l.squeezed = false; l.least(gap) > room && l.dropOne(); {
	}
	l.squeezed = l.least(gap) > room
	for over := l.total(gap) - room; over > 0; over = l.total(gap) - room {
		if !l.cutOne(over) {
			break
		}
	}
	l.addUp(room, gap)
}

// least is how wide the table is with all columns cut.
func (l *layout) least(gap int) int {
	sum := -gap
	for i := range l.placed {
		if c := &l.placed[i]; !c.dropped {
			sum += l.floor(c) + gap
		}
	}
	return sum
}

// floor is how far a column is cut.
func (l *layout) floor(c *place) int {
	least := c.shrink
	if l.squeezed && c.squeeze > 0 {
		least = c.squeeze
	}
	if least > 0 {
		return min(least, c.natural)
	}
	return c.natural
}

func (l *layout) total(gap int) int {
	sum := -gap
	for i := range l.placed {
		if c := &l.placed[i]; !c.dropped {
			sum += c.width + gap
		}
	}
	return sum
}

func (l *layout) dropOne() bool {
	best := -1
	for i := range l.placed {
		if c := &l.placed[i]; c.drop > 0 && !c.dropped && (best < 0 || c.drop > l.placed[best].drop) {
			best = i
		}
	}
	if best >= 0 {
		l.placed[best].dropped = true
	}
	return best >= 0
}

// cutOne takes what is too much from the column with the most to give, down to the next one's.
func (l *layout) cutOne(over int) bool {
	best, most, next := -1, 0, 0
	for i := range l.placed {
		c := &l.placed[i]
		switch give := c.width - l.floor(c); {
		case c.dropped:
		case give > most:
			best, most, next = i, give, most
		case give > next:
			next = give
		}
	}
	if best < 0 {
		return false
	}
	l.placed[best].width -= min(over, max(most-next, 1))
	return true
}

// addUp finds where the columns stand. What has no room even so is cut off at the edge.
func (l *layout) addUp(room, gap int) {
	x := 0
	for i := range l.placed {
		c := &l.placed[i]
		if c.dropped = c.dropped || x >= room; c.dropped {
			continue
		}
		c.x, c.width = marks+x, min(c.width, room-x)
		x += c.width + gap
	}
}

// trim cuts a cell to its column, with '…' where something is missing. An address keeps its port.
func (c *place) trim(dst, text []byte) []byte {
	if c.width <= 0 || wide(text) <= c.width {
		return append(dst, text...)
	}
	head, tail := text, text[len(text):]
	if i := bytes.LastIndexByte(text, ':'); c.port && i > 0 && len(text)-i < c.width-1 {
		head, tail = text[:i], text[i:]
	}
	return append(append(dst, view.Cut(string(head), c.width-len(tail))...), tail...)
}
