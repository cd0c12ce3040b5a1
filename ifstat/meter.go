package ifstat

import "time"

// Meter turns snapshots of one [Table] into rates and amounts. The zero Meter is ready; it is for one goroutine at a time.
// It asks the system nothing, so it works on any snapshots, as long as their Time grows.
type Meter struct {
	readings []Reading
	total    Total
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
	Wrapped bool // a counter passed its end, and Amount has that undone
	AtLeast bool // it is so fast, and Elapsed so long, that a counter may have passed its end more than once: Amount is a lower bound
}

// Rate is an average per second.
type Rate struct {
	RxBytes, RxPackets, RxErrors, RxDropped float64
	TxBytes, TxPackets, TxErrors, TxDropped float64
}

// Total is the sum over the interfaces that count.
type Total struct {
	Elapsed time.Duration
	Amount  Counters     // since the last reading
	Sum     Counters     // of all amounts since the meter's first snapshot
	Counted []*Interface // those that it is made of, in the snapshot that was added
}

// Add takes a snapshot and returns a reading for each of its interfaces, in its order. They refer to the snapshot and are
// valid until it is read into, or until the next Add.
func (m *Meter) Add(s *Snapshot) []Reading {
	m.readings = m.readings[:0]
	for i := range s.Interfaces {
		m.readings = append(m.readings, Reading{Interface: &s.Interfaces[i], First: true})
	}
	return m.readings
}

// Total is the sum of the last readings, valid as long as they are.
func (m *Meter) Total() *Total { return &m.total }

// Rate is the average per second since the last reading; 0 for the first.
func (r *Reading) Rate() Rate { return r.Amount.per(r.Elapsed) }

// Rate is the average per second since the last reading; 0 for the first.
func (t *Total) Rate() Rate { return t.Amount.per(t.Elapsed) }

func (c *Counters) per(d time.Duration) Rate {
	if d <= 0 {
		return Rate{}
	}
	s := d.Seconds()
	return Rate{
		RxBytes: float64(c.RxBytes) / s, RxPackets: float64(c.RxPackets) / s, RxErrors: float64(c.RxErrors) / s, RxDropped: float64(c.RxDropped) / s,
		TxBytes: float64(c.TxBytes) / s, TxPackets: float64(c.TxPackets) / s, TxErrors: float64(c.TxErrors) / s, TxDropped: float64(c.TxDropped) / s,
	}
}
