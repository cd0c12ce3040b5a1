package ifstat

import (
	"time"
)

// Meter turns snapshots of one [Table] into rates and amounts. The zero Meter is ready; it is for one goroutine at a time.
// It asks the system nothing, so it works on any snapshots, as long as their Time grows.
//
// Time is the monotonic clock's. On Linux that stands still while the machine is suspended, and so do rates; on Windows it
// goes on, and the first rate after a suspension is the average over all of it. Setting the clock changes nothing.
//
// What was counted before the meter saw an interface is in no amount: an interface that is new, replaced, or comes from
// another namespace begins with its second reading. So does one whose counters began anew, since how much they had counted
// until then is not known. All amounts together are never more than what the counters moved.
type Meter struct {
	readings []Reading
	total    Total
	time     time.Time
	started  bool
	seen     map[key]*history
	round    uint64
	excluded []Exclusion
}

// key is the identity of an interface.
type key struct{ netns, id uint64 }

// history is what the meter keeps of an interface.
type history struct {
	last  Interface
	sum   Counters
	round uint64 // of the last Add that had it
}

// Reading is what one interface did between two snapshots.
type Reading struct {
	Interface *Interface    // in the snapshot that was added
	Elapsed   time.Duration // since the last reading; 0 for the first, which has no amount and no rate
	Amount    Counters      // since the last reading
	Sum       Counters      // of all amounts since the meter first saw the interface
	Excluded  Exclusion     // why it is not in the total

	First   bool // the meter had not seen this interface before (it is new, replaced, or this is the first snapshot)
	Reset   bool // its counters began anew: what was counted since the last reading is not known, and not in Amount
	Wrapped bool // a counter of 32 bits passed its end, and Amount has that undone
	AtLeast bool // a counter of 32 bits may have passed its end more than once: Amount is a lower bound
}

// Rate is an average per second.
type Rate struct {
	RxBytes, RxPackets, RxErrors, RxDropped float64
	TxBytes, TxPackets, TxErrors, TxDropped float64
}

// Total is the sum over the interfaces that count; see [Exclusion] for which do.
type Total struct {
	Elapsed time.Duration // since the last reading; 0 for the first
	Amount  Counters      // since the last reading
	Sum     Counters      // of all amounts since the meter's first snapshot
	Counted []*Interface  // those that it is made of, in the snapshot that was added
	AtLeast bool          // one of them was reset, or may have wrapped more than once: Amount is a lower bound
}

// Add takes a snapshot and returns a reading for each of its interfaces, in its order. They refer to the snapshot and are
// valid until it is read into, or until the next Add.
func (m *Meter) Add(s *Snapshot) []Reading {
	elapsed := m.advance(s.Time)
	m.excluded = Exclusions(m.excluded[:0], s)
	m.readings = m.readings[:0]
	m.total = Total{Elapsed: elapsed, Sum: m.total.Sum, Counted: m.total.Counted[:0]}
	for i := range s.Interfaces {
		r := m.reading(&s.Interfaces[i], elapsed)
		r.Excluded = m.excluded[i]
		m.readings = append(m.readings, r)
		if r.Excluded == Counted {
			m.total.add(&r)
		}
	}
	m.forget(len(s.Interfaces))
	return m.readings
}

// advance gives the time since the last snapshot. Where that is not later than the one before it, no time has passed.
func (m *Meter) advance(now time.Time) (elapsed time.Duration) {
	if m.started {
		elapsed = max(0, now.Sub(m.time))
	}
	m.time, m.started = now, true
	m.round++
	if m.seen == nil {
		m.seen = make(map[key]*history)
	}
	return elapsed
}

func (m *Meter) reading(i *Interface, elapsed time.Duration) Reading {
	k := key{i.NetNS, i.ID}
	h := m.seen[k]
	if h != nil && h.last.replacedBy(i) {
		h = nil
	}
	if h == nil {
		m.seen[k] = &history{last: *i, round: m.round}
		return Reading{Interface: i, First: true}
	}
	r := Reading{Interface: i, Elapsed: elapsed}
	r.compare(&h.last, elapsed)
	h.sum.add(&r.Amount)
	r.Sum = h.sum
	h.last, h.round = *i, m.round
	return r
}

// replacedBy reports whether another interface stands where i stood, which the system did not tell apart: what an
// interface is does not change, and the count of its carrier's changes does not go back.
func (i *Interface) replacedBy(now *Interface) bool {
	return i.Kind != now.Kind || i.KindName != now.KindName || i.Type != now.Type || i.Width != now.Width ||
		i.HasChanges && now.HasChanges && now.Changes < i.Changes
}

// forget drops the interfaces that are gone.
func (m *Meter) forget(present int) {
	if len(m.seen) == present {
		return
	}
	for k, h := range m.seen {
		if h.round != m.round {
			delete(m.seen, k)
		}
	}
}

// Total is the sum of the last readings, valid as long as they are.
func (m *Meter) Total() *Total { return &m.total }

func (t *Total) add(r *Reading) {
	t.Counted = append(t.Counted, r.Interface)
	t.Amount.add(&r.Amount)
	t.Sum.add(&r.Amount)
	t.AtLeast = t.AtLeast || r.AtLeast || r.Reset
}

// Rate is the average per second since the last reading; 0 for the first.
func (r *Reading) Rate() Rate { return r.Amount.Per(r.Elapsed) }

// Rate is the average per second since the last reading; 0 for the first.
func (t *Total) Rate() Rate { return t.Amount.Per(t.Elapsed) }

// Per divides an amount by the time it took. Without time there is no rate, and it is 0.
func (c *Counters) Per(d time.Duration) Rate {
	if d <= 0 {
		return Rate{}
	}
	s := d.Seconds()
	return Rate{
		RxBytes: float64(c.RxBytes) / s, RxPackets: float64(c.RxPackets) / s,
		RxErrors: float64(c.RxErrors) / s, RxDropped: float64(c.RxDropped) / s,
		TxBytes: float64(c.TxBytes) / s, TxPackets: float64(c.TxPackets) / s,
		TxErrors: float64(c.TxErrors) / s, TxDropped: float64(c.TxDropped) / s,
	}
}

func (c *Counters) add(d *Counters) {
	c.RxBytes += d.RxBytes
	c.RxPackets += d.RxPackets
	c.RxErrors += d.RxErrors
	c.RxDropped += d.RxDropped
	c.TxBytes += d.TxBytes
	c.TxPackets += d.TxPackets
	c.TxErrors += d.TxErrors
	c.TxDropped += d.TxDropped
}
