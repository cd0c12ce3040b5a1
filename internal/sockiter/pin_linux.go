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
	pinRoot    = pinDir + "/root" // what shares memory with its one reader, for root alone
	pinVersion = "v1"
	pinWalk    = pinRoot + "/walk-" + pinVersion
	pinRecords = pinRoot + "/records-" + pinVersion
	pinControl = pinRoot + "/control-" + pinVersion
	pinFiles   = pinDir + "/sockets-" + pinVersion
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
	recs, err := w.keep(bpf.OpenPinned(pinRecords))
	if err != nil {
		return err
	}
	ctl, err := w.keep(bpf.OpenPinned(pinControl))
	if err != nil {
		return err
	}
	if w.link, err = w.keep(bpf.OpenPinned(pinWalk)); err != nil {
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
	it.Close()
	return f
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
// was pinned before is replaced.
func Pin(n int, everyone bool) error {
	if err := Unpin(); err != nil {
		return err
	}
	if err := mountPins(); err != nil {
		return err
	}
	if err := errors.Join(pinWalker(n), pinTaskFile(everyone)); err != nil {
		return errors.Join(err, Unpin())
	}
	return nil
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

func pinWalker(n int) error {
	w, err := NewWalker(n)
	if err != nil {
		return err
	}
	defer w.Close()
	return errors.Join(pinAs(w.link, pinWalk, 0o600), pinAs(w.fds[fdRecords], pinRecords, 0o600), pinAs(w.fds[fdControl], pinControl, 0o600))
}

func pinTaskFile(everyone bool) error {
	f, err := NewFiles()
	if err != nil {
		return err
	}
	defer f.Close()
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
