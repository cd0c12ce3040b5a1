package metrics

import (
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Config is about the series.
type Config struct {
	MaxSeries int    // programs and units that have series of their own; 0 is DefaultMaxSeries
	Version   string // of this program
	AllNetNS  bool   // interfaces are those of every network namespace, which is a label then: each has its own "lo"
	Now       func() time.Time
}

// DefaultMaxSeries is how many programs, each with its unit, have series of their own.
const DefaultMaxSeries = 500

// Watcher is what is needed of a *watch.Watcher.
type Watcher interface {
	Usage(watch.By, []watch.Usage) []watch.Usage
	Flows(func(*watch.Flow) bool)
}

// Metrics are all series. Its methods may be called from several goroutines.
type Metrics struct {
	cfg   Config
	start time.Time

	mu         sync.Mutex
	programs   map[program]*account
	other      account // what MaxSeries has left no series for
	folded     uint64
	sought     time.Time // when room was last sought for a program
	sockets    map[socketKind]uint64
	interfaces []linkCounters
	events     map[watch.Kind]uint64
	lost       uint64
	readings   uint64
	last       time.Time
	usage      []watch.Usage

	pushed pushCounts
}

// program is what series are labelled by.
type program struct{ name, unit string }

// account is what a program has done since this one began.
type account struct {
	sent, received uint64
	opened, closed uint64
	open           uint64
	uncounted      uint64
	since          time.Time // when it began: all it counts came later
	touched        time.Time // when something changed last
}

// socketKind is what sockets are counted by.
type socketKind struct {
	proto  netstat.Proto
	family uint8
	state  netstat.State
}

// linkName is what an interface is labelled by.
type linkName struct {
	device string
	netns  uint64
}

// linkCounters are the counters of one interface.
type linkCounters struct {
	linkName
	works bool
	ifstat.Counters
}

// New makes metrics that have seen nothing yet.
func New(cfg Config) *Metrics {
	if cfg.MaxSeries <= 0 {
		cfg.MaxSeries = DefaultMaxSeries
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Metrics{cfg: cfg, start: cfg.Now(), programs: make(map[program]*account),
		sockets: make(map[socketKind]uint64), events: make(map[watch.Kind]uint64)}
}

// Report takes what a watcher tells. It must be called with each report, as bytes are added up from reading to reading.
func (m *Metrics) Report(w Watcher, r *watch.Report) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range r.Events {
		m.event(&r.Events[i])
	}
	if r.Elapsed == 0 {
		return
	}
	m.readings++
	m.countSockets(w)
	m.countUsage(w, r.Time)
	m.last = r.Time
}

func (m *Metrics) event(e *watch.Event) {
	m.events[e.Kind]++
	m.lost += e.Lost
	if e.Kind != watch.Opened && e.Kind != watch.Closed {
		return
	}
	a := m.account(owner(&e.Socket), e.Time)
	if e.Kind == watch.Closed {
		a.closed++
	}
	if e.Kind == watch.Opened || e.Inferred { // of which nothing was known until it was closed
		a.opened++
	}
}

// owner is the program that a socket is counted for; the zero one where it is not known.
func owner(s *netstat.Socket) program {
	if len(s.Owners) == 0 || s.Owners[0].Process == nil {
		return program{}
	}
	return programOf(s.Owners[0].Process)
}

func programOf(p *netstat.Process) program {
	if p == nil {
		return program{}
	}
	return program{label(p.Name), label(p.Module)}
}

// account is that of a program, or the common one where there are too many.
func (m *Metrics) account(p program, now time.Time) *account {
	a, ok := m.programs[p]
	if !ok {
		if p.name == otherPrograms && p.unit == "" || len(m.programs) >= m.cfg.MaxSeries && !m.makeRoom(now) {
			m.folded++
			return &m.other
		}
		a = &account{since: m.last}
		m.programs[p] = a
	}
	a.touched = now
	return a
}

// idle is how long a program has done nothing, and holds nothing, before its series may end to make room for another.
const idle = time.Hour

// makeRoom looks for such programs, once for all that a reading has no room for.
func (m *Metrics) makeRoom(now time.Time) bool {
	if m.sought.Equal(now) {
		return false
	}
	m.sought = now
	for p, a := range m.programs {
		if a.open == 0 && now.Sub(a.touched) > idle {
			delete(m.programs, p)
		}
	}
	return len(m.programs) < m.cfg.MaxSeries
}

// countSockets leaves kinds that there are no more of at 0: a series that ends says nothing to who waits for 0.
func (m *Metrics) countSockets(w Watcher) {
	for k := range m.sockets {
		m.sockets[k] = 0
	}
	w.Flows(func(f *watch.Flow) bool {
		m.sockets[socketKind{f.Socket.Proto, familyOf(f.Socket), f.Socket.State}]++
		return true
	})
}

func familyOf(s *netstat.Socket) uint8 {
	switch {
	case s.Local.Addr().Is4():
		return 4
	case s.Local.Addr().Is6():
		return 6
	}
	return 0
}

// countUsage adds what each process has moved since the last reading. Totals of processes are not taken: those that are idle
// for long are folded away, and a counter must not fall.
func (m *Metrics) countUsage(w Watcher, now time.Time) {
	for _, a := range m.programs {
		a.open, a.uncounted = 0, 0
	}
	m.other.open, m.other.uncounted = 0, 0
	m.usage = w.Usage(watch.ByProcess, m.usage[:0])
	for i := range m.usage {
		u := &m.usage[i]
		if u.Open == 0 && u.Delta.Sent == 0 && u.Delta.Received == 0 {
			continue
		}
		a := m.account(programOf(u.Process), now)
		a.sent += u.Delta.Sent
		a.received += u.Delta.Received
		a.open += uint64(u.Open)
		a.uncounted += uint64(u.Uncounted)
	}
	clear(m.usage) // or it would keep processes that are gone
}

// maxInterfaces bounds the interfaces that have series: each container may have one.
const maxInterfaces = 1000

// Interfaces takes a reading of the interfaces. Of those whose names are one as labels, which takes names that are no UTF-8, the
// first has the series.
func (m *Metrics) Interfaces(s *ifstat.Snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.interfaces = m.interfaces[:0]
	seen := make(map[linkName]bool, len(s.Interfaces))
	for i := range s.Interfaces {
		l := &s.Interfaces[i]
		name := linkName{label(l.Name), l.NetNS}
		if !m.cfg.AllNetNS {
			name.netns = 0 // no label tells it
		}
		if len(m.interfaces) == maxInterfaces || seen[name] {
			m.folded++
			continue
		}
		seen[name] = true
		m.interfaces = append(m.interfaces, linkCounters{name, l.Works(), l.Counters})
	}
}
