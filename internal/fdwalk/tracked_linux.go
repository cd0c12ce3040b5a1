package fdwalk

import (
	"slices"
	"sort"
)

// kind is what a number of a descriptor table was when it was last looked at.
type kind uint8

const (
	other   kind = iota // no socket
	settled             // a socket that is not sought, looked at twice
	pending             // one that was not sought when it was looked at: by now it may be, or be another
	live                // one that is sought
	free                // one that is sought no more, so that the number is free or another's
)

// place is one number of a descriptor table.
type place struct {
	FD
	kind kind
}

// tracked is what is known of one process.
type tracked struct {
	Process         // FDs are those that only threads with a table of their own have
	places  []place // in ascending order
	turn    uint32  // the reading in which /proc listed it last
	young   bool    // first looked at in the reading before: it may have called exec(2) since
	denied  bool
	live    int   // places that are live
	freed   bool  // there are places that are free or pending
	heat    uint8 // readings for which it is expected to have new sockets
}

// maxHeat is how long a process is expected to have new sockets after it had one.
const maxHeat = 8

// top is the number above the highest that was in use.
func (t *tracked) top() int32 {
	if len(t.places) == 0 {
		return 0
	}
	return t.places[len(t.places)-1].FD.FD + 1
}

// find is the index of a number, or of where it belongs.
func (t *tracked) find(fd int32) int {
	return sort.Search(len(t.places), func(i int) bool { return t.places[i].FD.FD >= fd })
}

// has reports whether a number was that socket's.
func (t *tracked) has(fd FD) bool {
	i := t.find(fd.FD)
	return i < len(t.places) && t.places[i].FD == fd
}

// replace puts found, which is in ascending order, in the place of what was known of the numbers from up to, but not with,
// to. What is as it was keeps its kind.
func (t *tracked) replace(from, to int32, found []place) {
	i, k := t.find(from), t.find(to)
	old := t.places[i:k]
	for n := range found {
		for len(old) > 0 && old[0].FD.FD < found[n].FD.FD {
			old = old[1:]
		}
		if len(old) > 0 && old[0].FD == found[n].FD && old[0].kind != free {
			found[n].kind = old[0].kind
		}
	}
	t.places = slices.Replace(t.places, i, k, found...)
}

// merge adds found, which is in ascending order and new, and drops places that turned out to be empty.
func (t *tracked) merge(found []place) {
	t.places = slices.DeleteFunc(t.places, func(p place) bool { return p.kind == free && p.Inode == 0 })
	i, k := len(t.places)-1, len(found)-1
	t.places = append(t.places, found...)
	for at := len(t.places) - 1; k >= 0; at-- {
		if i >= 0 && t.places[i].FD.FD > found[k].FD.FD {
			t.places[at], i = t.places[i], i-1
		} else {
			t.places[at], k = found[k], k-1
		}
	}
}

// tell tells s of every socket, and notes which are sought.
func (t *tracked) tell(s Sought) {
	if t.heat > 0 {
		t.heat--
	}
	t.live, t.freed = 0, false
	for i := range t.places {
		if p := &t.places[i]; p.Inode != 0 {
			t.ask(s, p)
		}
	}
	for _, fd := range t.FDs {
		if !t.has(fd) {
			s.Own(&t.Process, fd)
		}
	}
}

func (t *tracked) ask(s Sought, p *place) {
	switch {
	case s.Own(&t.Process, p.FD):
		if p.kind != live {
			p.kind, t.heat = live, maxHeat
		}
		t.live++
	case p.kind == live:
		p.kind, t.freed = free, true
	case p.kind == free, p.kind == pending:
		t.freed = true
	}
}

// stage is how far the search for a socket's holder has come.
type stage uint8

const (
	begun  stage = iota + 1 // looked for where new sockets are expected
	listed                  // looked for among all numbers that were not known
	missed                  // looked for everywhere
)

// stages is a set of them.
type stages uint8

func (s stages) has(st stage) bool { return s&(1<<st) != 0 }
