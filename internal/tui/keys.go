package tui

import (
	"fmt"
	"slices"
)

// Key is a key that was pressed, by its name, and the text that it types.
func (m *Model) Key(k, text string) {
	switch {
	case m.prompt != nil:
		m.promptKey(k, text)
	case m.confirm != nil:
		m.confirmKey(k)
	case m.help:
		m.helpKey(k)
	case m.chooser != nil:
		m.chooserKey(k)
	default:
		m.status = ""
		if !m.moveKey(k) && !m.viewKey(k) {
			m.actionKey(k)
		}
	}
}

// Paste is text that was pasted.
func (m *Model) Paste(text string) {
	if m.prompt != nil {
		m.prompt.insert(text)
		m.prompt.tryOut(m)
	}
}

func (m *Model) moveKey(k string) bool {
	p := m.page()
	switch k {
	case "up", "k":
		m.move(-1)
	case "down", "j":
		m.move(1)
	case "pgup", "ctrl+b":
		m.move(-max(1, m.room()-1))
	case "pgdown":
		m.move(max(1, m.room()-1))
	case "ctrl+u":
		m.move(-max(1, m.room()/2))
	case "ctrl+d":
		m.move(max(1, m.room()/2))
	case "home", "g":
		m.move(-p.cursor)
	case "end", "G":
		m.move(len(p.rows))
	default:
		return false
	}
	return true
}

// viewKey switches views, and what is sorted by.
func (m *Model) viewKey(k string) bool {
	switch k {
	case "1", "2", "3", "4", "5":
		m.switchTo(Kind(k[0] - '1'))
	case "tab":
		m.switchTo((m.kind + 1) % kinds)
	case "shift+tab":
		m.switchTo((m.kind + kinds - 1) % kinds)
	case "left", "h":
		m.sideways(-1)
	case "right", "l":
		m.sideways(1)
	case "s":
		m.sortNext(1)
	case "S":
		m.reverseOrder()
	default:
		return false
	}
	return true
}

// sideways sorts by the column beside; in the tree it folds and unfolds.
func (m *Model) sideways(step int) {
	if m.kind != Processes || !m.tree {
		m.sortNext(step)
		return
	}
	r := m.current()
	switch {
	case r == nil:
		return
	case step > 0:
		r.tree.folded = false
	case r.tree.folded || len(r.tree.children) == 0:
		m.selectRow(r.tree.parent)
	default:
		r.tree.folded = true
	}
	m.relist()
}

// selectRow puts the cursor on a row, if it is shown.
func (m *Model) selectRow(r *row) {
	if i := slices.Index(m.page().rows, r); r != nil && i >= 0 {
		m.move(i - m.page().cursor)
	}
}

// sortNext sorts by the next of the shown columns.
func (m *Model) sortNext(step int) {
	p := m.page()
	names := m.layout.names(p)
	if len(names) == 0 {
		return
	}
	at := slices.Index(names, p.cols[p.sort].name)
	if at < 0 && step < 0 {
		at = 0
	}
	m.sortColumn(names[(at+step+len(names))%len(names)])
}

// sortColumn sorts by a column: what is large first, names upwards.
func (m *Model) sortColumn(name string) {
	p := m.page()
	p.sort = find(p.cols, name)
	p.down = p.cols[p.sort].big
	m.relist()
}

func (m *Model) reverseOrder() {
	m.page().down = !m.page().down
	m.relist()
}

// actionKey is every other key.
func (m *Model) actionKey(k string) {
	switch k {
	case "q", "ctrl+c":
		m.quit = true
	case "?", "f1":
		m.help, m.helpTop = true, 0
	case "space", "p":
		m.pause()
	case "f":
		m.follow = !m.follow
		m.say(map[bool]string{true: "following the row", false: "the cursor stays at its line"}[m.follow], false)
	case "enter":
		m.detail = !m.detail
		m.move(0)
	case "esc":
		m.back()
	case "/":
		m.askFilter()
	case "ctrl+f", "f3":
		m.askSearch()
	case "n":
		m.searchNext(1)
	case "N":
		m.searchNext(-1)
	case "c":
		m.openChooser()
	case "e":
		m.askExport()
	case "x":
		m.askClose()
	case "X", "delete":
		m.askEnd()
	case "o":
		m.openSockets()
	case "t":
		m.toggleTree()
	case "a":
		m.idle = !m.idle
		m.relist()
	case "b":
		m.opt.Unit = 1 - m.opt.Unit
	case "T":
		m.nextTheme()
	}
}

func (m *Model) pause() {
	m.paused = !m.paused
}

// back closes what is open, else takes the filter and the search away.
func (m *Model) back() {
	switch {
	case m.detail:
		m.detail = false
		m.move(0)
	case m.search != "":
		m.search = ""
	case m.filterText != "":
		_ = m.setFilter("") // an empty one can be read
	}
}

func (m *Model) toggleTree() {
	if m.kind != Processes {
		return
	}
	m.tree = !m.tree
	m.layout.forget()
	m.relist()
}

// openSockets shows the connections of a process or host.
func (m *Model) openSockets() {
	r := m.current()
	if r == nil {
		return
	}
	text := ""
	switch {
	case m.kind == Processes && r.Process != nil:
		text = fmt.Sprintf("pid = %d", r.Process.PID)
	case m.kind == Hosts && r.remote().IsValid():
		text = "dst " + r.remote().WithZone("").String()
	default:
		return
	}
	if err := m.setFilter(text); err != nil {
		m.say(err.Error(), true)
		return
	}
	m.switchTo(Connections)
}

func (m *Model) nextTheme() {
	m.opt.Theme = (m.opt.Theme + 1) % themes
	m.say("colours: "+m.opt.Theme.String(), false)
}

func (m *Model) helpKey(k string) {
	switch k {
	case "down", "j":
		m.helpTop++
	case "up", "k":
		m.helpTop = max(0, m.helpTop-1)
	case "pgdown", "space":
		m.helpTop += max(1, m.height-4)
	case "pgup":
		m.helpTop = max(0, m.helpTop-max(1, m.height-4))
	case "ctrl+c":
		m.quit = true
	default:
		m.help = false
	}
}

// Click is a press of the left button at a cell.
func (m *Model) Click(x, y int) {
	switch {
	case m.help:
		m.help = false
	case m.prompt != nil || m.confirm != nil || m.chooser != nil:
	case y == tabsLine:
		if k, ok := m.lines.tabAt(x); ok {
			m.switchTo(k)
		}
	case y == headerLine:
		m.clickHeader(x)
	case y > headerLine && y <= headerLine+m.room():
		m.clickRow(y - headerLine - 1)
	}
}

func (m *Model) clickHeader(x int) {
	name, ok := m.layout.at(x)
	switch {
	case !ok:
	case m.page().cols[m.page().sort].name == name:
		m.reverseOrder()
	default:
		m.sortColumn(name)
	}
}

// clickRow puts the cursor on a row; on the one it is on, it opens what is known of it.
func (m *Model) clickRow(line int) {
	p := m.page()
	switch at := p.top + line; {
	case at >= len(p.rows):
	case at == p.cursor:
		m.Key("enter", "")
	default:
		m.move(at - p.cursor)
	}
}

// Wheel is a turn of the mouse's wheel, down or up.
func (m *Model) Wheel(down bool) {
	step := 3
	if !down {
		step = -step
	}
	switch {
	case m.help:
		m.helpTop = max(0, m.helpTop+step)
	case m.prompt == nil && m.confirm == nil && m.chooser == nil:
		m.move(step)
	}
}
