package netns

import (
	"cmp"
	"errors"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Own gives the network namespace of the calling thread, which for a program that does not move threads is that of the
// process.
func Own() (Namespace, error) {
	const self = "/proc/thread-self/ns/net"
	inode, err := readLink(unix.AT_FDCWD, self)
	if err != nil {
		return Namespace{}, &Error{Op: "read " + self, Err: err}
	}
	return Namespace{Inode: inode, Path: self, Own: true}, nil
}

// List finds the namespaces that have a process or a bind mount, our own first, then by inode. denied is how many
// processes may not be looked at, whose namespaces may be missing. What is kept alive by an open descriptor only is not
// found. It is safe for concurrent use.
func List() (list []Namespace, denied int, err error) {
	own, err := Own()
	if err != nil {
		return nil, 0, err
	}
	found := map[uint64]*Namespace{own.Inode: &own}
	if err := addMounts(found); err != nil {
		return nil, 0, err
	}
	denied, err = addProcesses(found)
	if err != nil {
		return nil, denied, err
	}
	for _, ns := range found {
		list = append(list, *ns)
	}
	slices.SortFunc(list, func(a, b Namespace) int {
		if a.Own != b.Own {
			return map[bool]int{true: -1, false: 1}[a.Own]
		}
		return cmp.Compare(a.Inode, b.Inode)
	})
	return list, denied, nil
}

func addMounts(found map[uint64]*Namespace) error {
	const file = "/proc/thread-self/mountinfo"
	text, err := os.ReadFile(file)
	if err != nil {
		return &Error{Op: "read " + file, Err: err}
	}
	mounts, err := parseMounts(string(text))
	if err != nil {
		return &Error{Op: "read " + file, Err: err}
	}
	for _, m := range mounts {
		if !reachable(m) {
			continue
		}
		switch ns := found[m.inode]; {
		case ns == nil:
			found[m.inode] = &Namespace{Inode: m.inode, Path: m.point, Name: m.name()}
		case ns.Name == "" || m.named():
			ns.Name = m.name()
		}
	}
	return nil
}

// reachable reports whether the path leads to the namespace: another mount may lie over it.
func reachable(m mount) bool {
	var st unix.Stat_t
	return unix.Stat(m.point, &st) == nil && st.Ino == m.inode
}

func addProcesses(found map[uint64]*Namespace) (denied int, err error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return 0, &Error{Op: "open", Err: err}
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return 0, &Error{Op: "list processes", Err: err}
	}
	for _, name := range names {
		if _, err := strconv.ParseUint(name, 10, 32); err != nil {
			continue
		}
		inode, err := readLink(int(dir.Fd()), name+"/ns/net")
		switch {
		case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
			denied++
		case err == nil && found[inode] == nil:
			found[inode] = &Namespace{Inode: inode, Path: "/proc/" + name + "/ns/net"}
		}
	}
	return denied, nil
}

var errLink = errors.New("not a network namespace")

// readLink reads the link of a namespace, which unlike opening it costs neither a descriptor nor a reference.
func readLink(dir int, name string) (uint64, error) {
	var buf [32]byte
	n, err := unix.Readlinkat(dir, name, buf[:])
	if err != nil {
		return 0, err
	}
	inode, ok := parseLink(buf[:n])
	if !ok {
		return 0, errLink
	}
	return inode, nil
}
