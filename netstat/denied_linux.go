package netstat

import (
	"errors"
	"fmt"
	"os"

	"github.com/sockeye-net/sockeye/internal/fdwalk"
)

// What to do about processes that may not be looked at. Root is denied them too, by a security module, by Yama, or where
// they have capabilities that this process lacks (ptrace(2), "Ptrace access mode checking").
const (
	forUsers = "run as root, or let an administrator run `sockeye setup --everyone` once"
	forRoot  = "the system hides %s even from root (a security module, or capabilities that this process lacks)"
)

var errHidepid = errors.New("/proc shows only your own processes here (hidepid), so owners among the others are not known")

// errHidden says that /proc does not list the processes of others.
func errHidden() error {
	if os.Geteuid() == 0 {
		return fmt.Errorf("%w: run with CAP_SYS_PTRACE", errHidepid)
	}
	return fmt.Errorf("%w: run as root", errHidepid)
}

// errDenied says that the descriptors of n processes may not be read.
func errDenied(n int) error {
	if os.Geteuid() == 0 {
		return fmt.Errorf("the sockets of %s cannot be attributed: "+forRoot, count(n, "process", "processes"), map[bool]string{true: "it", false: "them"}[n == 1])
	}
	return fmt.Errorf("the sockets of %s cannot be attributed: "+forUsers, count(n, "process of another user", "processes of other users"))
}

// errNamespacesDenied says that the network namespaces of n processes may not be looked at, and so may be missing.
func errNamespacesDenied(n int) error {
	if os.Geteuid() == 0 {
		return fmt.Errorf("the network namespaces of %s are not shown: "+forRoot, count(n, "process", "processes"), "them")
	}
	return fmt.Errorf("the network namespaces of %s are not shown: run as root", count(n, "process of another user", "processes of other users"))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// hiddenProcesses counts the processes whose descriptors are hidden from root: what a security module hides from /proc a
// BPF iterator may not show either. It takes 2.5 microseconds a process. For others it is 0: they are shown by BPF only
// what somebody with all privileges has pinned.
func hiddenProcesses() (int, error) {
	if os.Geteuid() != 0 {
		return 0, nil
	}
	w, err := fdwalk.Open("/proc")
	if err != nil {
		return 0, err
	}
	defer w.Close()
	return w.Denied()
}

// doubtOwnerless is for after a BPF pass: where it left a socket without a holder that has a file, a process that it was
// not shown may hold it, if there is one. Then that is said, instead of that nobody does.
func (t *table) doubtOwnerless(q *Query) {
	if q.Owner == OwnerNone || !t.rows.unheld() {
		return
	}
	n, err := hiddenProcesses()
	t.procs.denied = n
	switch {
	case err != nil:
		t.procs.incomplete = true
		t.missing(fmt.Errorf("whether processes are hidden could not be found out: %w", err))
	case n > 0:
		t.missing(errDenied(n))
	}
}

// unheld reports whether a row has a file and no owner.
func (r *rows) unheld() bool {
	for _, w := range r.list {
		switch {
		case w.slot != none:
			if s := &r.slots[w.slot]; s.owner == none && s.inode != 0 {
				return true
			}
		case w.rec&unixBit != 0 && r.unix[w.rec&recMask].Inode != 0:
			return true
		}
	}
	return false
}
