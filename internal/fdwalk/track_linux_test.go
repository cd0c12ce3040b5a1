package fdwalk

import (
	"cmp"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// holder is one descriptor of one process.
type holder struct {
	pid int
	fd  int32
}

// quest seeks sockets, and notes what it is told.
type quest struct {
	want map[uint32]bool
	got  map[uint32][]holder
}

func seek(inodes ...uint32) *quest {
	q := &quest{want: map[uint32]bool{}, got: map[uint32][]holder{}}
	for _, i := range inodes {
		q.want[i] = true
	}
	return q
}

func (q *quest) Own(p *Process, fd FD) bool {
	if q.want[fd.Inode] {
		q.got[fd.Inode] = append(q.got[fd.Inode], holder{p.PID, fd.FD})
	}
	return q.want[fd.Inode]
}

func (q *quest) Lacking(f func(uint32)) {
	for i := range q.want {
		if len(q.got[i]) == 0 {
			f(i)
		}
	}
}

func (q *quest) Disown() { clear(q.got) }

// of are the holders of a socket, in order.
func (q *quest) of(inode uint32) []holder {
	slices.SortFunc(q.got[inode], func(a, b holder) int { return cmp.Or(cmp.Compare(a.pid, b.pid), cmp.Compare(a.fd, b.fd)) })
	return q.got[inode]
}

// tracking is a tracker of a walker that is closed in the end.
type tracking struct {
	*testing.T
	*Tracker
}

func track(t *testing.T) *tracking { return &tracking{t, NewTracker(open(t))} }

// read tracks sockets once.
func (tr *tracking) read(inodes ...uint32) (*quest, Report) {
	tr.Helper()
	q := seek(inodes...)
	r, err := tr.Track(q)
	if err != nil {
		tr.Fatal(err)
	}
	return q, r
}

// holds fails unless these are the holders of a socket.
func (tr *tracking) holds(q *quest, inode uint32, want ...holder) {
	tr.Helper()
	if got := q.of(inode); !slices.Equal(got, want) {
		tr.Errorf("socket %d: holders %v, want %v", inode, got, want)
	}
}

func number(f *os.File) int32 { return int32(f.Fd()) }

// TestTrackNew: a socket that is new in a process that holds others is found at once, and so is a process that is new.
func TestTrackNew(t *testing.T) {
	tr := track(t)
	me := os.Getpid()
	f1, i1 := socket(t)
	q, _ := tr.read(i1)
	tr.holds(q, i1, holder{me, number(f1)})
	f2, i2 := socket(t)
	child := hold(t, f1)
	q, _ = tr.read(i1, i2)
	tr.holds(q, i1, holder{me, number(f1)}, holder{child, 3})
	tr.holds(q, i2, holder{me, number(f2)})
}

// TestTrackReused: the number of a socket that is gone is another's.
func TestTrackReused(t *testing.T) {
	tr := track(t)
	f1, i1 := socket(t)
	_, i0 := socket(t)
	tr.read(i0, i1)
	fd := number(f1)
	f2, i2 := socket(t)
	if err := unix.Dup2(int(f2.Fd()), int(fd)); err != nil {
		t.Fatal(err)
	}
	f2.Close()
	q, _ := tr.read(i0, i2)
	tr.holds(q, i2, holder{os.Getpid(), fd})
}

// TestTrackSecondStep says how far the steps reach: a number that was a file's is looked at when its socket is still there at
// the second reading.
func TestTrackSecondStep(t *testing.T) {
	tr := track(t)
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	_, i0 := socket(t)
	tr.read(i0)
	f, i := socket(t)
	if err := unix.Dup2(int(f.Fd()), int(file.Fd())); err != nil {
		t.Fatal(err)
	}
	f.Close()
	q, _ := tr.read(i0, i)
	if len(q.of(i)) == 0 && !tr.Unsearched(i) {
		t.Error("taken for searched for after the first step")
	}
	q, _ = tr.read(i0, i)
	tr.holds(q, i, holder{os.Getpid(), number(file)})
}

// TestTrackHeals: what no step notices is right again when everything was looked at in turn: the number of a socket that
// another process still has is given to another socket.
func TestTrackHeals(t *testing.T) {
	tr := track(t)
	me := os.Getpid()
	f1, i1 := socket(t)
	child := hold(t, f1)
	q, _ := tr.read(i1)
	tr.holds(q, i1, holder{me, number(f1)}, holder{child, 3})
	f2, i2 := socket(t)
	if err := unix.Dup2(int(f2.Fd()), int(f1.Fd())); err != nil {
		t.Fatal(err)
	}
	for range Turns + Turns/2 {
		q, _ = tr.read(i1, i2)
	}
	tr.holds(q, i1, holder{child, 3})
	tr.holds(q, i2, holder{me, number(f1)}, holder{me, number(f2)})
}

// TestTrackReusedID: what another process with the same id had is not told of this one.
func TestTrackReusedID(t *testing.T) {
	tr := track(t)
	f1, i1 := socket(t)
	f2, i2 := socket(t)
	child := hold(t, f1)
	tr.read(i1, i2)
	p := tr.procs[uint32(child)]
	p.Start--
	p.Comm = "old"
	p.places[p.find(3)].Inode = i2
	q, _ := tr.read(i1, i2)
	tr.holds(q, i2, holder{os.Getpid(), number(f2)})
	tr.holds(q, i1, holder{os.Getpid(), number(f1)}, holder{child, 3})
	if p := tr.procs[uint32(child)]; p.Comm == "old" {
		t.Errorf("%+v", p.Process)
	}
}

// TestTrackNobody: a socket that nobody holds is looked for everywhere once, and no more.
func TestTrackNobody(t *testing.T) {
	tr := track(t)
	const nobody = 1<<32 - 5
	_, i0 := socket(t)
	tr.read(i0)
	for range 3 {
		if tr.read(i0, nobody); !tr.Unsearched(nobody) {
			t.Fatal("taken for searched for before everything was looked at")
		}
	}
	tr.full = time.Now().Add(-time.Hour)
	q, r := tr.read(i0, nobody)
	if tr.Unsearched(nobody) || len(q.of(nobody)) > 0 || len(q.of(i0)) != 1 {
		t.Errorf("%v, %v, unsearched %v", q.of(nobody), q.of(i0), tr.Unsearched(nobody))
	}
	tr.full = time.Now().Add(-time.Hour)
	if _, again := tr.read(i0, nobody); again.Descriptors > r.Descriptors/2 {
		t.Errorf("%d descriptors, then %d", r.Descriptors, again.Descriptors)
	}
}

// TestTrackThread: a socket that only a thread with its own table has.
func TestTrackThread(t *testing.T) {
	tr := track(t)
	inodes := apart(t, 2)
	for range 3 {
		q, _ := tr.read(inodes...)
		for _, i := range inodes {
			if len(q.of(i)) != 1 || q.of(i)[0].pid != os.Getpid() {
				t.Errorf("socket %d: %v", i, q.of(i))
			}
		}
	}
}

// TestTrackCost: a reading that finds nothing new looks at one part of what there is.
func TestTrackCost(t *testing.T) {
	tr := track(t)
	var inodes []uint32
	for range 500 {
		_, i := socket(t)
		inodes = append(inodes, i)
	}
	_, first := tr.read(inodes...)
	sum := 0
	for range Turns {
		q, r := tr.read(inodes...)
		sum += r.Descriptors
		if len(q.got) != len(inodes) {
			t.Fatalf("%d of %d found", len(q.got), len(inodes))
		}
	}
	// Once around, beside checks, new processes of the machine, and what those have opened since.
	if most := 2*first.Descriptors + Turns*(maxChecks+100); sum > most || sum < first.Descriptors/2 {
		t.Errorf("%d descriptors at first, then %d in %d readings", first.Descriptors, sum, Turns)
	}
}

// TestTrackChurn opens and closes at random, and compares with the truth when things have been still for a few readings.
func TestTrackChurn(t *testing.T) {
	tr := track(t)
	r := rand.New(rand.NewPCG(1, 2))
	files := map[*os.File]uint32{}
	var null []*os.File
	keep, i0 := socket(t)
	tr.read(i0)
	for range 30 {
		for range 20 {
			switch r.IntN(5) {
			case 0, 1:
				f, i := socket(t)
				files[f] = i
			case 2:
				for f := range files {
					f.Close()
					delete(files, f)
					break
				}
			case 3:
				f, err := os.Open("/dev/null")
				if err != nil {
					t.Fatal(err)
				}
				null = append(null, f)
			case 4:
				if len(null) > 0 {
					null[0].Close()
					null = null[1:]
				}
			}
		}
		var q *quest
		for range 3 {
			inodes := []uint32{i0}
			for _, i := range files {
				inodes = append(inodes, i)
			}
			q, _ = tr.read(inodes...)
		}
		tr.holds(q, i0, holder{os.Getpid(), number(keep)})
		for f, i := range files {
			tr.holds(q, i, holder{os.Getpid(), number(f)})
		}
	}
}

func TestTrackLeaks(t *testing.T) {
	tr := track(t)
	_, i := socket(t)
	tr.read(i)
	before, _ := os.ReadDir("/proc/self/fd")
	for range 20 {
		tr.read(i, 1<<32-7)
	}
	tr.full = time.Time{}
	tr.read(i, 1<<32-7)
	if after, _ := os.ReadDir("/proc/self/fd"); len(after) != len(before) {
		t.Errorf("%d descriptors, then %d", len(before), len(after))
	}
	tr.w.Close()
	if _, err := tr.Track(seek(i)); err == nil {
		t.Error("a closed walker tracks")
	}
}
