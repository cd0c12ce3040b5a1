package annotate

import "net/netip"

// text is what was read, and what was found out about it at the last period or colon.
type text struct {
	b []byte

	// short tells that a byte behind the end was asked for: what was found out then holds only if there is none.
	short bool
	addr  netip.Addr
	// end is where the addition goes, or if nothing was found, where the search for the next such character goes on.
	end int
	// first is where the addition may have to go at the earliest, if more text comes.
	first int
}

// look returns byte i, or 0 if the text ends before.
func (t *text) look(i int) byte {
	if i < len(t.b) {
		return t.b[i]
	}
	t.short = true
	return 0
}

// back returns byte i, or 0 if the text begins behind it.
func (t *text) back(i int) byte {
	if i < 0 {
		return 0
	}
	return t.b[i]
}

// match4 looks at the period at dot: is it the first one of an address?
func (t *text) match4(dot int) bool {
	s := dot
	for s > 0 && dot-s < 4 && is(t.b[s-1], digit) {
		s--
	}
	if dot-s < 4 && t.opens(s) {
		if ip, e := t.quad(s); e >= 0 {
			t.first = e
			if t.closes(e) && !t.version(s, e) {
				t.addr, t.end = netip.AddrFrom4(ip), t.tail(s, e, letter|hexLetter)
				return true
			}
		}
	}
	t.end = t.numbers(dot)
	return false
}

// numbers returns where the numbers and periods from i on end. None but the first of them can begin an address.
func (t *text) numbers(i int) int {
	for i < len(t.b) && (is(t.b[i], digit) || t.b[i] == '.') {
		i++
	}
	return i
}

// quad reads four numbers at s and returns where they end, or -1.
func (t *text) quad(s int) (ip [4]byte, end int) {
	for i := range 4 {
		if i > 0 {
			if t.look(s) != '.' {
				return ip, -1
			}
			s++
		}
		n, e := 0, s
		for ; e < s+3 && is(t.look(e), digit); e++ {
			n = n*10 + int(t.b[e]-'0')
		}
		if e == s || n > 255 || e-s > 1 && t.b[s] == '0' {
			return ip, -1
		}
		ip[i], s = byte(n), e
	}
	return ip, s
}

// opens tells whether an address may begin at s.
func (t *text) opens(s int) bool {
	switch c := t.back(s - 1); {
	case c == '.', c == '%':
		return false
	case c == '-':
		return !is(t.back(s-2), letter|hexLetter)
	case is(c, word):
		return t.escape(s)
	}
	return true
}

// escape tells whether an escape sequence ends before s: that of a line end or tab in a string, or one of SGR (ECMA-48,
// 8.3.117), which sets colours.
func (t *text) escape(s int) bool {
	switch t.back(s - 1) {
	case 'n', 'r', 't':
		return t.back(s-2) == '\\'
	case 'm':
		i := s - 2
		for i > s-24 && i >= 0 && (is(t.b[i], digit) || t.b[i] == ';' || t.b[i] == ':') {
			i--
		}
		return t.back(i) == '[' && t.back(i-1) == 0x1b
	}
	return false
}

// closes tells whether an address may end at e.
func (t *text) closes(e int) bool {
	switch c := t.look(e); c {
	case '.':
		return !is(t.look(e+1), word)
	case '-':
		return !is(t.look(e+1), letter|hexLetter)
	default:
		return !is(c, word)
	}
}

// version tells whether the numbers from s to e are the version of what is named before them, as in a User-Agent
// (RFC 9110, section 10.1.5). JSON may have the slash escaped.
func (t *text) version(s, e int) bool {
	if t.back(s-1) != '/' {
		return false
	}
	i := s - 2
	if t.back(i) == '\\' {
		i--
	}
	if !is(t.back(i), word) {
		return false
	}
	c := t.look(e)
	return c != ':' && c != '(' || !is(t.look(e+1), digit)
}
