package view

import (
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
)

// Narrow makes the query ask for less, by what the filter is known to refuse: protocols, families, states and local ports.
// What the query then yields still has to pass Match. It reports false, and leaves the query, when no socket can match.
func (f *Filter) Narrow(q *netstat.Query) bool {
	if f.Empty() {
		return true
	}
	asked := boxOf(q)
	b := asked.and(bound(f.root, false))
	if b.families == 0 {
		b.protos &= netstat.QueryUnix
	}
	if b.protos == 0 || b.states == 0 || b.limited && len(b.ports) == 0 {
		return false
	}
	q.Protos, q.LocalPorts = b.protos, b.ports
	if b.states != asked.states {
		q.States = b.states
	}
	if b.families != asked.families && b.protos&netstat.QueryUnix == 0 {
		q.Families = b.families
	}
	return true
}

// box bounds a set of sockets: each of them has its protocol, family, state and local port in here. Families say nothing
// about Unix sockets, which have none.
type box struct {
	protos   netstat.Protos
	families netstat.Families
	states   netstat.States
	ports    []uint16 // if limited; ascending
	limited  bool
}

const bothFamilies = netstat.IPv4 | netstat.IPv6

func everything() box { return box{protos: anyProto, families: bothFamilies, states: allStates} }

// boxOf makes the sets of a query explicit.
func boxOf(q *netstat.Query) box {
	b := box{protos: q.Protos, families: q.Families, states: q.States}
	if b.protos == 0 {
		b.protos = inetProto
	}
	if b.families == 0 {
		b.families = bothFamilies
	}
	if b.states == 0 {
		b.states = allStates
	}
	if len(q.LocalPorts) > 0 {
		b.ports, b.limited = slices.Clone(q.LocalPorts), true
		slices.Sort(b.ports)
	}
	return b
}

// and holds what is in both boxes.
func (b box) and(c box) box {
	b.protos, b.families, b.states = b.protos&c.protos, b.families&c.families, b.states&c.states
	switch {
	case !b.limited:
		b.ports, b.limited = c.ports, c.limited
	case c.limited:
		b.ports = slices.DeleteFunc(slices.Clone(b.ports), func(p uint16) bool {
			_, found := slices.BinarySearch(c.ports, p)
			return !found
		})
	}
	return b
}

// or holds what is in either box, and may hold more.
func (b box) or(c box) box {
	b.protos, b.families, b.states = b.protos|c.protos, b.families|c.families, b.states|c.states
	b.limited = b.limited && c.limited
	if !b.limited {
		b.ports = nil
		return b
	}
	b.ports = append(slices.Clone(b.ports), c.ports...)
	slices.Sort(b.ports)
	b.ports = slices.Compact(b.ports)
	return b
}

// bound bounds what a part of the filter matches, or what it refuses when not is set.
func bound(n node, not bool) box {
	switch n := n.(type) {
	case *andNode:
		return boundAll(n.parts, not, not)
	case *orNode:
		return boundAll(n.parts, not, !not)
	case *notNode:
		return bound(n.part, !not)
	case *statesNode:
		return boundStates(n.set, not)
	}
	c := n.(*compareNode)
	if c.op == opNe || c.op == opNotMatch {
		not = !not
	}
	if not {
		return boundRefused(c)
	}
	return boundMatched(c)
}

func boundAll(parts []node, not, union bool) box {
	all := bound(parts[0], not)
	for _, p := range parts[1:] {
		if b := bound(p, not); union {
			all = all.or(b)
		} else {
			all = all.and(b)
		}
	}
	return all
}

func boundStates(set netstat.States, not bool) box {
	b := everything()
	if b.states = set; not {
		b.states = allStates &^ set
	}
	return b
}

// boundMatched bounds the sockets for which a comparison holds: they must have the value at all.
func boundMatched(c *compareNode) box {
	b := everything()
	b.protos = c.field.protos
	switch c.field.kind {
	case kindProto:
		b.protos = 1 << (protoByName(c.text) - 1)
	case kindFamily:
		b.families = familyNamed(c.text)
	case kindAddr:
		b.boundAddr(c)
	case kindPort:
		if c.field.name == "sport" && (c.op == opEq || c.op == opNe) {
			b.ports, b.limited = []uint16{uint16(c.num)}, true
		}
	}
	return b
}

func (b *box) boundAddr(c *compareNode) {
	if p := c.addr.prefix; p.IsValid() && !p.Addr().Is4() {
		b.families = netstat.IPv6
	}
	if c.field.name == "src" && c.addr.port >= 0 {
		b.ports, b.limited = []uint16{uint16(c.addr.port)}, true
	}
}

// boundRefused bounds the sockets for which a comparison does not hold.
func boundRefused(c *compareNode) box {
	b := everything()
	switch c.field.kind {
	case kindProto:
		b.protos &^= 1 << (protoByName(c.text) - 1)
	case kindFamily:
		b.families &^= familyNamed(c.text)
	}
	return b
}

func familyNamed(text string) netstat.Families {
	if text == "4" {
		return netstat.IPv4
	}
	return netstat.IPv6
}
