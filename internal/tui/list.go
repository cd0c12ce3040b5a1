package tui

import (
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
)

// relist makes the rows of the view anew: those that pass the filter, in order.
func (m *Model) relist() { m.list(m.store(m.kind).all) }

// update is relist where nothing but the reading has changed.
func (m *Model) update() {
	st := m.store(m.kind)
	if m.filter.Empty() && (m.kind == Connections || m.kind == Listeners) {
		m.list(st.news) // all others are listed, or belong to another view
	} else {
		m.list(st.all)
	}
}

// list keeps those of the rows that still belong to the view, and takes those of the candidates that do now.
func (m *Model) list(candidates []*row) {
	by := m.order()
	if by.value != nil && m.kind != Processes {
		m.listRanked(candidates, by)
	} else {
		m.listPlain(candidates, by)
	}
	for k := range m.stores {
		m.stores[k].news = m.stores[k].news[:0]
	}
	m.place()
}

func (m *Model) listPlain(candidates []*row, by order) {
	p, keep := m.page(), m.keeper()
	kept := p.rows[:0]
	for _, r := range p.rows {
		if r.listed = m.kind != Processes && keep(r); r.listed { // of a tree not all rows are shown
			kept = append(kept, r)
		}
	}
	clear(p.rows[len(kept):])
	for _, r := range candidates {
		if !r.listed && keep(r) {
			r.listed = m.kind != Processes
			kept = append(kept, r)
		}
	}
	p.rows = m.inOrder(kept, by)
}

// listRanked is listPlain for what is sorted by a number: it goes to each row once.
func (m *Model) listRanked(candidates []*row, by order) {
	p, keep := m.page(), m.keeper()
	ranks := m.ranks[:0]
	for _, r := range p.rows {
		if r.listed = keep(r); r.listed {
			ranks = append(ranks, by.ranked(r))
		}
	}
	for _, r := range candidates {
		if !r.listed && keep(r) {
			r.listed = true
			ranks = append(ranks, by.ranked(r))
		}
	}
	ranks = m.byRank.resort(ranks, by.compareRanked)
	before := len(p.rows)
	p.rows = p.rows[:0]
	for i := range ranks {
		p.rows = append(p.rows, ranks[i].row)
	}
	if len(p.rows) < before {
		clear(p.rows[len(p.rows):before])
	}
	m.ranks = ranks
}

// keeper reports which rows are the view's.
func (m *Model) keeper() func(*row) bool {
	match := m.matcher()
	if match == nil {
		return func(r *row) bool { return !r.dropped && m.belongs(r) }
	}
	return func(r *row) bool { return !r.dropped && m.belongs(r) && match(r) }
}

// switchTo shows another view.
func (m *Model) switchTo(k Kind) {
	if k == m.kind {
		return
	}
	for _, r := range m.page().rows {
		r.listed = false
	}
	m.page().rows = nil
	m.kind = k
	m.layout.forget()
	m.relist()
}

// order is that of the view.
func (m *Model) order() order {
	p := m.page()
	c, down := &p.cols[p.sort], p.down
	return order{value: c.value, down: down, compare: func(a, b *row) int {
		switch o := c.compare(m, a, b); {
		case o == 0:
			return tie(a, b)
		case down:
			return -o
		default:
			return o
		}
	}}
}

// inOrder sorts rows.
func (m *Model) inOrder(rows []*row, by order) []*row {
	if m.kind == Processes && m.tree {
		return m.grow(rows, by.compare)
	}
	if m.kind == Processes {
		for _, r := range rows {
			r.tree.branch, r.tree.children, r.tree.folded = r.tree.branch[:0], r.tree.children[:0], false
		}
	}
	return m.byRow.resort(rows, by.compare)
}

// belongs reports whether a row is one of the view's.
func (m *Model) belongs(r *row) bool {
	switch m.kind {
	case Listeners:
		return listens(&r.sock)
	case Connections:
		return !listens(&r.sock)
	case Links:
		return m.idle || !r.link.idle()
	}
	return true
}

// kindOf is the view that a socket belongs to, as 0 for connections and 1 for listeners.
func kindOf(s *netstat.Socket) int {
	if listens(s) {
		return 1
	}
	return 0
}

func listens(s *netstat.Socket) bool {
	return s.State == netstat.Listen || s.State == netstat.Unconnected || s.State == netstat.Bound
}

// matcher reports which rows pass the filter; nil is all of them. It is about sockets: processes and hosts pass that have one
// which does.
func (m *Model) matcher() func(*row) bool {
	if m.filter.Empty() || m.kind == Links {
		return nil
	}
	if m.kind == Connections || m.kind == Listeners {
		return func(r *row) bool { return m.filter.Match(&r.sock) }
	}
	some := make(map[key]bool)
	for _, r := range m.store(Connections).all {
		if !m.filter.Match(&r.sock) {
			continue
		}
		for i := range r.sock.Owners {
			some[processKey(r.sock.Owners[i].Process)] = true
		}
		if a := r.remote(); m.kind == Hosts && a.IsValid() {
			some[hostKey(a.Unmap())] = true
		}
	}
	return func(r *row) bool { return some[r.key] }
}

// place puts the cursor where it belongs after the rows have changed: on its row if it follows, else where it was.
func (m *Model) place() {
	p := m.page()
	if m.follow || m.detail || m.confirm != nil {
		if i := slices.IndexFunc(p.rows, func(r *row) bool { return r.key == p.selected }); i >= 0 {
			p.cursor = i
		}
	}
	m.move(0)
}

// move moves the cursor by some rows.
func (m *Model) move(by int) {
	p := m.page()
	p.cursor = max(0, min(p.cursor+by, len(p.rows)-1))
	if p.cursor < len(p.rows) {
		p.selected = p.rows[p.cursor].key
	}
	room := m.room()
	p.top = max(0, min(p.top, len(p.rows)-room))
	p.top = min(p.top, p.cursor)
	p.top = max(p.top, p.cursor-room+1)
}

// current is the row under the cursor; nil is none.
func (m *Model) current() *row {
	if p := m.page(); p.cursor < len(p.rows) {
		return p.rows[p.cursor]
	}
	return nil
}
