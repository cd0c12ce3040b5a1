package view

import (
	"bytes"
	"strings"
)

// GridColumn is one column of a [Grid].
type GridColumn struct {
	Header string
	Right  bool // numbers stand to the right
	Least  int  // how wide the column is at first, so that later cells need not widen it
	Shrink int  // where the terminal is narrow: 0 keeps it whole, else the least width it is cut to
	Drop   int  // and left out altogether, the highest first; 0 is never

	Squeeze int // and where that is not enough either, the least width it is cut to; 0 is Shrink
}

// Grid lays texts out in columns, as tables of sockets are. It remembers how wide columns were, so that lines that are
// written later stand under the earlier ones, and a table that is drawn again does not tremble.
type Grid struct {
	cols   []*Column
	widths []int
}

// NewGrid makes a grid without rows.
func NewGrid(cols []GridColumn) *Grid {
	g := &Grid{widths: make([]int, len(cols))}
	for i, c := range cols {
		g.widths[i] = c.Least
		g.cols = append(g.cols, &Column{Header: c.Header, Right: c.Right, shrink: c.Shrink, drop: c.Drop, squeeze: c.Squeeze, wide: true})
	}
	return g
}

// Lines lays rows out, at most width cells wide if that is not 0. The texts have to be clean. An empty one shows as '-', save
// in the last column.
func (g *Grid) Lines(rows [][]string, width int, header bool) []string {
	var out bytes.Buffer
	t := newTable(stream{w: &out}, &Options{Columns: g.cols, Width: width, NoHeader: !header})
	for _, row := range rows {
		for i, cell := range row {
			if cell == "" && i < len(row)-1 {
				cell = "-"
			}
			t.held = append(t.held, cell...)
			t.cols[i].width = max(t.cols[i].width, textWidth([]byte(cell)))
			t.ends = append(t.ends, int32(len(t.held)))
		}
		t.states = append(t.states, 0)
	}
	for i := range t.cols {
		g.widths[i] = max(g.widths[i], t.cols[i].width, textWidth([]byte(g.cols[i].Header)))
		t.cols[i].width = g.widths[i]
	}
	_ = t.Close(nil) // a bytes.Buffer takes everything
	return splitLines(out.String())
}

func splitLines(text string) (lines []string) {
	for line := range strings.Lines(text) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return lines
}

// Cut is clean text cut to a number of cells, with '…' where something is missing; 0 is no bound.
func Cut(text string, width int) string {
	if width <= 0 || textWidth([]byte(text)) <= width {
		return text
	}
	return string(appendHead(nil, []byte(text), width))
}

// Wide is the number of terminal cells that clean text takes.
func Wide(text string) int { return textWidth([]byte(text)) }
