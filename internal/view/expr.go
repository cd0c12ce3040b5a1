package view

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/netstat"
)

// Expr is a part of a filter, for those who look for sockets in a place that has a language of its own. It is one of: all of
// Parts ("and"), any of them ("or"), none of the one ("not"), a set of states ("state"), or a comparison.
type Expr struct {
	Op    string // "and", "or", "not", "state"; or of a comparison "=", "!=", "<", "<=", ">", ">=", "~", "!~"
	Parts []*Expr

	States netstat.States

	// Field is the name of the field, as in FilterWords. Which of the values it is compared with depends on it. The zero
	// Prefix stands for every address, Port -1 for every port.
	Field  string
	Number uint64
	Text   string
	Prefix netip.Prefix
	Zone   string
	Port   int

	node node
}

// Expr takes the filter apart; an empty one is nil.
func (f *Filter) Expr() *Expr {
	if f.Empty() {
		return nil
	}
	return exprOf(f.root)
}

func exprOf(n node) *Expr {
	switch n := n.(type) {
	case *andNode:
		return &Expr{Op: "and", Parts: exprsOf(n.parts), node: n}
	case *orNode:
		return &Expr{Op: "or", Parts: exprsOf(n.parts), node: n}
	case *notNode:
		return &Expr{Op: "not", Parts: exprsOf([]node{n.part}), node: n}
	case *statesNode:
		return &Expr{Op: "state", States: n.set, node: n}
	}
	c := n.(*compareNode)
	return &Expr{Op: opSymbols[c.op], Field: c.field.name, Number: c.num, Text: c.text, Prefix: c.addr.prefix, Zone: c.addr.zone,
		Port: int(c.addr.port), node: c}
}

func exprsOf(parts []node) (all []*Expr) {
	for _, p := range parts {
		all = append(all, exprOf(p))
	}
	return all
}

// Filter is the filter that this part alone makes.
func (x *Expr) Filter(names *Names) *Filter {
	f := &Filter{root: x.node, match: compile(x.node, names)}
	addNeeds(x.node, &f.needs)
	return f
}
