package netstat

import "github.com/sockeye-net/sockeye/internal/fdwalk"

// sought is the rows of one reading, for a tracker to find their owners (fdwalk.Sought).
type sought struct {
	t    *table
	q    *Query
	last *fdwalk.Process // whose index in rows.procs is proc
	proc uint32
}

func (s *sought) Own(p *fdwalk.Process, fd fdwalk.FD) bool {
	rows := &s.t.rows
	slot := rows.known(fd.Inode)
	if slot == none {
		return false
	}
	if s.last != p {
		rows.procs = append(rows.procs, s.t.procs.get(p.PID, p.Start, []byte(p.Comm), s.q.Owner == OwnerModule))
		s.last, s.proc = p, uint32(len(rows.procs)-1)
	}
	rows.own(slot, s.proc, fd.FD)
	return true
}

func (s *sought) Lacking(f func(inode uint32)) {
	for i := range s.t.rows.slots {
		if l := &s.t.rows.slots[i]; l.owner == none {
			f(l.inode)
		}
	}
}

func (s *sought) Disown() {
	rows := &s.t.rows
	for i := range rows.slots {
		rows.slots[i].owner = none
	}
	rows.links = rows.links[:0]
	s.last = nil
}

// trackOwners is findOwners for Query.Incremental.
func (p *procSource) trackOwners(t *table, q *Query) {
	if p.tracker == nil {
		p.tracker = fdwalk.NewTracker(p.walk)
	}
	var err error
	p.searched, err = p.tracker.Track(&sought{t: t, q: q})
	t.walked(&p.searched, err, q)
	t.procs.unsearched = p.tracker.Unsearched
}
