package tui

import (
	"fmt"
	"strings"
)

// graphHeight is how many lines the graph of an interface wants, with what is known of it above.
func (m *Model) graphHeight() int {
	return min(max(8, m.body()/2), 16)
}

// drawGraph draws the last rates of the interface under the cursor: received above, sent below.
func (m *Model) drawGraph(d *drawn, height int) {
	r := m.current()
	if r == nil || r.link == nil {
		for range height {
			d.newline()
		}
		return
	}
	p, l := m.palette(), r.link
	m.rule(d, p.label, m.linkTitle(l))
	height--
	up := height / 2
	m.drawHalf(d, "RX", p.rx, l.rx, l.Rate.RxBytes, up)
	m.drawHalf(d, "TX", p.tx, l.tx, l.Rate.TxBytes, height-up)
}

func (m *Model) linkTitle(l *linkState) string {
	parts := []string{l.Name}
	if l.total {
		parts = append(parts, "of "+strings.Join(l.Counted, " "))
	}
	parts = append(parts, l.addrs...)
	if l.mac != "" {
		parts = append(parts, l.mac)
	}
	if l.mtu > 0 {
		parts = append(parts, fmt.Sprintf("mtu %d", l.mtu))
	}
	if l.speed > 0 {
		parts = append(parts, fmt.Sprintf("%d Mbit/s", l.speed/1_000_000))
	}
	return cleanJoin(parts)
}

// graphLabel is how wide the figures beside a graph are.
const graphLabel = 18

// drawHalf draws one direction: the newest rate at the right, the highest one as high as there is room.
func (m *Model) drawHalf(d *drawn, name string, st style, h history, now float64, height int) {
	if height <= 0 {
		return
	}
	cols := max(0, m.width-graphLabel)
	h = h.last(cols)
	top := 0.0
	for _, v := range h {
		top = max(top, v)
	}
	for line := range height {
		d.newline()
		switch {
		case line == 0 && height > 1:
			d.text(m.palette().label, fmt.Sprintf("%s top %9s", name, m.opt.Unit.Rate(top)), m.width)
		case line == height-1:
			d.text(st, fmt.Sprintf("%s now %9s", name, m.opt.Unit.Rate(now)), m.width)
		}
		d.spaces(graphLabel + cols - len(h) - d.line)
		m.drawBars(d, st, h, top, float64(height-1-line), float64(height))
	}
}

var (
	bars      = []rune(" ▁▂▃▄▅▆▇█")
	asciiBars = []rune(" .:-=+*##")
)

// drawBars draws the line of a graph that is so many lines above its foot. What is not 0 is always seen.
func (m *Model) drawBars(d *drawn, st style, h history, top, above, height float64) {
	shapes := bars
	if m.opt.ASCII {
		shapes = asciiBars
	}
	var b strings.Builder
	for _, v := range h {
		n := 0.0
		if top > 0 {
			n = (v/top*height - above) * 8
		}
		if v > 0 && above == 0 {
			n = max(n, 1)
		}
		b.WriteRune(shapes[int(max(0, min(n+0.5, 8)))])
	}
	d.text(st, b.String(), m.width)
}
