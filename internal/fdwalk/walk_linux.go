package fdwalk

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Walker holds an opened /proc and the buffers of its workers. It is for one goroutine at a time.
type Walker struct {
	proc    int
	self    int // our process id as this /proc has it, 0 where it does not have us
	pids    []uint32
	workers []*worker
}

// Open opens a mount of proc, "/proc" for one.
func Open(path string) (*Walker, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &Error{Op: "open " + path, Err: err}
	}
	w := &Walker{proc: fd}
	w.self = w.findSelf()
	return w, nil
}

// findSelf is 0 where the mount shows another pid namespace than ours.
func (w *Walker) findSelf() int {
	var buf [16]byte
	n, err := readLink(w.proc, []byte("self\x00"), buf[:])
	if err != nil {
		return 0
	}
	pid, _ := parseNumber(buf[:n])
	return int(pid)
}

// Close closes /proc. It is safe to call more than once.
func (w *Walker) Close() error {
	if w.proc < 0 {
		return nil
	}
	err := unix.Close(w.proc)
	w.proc = -1
	if err != nil {
		return &Error{Op: "close", Err: err}
	}
	return nil
}

// walk is one walk, shared by its workers.
type walk struct {
	*Walker
	opts Options
	next atomic.Int64 // index of the next process
	stop atomic.Bool

	mu     sync.Mutex // guards the rest, and lets one worker at a time call emit
	emit   func(*Process)
	found  Set // with FirstOwner
	report Report
	err    error
}

// Walk calls emit for every process that holds wanted sockets, one call at a time, from other goroutines than the
// caller's. The report is valid also with an error, which says why the walk broke off.
func (w *Walker) Walk(opts Options, emit func(*Process)) (Report, error) {
	if w.proc < 0 {
		return Report{}, &Error{Op: "walk", Err: unix.EBADF}
	}
	if opts.Want != nil && opts.Want.Len() == 0 {
		return Report{}, nil
	}
	if err := w.list(); err != nil {
		return Report{}, &Error{Op: "list", Err: err}
	}
	k := &walk{Walker: w, opts: opts, emit: emit}
	k.run(workers(opts.Workers, len(w.pids)))
	k.report.Hidden = w.hidden()
	k.report.Left = len(w.pids) - k.report.Processes - k.report.Denied - k.report.Died
	return k.report, k.err
}

func workers(asked, pids int) int {
	n := asked
	if n <= 0 {
		n = min(2, runtime.GOMAXPROCS(0))
	}
	return max(1, min(n, pids))
}

func (k *walk) run(n int) {
	for len(k.workers) < n {
		k.workers = append(k.workers, newWorker())
	}
	var wg sync.WaitGroup
	for _, w := range k.workers[:n] {
		wg.Go(func() { w.run(k) })
	}
	wg.Wait()
}

// list reads the process ids.
func (w *Walker) list() error {
	if _, err := unix.Seek(w.proc, 0, unix.SEEK_SET); err != nil {
		return err
	}
	w.pids = w.pids[:0]
	return eachNumber(w.proc, w.first().names, func(_ []byte, pid uint32) bool {
		w.pids = append(w.pids, pid)
		return true
	})
}

// hidden reports whether the list lacks the first process, which every pid namespace has as long as it lives.
func (w *Walker) hidden() bool {
	return w.self != 0 && slices.Contains(w.pids, uint32(w.self)) && !slices.Contains(w.pids, 1)
}

// deliver hands a process on, and ends the walk when there is nothing left to find.
func (k *walk) deliver(p *Process) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.emit(p)
	if !k.opts.FirstOwner || k.opts.Want == nil {
		return
	}
	for _, fd := range p.FDs {
		k.found.Add(fd.Inode)
	}
	if k.found.Len() == k.opts.Want.Len() {
		k.stop.Store(true)
	}
}

// finish adds a worker's report, and its error if it is the first.
func (k *walk) finish(r *Report, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.report.add(r)
	if k.err == nil {
		k.err = err
	}
}
