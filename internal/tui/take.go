package tui

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// firstRows bounds how many rows of the quick reading are made. More are not seen before the watcher's reading comes, and the
// memory for all of them would cost more time than the reading: it is new, and the system clears it page by page.
const firstRows = 1000

// First takes a quick reading, which has no rates.
func (m *Model) First(s *netstat.Snapshot) {
	if m.ready {
		return
	}
	m.at, m.ready, m.quick = m.opt.Now(), true, true
	st := m.store(Connections)
	st.begin()
	for _, sock := range m.foremost(s) {
		r := st.touch(socketKey(sock), m.at)
		r.setSocket(sock)
		r.By = bySocket
		r.Told = sock.Info.Known || sock.State == netstat.Listen
	}
	m.relist()
}

// foremost are the sockets of a reading that stand first in the view, if all of them are idle.
func (m *Model) foremost(s *netstat.Snapshot) []*netstat.Socket {
	type candidate struct {
		places [2]uint64
		*netstat.Socket
	}
	var list []candidate
	for i := range s.Sockets {
		sock := &s.Sockets[i]
		if sock.State == netstat.TimeWait || sock.State == netstat.SynRecv || sock.State == netstat.DeleteTCB {
			continue // no watcher tells of them
		}
		m.tally[kindOf(sock)]++
		if (m.kind == Listeners) == listens(sock) && m.filter.Match(sock) {
			list = append(list, candidate{placesOf(sock), sock})
		}
	}
	if len(list) > firstRows {
		slices.SortFunc(list, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.places[0], b.places[0]), cmp.Compare(a.places[1], b.places[1]))
		})
	}
	first := make([]*netstat.Socket, min(len(list), firstRows))
	for i := range first {
		first[i] = list[i].Socket
	}
	return first
}

// Take takes a reading. The report, the watcher and the snapshot are not used after it returns.
func (m *Model) Take(report *watch.Report, w Watcher, links *ifstat.Snapshot) {
	if m.paused {
		return
	}
	m.at, m.interval, m.source, m.sourceKnown = m.opt.Now(), w.Interval(), w.Source(), true
	if report != nil {
		m.counts = report.Counts
	}
	if report != nil && report.Elapsed == 0 {
		m.insert(m.takeEvents(report))
		return
	}
	m.ready = true
	m.note(report)
	m.opt.Names.Forget()
	if m.opt.Places != nil {
		if err := m.opt.Places(); err != nil {
			m.say(err.Error(), true)
		}
	}
	m.takeSockets(w)
	if report != nil {
		m.takeEvents(report)
	}
	if links != nil {
		m.takeLinks(links)
	}
	m.takeUsage(w)
	m.details.age(m.at)
	m.update()
}

// note keeps what the reading could not see.
func (m *Model) note(report *watch.Report) {
	if report != nil {
		m.partial = append(m.partial[:0], report.Partial...)
	}
}

const bySocket, byProcess, byRemote = "socket", "process", "remote"

// takeSockets takes the sockets of a reading.
func (m *Model) takeSockets(w Watcher) {
	st := m.store(Connections)
	first := !st.begun
	byBPF := m.source == watch.FromBPF
	st.begin()
	m.tally = [2]int{}
	w.Flows(func(f *watch.Flow) bool {
		s, before := f.Socket, st.there
		k := socketKey(s)
		if m.quick {
			st.adopt(s, k)
		}
		r := st.touch(k, m.at)
		kind := kindOf(s)
		if kindOf(&r.sock) != kind {
			st.news = append(st.news, r) // it may have been there as another kind
		}
		m.tally[kind] += st.there - before // what cannot be told apart is one row
		r.setSocket(s)
		r.By, r.Total, r.Delta, r.Interval, r.since = bySocket, f.Total, f.Delta, m.interval, f.Since
		r.Told = f.Total.Basis != watch.NotCounted || s.State == netstat.Listen || byBPF && s.Proto == netstat.UDP
		if first {
			r.born = time.Time{}
		}
		return true
	})
	m.quick = false
	st.end(m.at)
}

// takeEvents takes what opened and closed between two readings, so that it is seen at once, and however short it lives.
// It returns the rows that are new.
func (m *Model) takeEvents(report *watch.Report) (rows []*row) {
	st := m.store(Connections)
	ends := 0
	for i := range report.Events {
		e := &report.Events[i]
		switch e.Kind {
		case watch.Opened, watch.ListenerAppeared:
			if r := st.byKey[socketKey(&e.Socket)]; r == nil && len(st.all) < maxGhosts*100 {
				r = st.touch(socketKey(&e.Socket), m.at)
				r.setEvent(&e.Socket)
				r.By, r.since, r.Interval, r.Told = bySocket, e.Since, m.interval, e.Socket.Proto == netstat.TCP
				m.tally[kindOf(&r.sock)]++
				rows = append(rows, r)
			}
		case watch.Closed, watch.ListenerVanished:
			if ends++; ends <= maxGhosts {
				if r, made := m.takeEnd(e); made {
					rows = append(rows, r)
				}
			}
		}
	}
	return rows
}

// takeEnd marks a socket as gone, and shows it for a moment if it had not been seen.
func (m *Model) takeEnd(e *watch.Event) (r *row, made bool) {
	st := m.store(Connections)
	k := socketKey(&e.Socket)
	if r = st.byKey[k]; r == nil {
		r, made = st.touch(k, m.at), true
		r.setEvent(&e.Socket)
		r.By, r.Interval = bySocket, m.interval
	} else if !r.gone() {
		m.tally[kindOf(&r.sock)]--
	}
	st.bury(r, m.at)
	if !e.Since.IsZero() {
		r.since = e.Since
	}
	if e.Bytes.Basis != watch.NotCounted {
		r.Total, r.Told = e.Bytes, true
	}
	return r, made
}

// insert puts rows that came between two readings in their places, without looking at all the others.
func (m *Model) insert(candidates []*row) {
	if len(candidates) == 0 || m.kind != Connections && m.kind != Listeners {
		return
	}
	p, keep, compare := m.page(), m.keeper(), m.order().compare
	news := candidates[:0]
	for _, r := range candidates {
		if !r.listed && keep(r) {
			r.listed = true
			news = append(news, r)
		}
	}
	slices.SortFunc(news, compare)
	p.rows = mergeInto(p.rows, news, compare)
	m.place()
}

// mergeInto puts sorted rows into a sorted list, from its end: each of the others is moved once at most.
func mergeInto(list, news []*row, compare func(a, b *row) int) []*row {
	end := len(list)
	list = append(list, news...)
	for n := len(news) - 1; n >= 0; n-- {
		at, _ := slices.BinarySearchFunc(list[:end], news[n], compare)
		copy(list[at+n+1:], list[at:end])
		list[at+n] = news[n]
		end = at
	}
	return list
}

// takeUsage takes what processes and hosts moved, if they are shown.
func (m *Model) takeUsage(w Watcher) {
	if m.kind == Processes || m.kind == Hosts {
		m.takeUsageOf(m.kind, w)
	}
}

func (m *Model) takeUsageOf(k Kind, w Watcher) {
	by := map[Kind]watch.By{Processes: watch.ByProcess, Hosts: watch.ByRemote}[k]
	m.usage = w.Usage(by, m.usage[:0])
	st := m.store(k)
	st.begin()
	for i := range m.usage {
		u := &m.usage[i]
		if u.Open == 0 && (u.Process != nil || u.Remote.IsValid() || u.Total == watch.Bytes{}) {
			continue
		}
		m.takeAccount(st, by, u)
	}
	st.end(m.at)
}

func (m *Model) takeAccount(st *store, by watch.By, u *watch.Usage) {
	k := processKey(u.Process)
	if by == watch.ByRemote {
		k = hostKey(u.Remote)
	}
	r := st.touch(k, m.at)
	r.Usage, r.Interval, r.By = *u, m.interval, by.String()
	if r.tree == nil && by == watch.ByProcess {
		r.tree = new(treeState)
	}
	r.Told = u.Total.Basis != watch.NotCounted || u.Uncounted == 0
	if by == watch.ByRemote && u.Remote.IsValid() {
		r.sock.Remote = netip.AddrPortFrom(u.Remote, 0)
		r.sock.Proto = netstat.TCP
	}
}

// Tick is called when nothing was read for a while: what glows may have gone out.
func (m *Model) Tick() {
	if m.paused {
		return
	}
	m.at = m.opt.Now()
	for k := range m.stores {
		m.stores[k].sweep(m.at)
	}
	m.relist()
}

// glowing reports whether anything is marked as new or gone.
func (m *Model) glowing() bool { return m.store(m.kind).glowing(m.at) }
