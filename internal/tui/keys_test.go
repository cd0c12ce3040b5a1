package tui

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/view"
)

// TestKeys: what each key does that other tests do not press.
func TestKeys(t *testing.T) {
	sorted := func(m *Model) string { return m.page().cols[m.page().sort].name }
	for _, c := range []struct {
		keys []string
		done func(*Model) bool
	}{
		{[]string{"q"}, func(m *Model) bool { return m.quit }},
		{[]string{"ctrl+c"}, func(m *Model) bool { return m.quit }},
		{[]string{"?"}, func(m *Model) bool { return m.help }},
		{[]string{"f1", "q"}, func(m *Model) bool { return !m.help && !m.quit }},
		{[]string{"?", "j", "down", "k"}, func(m *Model) bool { return m.helpTop == 1 }},
		{[]string{"p"}, func(m *Model) bool { return m.paused }},
		{[]string{"shift+tab"}, func(m *Model) bool { return m.kind == Links }},
		{[]string{"f3"}, func(m *Model) bool { return m.prompt != nil }},
		{[]string{"G", "ctrl+b"}, func(m *Model) bool { return m.page().cursor == 0 }},
		{[]string{"b"}, func(m *Model) bool { return m.opt.Unit == view.InBits && strings.Contains(screen(m), "bit/s") }},
		{[]string{"T"}, func(m *Model) bool { return m.opt.Theme == AutoTheme }}, // after PlainTheme, the last
		{[]string{"2", "t", "o"}, func(m *Model) bool { return m.kind == Connections && m.filterText == "pid = 80" }},
		{[]string{"4", "G", "o"}, func(m *Model) bool { return m.kind == Connections && m.filterText == "dst 198.51.100.7" }},
		{[]string{"delete"}, func(m *Model) bool { return m.confirm != nil || m.status != "" }},
		{[]string{"5", "a"}, func(m *Model) bool { return m.idle }},
	} {
		m, _ := newModel(t, nil)
		m.Take(reading(), &small, links(0, 0))
		screen(m)
		for _, k := range c.keys {
			keys(m, k)
			m.Take(reading(), &small, links(1, 1)) // rows of the other views come with the next reading
			screen(m)
		}
		if !c.done(m) {
			t.Errorf("%q: not done; in %v, status %q, filter %q:\n%s", c.keys, m.kind, m.status, m.filterText, screen(m))
		}
	}
	m, _ := newModel(t, nil)
	m.Take(reading(), &small, nil)
	screen(m)
	m.sortColumn("remote")
	before := sorted(m)
	if keys(m, "l"); sorted(m) == before {
		t.Error("l: still by", before)
	}
	if keys(m, "h"); sorted(m) != before {
		t.Error("h: by", sorted(m))
	}
}

// TestHelpTells: the help names the keys that fingers know from other programs, and all that do something to what is seen.
func TestHelpTells(t *testing.T) {
	told := strings.NewReplacer("arrows", "up down left right").Replace(helpText)
	for _, name := range []string{"1", "5", "tab", "up", "down", "j", "k", "pgup", "pgdown", "ctrl+u", "ctrl+d", "g", "G", "enter", "esc", "s", "S",
		"left", "right", "h", "l", "/", "ctrl+f", "n", "N", "space", "f", "c", "e", "b", "T", "q", "t", "o", "a", "x", "X"} {
		if !regexp.MustCompile(`(^|[\s,])` + regexp.QuoteMeta(name) + `([\s,;]|$)`).MatchString(told) {
			t.Errorf("the help does not tell of %q", name)
		}
	}
}

// TestSortAny sorts each view by each of its columns, both ways.
func TestSortAny(t *testing.T) {
	m, _ := newModel(t, nil)
	for k := range kinds {
		m.switchTo(k)
		m.Take(reading(), &small, links(uint64(k)*1000, 10))
		screen(m)
		if k == Processes && m.tree {
			m.toggleTree()
		}
		p := m.page()
		if len(p.rows) == 0 {
			t.Fatal("no rows in", k)
		}
		for i := range p.cols {
			c := &p.cols[i]
			m.sortColumn(c.name)
			if p.sort != i || p.down != c.big {
				t.Errorf("%v: by %s it is sorted by %s, downwards %v", k, c.name, p.cols[p.sort].name, p.down)
			}
			for range 2 {
				if !slices.IsSortedFunc(p.rows, func(a, b *row) int {
					if p.down {
						a, b = b, a
					}
					return c.compare(m, a, b)
				}) {
					t.Errorf("%v by %s, downwards %v: %q", k, c.name, p.down, cells(m, c.name))
				}
				m.reverseOrder()
			}
		}
	}
}
