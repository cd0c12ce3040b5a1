package annotate

import "bytes"

// flushAt is how much is gathered before it is written.
const flushAt = 64 << 10

// search finds the addresses from next on and puts out the text with what belongs behind them. An IPv4 address is
// found by its first period, one of IPv6 by its first colon. Unless the text ends, what depends on bytes that have not
// come yet is left for the next time.
//
// Whether there is an address at a period or colon depends on the bytes around it alone, at most context of them. So it makes no
// difference how the text was divided when it was read.
func (w *Writer) search(end bool) {
	t := text{b: w.buf}
	dot, colon := t.nextDot(w.next), t.nextColon(w.next)
	for dot < len(t.b) || colon < len(t.b) {
		at := min(dot, colon)
		t.short, t.first = false, len(t.b)
		var found bool
		if dot < colon {
			found = t.match4(dot)
		} else {
			found = t.match6(colon)
		}
		switch {
		case t.short && !end:
			w.next = at
			if at == colon && t.first == len(t.b) {
				t.first = dot // one of IPv4 may be in what is none of IPv6
			}
			w.send(max(t.first, w.sent))
			return
		case found:
			w.send(t.end)
			w.out = w.cache.append(w.out, t.addr)
			if dot < t.end {
				dot = t.nextDot(t.end)
			}
			if colon < t.end {
				colon = t.nextColon(t.end)
			}
		case dot < colon:
			dot = t.nextDot(t.end)
		default:
			colon = t.nextColon(t.end)
		}
	}
	w.next = len(t.b)
	w.send(len(t.b))
}

// send puts out the text up to an offset.
func (w *Writer) send(to int) {
	w.out = append(w.out, w.buf[w.sent:to]...)
	w.sent = to
	if len(w.out) >= flushAt {
		w.flush()
	}
}

// find returns where c is, from an offset on, or the length of the text.
func (t *text) find(c byte, from int) int {
	if i := bytes.IndexByte(t.b[from:], c); i >= 0 {
		return from + i
	}
	return len(t.b)
}

// nextDot returns the next period that may be the first one of an address: with digits on both sides, and another one
// soon. At the end of the text it may be any.
func (t *text) nextDot(i int) int {
	for b := t.b; ; {
		if i = t.find('.', i); i+4 >= len(b) {
			return i
		}
		if i > 0 && is(b[i-1], digit) && is(b[i+1], digit) && (b[i+2] == '.' || b[i+3] == '.' || b[i+4] == '.') {
			return i
		}
		for i < len(b) && b[i] == '.' {
			i++
		}
	}
}

// nextColon returns the next colon that may be the first one of an address: as many groups come behind it as an address
// has, or two colons. At the end of the text it may be any.
func (t *text) nextColon(i int) int {
	for {
		i = t.find(':', i)
		at, ok := t.groupsBehind(i)
		if ok || at == len(t.b) {
			return i
		}
		i = at
	}
}

// groupsBehind tells whether the colon at i has two colons behind it, or five groups with a colon each, between them
// nothing else; and where that ends. Colons before that have even less behind them.
func (t *text) groupsBehind(i int) (at int, ok bool) {
	for n := 0; i < len(t.b); n++ {
		k := i + 1
		for k < len(t.b) && k < i+5 && is(t.b[k], hex) {
			k++
		}
		if k == len(t.b) || t.b[k] != ':' {
			return k, false
		}
		if k == i+1 || n == 4 {
			return k, true
		}
		i = k
	}
	return i, false
}
