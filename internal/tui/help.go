package tui

import (
	"fmt"
	"strings"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/watch"
)

const helpText = `Views
  1 2 3 4 5, tab     connections, processes, listeners, hosts, interfaces
  up down j k        move; pgup pgdown ctrl+u ctrl+d by pages, g G to the ends
  enter              what is known of the row; esc closes it
  s, left right h l  sort by the next column; S the other way round
  /                  filter, as sockeye list has it:  dport = :443 and process ~ ^ngi
                     processes and hosts pass that have a socket which does
  ctrl+f n N         search among what is shown, next, back
  esc                closes what is open, else takes the search, the filter away
  space              pause; what opens and closes meanwhile shows afterwards
  f                  follow: the cursor stays on its row, not at its line
  c                  choose columns
  e                  write what is shown to a file (.json, .jsonl, .csv)
  b                  bits or bytes      T  colours      q  quit

Processes            left folds and right unfolds the tree, t makes it a list,
                     o shows the sockets of the process (of hosts, too)
Interfaces           a also shows those that were never used

Actions, which ask first and say what will be hit
  x                  close the connection
  X                  end the process: TERM, and KILL if it does not heed that

Marks                + is new, - is gone; '?' is not told by the system
Mouse                click on a view, a header (sorts), a row; the wheel moves

Bytes are payload since the start of this program; RX is received, TX sent.
`

// drawHelp draws the help, with what this screen cannot see at its end.
func (m *Model) drawHelp(d *drawn) {
	lines := m.helpLines()
	room := m.height - 2
	m.helpTop = max(0, min(m.helpTop, len(lines)-room))
	for i := range room {
		d.newline()
		if at := m.helpTop + i; at < len(lines) {
			d.text("", lines[at], m.width)
		}
	}
}

func (m *Model) helpLines() (lines []string) {
	lines = strings.Split(strings.TrimRight(helpText, "\n"), "\n")
	if m.sourceKnown {
		lines = append(lines, "", "Between two readings: "+sourceWords[m.source]+".",
			fmt.Sprintf("%d opened and %d closed since the start, %d events lost.", m.counts.Opened, m.counts.Closed, m.counts.Lost))
	}
	for _, err := range m.partial {
		lines = append(lines, "! "+cleanJoin(strings.Fields(err.Error())))
	}
	return lines
}

var sourceWords = map[watch.Source]string{
	watch.FromReading: "what comes and goes between them is not seen",
	watch.FromNotice:  "the kernel tells of closed connections",
	watch.FromBPF:     "BPF tells of everything",
}

func cleanJoin(parts []string) string { return view.CleanText(strings.Join(parts, " ")) }

// drawChooser draws the list of columns.
func (m *Model) drawChooser(d *drawn) {
	c, p := m.chooser, m.palette()
	d.newline()
	d.text(p.title, "Columns of "+m.kind.String(), m.width)
	d.text(p.dim, "  space shows or hides  J K moves  u the usual ones  enter done", m.width)
	room := max(1, m.height-3)
	c.top = max(min(c.top, c.cursor), c.cursor-room+1)
	for i := range room {
		d.newline()
		at := c.top + i
		if at >= len(c.names) {
			continue
		}
		name := c.names[at]
		box, st := "[ ] ", ""
		if c.on[name] {
			box = "[x] "
		}
		if at == c.cursor {
			st = p.cursor
		}
		pg := m.page()
		d.text(st, fmt.Sprintf(" %s%-16s %s ", box, name, pg.cols[find(pg.cols, name)].header), m.width)
	}
}
