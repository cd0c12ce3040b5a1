package tui

import (
	"slices"
	"strings"
	"unicode"

	"github.com/sockeye-net/sockeye/internal/view"
)

// prompt is a line that is being typed.
type prompt struct {
	label   string
	text    []rune
	at      int    // the cursor
	before  string // what it was
	trouble string // why what is typed cannot be used
	try     func(m *Model, text string) error
	done    func(m *Model, text string)
	cancel  func(m *Model)
}

func (p *prompt) string() string { return string(p.text) }

// insert types a text. What a terminal would obey is left out.
func (p *prompt) insert(text string) {
	var clean []rune
	for _, r := range text {
		if unicode.IsPrint(r) {
			clean = append(clean, r)
		}
	}
	p.text = slices.Insert(p.text, p.at, clean...)
	p.at += len(clean)
}

// key edits the line; false is a key that is no edit.
func (p *prompt) key(k, text string) bool {
	switch k {
	case "left", "ctrl+b":
		p.at = max(0, p.at-1)
	case "right", "ctrl+f":
		p.at = min(len(p.text), p.at+1)
	case "home", "ctrl+a":
		p.at = 0
	case "end", "ctrl+e":
		p.at = len(p.text)
	case "backspace", "ctrl+h":
		if p.at > 0 {
			p.at--
			p.text = slices.Delete(p.text, p.at, p.at+1)
		}
	case "delete", "ctrl+d":
		if p.at < len(p.text) {
			p.text = slices.Delete(p.text, p.at, p.at+1)
		}
	case "ctrl+u":
		p.text, p.at = p.text[p.at:], 0
	case "ctrl+k":
		p.text = p.text[:p.at]
	case "ctrl+w":
		from := strings.LastIndexByte(strings.TrimRight(string(p.text[:p.at]), " "), ' ') + 1
		from = len([]rune(string([]byte(string(p.text[:p.at]))[:from])))
		p.text, p.at = slices.Delete(p.text, from, p.at), from
	default:
		if text == "" {
			return false
		}
		p.insert(text)
	}
	return true
}

// promptKey is a key while a line is typed.
func (m *Model) promptKey(k, text string) {
	p := m.prompt
	switch k {
	case "enter":
		if p.trouble != "" {
			return
		}
		m.prompt = nil
		p.done(m, p.string())
	case "esc", "ctrl+c":
		m.prompt = nil
		if p.cancel != nil {
			p.cancel(m)
		}
	default:
		if p.key(k, text) {
			p.tryOut(m)
		}
	}
}

func (p *prompt) tryOut(m *Model) {
	if p.try == nil {
		return
	}
	p.trouble = ""
	if err := p.try(m, p.string()); err != nil {
		p.trouble = view.CleanText(strings.Join(strings.Fields(err.Error()), " "))
	}
}

func (m *Model) ask(p *prompt) {
	p.text = []rune(p.before)
	p.at = len(p.text)
	m.prompt = p
}

// askFilter has a filter typed, which works as soon as it can be read.
func (m *Model) askFilter() {
	before := m.filterText
	m.ask(&prompt{label: "filter", before: before, try: (*Model).setFilter,
		done:   func(*Model, string) {},
		cancel: func(m *Model) { _ = m.setFilter(before) }}) // it could be read before
}

// setFilter filters by an expression.
func (m *Model) setFilter(text string) error {
	f, err := view.ParseFilter(text, m.opt.Names)
	if err == nil && m.opt.Check != nil {
		err = m.opt.Check(f.Needs())
	}
	if err != nil {
		return err
	}
	m.filter, m.filterText = f, strings.TrimSpace(text)
	m.relist()
	return nil
}

// askSearch has a text typed that is searched for among what is shown.
func (m *Model) askSearch() {
	m.ask(&prompt{label: "search", before: m.search,
		try:  func(m *Model, text string) error { m.search = text; m.searchFrom(m.page().cursor, 1); return nil },
		done: func(m *Model, text string) {}})
}

// searchNext goes to the next row that has the text, forward or back.
func (m *Model) searchNext(step int) {
	if m.search == "" {
		m.say("nothing is searched for: ctrl+f", true)
		return
	}
	if !m.searchFrom(m.page().cursor+step, step) {
		m.say("not found: "+m.search, true)
	}
}

// searchFrom goes to the first row from one on that has the text, around the end.
func (m *Model) searchFrom(from, step int) bool {
	p, want := m.page(), strings.ToLower(m.search)
	if want == "" {
		return false
	}
	n := len(p.rows)
	var buf []byte
	for i := range n {
		at := ((from+i*step)%n + n) % n
		if buf = m.rowText(buf[:0], p.rows[at]); strings.Contains(strings.ToLower(string(buf)), want) {
			m.move(at - p.cursor)
			return true
		}
	}
	return false
}

// rowText is all that is shown of a row.
func (m *Model) rowText(dst []byte, r *row) []byte {
	p := m.page()
	for _, name := range p.names {
		dst = append(p.cols[find(p.cols, name)].text(m, dst, r), ' ')
	}
	return dst
}
