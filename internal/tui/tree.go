package tui

import (
	"slices"
	"strconv"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// treeState is a process's place among the others.
type treeState struct {
	parent   *row
	children []*row
	branch   []byte // the lines drawn before its name
	sum      view.UsageRow
	folded   bool // its children are not shown, and their figures are in its own
	bare     bool // it has no sockets, and is here for its children
}

// shown are a process's figures, with those of its children where they are not shown themselves.
func shown(r *row) *view.UsageRow {
	if r.tree.folded && len(r.tree.children) > 0 {
		return &r.tree.sum
	}
	return &r.UsageRow
}

func pidOf(r *row) int {
	if r.Process == nil {
		return 0
	}
	return r.Process.PID
}

func nameOf(r *row) string {
	if r.Process == nil {
		return ""
	}
	return r.Process.Name
}

func textPID(_ *Model, dst []byte, r *row) []byte {
	if r.Process == nil {
		return dst
	}
	return strconv.AppendInt(dst, int64(r.Process.PID), 10)
}

// textProcess is the name, behind the lines of the tree.
func textProcess(m *Model, dst []byte, r *row) []byte {
	dst = append(dst, r.tree.branch...)
	switch {
	case r.Process == nil:
		dst = append(dst, "(not known)"...)
	default:
		dst = append(dst, view.CleanText(r.Process.Name)...)
	}
	if r.tree.folded && len(r.tree.children) > 0 {
		dst = append(dst, " [+]"...)
	}
	return dst
}

// grow puts processes under their parents. Parents without sockets are here too, so that the tree hangs together. Children
// are in the order of compare, which sees what a process moved together with its children.
func (m *Model) grow(rows []*row, compare func(a, b *row) int) []*row {
	nodes := make(map[int]*row, len(rows))
	for _, r := range rows {
		r.tree.parent, r.tree.children, r.tree.bare = nil, r.tree.children[:0], false
		if r.Process != nil && (nodes[r.Process.PID] == nil || !r.gone()) {
			nodes[r.Process.PID] = r
		}
	}
	all := rows
	for _, r := range rows {
		all = m.hang(r, nodes, all)
	}
	var roots []*row
	for _, r := range all {
		if r.tree.parent == nil {
			sumUp(r)
			roots = append(roots, r)
		}
	}
	return m.flatten(make([]*row, 0, len(all)), roots, nil, compare)
}

// hang finds the parents of a process, and makes those that have no row.
func (m *Model) hang(r *row, nodes map[int]*row, all []*row) []*row {
	if r.Process == nil {
		return all
	}
	child := r
	for _, p := range m.details.of(r.Process).Parents {
		parent := nodes[p.PID]
		made := parent == nil
		if made {
			parent = m.ancestor(p)
			nodes[p.PID] = parent
			all = append(all, parent)
		}
		if parent == child || descends(parent, child) {
			return all // an id that was given again
		}
		child.tree.parent = parent
		parent.tree.children = append(parent.tree.children, child)
		if !made {
			return all
		}
		child = parent
	}
	return all
}

func descends(r, from *row) bool {
	for ; r != nil; r = r.tree.parent {
		if r == from {
			return true
		}
	}
	return false
}

// ancestor is the row of a process without sockets.
func (m *Model) ancestor(p netstat.Parent) *row {
	k := key{uint64(p.PID), 1}
	r := m.ancestors[k]
	if r == nil || r.Process.Name != p.Name {
		r = &row{key: k, tree: new(treeState)}
		r.By, r.Told = byProcess, true
		r.Process = &netstat.Process{PID: p.PID, Name: p.Name}
		m.ancestors[k] = r
	}
	r.tree.parent, r.tree.children, r.tree.bare = nil, r.tree.children[:0], true
	r.Interval = m.interval
	return r
}

// sumUp adds up what a process and its children moved.
func sumUp(r *row) {
	r.tree.sum = r.UsageRow
	for _, c := range r.tree.children {
		sumUp(c)
		s, t := &r.tree.sum, &c.tree.sum
		addBytes(&s.Total, t.Total)
		addBytes(&s.Delta, t.Delta)
		s.Open, s.Uncounted, s.Opened, s.Closed = s.Open+t.Open, s.Uncounted+t.Uncounted, s.Opened+t.Opened, s.Closed+t.Closed
	}
}

func addBytes(to *watch.Bytes, b watch.Bytes) {
	to.Sent, to.Received, to.Basis = to.Sent+b.Sent, to.Received+b.Received, max(to.Basis, b.Basis)
}

// flatten lists the tree from the top.
func (m *Model) flatten(dst, level []*row, before []byte, compare func(a, b *row) int) []*row {
	slices.SortStableFunc(level, func(a, b *row) int { return compareSums(a, b, compare) })
	for i, r := range level {
		last := i == len(level)-1
		r.tree.branch = r.tree.branch[:0]
		if r.tree.parent != nil {
			r.tree.branch = append(append(r.tree.branch, before...), m.twig(last)...)
		}
		dst = append(dst, r)
		if r.tree.folded || len(r.tree.children) == 0 {
			continue
		}
		below := before
		if r.tree.parent != nil {
			below = append(before[:len(before):len(before)], m.trunk(last)...)
		}
		dst = m.flatten(dst, r.tree.children, below, compare)
	}
	return dst
}

// compareSums compares two processes as if each were folded.
func compareSums(a, b *row, compare func(a, b *row) int) int {
	fa, fb := a.tree.folded, b.tree.folded
	a.tree.folded, b.tree.folded = true, true
	c := compare(a, b)
	a.tree.folded, b.tree.folded = fa, fb
	return c
}

func (m *Model) twig(last bool) string {
	switch {
	case m.opt.ASCII && last:
		return "`-"
	case m.opt.ASCII:
		return "|-"
	case last:
		return "└─"
	}
	return "├─"
}

func (m *Model) trunk(last bool) string {
	switch {
	case last:
		return "  "
	case m.opt.ASCII:
		return "| "
	}
	return "│ "
}
