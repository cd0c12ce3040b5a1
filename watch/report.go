package watch

import "time"

// Report is what Next tells.
type Report struct {
	Time    time.Time
	Elapsed time.Duration // a reading was made, so long after the one before; 0 where the report has only events
	Events  []Event       // in the order in which the watcher learnt of them
	Partial []error       // what this reading could not see, and what to do about it
	Counts  Counts
}

// Counts sum up all events since Open.
type Counts struct {
	Opened, Closed uint64 // sockets other than listeners
	Inferred       uint64 // of the closed: nothing was known of them before
	Overflows      uint64
	Lost           uint64 // events that overflows lost, as far as the kernel tells
}

func (r *Report) reset() {
	clear(r.Events)
	r.Events, r.Partial, r.Elapsed, r.Time = r.Events[:0], r.Partial[:0], 0, time.Now()
}

// add appends an event and counts it.
func (r *Report) add(e Event) {
	switch e.Kind {
	case Opened:
		r.Counts.Opened++
	case Closed:
		r.Counts.Closed++
	case Overflow:
		r.Counts.Overflows++
		r.Counts.Lost += e.Lost
	}
	r.Events = append(r.Events, e)
}

// infer marks the last event as one of a connection that nothing was known of.
func (r *Report) infer() {
	r.Events[len(r.Events)-1].Inferred = true
	r.Counts.Inferred++
}
