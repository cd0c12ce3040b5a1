package fdwalk

import "golang.org/x/sys/unix"

// The threads of a process share one descriptor table unless one of them called unshare(2) with CLONE_FILES. /proc shows
// each thread's table, but reading all of them would multiply the cost by the number of threads; kcmp(2) tells in one
// call of a microsecond whether two tables are the same. A thousand threads so cost less than a thousand descriptors.

// threadBudget is how many descriptors of the threads of one process are read where kcmp is refused (a sandbox, another
// pid namespace, an old kernel).
const threadBudget = 10_000

// oneThread is the link count of the task directory of a process with one thread: itself, its parent, the thread.
const oneThread = 3

// threads reads the tables of threads that differ from the first one's. dir is the descriptor directory of the process.
func (w *worker) threads(k *walk, dir, pid int) error {
	var st unix.Stat_t
	if err := unix.Fstatat(dir, "../task", &st, 0); err != nil || st.Nlink <= oneThread {
		return nil // the process has ended, or there is nothing more
	}
	task, err := openDir(dir, []byte("../task\x00"))
	if err != nil {
		return passOver(err)
	}
	defer unix.Close(task)
	w.tables = append(w.tables[:0], pid)
	budget := threadBudget
	var failed error
	err = eachNumber(task, w.tasks, func(_ []byte, tid uint32) bool {
		if int(tid) != pid {
			failed = w.thread(k, task, int(tid), &budget)
		}
		return failed == nil
	})
	if len(w.tables) > 1 || budget != threadBudget {
		w.proc.FDs = sortFDs(w.proc.FDs)
	}
	if failed != nil {
		return failed
	}
	return passOver(err)
}

// thread reads a thread's table unless it is one that was read.
func (w *worker) thread(k *walk, task, tid int, budget *int) error {
	known, err := w.knownTable(k, tid)
	if known || gone(err) {
		return nil
	}
	if err != nil && *budget <= 0 {
		w.report.Unchecked++
		return nil
	}
	before := w.report.Descriptors
	if err := w.threadTable(k, task, tid); err != nil {
		return err
	}
	if err != nil {
		*budget -= w.report.Descriptors - before
		return nil
	}
	w.tables = append(w.tables, tid)
	return nil
}

// knownTable compares a thread's table with those that were read. kcmp takes ids of our own pid namespace, so it says
// nothing about a /proc of another one.
func (w *worker) knownTable(k *walk, tid int) (bool, error) {
	if k.self != unix.Getpid() {
		return false, unix.ENOSYS
	}
	for i, other := range w.tables {
		same, err := sameTable(other, tid)
		if i > 0 && gone(err) {
			continue // the other one has ended, or the next comparison tells
		}
		if same || err != nil {
			return same, err
		}
	}
	return false, nil
}

func (w *worker) threadTable(k *walk, task, tid int) error {
	dir, err := openDir(task, w.pathOf(tid, "/fd"))
	if err != nil {
		return passOver(err)
	}
	defer unix.Close(dir)
	return passOver(w.table(k, dir))
}

// passOver forgets errors that concern one process or thread only.
func passOver(err error) error {
	if gone(err) || denied(err) {
		return nil
	}
	return err
}
