package tui

import "slices"

// chooser chooses columns.
type chooser struct {
	names  []string // all of the view, those that are shown first
	on     map[string]bool
	cursor int
	top    int
}

func (m *Model) openChooser() {
	p := m.page()
	c := &chooser{on: make(map[string]bool)}
	for _, n := range p.names {
		c.names, c.on[n] = append(c.names, n), true
	}
	for i := range p.cols {
		if n := p.cols[i].name; !c.on[n] {
			c.names = append(c.names, n)
		}
	}
	m.chooser = c
}

func (m *Model) chooserKey(k string) {
	c := m.chooser
	switch k {
	case "up", "k":
		c.cursor = max(0, c.cursor-1)
	case "down", "j":
		c.cursor = min(len(c.names)-1, c.cursor+1)
	case "home", "g":
		c.cursor = 0
	case "end", "G":
		c.cursor = len(c.names) - 1
	case "space", "x":
		c.on[c.names[c.cursor]] = !c.on[c.names[c.cursor]]
	case "K", "shift+up":
		c.shift(-1)
	case "J", "shift+down":
		c.shift(1)
	case "u":
		m.page().names = usual[m.kind]
		m.openChooser()
		return
	case "enter", "esc", "c", "q":
		m.chooser = nil
	case "ctrl+c":
		m.quit = true
	}
	m.showChosen(c)
}

// shift moves the column under the cursor.
func (c *chooser) shift(step int) {
	to := c.cursor + step
	if to < 0 || to >= len(c.names) {
		return
	}
	c.names[c.cursor], c.names[to] = c.names[to], c.names[c.cursor]
	c.cursor = to
}

// showChosen shows the chosen columns; there is always one.
func (m *Model) showChosen(c *chooser) {
	var names []string
	for _, n := range c.names {
		if c.on[n] {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		names = c.names[:1]
		c.on[names[0]] = true
	}
	if p := m.page(); !slices.Equal(names, p.names) {
		p.names = names
		m.layout.forget()
	}
}
