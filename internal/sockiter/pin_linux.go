package sockiter

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
)

// What is pinned stands in a BPF file system of its own: that of the system, /sys/fs/bpf, lets nobody but root in, and
// its mode is not ours to change. The version is part of the names, so that another release of sockeye never reads records
// that it does not understand.
const (
	pinDir     = "/run/sockeye-bpf"
	pinLock    = "/run/sockeye-bpf.lock"
	pinVersion = "v2"
	pinRoot    = pinDir + "/root" // what shares memory with its one reader, for root alone
	pinFiles   = pinDir + "/sockets-" + pinVersion

	// In pinRoot.
	pinWalk    = "/walk-" + pinVersion
	pinRecords = "/records-" + pinVersion
	pinControl = "/control-" + pinVersion
)

// OpenWalker opens the pinned walker, or loads one with room for n records where none is pinned, where another process
// is reading with it, or where it is too small.
func OpenWalker(n int) (*Walker, error) {
	if w, err := openPinnedWalker(n); err == nil {
		return w, nil
	}
	return NewWalker(n)
}

// openPinnedWalker opens the pinned walker for this process alone: its records are shared memory. Of them no more than n
// are mapped, because mapping takes as long as there are pages.
func openPinnedWalker(n int) (*Walker, error) {
	if err := native(); err != nil {
		return nil, err
	}
	lock, err := unix.Open(pinRoot, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	w := &Walker{lock: lock, buf: make([]byte, walkBuffer)}
	if err := w.openPinned(n); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

func (w *Walker) openPinned(n int) (err error) {
	if err := unix.Flock(w.lock, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return err
	}
	// Through the directory that is locked: its path may have come to lead to other pins meanwhile.
	dir := "/proc/self/fd/" + strconv.Itoa(w.lock)
	recs, err := w.keep(bpf.OpenPinned(dir + pinRecords))
	if err != nil {
		return err
	}
	ctl, err := w.keep(bpf.OpenPinned(dir + pinControl))
	if err != nil {
		return err
	}
	if w.link, err = w.keep(bpf.OpenPinned(dir + pinWalk)); err != nil {
		return err
	}
	if w.room, err = entriesOf(recs); err != nil {
		return err
	}
	if w.room < n {
		return ErrTooMany
	}
	return w.mapInto(recs, ctl, n)
}

// entriesOf is the number of entries of a map, which only fdinfo tells those who may not use bpf(2).
func entriesOf(fd bpf.FD) (int, error) {
	b, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(int(fd)))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(b), "max_entries:")
	if !found {
		return 0, fmt.Errorf("sockiter: no max_entries in %q", b)
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.Atoi(strings.TrimSpace(line))
}

// OpenFiles opens the pinned task-file program, which takes no privilege where everyone may read it, or loads one.
func OpenFiles() (*Files, error) {
	if f := pinnedFiles(); f != nil {
		return f, nil
	}
	return NewFiles()
}

func pinnedFiles() *Files {
	if native() != nil || unix.Access(pinFiles, unix.R_OK) != nil {
		return nil
	}
	f := &Files{path: pinFiles, prog: -1, link: -1, buf: make([]byte, 64<<10)}
	it, err := f.open()
	if err != nil {
		return nil
	}
	defer it.Close()
	if !inBPF(it) {
		return nil
	}
	return f
}

// inBPF reports whether an opened file is in a BPF file system: any other has no records for us.
func inBPF(fd bpf.FD) bool {
	var st unix.Statfs_t
	return unix.Fstatfs(int(fd), &st) == nil && uint32(st.Type) == unix.BPF_FS_MAGIC
}

// Pinned says which programs are pinned and whether this process may use them.
func Pinned() (walker, files bool) {
	if w, err := openPinnedWalker(1); err == nil {
		w.Close()
		walker = true
	}
	return walker, pinnedFiles() != nil
}

// Pin pins the walker with room for n records, and the task-file program, which everyone may read if everyone is set. What
// was pinned before is replaced, but only when both are loaded; who has it open keeps it.
func Pin(n int, everyone bool) error {
	f, err := NewFiles()
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := NewWalker(n)
	if errors.Is(err, errors.ErrUnsupported) {
		w = &Walker{lock: -1} // the kernel knows the other only
	} else if err != nil {
		return err
	}
	defer w.Close()
	unlock, err := lockPins()
	if err != nil {
		return err
	}
	defer unlock()
	if err := errors.Join(unmountPins(), mountPins()); err != nil {
		return err
	}
	if err := errors.Join(w.pin(), f.pin(everyone)); err != nil {
		return errors.Join(err, unmountPins())
	}
	return nil
}

// lockPins has those that pin and unpin take turns. The file is root's, so that nobody else can keep them waiting, and is
// left behind, because removing a lock lets two hold it.
func lockPins() (unlock func(), err error) {
	fd, err := unix.Open(pinLock, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: pinLock, Err: err}
	}
	for err = unix.EINTR; err == unix.EINTR; { // the runtime's signals
		err = unix.Flock(fd, unix.LOCK_EX)
	}
	if err != nil {
		unix.Close(fd)
		return nil, &os.PathError{Op: "lock", Path: pinLock, Err: err}
	}
	return func() { unix.Close(fd) }, nil
}

func mountPins() error {
	if err := os.Mkdir(pinDir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := unix.Mount("bpf", pinDir, "bpf", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0755"); err != nil {
		return &os.PathError{Op: "mount a BPF file system on", Path: pinDir, Err: err}
	}
	return os.Mkdir(pinRoot, 0o700)
}

// pin makes names for what openPinned opens.
func (w *Walker) pin() error {
	if len(w.fds) == 0 {
		return nil
	}
	return errors.Join(pinAs(w.link, pinRoot+pinWalk, 0o600), pinAs(w.fds[fdRecords], pinRoot+pinRecords, 0o600), pinAs(w.fds[fdControl], pinRoot+pinControl, 0o600))
}

func (f *Files) pin(everyone bool) error {
	mode := os.FileMode(0o400)
	if everyone {
		mode = 0o444
	}
	return pinAs(f.link, pinFiles, mode)
}

func pinAs(fd bpf.FD, path string, mode os.FileMode) error {
	if err := fd.Pin(path); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// Unpin removes what any version of sockeye pinned, with the file system it stands in. Nothing there is no error.
func Unpin() error {
	if _, err := os.Lstat(pinDir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	unlock, err := lockPins()
	if err != nil {
		return err
	}
	defer unlock()
	return unmountPins()
}

// unmountPins detaches the file system from its place. It ends, with what is pinned there, when the last who has opened
// something in it lets go.
func unmountPins() error {
	for {
		err := unix.Unmount(pinDir, unix.MNT_DETACH)
		if err == unix.EINVAL || err == unix.ENOENT {
			break // not, or no longer, a mount
		}
		if err != nil {
			return &os.PathError{Op: "unmount", Path: pinDir, Err: err}
		}
	}
	if err := os.Remove(pinDir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
