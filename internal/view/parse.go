package view

import (
	"errors"
	"net/netip"
	"regexp/syntax"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/netstat"
)

// maxDepth bounds the parentheses and nots around a part of a filter.
const maxDepth = 200

type parser struct {
	lexer
	names  *Names
	depth  int
	steps  int  // of all patterns so far
	events bool // it is a filter of events
}

// parse reads a whole filter; an empty one is nil.
func parse(src string, names *Names) (node, error) {
	return parseWith(&parser{lexer: lexer{src: src}, names: names})
}

func parseWith(p *parser) (node, error) {
	if p.end() {
		return nil, nil
	}
	n, err := p.or()
	if err == nil && !p.end() {
		from := p.pos
		p.pos++
		return nil, p.fail(from, "expected a field, and, or, or not")
	}
	return n, err
}

func (p *parser) or() (node, error) {
	left, err := p.and()
	for err == nil && p.takeOr() {
		var right node
		if right, err = p.and(); err == nil {
			left = joinOr(left, right)
		}
	}
	return left, err
}

func (p *parser) and() (node, error) {
	left, err := p.unary()
	for err == nil && p.takeAnd() {
		var right node
		if right, err = p.unary(); err == nil {
			left = joinAnd(left, right)
		}
	}
	return left, err
}

func (p *parser) takeOr() bool {
	_, ok := p.take("||", "|")
	return ok || p.keyword("or")
}

// takeAnd also finds the and that is not written: what can begin a part stands next.
func (p *parser) takeAnd() bool {
	if _, ok := p.take("&&", "&"); ok || p.keyword("and") {
		return true
	}
	if p.end() {
		return false
	}
	c, w := p.src[p.pos], p.peekWord()
	return c == '(' || c == '!' || w != "" && w != "or"
}

func (p *parser) unary() (node, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fail(p.pos, "too many parentheses")
	}
	defer func() { p.depth-- }()
	if _, ok := p.take("!"); ok || p.keyword("not") {
		n, err := p.unary()
		return &notNode{n}, err
	}
	from := p.pos
	if _, ok := p.take("("); !ok {
		return p.term()
	}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if _, ok := p.take(")"); !ok {
		return nil, p.fail(from, "the parenthesis is not closed")
	}
	return n, nil
}

// term reads one comparison, or a run of "state NAME" and "exclude NAME".
func (p *parser) term() (node, error) {
	p.space()
	from := p.pos
	name := p.word()
	switch name {
	case "":
		if p.pos < len(p.src) {
			p.pos++
		}
		return nil, p.fail(from, "expected a field or a state")
	case "state", "exclude", "excl":
		return p.states(from, name)
	}
	field := fieldByName(name)
	if p.events && name == eventField.name {
		field = &eventField
	}
	if field == nil {
		return nil, p.fail(from, "no field is called %q", name)
	}
	return p.compare(from, field)
}

// states reads what follows a first "state" or "exclude": either a comparison, or a run of such words that adds to and takes
// from one set, as in ss: "state established state close-wait" is both.
func (p *parser) states(from int, word string) (node, error) {
	if op, ok := p.operator(); ok && word == "state" {
		return p.compareState(from, op)
	}
	set := netstat.States(0)
	if word != "state" {
		set = allStates
	}
	for {
		one, err := p.stateName()
		if err != nil {
			return nil, err
		}
		if word == "state" {
			set |= one
		} else {
			set &^= one
		}
		if word = p.nextStateWord(); word == "" {
			return &statesNode{set}, nil
		}
	}
}

// nextStateWord eats a further "state" or "exclude" unless it begins a comparison.
func (p *parser) nextStateWord() string {
	from := p.pos
	switch w := p.word(); w {
	case "state":
		after := p.pos
		if _, ok := p.operator(); !ok {
			p.pos = after
			return w
		}
	case "exclude", "excl":
		return w
	}
	p.pos = from
	return ""
}

func (p *parser) compareState(from int, op operator) (node, error) {
	if op != opEq && op != opNe {
		return nil, p.fail(from, "a state is compared with = or != only")
	}
	set, err := p.stateName()
	if op == opNe {
		set = allStates &^ set
	}
	return &statesNode{set}, err
}

// stateName reads one name, or several with commas between them.
func (p *parser) stateName() (set netstat.States, err error) {
	p.space()
	from := p.pos
	text, _, err := p.value(false)
	if err != nil {
		return 0, err
	}
	for name := range strings.SplitSeq(text, ",") {
		one, ok := parseState(name)
		if !ok {
			return 0, p.fail(from, "expected a state")
		}
		set |= one
	}
	return set, nil
}

// operator eats a comparison, if one stands here.
func (p *parser) operator() (operator, bool) {
	if s, ok := p.take("==", "=~", "=", "!=", "!~", "<=", "<", ">=", ">", "~"); ok {
		return opWords[s], true
	}
	op, ok := opWords[p.peekWord()]
	if ok {
		p.word()
	}
	return op, ok
}

// compare reads the operator, which may be left out where it is =, and the value.
func (p *parser) compare(from int, field *filterField) (node, error) {
	op, ok := p.operator()
	if !field.allows(op) {
		return nil, p.fail(from, "%s cannot be compared with %s", field.name, opSymbols[op])
	}
	n := &compareNode{field: field, op: op, addr: addrPattern{port: -1}}
	p.space()
	at := p.pos
	text, quoted, err := p.value(op == opMatch || op == opNotMatch)
	if err != nil {
		return nil, err
	}
	if text == "" && !quoted || !ok && !quoted && isKeyword(text) {
		return nil, p.fail(at, "expected %s", field.wants())
	}
	if msg := p.setValue(n, text); msg != "" {
		return nil, p.fail(at, "%s", msg)
	}
	return n, nil
}

func isKeyword(text string) bool {
	switch strings.ToLower(text) {
	case "and", "or", "not":
		return true
	}
	return false
}

// setValue reads the value as the field's kind demands; what is wrong with it comes back as a message.
func (p *parser) setValue(n *compareNode, text string) (msg string) {
	ok := true
	switch n.field.kind {
	case kindPort:
		n.num, ok = p.port(strings.TrimPrefix(text, ":"))
	case kindNumber, kindOwnerNumber:
		var err error
		n.num, err = strconv.ParseUint(text, 10, 64)
		ok = err == nil
	case kindSystem:
		n.num, ok = parseSystem(text)
	case kindAddr:
		n.addr, ok = p.addr(text)
	case kindProto, kindOwner, kindFamily:
		n.text = strings.ToLower(text)
		ok = n.field.word(n.text)
	default:
		n.text = text
		if n.op == opMatch || n.op == opNotMatch {
			return patternProblem(p.pattern(text))
		}
	}
	if !ok {
		return "expected " + n.field.wants()
	}
	return ""
}

var errPattern = errors.New("the patterns of the filter repeat too much")

// pattern checks a pattern without compiling it.
func (p *parser) pattern(text string) error {
	re, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return err
	}
	if p.steps += patternSteps + steps(re); p.steps > maxSteps {
		return errPattern
	}
	return nil
}

func patternProblem(err error) string {
	if err == nil {
		return ""
	}
	return "expected a pattern (" + strings.TrimPrefix(err.Error(), "error parsing regexp: ") + ")"
}

func (p *parser) port(text string) (uint64, bool) {
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		return n, true
	}
	if text == "" || text[0] >= '0' && text[0] <= '9' {
		return 0, false
	}
	port, ok := p.names.Service(text)
	return uint64(port), ok
}

// addr reads ADDR, ADDR/BITS, either with :PORT behind it, an IPv6 address then in brackets; * or nothing is any address.
func (p *parser) addr(text string) (addrPattern, bool) {
	pattern := addrPattern{port: -1}
	host, port := splitPort(text)
	if port != "" && port != ":*" {
		n, ok := p.port(port[1:])
		if !ok {
			return pattern, false
		}
		pattern.port = int32(n)
	}
	if host == "" || host == "*" {
		return pattern, text != ""
	}
	ok := pattern.setHost(host)
	return pattern, ok
}

// splitPort takes a port with its colon from the end. Without brackets a text of several colons is an address.
func splitPort(text string) (host, port string) {
	i := strings.LastIndexByte(text, ':')
	if i < 0 || i < strings.LastIndexByte(text, ']') {
		return text, ""
	}
	if strings.IndexByte(text, ':') < i && text[0] != '[' {
		return text, ""
	}
	return text[:i], text[i:]
}

func (p *addrPattern) setHost(host string) bool {
	host, bits, hasBits := strings.Cut(host, "/")
	if host, ok := strings.CutPrefix(host, "["); ok {
		return p.setBracketed(host, bits, hasBits)
	}
	return p.set(host, bits, hasBits)
}

// setBracketed reads the rest of [ADDR], [ADDR]/BITS and [ADDR/BITS].
func (p *addrPattern) setBracketed(host, bits string, hasBits bool) bool {
	host, outside := strings.CutSuffix(host, "]")
	bits, inside := strings.CutSuffix(bits, "]")
	return outside != inside && p.set(host, bits, hasBits)
}

func (p *addrPattern) set(host, bits string, hasBits bool) bool {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	p.zone, addr = addr.Zone(), addr.WithZone("")
	n := addr.BitLen()
	if hasBits {
		v, err := strconv.ParseUint(bits, 10, 8)
		if err != nil || int(v) > n {
			return false
		}
		n = int(v)
	}
	if n < addr.BitLen() {
		p.zone = ""
	}
	p.prefix = netip.PrefixFrom(addr, n).Masked()
	return true
}
