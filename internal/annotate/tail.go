package annotate

// maxZone is the length of an interface's name on Linux (IFNAMSIZ); on Windows a zone is a number.
const maxZone = 15

// tail returns where what belongs to an address from s to e ends: zone, brackets, prefix, port. A zone begins with a
// byte of class zone.
func (t *text) tail(s, e int, zone class) int {
	e = t.zone(e, zone)
	if t.back(s-1) == '[' && t.look(e) == ']' {
		e = t.zone(e+1, zone) // ss puts the zone behind
	}
	if n := t.number('/', e, 3); t.look(n) != '/' {
		e = n
	}
	if t.back(s-1) == '[' && t.look(e) == ']' {
		e++
	}
	return t.number(':', e, 5)
}

// zone returns where a zone at e ends, or e if there is none. An IPv4 address has one too where it is bound to an
// interface (127.0.0.53%lo).
func (t *text) zone(e int, begin class) int {
	if t.look(e) != '%' || !is(t.look(e+1), begin) {
		return e
	}
	z, last := e+1, e
	for ; is(t.look(z), word|dash); z++ {
		if z-e > maxZone {
			return e
		}
		if is(t.b[z], word) {
			last = z
		}
	}
	return last + 1
}

// number returns where a number of at most so many digits behind the byte c at e ends, or e if there is none, or if it is
// a part of something longer.
func (t *text) number(c byte, e, digits int) int {
	if t.look(e) != c {
		return e
	}
	n := e + 1
	for n <= e+digits && is(t.look(n), digit) {
		n++
	}
	if n == e+1 || t.goesOn(n) {
		return e
	}
	return n
}

// goesOn tells whether a number that ends at n is a part of something longer.
func (t *text) goesOn(n int) bool {
	c := t.look(n)
	switch c {
	case '.':
		return is(t.look(n+1), word)
	case ':':
		return is(t.look(n+1), word) || t.look(n+1) == ':'
	}
	return is(c, word)
}
