package annotate

import "net/netip"

// longest is what an address of IPv6 has at most, 45 bytes, with a label's last letters and some punctuation.
const longest = 64

// match6 looks at a colon: does the run of digits, colons and periods that it is in have an address? It comes to the same
// for each colon of the run.
func (t *text) match6(colon int) bool {
	l, r := t.run(colon)
	t.end = r
	if r-l > longest {
		t.short = false
		return false
	}
	e := t.trim(l, r)
	ip, s, ok := t.address(l, e)
	if !ok || e <= colon { // this one is punctuation, and what is before it was found at another
		return false
	}
	t.first = e
	if !t.closes6(e, r) {
		return false
	}
	t.addr, t.end = netip.AddrFrom16(ip), e
	if e == r {
		t.end = t.tail(s, e, word)
	}
	return true
}

// run returns the bounds of the run around i. One that is longer than any address is not followed to its beginning.
func (t *text) run(i int) (l, r int) {
	for l = i; l > 0 && i-l <= longest && is(t.b[l-1], hex|punct); l-- {
	}
	for r = i; is(t.look(r), hex|punct); r++ {
	}
	return l, r
}

// trim returns where a run ends without the punctuation behind it: periods, and a colon that is not one of two.
func (t *text) trim(l, r int) int {
	for r > l && t.b[r-1] == '.' {
		r--
	}
	if r-l < 2 || t.b[r-1] != ':' {
		return r
	}
	if t.b[r-2] != ':' || r-l > 2 && t.b[r-3] == ':' {
		return r - 1
	}
	return r
}

// closes6 is closes, for a run that ends at r and had its punctuation from e on.
func (t *text) closes6(e, r int) bool {
	switch {
	case e == r:
		return t.closes(r)
	case t.b[r-1] == '.':
		return !is(t.look(r), word)
	}
	return true
}

// address reads the address in a run, behind a label if there is one, and returns where it begins.
func (t *text) address(l, e int) (ip [16]byte, s int, ok bool) {
	opens := t.opens(l)
	if opens {
		if ip, ok = t.groups(l, e); ok {
			return ip, l, true
		}
	}
	colon, plain := l, true
	for ; colon < e && t.b[colon] != ':'; colon++ {
		plain = plain && t.b[colon] != '.'
	}
	if opens && plain && colon-l <= 4 || colon == e {
		return ip, l, false // no label: it could as well be a group
	}
	ip, ok = t.groups(colon+1, e)
	return ip, colon + 1, ok
}

// groups reads an address that takes all from s to e.
func (t *text) groups(s, e int) (ip [16]byte, ok bool) {
	n, gap, digits, pairs := 0, -1, false, 0
	if e-s >= 2 && t.b[s] == ':' && t.b[s+1] == ':' {
		gap, s = 0, s+2
	}
	for s < e {
		if n == 16 {
			return ip, false
		}
		v, k := 0, s
		for ; k < e && k < s+5 && is(t.b[k], hex); k++ {
			v = v<<4 | value(t.b[k])
			digits = digits || t.b[k] <= '9'
		}
		if k < e && t.b[k] == '.' {
			quad, end := t.quad(s)
			if end != e || n > 12 {
				return ip, false
			}
			n, digits, s = n+copy(ip[n:], quad[:]), true, e
			break
		}
		if k == s || k > s+4 {
			return ip, false
		}
		if k == s+2 {
			pairs++
		}
		ip[n], ip[n+1], n, s = byte(v>>8), byte(v), n+2, k
		if s == e {
			break
		}
		if s++; s == e { // a colon, whereupon a group must come, or another colon
			return ip, false
		}
		if t.b[s] == ':' {
			if gap >= 0 {
				return ip, false
			}
			gap, s = n, s+1
		}
	}
	if !digits || pairs == 8 || n == 16 && gap >= 0 || n < 16 && gap < 0 {
		return ip, false
	}
	if gap >= 0 {
		ip = spread(ip, gap, n)
	}
	return ip, true
}

// spread puts zeros where the gap is: what is behind it goes to the end.
func spread(ip [16]byte, gap, n int) (out [16]byte) {
	copy(out[:], ip[:gap])
	copy(out[16-(n-gap):], ip[gap:n])
	return out
}
