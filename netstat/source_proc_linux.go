package netstat

import (
	"errors"
	"fmt"

	"github.com/sockeye-net/sockeye/internal/fdwalk"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// procSource lists sockets and looks for their holders in /proc/PID/fd: the way that works everywhere and for everyone.
type procSource struct {
	kind Method
	list lister
	walk *fdwalk.Walker
	want fdwalk.Set
	more []rawsock.Record
	unix []rawsock.Unix
	held memory

	tracker  *fdwalk.Tracker // made for the first Query.Incremental
	searched fdwalk.Report   // the last walk
}

func openProc(t *table) (source, error) {
	d, err := openDiag(t.netns)
	if err != nil {
		return nil, err
	}
	return newProcSource(Proc, d)
}

func openProcNet(t *table) (source, error) {
	d, refused := openDiag(t.netns)
	if refused == nil {
		d.close()
	}
	l, err := openProcNetFiles(t.netns, refused)
	if err != nil {
		return nil, err
	}
	return newProcSource(ProcNet, l)
}

func newProcSource(m Method, l lister) (source, error) {
	w, err := fdwalk.Open("/proc")
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	return &procSource{kind: m, list: l, walk: w}, nil
}

func (p *procSource) method() Method { return p.kind }
func (p *procSource) close() error   { return errors.Join(p.list.close(), p.walk.Close()) }

func (p *procSource) fill(t *table, q *Query) error {
	if err := p.fillRows(t, q); err != nil {
		return err
	}
	if q.Owner != OwnerNone {
		p.owners(t, q)
	}
	return nil
}

func (p *procSource) owners(t *table, q *Query) {
	if q.Incremental {
		p.trackOwners(t, q)
		return
	}
	p.findOwners(t, q)
}

// fillRows makes the rows of the table, without owners.
func (p *procSource) fillRows(t *table, q *Query) error {
	if err := p.listAll(t, q); err != nil {
		return err
	}
	if q.AllNetNS {
		f := foreign{p.more, p.unix}
		f.list(t, q)
		p.more, p.unix = f.inet, f.unix
	}
	t.rows.more, t.rows.unix = p.more, p.unix
	p.makeRows(t, q)
	return nil
}

// listings are what has to be listed to answer the query.
func (q *Query) listings() (list []listing) {
	states := kernelStates(q.States)
	if q.Held {
		states &= withFile
	}
	if q.Protos.Has(TCP) && states != 0 {
		list = append(list, listing{proto: rawsock.ProtoTCP, families: q.Families, states: states, ports: q.LocalPorts, info: q.Info})
	}
	if states := udpStates(q.States); q.Protos.Has(UDP) && states != 0 {
		list = append(list, listing{proto: rawsock.ProtoUDP, families: q.Families, states: states, ports: q.LocalPorts})
	}
	return list
}

// wantsUnix reports whether Unix sockets can match: they have no port.
func (q *Query) wantsUnix() bool { return q.Protos.Has(Unix) && len(q.LocalPorts) == 0 }

// listAll lists every protocol that is asked for. It fails where none could be listed.
func (p *procSource) listAll(t *table, q *Query) error {
	p.more, p.unix = p.more[:0], p.unix[:0]
	var err error
	for _, l := range q.listings() {
		if p.more, err = p.list.list(p.more, &l); err != nil {
			t.missing(incompleteList(l.what(), err))
		}
	}
	if q.wantsUnix() {
		if p.unix, err = p.list.listUnix(p.unix); err != nil {
			t.missing(incompleteList("the table of Unix sockets", err))
		}
	}
	if len(p.more)+len(p.unix) == 0 && len(t.gaps) > 0 {
		return errors.Join(t.gaps...)
	}
	t.noteText(p.list)
	return nil
}

func (l *listing) what() string {
	if l.proto == rawsock.ProtoUDP {
		return "the UDP table"
	}
	return "the TCP table"
}

func (p *procSource) makeRows(t *table, q *Query) {
	r := &t.rows
	for i := range r.more {
		rec := &r.more[i]
		if !q.matches(rec, t.netns) {
			continue
		}
		s := none
		if rec.Inode != 0 {
			s = r.slotOf(rec.Inode)
		}
		r.list = append(r.list, row{uint32(i) | moreBit, s})
	}
	for i := range r.unix {
		r.slotOf(r.unix[i].Inode)
	}
	r.addUnix(q)
}

// findOwners looks for the holders of the rows' inodes in /proc. Where one of each is enough, it asks first those that held
// them when they were last looked for, and walks only for what these hold no more.
func (p *procSource) findOwners(t *table, q *Query) {
	take := func(pr *fdwalk.Process) {
		t.rows.procs = append(t.rows.procs, t.procs.get(pr.PID, pr.Start, []byte(pr.Comm), q.Owner == OwnerModule))
		n := uint32(len(t.rows.procs) - 1)
		for _, fd := range pr.FDs {
			if s := t.rows.known(fd.Inode); s != none {
				t.rows.own(s, n, fd.FD)
			}
		}
		if q.FirstOwner {
			p.held.keep(pr)
		}
	}
	if before := p.held.turn(); q.FirstOwner {
		p.lacking(t)
		p.walk.Recheck(before, &p.want, take)
	}
	p.lacking(t)
	var err error
	p.searched, err = p.walk.Walk(fdwalk.Options{Want: &p.want, FirstOwner: q.FirstOwner}, take)
	t.walked(&p.searched, err, q)
}

// lacking makes p.want the inodes that have no owner yet.
func (p *procSource) lacking(t *table) {
	p.want.Reset()
	for i := range t.rows.slots {
		if s := &t.rows.slots[i]; s.owner == none {
			p.want.Add(s.inode)
		}
	}
}

// walked notes what a walk could not see.
func (t *table) walked(rep *fdwalk.Report, err error, q *Query) {
	t.procs.denied = rep.Denied
	if rep.Hidden {
		t.procs.denied++
	}
	t.procs.incomplete = err != nil || rep.Unchecked > 0 || rep.Left > 0 && !q.FirstOwner
	switch {
	case err != nil:
		t.missing(fmt.Errorf("the search for owners broke off: %w", err))
	case rep.Hidden:
		t.missing(errHidden())
	case rep.Denied > 0:
		t.missing(errDenied(rep.Denied))
	}
}
