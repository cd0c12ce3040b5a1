package fdwalk

import (
	"cmp"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/procfs"
)

// worker has the buffers of one thread of a walk.
type worker struct {
	names  []byte // of the directory that is read
	tasks  []byte // of a task directory, while names is in use
	link   [32]byte
	path   [32]byte
	stat   [1024]byte
	proc   Process
	tables []int // threads whose tables were read
	report Report
}

func newWorker() *worker {
	return &worker{names: make([]byte, 32<<10), tasks: make([]byte, 8<<10)}
}

// run looks at one process after the other until there is none left, or an error ends the walk.
func (w *worker) run(k *walk) {
	w.report = Report{}
	var err error
	for err == nil && !k.stop.Load() {
		i := k.next.Add(1) - 1
		if i >= int64(len(k.pids)) {
			break
		}
		err = w.process(k, int(k.pids[i]))
	}
	if err != nil {
		k.stop.Store(true)
	}
	k.finish(&w.report, err)
}

// process looks at one process. Everything is opened relative to its descriptor directory, so a process that is given the
// same id meanwhile is not mistaken for it.
func (w *worker) process(k *walk, pid int) error {
	dir, err := openDir(k.proc, w.pathOf(pid, "/fd"))
	if err != nil {
		return w.unreadable(k, pid, err)
	}
	defer unix.Close(dir)
	w.proc = Process{PID: pid, FDs: w.proc.FDs[:0]}
	if err := w.table(k, dir); err != nil {
		return w.unreadable(k, pid, err)
	}
	if err := w.threads(k, dir, pid); err != nil {
		return &Error{Op: "read threads of", PID: pid, Err: err}
	}
	w.report.Processes++
	if len(w.proc.FDs) > 0 {
		w.identify(dir)
		k.deliver(&w.proc)
	}
	return nil
}

// unreadable counts a process that could not be read. Only an error that would hit every process after it is returned.
func (w *worker) unreadable(k *walk, pid int, err error) error {
	switch {
	case gone(err):
		w.report.Died++
	case denied(err) && w.isKernel(k, pid):
		w.report.Processes++
	case denied(err):
		w.report.Denied++
	default:
		return &Error{Op: "read descriptors of", PID: pid, Err: err}
	}
	return nil
}

// table reads one descriptor directory.
func (w *worker) table(k *walk, dir int) error {
	var err error
	listErr := eachNumber(dir, w.names, func(name []byte, fd uint32) bool {
		err = w.descriptor(k, dir, name, fd)
		return err == nil
	})
	return cmp.Or(err, listErr)
}

func (w *worker) descriptor(k *walk, dir int, name []byte, fd uint32) error {
	w.report.Descriptors++
	n, err := readLink(dir, name, w.link[:])
	if gone(err) {
		return nil // closed since the directory was read
	}
	if err != nil {
		return err
	}
	if inode, ok := parseSocket(w.link[:n]); ok && (k.opts.Want == nil || k.opts.Want.Has(inode)) {
		w.proc.FDs = append(w.proc.FDs, FD{Inode: inode, FD: int32(fd)})
	}
	return nil
}

// identify reads name and start time. A process that has ended keeps them empty.
func (w *worker) identify(dir int) {
	if s, err := w.readStat(dir, []byte("../stat\x00")); err == nil {
		w.proc.Comm, w.proc.Start = s.Comm, s.Start
	}
}

func (w *worker) isKernel(k *walk, pid int) bool {
	s, err := w.readStat(k.proc, w.pathOf(pid, "/stat"))
	return err == nil && s.Kernel
}

func (w *worker) readStat(dir int, path []byte) (procfs.Stat, error) {
	fd, err := openat(dir, path, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return procfs.Stat{}, err
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, w.stat[:])
	if err != nil {
		return procfs.Stat{}, err
	}
	return procfs.ParseStat(w.stat[:n])
}

// pathOf writes "ID/rest" and a NUL into the path buffer.
func (w *worker) pathOf(id int, rest string) []byte {
	b := strconv.AppendInt(w.path[:0], int64(id), 10)
	return append(append(b, rest...), 0)
}

// eachNumber calls f for every entry of a directory whose name is a number, until f returns false. The name is followed
// by NUL.
func eachNumber(dir int, buf []byte, f func(name []byte, n uint32) bool) error {
	for {
		n, err := unix.Getdents(dir, buf)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		for b := buf[:n]; ; {
			name, rest, ok := nextName(b)
			if !ok {
				break
			}
			if id, ok := parseNumber(name); ok && !f(name, id) {
				return nil
			}
			b = rest
		}
	}
}

// sortFDs orders descriptors and drops those that more than one table has.
func sortFDs(fds []FD) []FD {
	slices.SortFunc(fds, func(a, b FD) int {
		return cmp.Or(cmp.Compare(a.FD, b.FD), cmp.Compare(a.Inode, b.Inode))
	})
	return slices.Compact(fds)
}
