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
	dot, colon := t.find('.', w.next), t.find(':', w.next)
	for dot < len(t.b) || colon < len(t.b) {
		var m match
		at := min(dot, colon)
		t.short = false
		if dot < colon {
			m = t.match4(dot)
		} else {
			m = t.match6(colon)
		}
		switch {
		case t.short && !end:
			w.next = at
			if at == colon && m.first == len(t.b) {
				m.first = dot // one of IPv4 may be in what is none of IPv6
			}
			w.send(max(m.first, w.sent))
			return
		case m.found:
			w.send(m.end)
			w.out = w.cache.append(w.out, m.addr)
			dot, colon = t.from('.', dot, m.end), t.from(':', colon, m.end)
		case dot < colon:
			dot = t.find('.', m.end)
		default:
			colon = t.find(':', m.end)
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

// from is find, for one who knows that there is none before at.
func (t *text) from(c byte, at, from int) int {
	if at >= from {
		return at
	}
	return t.find(c, from)
}
