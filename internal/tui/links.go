package tui

import (
	"cmp"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
)

const byLink = "interface"

// linkState is an interface: its last reading, and the rates of the ones before.
type linkState struct {
	view.TrafficRow
	total  bool
	addrs  []string
	mac    string
	mtu    uint32
	speed  uint64
	rx, tx history
}

// history are the last rates, the oldest first.
type history []float64

// maxHistory is more than a terminal is wide.
const maxHistory = 512

func (h *history) push(v float64) {
	if len(*h) == maxHistory {
		copy(*h, (*h)[1:])
		(*h)[maxHistory-1] = v
		return
	}
	*h = append(*h, v)
}

// last are at most n of them.
func (h history) last(n int) history { return h[max(0, len(h)-n):] }

// takeLinks takes a reading of the interfaces.
func (m *Model) takeLinks(s *ifstat.Snapshot) {
	first := m.linkReadings == 0
	m.linkReadings++
	readings := m.meter.Add(s)
	if m.begin == nil {
		m.begin = new(ifstat.Counters)
		for _, i := range m.meter.Total().Counted {
			*m.begin = view.Plus(*m.begin, i.Counters)
		}
	}
	st := &m.stores[Links]
	st.begin()
	m.takeLink(st.touch(key{0, 1 << 63}, m.at), view.TotalRow(m.meter.Total(), s.Time, *m.begin), nil)
	for i := range readings {
		link := readings[i].Interface
		m.takeLink(st.touch(key{link.ID, link.NetNS}, m.at), view.ReadingRow(&readings[i], s.Time, first), link)
	}
	st.end(m.at)
}

func (m *Model) takeLink(r *row, t view.TrafficRow, i *ifstat.Interface) {
	if r.link == nil {
		r.link = new(linkState)
	}
	l := r.link
	r.By, l.TrafficRow, l.total = byLink, t, i == nil
	if t.Known {
		l.rx.push(t.Rate.RxBytes)
		l.tx.push(t.Rate.TxBytes)
	}
	if i == nil {
		return
	}
	l.addrs = l.addrs[:0]
	for _, a := range i.Addrs {
		l.addrs = append(l.addrs, a.String())
	}
	l.mac, l.mtu, l.speed = i.HardwareAddr.String(), i.MTU, i.Speed
}

func linkColumns() []column {
	word := func(name, header string, shape column, get func(*linkState) string) column {
		return words(name, header, shape, func(_ *Model, r *row) string { return get(r.link) })
	}
	figure := func(name, header string, shape column, get func(*linkState) float64, text func(*Model, float64) string) column {
		return number(name, header, shape, func(r *row) float64 { return get(r.link) }, text)
	}
	perSecond := func(m *Model, v float64) string { return count(m, v) + "/s" }
	cols := []column{
		word("interface", "INTERFACE", column{shrink: 10}, func(l *linkState) string { return l.Name }),
		word("kind", "KIND", column{drop: 20}, func(l *linkState) string { return l.Kind }),
		word("state", "STATE", column{drop: 15}, func(l *linkState) string { return l.State }),
		figure("rx_rate", "RX/s", column{least: 9}, func(l *linkState) float64 { return l.Rate.RxBytes }, rate),
		figure("tx_rate", "TX/s", column{least: 9}, func(l *linkState) float64 { return l.Rate.TxBytes }, rate),
		figure("rx_packets", "RX PKT", column{least: 7, drop: 18}, func(l *linkState) float64 { return l.Rate.RxPackets }, perSecond),
		figure("tx_packets", "TX PKT", column{least: 7, drop: 19}, func(l *linkState) float64 { return l.Rate.TxPackets }, perSecond),
		figure("errors", "ERR", column{drop: 13}, func(l *linkState) float64 { return float64(l.Counters.RxErrors + l.Counters.TxErrors) }, count),
		figure("dropped", "DROP", column{drop: 12}, func(l *linkState) float64 { return float64(l.Counters.RxDropped + l.Counters.TxDropped) }, count),
		figure("rx_total", "RX ALL", column{least: 7, drop: 22}, func(l *linkState) float64 { return float64(l.Sum.RxBytes) }, amount),
		figure("tx_total", "TX ALL", column{least: 7, drop: 23}, func(l *linkState) float64 { return float64(l.Sum.TxBytes) }, amount),
	}
	for i := range cols { // the total stands below, whatever is sorted by
		byColumn := cols[i].compare
		cols[i].value = nil
		cols[i].compare = func(m *Model, a, b *row) int {
			if a.link.total != b.link.total {
				return m.totalLast(a.link.total)
			}
			return byColumn(m, a, b)
		}
	}
	trend := column{name: "trend", header: "TREND", big: true, least: trendCells, drop: 16,
		text: func(m *Model, dst []byte, r *row) []byte {
			return append(dst, view.Spark(r.link.both(trendCells), m.opt.ASCII)...)
		},
		compare: func(m *Model, a, b *row) int {
			if a.link.total != b.link.total {
				return m.totalLast(a.link.total)
			}
			return cmp.Compare(a.link.Rate.RxBytes+a.link.Rate.TxBytes, b.link.Rate.RxBytes+b.link.Rate.TxBytes)
		}}
	return append(cols, trend)
}

// totalLast is how a row of the total compares to another, in the direction that is sorted in.
func (m *Model) totalLast(first bool) int {
	if first != m.page().down {
		return 1
	}
	return -1
}

// trendCells is how many bars a trend has.
const trendCells = 16

// both are the last rates of both directions together.
func (l *linkState) both(n int) []float64 {
	rx, tx := l.rx.last(n), l.tx.last(n)
	sum := make([]float64, len(rx))
	for i := range rx {
		sum[i] = rx[i] + tx[i]
	}
	return sum
}

// idle reports whether an interface neither moves nor ever moved anything.
func (l *linkState) idle() bool {
	return !l.total && l.Counters.RxPackets == 0 && l.Counters.TxPackets == 0 && l.Counters.RxBytes == 0 && l.Counters.TxBytes == 0
}
