package watch

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// Flow is a socket of the last reading with what it moved.
type Flow struct {
	Socket *netstat.Socket // valid until the next call of Next
	Since  time.Time       // when it was opened; zero where that is not known
	Total  Bytes           // since the watch began
	Delta  Bytes           // since the reading before
}

// Flows calls yield with the sockets of the last reading that are watched, until it returns false.
func (w *Watcher) Flows(yield func(*Flow) bool) {
	var f Flow
	for j, n := range w.book.rows {
		if n == none {
			continue
		}
		e := &w.book.slab[n]
		delta := Bytes{Basis: e.counted.Basis}
		if e.at == w.usage.reading-1 {
			delta = e.delta
		}
		f = Flow{Socket: &w.now.Sockets[j], Since: e.since, Delta: delta, Total: Bytes{
			Sent: moved(e.opening.Sent, e.counted.Sent), Received: moved(e.opening.Received, e.counted.Received), Basis: e.counted.Basis,
		}}
		if !yield(&f) {
			return
		}
	}
}

// Interval is the time between the last two readings, which Delta is of.
func (w *Watcher) Interval() time.Duration { return w.usage.elapsed }

// By says what usage is added up by.
type By uint8

// The ways to add up. A unit is a systemd unit, a container or a Windows service, and needs Config.Query.Owner to be
// netstat.OwnerModule.
const (
	ByProcess By = iota // process
	ByUnit              // unit
	ByRemote            // remote
)

// Usage is what one process, unit or remote host moved.
//
// Bytes of a socket that several processes hold count for the one of them that began last. Bytes of UDP sockets without a
// peer count for no remote host.
type Usage struct {
	Process *netstat.Process // ByProcess; nil is whose process is not known, and what was folded
	Unit    string           // ByUnit; "" is what is in none
	Remote  netip.Addr       // ByRemote; the zero Addr is what was folded

	Total Bytes // since the watch began
	Delta Bytes // since the reading before, Watcher.Interval ago

	Open           int    // sockets now
	Uncounted      int    // of these: the system does not tell their bytes, so Total and Delta are too small
	Opened, Closed uint64 // sockets, since the watch began
}

// Usage appends the usage of every process, unit or host that had a socket since the watch began, in no order. Those that are
// idle for long are folded into one without a name, so that memory stays bounded.
func (w *Watcher) Usage(by By, dst []Usage) []Usage {
	w.countOpaque(by)
	switch by {
	case ByUnit:
		return w.byUnit(dst)
	case ByRemote:
		return appendUsage(&w.usage, dst, w.usage.remotes, &w.usage.others[1])
	}
	return appendUsage(&w.usage, dst, w.usage.processes, &w.usage.others[0])
}

func appendUsage[K comparable](l *ledger, dst []Usage, m map[K]*account, others *account) []Usage {
	for _, a := range m {
		dst = append(dst, l.usageOf(a))
	}
	if others.used() {
		dst = append(dst, l.usageOf(others))
	}
	return dst
}

func (a *account) used() bool {
	return a.open > 0 || a.opened > 0 || a.closed > 0 || a.total != Bytes{}
}

func (l *ledger) usageOf(a *account) Usage {
	return Usage{
		Process: a.process, Remote: a.remote, Total: a.total, Delta: l.deltaOf(a),
		Open: a.open, Uncounted: a.uncounted, Opened: a.opened, Closed: a.closed,
	}
}

// countOpaque counts, for each account, the sockets whose bytes the system does not tell.
func (w *Watcher) countOpaque(by By) {
	l := &w.usage
	l.others[0].uncounted, l.others[1].uncounted = 0, 0
	for _, a := range l.processes {
		a.uncounted = 0
	}
	for _, a := range l.remotes {
		a.uncounted = 0
	}
	counting := w.feed != nil && w.feed.counts()
	for j, n := range w.book.rows {
		if n == none {
			continue
		}
		s := &w.now.Sockets[j]
		if s.Info.Known || s.State == netstat.Listen || s.Proto == netstat.UDP && counting {
			continue
		}
		e := &w.book.slab[n]
		if a := e.process; by != ByRemote && a != nil {
			a.uncounted++
		}
		if a := e.remote; by == ByRemote && a != nil {
			a.uncounted++
		}
	}
}

// byUnit adds up the processes of each unit.
func (w *Watcher) byUnit(dst []Usage) []Usage {
	from, at := len(dst), make(map[string]int)
	add := func(u Usage, unit string) {
		i, ok := at[unit]
		if !ok {
			i = len(dst)
			at[unit] = i
			dst = append(dst, Usage{Unit: unit})
		}
		dst[i].merge(&u)
	}
	for _, a := range w.usage.processes {
		add(w.usage.usageOf(a), a.process.Module)
	}
	if o := &w.usage.others[0]; o.used() {
		add(w.usage.usageOf(o), "")
	}
	return dst[:from+len(at)]
}

func (u *Usage) merge(v *Usage) {
	u.Total.add(v.Total)
	u.Delta.add(v.Delta)
	u.Open += v.Open
	u.Uncounted += v.Uncounted
	u.Opened += v.Opened
	u.Closed += v.Closed
}
