package view

import (
	"net/netip"
	"strconv"

	"github.com/sockeye-net/sockeye/netstat"
)

// node is a part of a filter.
type node interface {
	append(dst []byte) []byte
}

type (
	andNode    struct{ parts []node }
	orNode     struct{ parts []node }
	notNode    struct{ part node }
	statesNode struct{ set netstat.States }

	// compareNode compares one field. Which of the values it has depends on the field's kind.
	compareNode struct {
		field *filterField
		op    operator
		num   uint64
		text  string
		addr  addrPattern
	}
)

// operator is a comparison.
type operator uint8

const (
	opEq operator = iota
	opNe
	opLt
	opLe
	opGt
	opGe
	opMatch
	opNotMatch
)

var opSymbols = [...]string{"=", "!=", "<", "<=", ">", ">=", "~", "!~"}

// opWords are the operators by their spellings; ss's words among them.
var opWords = map[string]operator{
	"=": opEq, "==": opEq, "eq": opEq, "!=": opNe, "ne": opNe, "neq": opNe, "<": opLt, "lt": opLt, "<=": opLe, "le": opLe,
	"leq": opLe, ">": opGt, "gt": opGt, ">=": opGe, "ge": opGe, "geq": opGe, "~": opMatch, "=~": opMatch, "!~": opNotMatch,
}

// addrPattern is what src and dst are compared with. The zero Prefix stands for every address, port -1 for every port.
type addrPattern struct {
	prefix netip.Prefix
	zone   string
	port   int32
}

// joinNodes makes one and or or of its parts, without nesting like in like.
func joinAnd(a, b node) node {
	parts := appendParts[*andNode](nil, a, func(n *andNode) []node { return n.parts })
	return &andNode{appendParts[*andNode](parts, b, func(n *andNode) []node { return n.parts })}
}

func joinOr(a, b node) node {
	parts := appendParts[*orNode](nil, a, func(n *orNode) []node { return n.parts })
	return &orNode{appendParts[*orNode](parts, b, func(n *orNode) []node { return n.parts })}
}

func appendParts[T node](parts []node, n node, inner func(T) []node) []node {
	if same, ok := n.(T); ok {
		return append(parts, inner(same)...)
	}
	return append(parts, n)
}

func (n *andNode) append(dst []byte) []byte { return appendJoined(dst, n.parts, " and ") }
func (n *orNode) append(dst []byte) []byte  { return appendJoined(dst, n.parts, " or ") }

func (n *notNode) append(dst []byte) []byte { return appendGroup(append(dst, "not "...), n.part) }

func (n *statesNode) append(dst []byte) []byte { return appendStates(dst, n.set) }

func appendJoined(dst []byte, parts []node, word string) []byte {
	for i, p := range parts {
		if i > 0 {
			dst = append(dst, word...)
		}
		dst = appendGroup(dst, p)
	}
	return dst
}

// appendGroup writes a part of something larger, in parentheses where they are needed.
func appendGroup(dst []byte, n node) []byte {
	switch n.(type) {
	case *andNode, *orNode:
		return append(n.append(append(dst, '(')), ')')
	}
	return n.append(dst)
}

func (n *compareNode) append(dst []byte) []byte {
	dst = append(append(dst, n.field.name...), ' ')
	dst = append(append(dst, opSymbols[n.op]...), ' ')
	switch n.field.kind {
	case kindPort, kindNumber, kindOwnerNumber, kindSystem:
		return strconv.AppendUint(dst, n.num, 10)
	case kindAddr:
		return n.addr.append(dst)
	}
	return appendQuoted(dst, n.text)
}

func (p addrPattern) append(dst []byte) []byte {
	switch {
	case !p.prefix.IsValid():
		dst = append(dst, '*')
	case p.prefix.Addr().Is4():
		dst = p.appendPrefix(dst)
	default:
		dst = append(p.appendPrefix(append(dst, '[')), ']')
	}
	if p.port >= 0 {
		dst = strconv.AppendInt(append(dst, ':'), int64(p.port), 10)
	}
	return dst
}

func (p addrPattern) appendPrefix(dst []byte) []byte {
	if p.prefix.IsSingleIP() {
		return p.prefix.Addr().WithZone(p.zone).AppendTo(dst)
	}
	return p.prefix.AppendTo(dst)
}

// matches reports whether the pattern covers an address. A pattern of IPv4 covers the same address mapped into IPv6, as in
// ss; a zone counts only where the pattern has one.
func (p *addrPattern) matches(a netip.AddrPort) bool {
	if p.port >= 0 && int32(a.Port()) != p.port {
		return false
	}
	if !p.prefix.IsValid() {
		return a.IsValid()
	}
	addr := a.Addr()
	if p.zone != "" && addr.Zone() != p.zone {
		return false
	}
	if addr.Is4In6() && p.prefix.Addr().Is4() {
		addr = addr.Unmap()
	}
	return p.prefix.Contains(addr.WithZone(""))
}
