package fdwalk

import (
	"errors"
	"math"
	"sort"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Tracker finds the holders of sockets again and again, and looks only for those that it does not know. A descriptor that
// was found to be a socket's is believed to be so as long as its process lives and the socket is sought; then the number is
// looked at again. A new socket is looked for
//
//  1. in processes that are new, and, of those that hold sockets that are sought, in the numbers that became free, in the
//     lowest that are free, and above the highest;
//  2. when it is still there at the next reading, in every number that was not in use before, of every process, and in
//     those that were no socket's, of processes with new sockets;
//  3. by a look at everything, if that was not just done.
//
// Besides, 1/[Turns] of all descriptors is looked at anew at each reading, so that what is not noticed in this way (a
// descriptor closed here while another process has the socket, dup2(2) over one in use, a socket passed to a process that
// was there before, a new name) is right again within about as many readings. Of a process, one descriptor is checked at each
// reading (of many processes in turn), so that one that was given the id of another is soon known by its start time.
//
// A Tracker is for one goroutine at a time, and uses its Walker, which is not to be used at the same time.
type Tracker struct {
	w      *Walker
	k      *walk
	procs  map[uint32]*tracked
	order  []*tracked // in ascending order of their ids
	turn   uint32
	next   cursor // of the look at everything
	check  cursor // of the check of ids
	stages map[uint32]stage
	lack   Set // what is looked for
	got    Set // and was found
	found  []place
	full   time.Time // when everything was looked at last
	cost   time.Duration
	looks  int // descriptors looked at in this reading
}

// cursor is where something that is done in turn goes on: at a process, or the first with a higher id, and a number.
type cursor struct {
	pid int
	fd  int32
}

// Everything is looked at, for sockets that were not found, not before fullEvery, and for at most 1/fullShare of the time.
const (
	fullEvery = 10 * time.Second
	fullShare = 50
)

// Of a process that may have new sockets, so many numbers that turn out to be free are looked at: the kernel gives out the
// lowest first. Of processes, so many are checked, or looked at though they had no new sockets lately.
const (
	maxGaps   = 16
	maxAbove  = 2
	maxChecks = 64
)

// NewTracker makes a tracker that looks through w.
func NewTracker(w *Walker) *Tracker {
	return &Tracker{w: w, k: &walk{Walker: w}, procs: make(map[uint32]*tracked), stages: make(map[uint32]stage)}
}

// Track tells s the holders of what it seeks. The report says what was looked at in this reading, and how many processes may
// not be looked at. It is valid also with an error, and what was found before stands.
func (t *Tracker) Track(s Sought) (Report, error) {
	if t.w.proc < 0 {
		return Report{}, &Error{Op: "walk", Err: unix.EBADF}
	}
	t.turn++
	t.looks = 0
	t.w.first().report = Report{}
	start := time.Now()
	if err := t.w.list(); err != nil {
		return Report{}, &Error{Op: "list", Err: err}
	}
	err := t.processes()
	if err == nil && t.turn == 1 {
		t.full, t.cost = time.Now(), time.Since(start)
	} else if err == nil {
		err = errors.Join(t.checkIDs(), t.roll())
	}
	t.tell(s)
	err = errors.Join(err, t.search(s))
	return t.report(), err
}

// Unsearched reports whether the holder of a socket that has none may be where nobody looked yet.
func (t *Tracker) Unsearched(inode uint32) bool { return t.stages[inode] != missed }

func (t *Tracker) report() Report {
	r := Report{Processes: len(t.order), Descriptors: t.looks, Hidden: t.w.hidden(), Unchecked: t.w.first().report.Unchecked}
	for _, p := range t.order {
		if p.denied {
			r.Denied++
		}
	}
	return r
}

// processes brings order up to date, and looks at processes that are new, at this reading and at the next.
func (t *Tracker) processes() error {
	t.order = t.order[:0]
	var errs error
	for _, pid := range t.w.pids {
		p := t.procs[pid]
		fresh := p == nil
		if fresh {
			p = &tracked{Process: Process{PID: int(pid)}}
			t.procs[pid] = p
		}
		p.turn = t.turn
		t.order = append(t.order, p)
		if (fresh || p.young) && errs == nil {
			p.young = fresh && t.turn > 1
			errs = t.load(p)
		}
	}
	for pid, p := range t.procs {
		if p.turn != t.turn {
			delete(t.procs, pid)
		}
	}
	return errs
}

// load looks at all of a process.
func (t *Tracker) load(p *tracked) error {
	_, err := t.slice(p, 0, math.MaxInt32)
	return err
}

// slice looks at n descriptors of a process, from a number on, and returns the number at which to go on, or 0 at the end.
// With the first come name, start, and the tables of threads.
func (t *Tracker) slice(p *tracked, from, n int32) (next int32, err error) {
	w := t.w.first()
	dir, err := openDir(t.w.proc, w.pathOf(p.PID, "/fd"))
	if err != nil {
		return 0, t.unreadable(p, err)
	}
	defer unix.Close(dir)
	if from == 0 {
		if err := t.identify(p, dir); err != nil {
			return 0, err
		}
	}
	if next, err = t.readPlaces(p, dir, from, n); err != nil {
		return 0, t.unreadable(p, err)
	}
	to := next
	if next == 0 {
		to = math.MaxInt32
	}
	p.replace(from, to, t.found)
	return next, nil
}

// identify reads name and start, and the descriptors that only threads have.
func (t *Tracker) identify(p *tracked, dir int) error {
	w := t.w.first()
	w.proc = Process{PID: p.PID, FDs: p.FDs[:0]}
	w.identify(dir)
	err := w.threads(t.k, dir, p.PID)
	p.Process, p.denied = w.proc, false
	w.proc = Process{}
	if err != nil {
		return &Error{Op: "read threads of", PID: p.PID, Err: err}
	}
	return nil
}

// Of a descriptor directory the entry of number n is at position n + 2, behind the two dots, and takes 24 bytes up to four
// digits.
const (
	dots     = 2
	nameSize = 24
	minNames = 512
)

// readPlaces makes t.found what the numbers from from on are, n of them.
func (t *Tracker) readPlaces(p *tracked, dir int, from, n int32) (next int32, err error) {
	t.found = t.found[:0]
	if _, err := unix.Seek(dir, int64(from)+dots, unix.SEEK_SET); err != nil {
		return 0, err
	}
	names := t.w.first().names
	names = names[:max(minNames, min(len(names), int(min(n, 1<<16))*nameSize))]
	left := n
	var failed error
	err = eachNumber(dir, names, func(name []byte, fd uint32) bool {
		if left == 0 {
			next = int32(fd)
			return false
		}
		if left--; t.isOwn(p, dir, fd) {
			return true
		}
		failed = t.look(dir, name, int32(fd))
		return failed == nil
	})
	if failed != nil {
		err = failed
	}
	return next, err
}

// isOwn reports whether a number of the process is that of the directory by which it is looked at: by the next reading it is
// something else.
func (t *Tracker) isOwn(p *tracked, dir int, fd uint32) bool {
	return p.PID == t.w.self && int(fd) == dir
}

// look adds to t.found what a number is, if it is in use. name must be followed by NUL.
func (t *Tracker) look(dir int, name []byte, fd int32) error {
	w := t.w.first()
	t.looks++
	n, err := readLink(dir, name, w.link[:])
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	p := place{FD: FD{FD: fd}}
	if inode, ok := parseSocket(w.link[:n]); ok {
		p.Inode, p.kind = inode, pending
	}
	t.found = append(t.found, p)
	return nil
}

// unreadable forgets what was known of a process that has ended or may not be looked at.
func (t *Tracker) unreadable(p *tracked, err error) error {
	p.places, p.FDs, p.live = p.places[:0], p.FDs[:0], 0
	switch {
	case gone(err):
		return nil
	case denied(err):
		p.denied = !t.w.first().isKernel(t.k, p.PID)
		return nil
	}
	return &Error{Op: "read descriptors of", PID: p.PID, Err: err}
}

// checkIDs looks whether processes still hold what one of their numbers was, and at everything where they are others.
func (t *Tracker) checkIDs() error {
	at, left := t.at(t.check.pid), maxChecks
	for range t.order {
		if left == 0 {
			break
		}
		p := t.order[at%len(t.order)]
		at++
		if p.live == 0 {
			continue
		}
		left--
		t.check.pid = p.PID + 1
		if t.holds(p) || t.same(p) {
			continue
		}
		*p = tracked{Process: Process{PID: p.PID}, turn: p.turn, young: true}
		if err := t.load(p); err != nil {
			return err
		}
	}
	return nil
}

// at is the index of a process, or of the first with a higher id.
func (t *Tracker) at(pid int) int {
	return sort.Search(len(t.order), func(i int) bool { return t.order[i].PID >= pid })
}

// holds looks at one of the process's descriptors, each time at another one, and notes what it is.
func (t *Tracker) holds(p *tracked) bool {
	for i := range p.places {
		pl := &p.places[(i+int(t.turn))%len(p.places)]
		if pl.kind != live {
			continue
		}
		w := t.w.first()
		t.looks++
		path := w.pathOf(p.PID, "/fd/")
		name := append(strconv.AppendInt(path[:len(path)-1], int64(pl.FD.FD), 10), 0)
		n, err := readLink(t.w.proc, name, w.link[:])
		inode, _ := parseSocket(w.link[:n])
		if err == nil && inode == pl.Inode {
			return true
		}
		pl.kind, pl.Inode = pending, inode
		return false
	}
	return true
}

// same reports whether the process is still the one that it was.
func (t *Tracker) same(p *tracked) bool {
	w := t.w.first()
	s, err := w.readStat(t.w.proc, w.pathOf(p.PID, "/stat"))
	return err == nil && s.Start == p.Start
}

// roll looks anew at the next part of everything.
func (t *Tracker) roll() error {
	total := 0
	for _, p := range t.order {
		total += 1 + len(p.places)
	}
	at := t.at(t.next.pid)
	for left := int32(total/Turns + 1); left > 0; left-- {
		if at >= len(t.order) {
			t.next, at = cursor{}, 0
		}
		p := t.order[at]
		if p.PID != t.next.pid {
			t.next = cursor{pid: p.PID}
		}
		before := t.looks
		next, err := t.slice(p, t.next.fd, left)
		if err != nil {
			return err
		}
		left -= int32(t.looks - before)
		if t.next.fd = next; next == 0 {
			at, t.next.pid = at+1, p.PID+1
		}
	}
	return nil
}

func (t *Tracker) tell(s Sought) {
	for _, p := range t.order {
		p.tell(s)
	}
}
