package view

import (
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/netstat"
)

// compilePlace compares what is known of the remote end's place. Where nothing is known, nothing matches.
func compilePlace(n *compareNode, names *Names) matcher {
	test := testPlace(n)
	return func(s *netstat.Socket) bool {
		p := names.placeOf(s)
		return p != nil && test(&p.place)
	}
}

func testPlace(n *compareNode) func(*place) bool {
	if n.field.kind == kindSystem {
		test := compareTo(n.op, n.num)
		return func(p *place) bool { return p.asn != 0 && test(uint64(p.asn)) }
	}
	test := testText(n)
	if n.field.kind == kindSpecial {
		if n.op == opEq {
			test = func(name string) bool { return isSpecial(name, n.text) }
		}
		return func(p *place) bool { return p.special != "" && test(p.special) }
	}
	if n.op == opEq {
		test = func(v string) bool { return strings.EqualFold(v, n.text) }
	}
	return func(p *place) bool {
		a, b := n.field.places(p)
		return a != "" && test(a) || b != "" && test(b)
	}
}

// parseSystem reads 13335 and AS13335.
func parseSystem(text string) (uint64, bool) {
	if len(text) > 2 && strings.EqualFold(text[:2], "as") {
		text = text[2:]
	}
	n, err := strconv.ParseUint(text, 10, 32)
	return n, err == nil
}

// isSpecial reports whether a word means the special-purpose range of this name: the name itself, or the words with which
// it begins, in any case, with '-', '_' and ' ' alike. "private" is Private-Use and what is the same in IPv6, and "cgnat"
// what providers share.
func isSpecial(name, word string) bool {
	if strings.EqualFold(word, "private") && beginsWith(name, "Unique-Local") {
		return true
	}
	if strings.EqualFold(word, "cgnat") {
		word = "Shared"
	}
	return beginsWith(name, word)
}

// beginsWith reports whether a name begins with whole words.
func beginsWith(name, words string) bool {
	if len(words) > len(name) || words == "" {
		return false
	}
	for i := range len(words) {
		if folded(name[i]) != folded(words[i]) {
			return false
		}
	}
	return len(name) == len(words) || folded(name[len(words)]) == ' ' || name[len(words)] == '/'
}

// folded is a byte in small letters, with one sign for all that joins words.
func folded(c byte) byte {
	switch {
	case c >= 'A' && c <= 'Z':
		return c | 0x20
	case c == '-' || c == '_':
		return ' '
	}
	return c
}

// SpecialWords are values of the field special, for completion.
func SpecialWords() []string {
	return []string{"private", "loopback", "link_local", "cgnat", "multicast", "documentation", "benchmarking", "reserved"}
}
