package view

import (
	"net/netip"
	"regexp"
	"strconv"

	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/netstat"
)

// Filter is a compiled expression over sockets:
//
//	state established and ( dport = :https or dst 10.0.0.0/8 )
//	process ~ ^ngi and user != root
//
// A comparison with a value that the socket does not have is false; != and !~ are the opposites of = and ~, so they are
// true then. With several owners = asks whether any of them is it. "port" is either end's. An IPv4 address or network also
// covers its IPv4-mapped IPv6 form. country, city and the like are about the remote end: a listener has none. The zero
// Filter and a nil one match everything.
type Filter struct {
	root  node
	match func(*netstat.Socket) bool
	needs Needs
}

// Needs says what a filter looks at beyond the sockets themselves.
type Needs struct {
	Owners, Module, Info bool
	Unix                 bool // it names Unix sockets, so they are wanted
	User                 bool // users, which some systems know of owners only
	Geo                  bool // where the remote end is

	GeoDB geodb.Parts // which a database must be able to tell, or the question cannot be answered
}

func (n *Needs) add(m Needs) {
	n.Owners, n.Module = n.Owners || m.Owners, n.Module || m.Module
	n.Info, n.Unix, n.User = n.Info || m.Info, n.Unix || m.Unix, n.User || m.User
	n.Geo, n.GeoDB = n.Geo || m.Geo, n.GeoDB|m.GeoDB
}

// ParseFilter compiles an expression; an empty one matches everything. Names of services, users and interfaces are asked
// of names, during matching too. The error is a *SyntaxError.
func ParseFilter(expr string, names *Names) (*Filter, error) {
	root, err := parse(expr, names)
	if err != nil {
		return nil, err
	}
	f := &Filter{root: root}
	if root != nil {
		f.match = compile(root, names)
		addNeeds(root, &f.needs)
	}
	return f, nil
}

// Match reports whether the socket passes. It does not allocate, but where a pattern meets a new text, which it remembers: a
// filter is for one goroutine.
func (f *Filter) Match(s *netstat.Socket) bool { return f == nil || f.match == nil || f.match(s) }

// Needs says what a socket must have been asked for.
func (f *Filter) Needs() Needs {
	if f == nil {
		return Needs{}
	}
	return f.needs
}

// Empty reports whether the filter was empty, and so matches everything.
func (f *Filter) Empty() bool { return f == nil || f.root == nil }

// String is the filter in one spelling; it parses to the same filter.
func (f *Filter) String() string {
	if f.Empty() {
		return ""
	}
	return string(f.root.append(nil))
}

func addNeeds(n node, needs *Needs) {
	switch n := n.(type) {
	case *andNode:
		for _, p := range n.parts {
			addNeeds(p, needs)
		}
	case *orNode:
		for _, p := range n.parts {
			addNeeds(p, needs)
		}
	case *notNode:
		addNeeds(n.part, needs)
	case *compareNode:
		needs.add(n.field.needs)
		needs.Unix = needs.Unix || n.field.kind == kindProto && n.text == "unix" && n.op == opEq
	}
}

type matcher = func(*netstat.Socket) bool

func compile(n node, names *Names) matcher {
	switch n := n.(type) {
	case *andNode:
		return compileAnd(compileAll(n.parts, names))
	case *orNode:
		return compileOr(compileAll(n.parts, names))
	case *notNode:
		return negate(compile(n.part, names))
	case *statesNode:
		set := n.set
		return func(s *netstat.Socket) bool { return set&(1<<s.State) != 0 }
	}
	return compileCompare(n.(*compareNode), names)
}

// compileAll puts what looks places up behind the rest: it costs most, and the rest often decides.
func compileAll(parts []node, names *Names) (all []matcher) {
	var late []matcher
	for _, p := range parts {
		var needs Needs
		if addNeeds(p, &needs); needs.Geo {
			late = append(late, compile(p, names))
			continue
		}
		all = append(all, compile(p, names))
	}
	return append(all, late...)
}

func compileAnd(all []matcher) matcher {
	return func(s *netstat.Socket) bool {
		for _, m := range all {
			if !m(s) {
				return false
			}
		}
		return true
	}
}

func compileOr(all []matcher) matcher {
	return func(s *netstat.Socket) bool {
		for _, m := range all {
			if m(s) {
				return true
			}
		}
		return false
	}
}

func negate(m matcher) matcher { return func(s *netstat.Socket) bool { return !m(s) } }

// compileCompare makes != and !~ of = and ~.
func compileCompare(n *compareNode, names *Names) matcher {
	positive := *n
	switch n.op {
	case opNe:
		positive.op = opEq
	case opNotMatch:
		positive.op = opMatch
	default:
		return compilePositive(n, names)
	}
	return negate(compilePositive(&positive, names))
}

func compilePositive(n *compareNode, names *Names) matcher {
	f := n.field
	switch f.kind {
	case kindPort:
		return compilePort(f, compareTo(n.op, n.num))
	case kindAddr:
		pattern := n.addr
		return func(s *netstat.Socket) bool { return pattern.matches(f.addr(s)) }
	case kindNumber:
		test := compareTo(n.op, n.num)
		return func(s *netstat.Socket) bool { v, ok := f.number(s); return ok && test(v) }
	case kindOwnerNumber:
		test := compareTo(n.op, n.num)
		return anyOwner(func(o *netstat.Owner) bool { v, ok := f.ownerNo(o); return ok && test(v) })
	case kindText:
		return compileText(n, names)
	case kindPlace, kindSpecial, kindSystem:
		return compilePlace(n, names)
	case kindOwnerText:
		test := testText(n)
		return anyOwner(func(o *netstat.Owner) bool { return test(f.ownerTx(o)) })
	}
	return compileWord(n)
}

// compareTo tests a number against the filter's.
func compareTo(op operator, with uint64) func(uint64) bool {
	switch op {
	case opLt:
		return func(v uint64) bool { return v < with }
	case opLe:
		return func(v uint64) bool { return v <= with }
	case opGt:
		return func(v uint64) bool { return v > with }
	case opGe:
		return func(v uint64) bool { return v >= with }
	}
	return func(v uint64) bool { return v == with }
}

func compilePort(f *filterField, test func(uint64) bool) matcher {
	return func(s *netstat.Socket) bool {
		a, b := f.ports(s)
		return a >= 0 && test(uint64(a)) || b >= 0 && test(uint64(b))
	}
}

func anyOwner(test func(*netstat.Owner) bool) matcher {
	return func(s *netstat.Socket) bool {
		for i := range s.Owners {
			if o := &s.Owners[i]; o.Process != nil && test(o) {
				return true
			}
		}
		return false
	}
}

// testText tests a text for equality or against a pattern.
func testText(n *compareNode) func(string) bool {
	if n.op == opMatch {
		if re, err := regexp.Compile(n.text); err == nil {
			return remembering(re)
		}
	}
	with := n.text
	return func(v string) bool { return v == with }
}

func compileText(n *compareNode, names *Names) matcher {
	f, test := n.field, testText(n)
	switch f.name {
	case "unit":
		return compileUnit(n)
	case "user":
		if uid, err := strconv.ParseUint(n.text, 10, 32); err == nil && n.op == opEq {
			return func(s *netstat.Socket) bool {
				return s.HasUID && uint64(s.UID) == uid || s.HasUID && test(names.User(s.UID))
			}
		}
	case "dev":
		if index, err := strconv.ParseUint(n.text, 10, 32); err == nil && n.op == opEq {
			return func(s *netstat.Socket) bool { return s.Interface != 0 && uint64(s.Interface) == index }
		}
	}
	return func(s *netstat.Socket) bool { v, ok := f.text(names, s); return ok && test(v) }
}

// compileUnit asks the socket's module and its owners'. The ".service" of a systemd unit may be left out.
func compileUnit(n *compareNode) matcher {
	test := testText(n)
	if long := n.text + ".service"; n.op == opEq {
		test = func(v string) bool { return v != "" && (v == n.text || v == long) }
	}
	owner := anyOwner(func(o *netstat.Owner) bool { return o.Process.Module != "" && test(o.Process.Module) })
	return func(s *netstat.Socket) bool { return s.Module != "" && test(s.Module) || owner(s) }
}

// compileWord compares what has few words: protocol, family, owner.
func compileWord(n *compareNode) matcher {
	switch n.field.kind {
	case kindProto:
		proto := protoByName(n.text)
		return func(s *netstat.Socket) bool { return s.Proto == proto }
	case kindFamily:
		family := n.text[0] - '0'
		return func(s *netstat.Socket) bool { return familyOf(s) == family }
	}
	if reason, ok := missingByName(n.text); ok {
		return func(s *netstat.Socket) bool { return s.Missing == reason }
	}
	some := n.text == "some"
	return func(s *netstat.Socket) bool { return (len(s.Owners) > 0) == some }
}

type netAddr = netip.AddrPort

func portOf(a netAddr) int32 {
	if !a.IsValid() {
		return -1
	}
	return int32(a.Port())
}

func bothPorts(s *netstat.Socket) (a, b int32) { return portOf(s.Local), portOf(s.Remote) }

func userOf(n *Names, s *netstat.Socket) string {
	if !s.HasUID {
		return n.ownerUser(s)
	}
	return n.User(s.UID)
}

// familyOf is 4 or 6 by the form of the local address, 0 for Unix sockets.
func familyOf(s *netstat.Socket) byte {
	switch addr := s.Local.Addr(); {
	case addr.Is4():
		return 4
	case addr.Is6():
		return 6
	}
	return 0
}
