package fdwalk

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// search looks for the holders of the sockets that have none yet, in the order that [Tracker] tells.
func (t *Tracker) search(s Sought) error {
	stages := t.lacking(s)
	if t.turn == 1 {
		t.mark(missed)
		return nil
	}
	if t.left() == 0 {
		return nil
	}
	var err error
	if stages.has(0) || stages.has(begun) {
		err = t.probe(s)
	}
	if stages.has(begun) && t.left() > 0 {
		err = errors.Join(err, t.listUnknown(s))
	}
	if stages.has(listed) && t.left() > 0 && t.mayLookAtAll() {
		return errors.Join(err, t.lookAtAll(s))
	}
	t.advance()
	return err
}

// lacking makes t.lack the sockets that may have a holder that was not found yet, and returns how far the search for them
// has come.
func (t *Tracker) lacking(s Sought) (all stages) {
	t.lack.Reset()
	t.got.Reset()
	n := 0
	s.Lacking(func(inode uint32) {
		n++
		if st := t.stages[inode]; st != missed {
			t.lack.Add(inode)
			all |= 1 << st
		}
	})
	if len(t.stages) > 2*n+1024 { // of sockets that are no more
		t.forget(s)
	}
	return all
}

func (t *Tracker) forget(s Sought) {
	kept := make(map[uint32]stage)
	s.Lacking(func(inode uint32) {
		if st, ok := t.stages[inode]; ok {
			kept[inode] = st
		}
	})
	t.stages = kept
}

// left is how many are still to be found.
func (t *Tracker) left() int { return t.lack.Len() - t.got.Len() }

// mark notes how far the search for those that were not found has come.
func (t *Tracker) mark(st stage) {
	t.lack.each(func(inode uint32) {
		if !t.got.Has(inode) {
			t.stages[inode] = st
		}
	})
}

// advance notes that the search has come one step further for each.
func (t *Tracker) advance() {
	t.lack.each(func(inode uint32) {
		if !t.got.Has(inode) {
			t.stages[inode] = min(t.stages[inode]+1, listed)
		}
	})
}

// probe looks where new sockets are expected.
func (t *Tracker) probe(s Sought) error {
	cold := maxChecks
	for _, p := range t.order {
		if t.left() == 0 {
			return nil
		}
		if p.heat == 0 && !p.freed {
			if p.live == 0 || cold == 0 {
				continue
			}
			cold--
		}
		if err := t.probeProcess(s, p); err != nil {
			return err
		}
	}
	return nil
}

// inTable runs f with the descriptor directory of a process.
func (t *Tracker) inTable(p *tracked, f func(dir int) error) error {
	dir, err := openDir(t.w.proc, t.w.first().pathOf(p.PID, "/fd"))
	if err != nil {
		return t.unreadable(p, err)
	}
	defer unix.Close(dir)
	if err := f(dir); err != nil {
		return t.unreadable(p, err)
	}
	return nil
}

func (t *Tracker) probeProcess(s Sought, p *tracked) error {
	return t.inTable(p, func(dir int) error {
		if err := t.again(s, p, dir); err != nil {
			return err
		}
		t.found = t.found[:0]
		if err := t.gaps(p, dir); err != nil {
			return err
		}
		t.take(s, p)
		return nil
	})
}

// again looks at the numbers whose socket is gone, or was not sought when it was looked at.
func (t *Tracker) again(s Sought, p *tracked, dir int) error {
	for i := range p.places {
		pl := &p.places[i]
		if pl.kind != free && pl.kind != pending {
			continue
		}
		now, err := t.one(dir, pl.FD.FD)
		switch {
		case err != nil:
			return err
		case now.kind == free, now.kind == other:
			*pl = now
		case now.FD == pl.FD && pl.kind == pending:
			pl.kind = settled
		default:
			*pl = now
			t.offer(s, p, pl)
		}
	}
	return nil
}

// one is what a number is now: free, where it is not in use.
func (t *Tracker) one(dir int, fd int32) (place, error) {
	t.found = t.found[:0]
	var buf [16]byte
	name := append(strconv.AppendInt(buf[:0], int64(fd), 10), 0)
	if err := t.look(dir, name, fd); err != nil {
		return place{}, err
	}
	if len(t.found) == 0 {
		return place{FD{FD: fd}, free}, nil
	}
	return t.found[0], nil
}

// offer tells s of a socket that was found.
func (t *Tracker) offer(s Sought, p *tracked, pl *place) {
	if pl.Inode == 0 || !s.Own(&p.Process, pl.FD) {
		return
	}
	pl.kind, p.heat = live, maxHeat
	p.live++
	if t.lack.Has(pl.Inode) {
		t.got.Add(pl.Inode)
	}
}

// gaps adds to t.found what the lowest numbers are that were not in use, and those above the highest.
func (t *Tracker) gaps(p *tracked, dir int) error {
	next, empty := int32(0), 0
	for i := range p.places {
		for ; next < p.places[i].FD.FD && empty < maxGaps; next++ {
			if err := t.lookAt(dir, next, &empty); err != nil {
				return err
			}
		}
		next = p.places[i].FD.FD + 1
	}
	empty = 0
	for next = p.top(); empty < maxAbove; next++ {
		if err := t.lookAt(dir, next, &empty); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tracker) lookAt(dir int, fd int32, empty *int) error {
	before := len(t.found)
	if int(fd) == dir { // perhaps our own, which is as good as free
		return nil
	}
	var buf [16]byte
	err := t.look(dir, append(strconv.AppendInt(buf[:0], int64(fd), 10), 0), fd)
	if len(t.found) == before {
		*empty++
	}
	return err
}

// take makes places of what was found, and tells s.
func (t *Tracker) take(s Sought, p *tracked) {
	for i := range t.found {
		t.offer(s, p, &t.found[i])
	}
	p.merge(t.found)
}

// listUnknown looks at every number that is not known, and in processes with new sockets at those of no socket.
func (t *Tracker) listUnknown(s Sought) error {
	for _, hot := range []bool{true, false} {
		for _, p := range t.order {
			if (p.heat > 0) != hot || p.denied {
				continue
			}
			if t.left() == 0 {
				return nil
			}
			if err := t.listProcess(s, p, hot); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *Tracker) listProcess(s Sought, p *tracked, others bool) error {
	return t.inTable(p, func(dir int) error {
		t.found = t.found[:0]
		at := 0
		var failed error
		err := eachNumber(dir, t.w.first().names, func(name []byte, fd uint32) bool {
			for at < len(p.places) && p.places[at].FD.FD < int32(fd) {
				at++
			}
			if known := at < len(p.places) && p.places[at].FD.FD == int32(fd); known {
				if pl := &p.places[at]; !others || pl.kind == live {
					return true
				}
				p.places[at].kind, p.places[at].Inode = free, 0 // replaced by what is found
			}
			if t.isOwn(p, dir, fd) {
				return true
			}
			failed = t.look(dir, name, int32(fd))
			return failed == nil
		})
		t.take(s, p)
		if failed == nil && others {
			failed = t.threadsAgain(s, p, dir)
		}
		return errors.Join(failed, err)
	})
}

// threadsAgain looks for descriptors that only threads of the process have.
func (t *Tracker) threadsAgain(s Sought, p *tracked, dir int) error {
	old := slices.Clone(p.FDs)
	err := t.identify(p, dir)
	for _, fd := range p.FDs {
		if !slices.Contains(old, fd) && !p.has(fd) {
			t.offer(s, p, &place{FD: fd})
		}
	}
	return err
}

func (t *Tracker) mayLookAtAll() bool {
	return time.Since(t.full) > max(fullEvery, fullShare*t.cost)
}

// lookAtAll looks at everything, as at the first reading.
func (t *Tracker) lookAtAll(s Sought) error {
	start := time.Now()
	s.Disown()
	var err error
	for _, p := range t.order {
		if err = t.load(p); err != nil {
			break
		}
	}
	t.tell(s)
	t.full, t.cost = time.Now(), time.Since(start)
	t.lacking(s)
	if err == nil {
		t.mark(missed)
	}
	return err
}
