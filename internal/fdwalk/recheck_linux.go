package fdwalk

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// Recheck looks whether processes still hold what an earlier walk found, at one readlinkat(2) a descriptor instead of a
// look at all descriptors of all processes. It calls emit, in the caller's goroutine, for each that does, with those of
// its descriptors that refer to the same socket now, and with the name and start time that it has now: where another
// process was given the id, that one is told. A descriptor that only a thread has is not found again. A process whose
// table cannot be read is left out; a walk says why.
func (w *Walker) Recheck(held []Process, want *Set, emit func(*Process)) Report {
	if w.proc < 0 {
		return Report{}
	}
	k, r := &walk{Walker: w}, w.first()
	r.report = Report{}
	for i := range held {
		if r.recheck(k, &held[i], want) {
			emit(&r.proc)
		}
	}
	return r.report
}

// first is the worker that is there before any walk.
func (w *Walker) first() *worker {
	if len(w.workers) == 0 {
		w.workers = append(w.workers, newWorker())
	}
	return w.workers[0]
}

// recheck makes w.proc what is left of the process. All is read relative to its descriptor directory, as in process.
func (w *worker) recheck(k *walk, old *Process, want *Set) bool {
	w.proc = Process{PID: old.PID, FDs: w.proc.FDs[:0]}
	if !anyWanted(old.FDs, want) {
		return false
	}
	dir, err := openDir(k.proc, w.pathOf(old.PID, "/fd"))
	if err != nil {
		return false
	}
	defer unix.Close(dir)
	w.report.Processes++
	for _, fd := range old.FDs {
		if want.Has(fd.Inode) && w.refersTo(dir, fd) {
			w.proc.FDs = append(w.proc.FDs, fd)
		}
	}
	if len(w.proc.FDs) > 0 {
		w.identify(dir)
	}
	return w.proc.Start != 0
}

func anyWanted(fds []FD, want *Set) bool {
	for _, fd := range fds {
		if want.Has(fd.Inode) {
			return true
		}
	}
	return false
}

func (w *worker) refersTo(dir int, fd FD) bool {
	w.report.Descriptors++
	name := append(strconv.AppendInt(w.path[:0], int64(fd.FD), 10), 0)
	n, err := readLink(dir, name, w.link[:])
	if err != nil {
		return false
	}
	inode, ok := parseSocket(w.link[:n])
	return ok && inode == fd.Inode
}

// Denied counts the processes whose descriptors may not be looked at, without looking at descriptors: one readlinkat(2)
// a process. The link to the executable takes the same permission as those of descriptors (PTRACE_MODE_READ_FSCREDS,
// proc_pid_exe(5) and proc_pid_fd(5)), and unlike any descriptor is always there.
func (w *Walker) Denied() (n int, err error) {
	if err := w.list(); err != nil {
		return 0, &Error{Op: "list", Err: err}
	}
	k, r := &walk{Walker: w}, w.first()
	for _, pid := range w.pids {
		_, err := readLink(w.proc, r.pathOf(int(pid), "/exe"), r.link[:])
		if denied(err) && !r.isKernel(k, int(pid)) {
			n++
		}
	}
	if w.hidden() {
		n++
	}
	return n, nil
}
