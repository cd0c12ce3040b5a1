package ifstat

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/netns"
)

// table reads one network namespace, or all.
type table struct {
	method Method // Auto until another way than the first was needed
	all    bool
	spaces []space // by inode
	gaps   []error // namespaces that could not be entered
}

// space is the interfaces of one network namespace, by one of the ways.
//
// read appends them to s.Interfaces in order of index; it does not change what strings and slices of those it gave before
// refer to.
type space interface {
	inode() uint64
	method() Method
	read(s *Snapshot) error
	changed() (bool, error)
	close() error
}

func openTable(cfg *Config) (*table, error) {
	t := &table{method: cfg.Method, all: cfg.AllNetNS}
	if t.all {
		return t, t.find()
	}
	ns, err := namespace(cfg.NetNS)
	if err != nil {
		return nil, err
	}
	sp, err := t.open(ns)
	if err != nil {
		return nil, err
	}
	t.spaces = []space{sp}
	return t, nil
}

// namespace finds out about the one at path; empty is the calling thread's.
func namespace(path string) (netns.Namespace, error) {
	if path == "" {
		ns, err := netns.Own()
		if err != nil { // without /proc there is no identity, and all else works
			return netns.Namespace{Own: true}, nil
		}
		return ns, nil
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return netns.Namespace{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	own, err := netns.Own()
	return netns.Namespace{Inode: st.Ino, Path: path, Own: err == nil && own.Inode == st.Ino}, nil
}

// open opens a namespace by the method that was asked for, or the first that works.
func (t *table) open(ns netns.Namespace) (space, error) {
	switch t.method {
	case RTNetlink:
		return openRoute(ns)
	case ProcNetDev:
		return openProcDev(ns)
	case Auto:
		sp, err := openRoute(ns)
		if err == nil || !netlink.Refused(err) || !ns.Own {
			return sp, err
		}
		p, perr := openProcDev(ns)
		return p, errors.Join(perr, cond(perr != nil, err))
	}
	return nil, fmt.Errorf("method %v: %w on Linux", t.method, errors.ErrUnsupported)
}

// cond is err where ok holds.
func cond(ok bool, err error) error {
	if ok {
		return err
	}
	return nil
}

func (t *table) read(s *Snapshot) error {
	if t.all {
		if err := t.find(); err != nil {
			return err
		}
		s.Partial = append(s.Partial, t.gaps...)
		s.Time = time.Now() // finding them may take longer than reading them
	}
	for i := range t.spaces {
		if err := t.readSpace(i, s); err != nil && !t.all {
			return err
		} else if err != nil {
			s.Partial = append(s.Partial, fmt.Errorf("network namespace %d: %w", t.spaces[i].inode(), err))
		}
	}
	return nil
}

// readSpace reads one namespace. One whose method is refused is read by the next from now on: a sandbox may let a socket
// be made and refuse what it is for.
func (t *table) readSpace(i int, s *Snapshot) error {
	sp, had := t.spaces[i], len(s.Interfaces)
	s.Method = sp.method()
	err := sp.read(s)
	if err == nil || t.method != Auto || sp.method() != RTNetlink || !netlink.Refused(err) {
		return err
	}
	ns, nerr := namespace("")
	if nerr != nil || ns.Inode != sp.inode() {
		return err
	}
	next, perr := openProcDev(ns)
	if perr != nil {
		return errors.Join(err, perr)
	}
	_ = sp.close()
	t.spaces[i] = next
	s.Interfaces, s.Method = s.Interfaces[:had], next.method()
	return next.read(s)
}

func errDenied(n int) error {
	remedy := "run as root to see all"
	if unix.Geteuid() == 0 {
		remedy = "the system hides them even from root"
	}
	if n == 1 {
		return fmt.Errorf("the network namespace of 1 process is not shown: %w; %s", unix.EPERM, remedy)
	}
	return fmt.Errorf("the network namespaces of %d processes are not shown: %w; %s", n, unix.EPERM, remedy)
}

// find brings the namespaces up to date: it opens new ones, and closes those that nobody but this table keeps alive.
func (t *table) find() error {
	list, denied, err := netns.List()
	if err != nil {
		return err
	}
	t.gaps = t.gaps[:0]
	if denied > 0 {
		t.gaps = append(t.gaps, errDenied(denied))
	}
	t.spaces = slices.DeleteFunc(t.spaces, func(sp space) bool {
		gone := !slices.ContainsFunc(list, func(ns netns.Namespace) bool { return ns.Inode == sp.inode() })
		if gone {
			_ = sp.close()
		}
		return gone
	})
	for _, ns := range list {
		if !slices.ContainsFunc(t.spaces, func(sp space) bool { return sp.inode() == ns.Inode }) {
			t.enter(ns)
		}
	}
	slices.SortFunc(t.spaces, func(a, b space) int { return cmp.Compare(a.inode(), b.inode()) })
	return nil
}

// enter opens one of many namespaces. One that has ended meanwhile is not missing.
func (t *table) enter(ns netns.Namespace) {
	sp, err := t.open(ns)
	switch {
	case err == nil:
		t.spaces = append(t.spaces, sp)
	case !errors.Is(err, unix.ENOENT):
		t.gaps = append(t.gaps, fmt.Errorf("network namespace %d (%s): %w", ns.Inode, ns.Path, err))
	}
}

// changed asks every namespace, so that each takes in what waits for it. New namespaces are found by reading only.
func (t *table) changed() (bool, error) {
	any := false
	for _, sp := range t.spaces {
		c, err := sp.changed()
		if err != nil {
			return true, err
		}
		any = any || c
	}
	return any, nil
}

func (t *table) close() error {
	var errs []error
	for _, sp := range t.spaces {
		errs = append(errs, sp.close())
	}
	return errors.Join(errs...)
}
