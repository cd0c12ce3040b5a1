package geofetch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// target is the file to be replaced. Beside it, and so in the same file system, are the files that may take its place:
// hidden, with names that nobody can foresee, open and (where that means anything) locked while they are in use.
type target struct {
	file, dir, base string
	old             fs.FileInfo // nil: there is none
}

const (
	tempSuffix  = ".tmp"
	asideSuffix = ".old" // of the file that was replaced, where it cannot be removed yet (Windows)
)

// newTarget follows symbolic links, so that it is what they lead to that is replaced, and makes the folder.
func newTarget(file string) (*target, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if to, err := filepath.EvalSymlinks(file); err == nil {
		file = to
	}
	t := &target{file: file, dir: filepath.Dir(file), base: filepath.Base(file)}
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return nil, t.notWritable(err)
	}
	return t, t.look()
}

func (t *target) look() (err error) {
	t.old, err = os.Stat(t.file)
	switch {
	case missing(err):
		t.old = nil
	case err != nil:
		return err
	case !t.old.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file, and is not replaced", t.file)
	}
	return nil
}

func (t *target) notWritable(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return fmt.Errorf("the folder %s is not writable for this user (%w)", t.dir, err)
}

func (t *target) prefix() string { return "." + t.base + ".sockeye-" }

// temp makes a file beside the target, which only this user can read.
func (t *target) temp() (*os.File, error) {
	for range 10 {
		f, err := os.CreateTemp(t.dir, t.prefix()+"*"+tempSuffix)
		if err != nil {
			return nil, t.notWritable(err)
		}
		if lock(f) == nil && t.still(f) {
			return f, nil
		}
		t.drop(f) // another update took it for a left-over before it was locked
	}
	return nil, ErrBusy
}

// still reports whether the name of an open file is still its own.
func (t *target) still(f *os.File) bool {
	a, err := f.Stat()
	if err != nil {
		return false
	}
	b, err := os.Lstat(f.Name())
	return err == nil && os.SameFile(a, b)
}

// drop removes what temp made; after it has been put in the place of the target there is nothing to remove.
func (t *target) drop(f *os.File) {
	if t.still(f) {
		f.Close() // Windows removes no open file
		os.Remove(f.Name())
		return
	}
	f.Close()
}

// clean removes what updates that were killed have left. ErrBusy says that one of them is not dead.
func (t *target) clean() error {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return t.notWritable(err)
	}
	for _, e := range entries {
		path := filepath.Join(t.dir, e.Name())
		switch {
		case !strings.HasPrefix(e.Name(), t.prefix()):
		case strings.HasSuffix(e.Name(), tempSuffix) && removeUnlocked(path) != nil:
			return ErrBusy
		case strings.HasSuffix(e.Name(), asideSuffix):
			t.putBack(path)
		}
	}
	return t.look()
}

// putBack ends what an update began that was killed between its two steps, or removes a file that can be removed by now.
func (t *target) putBack(aside string) {
	if _, err := os.Lstat(t.file); missing(err) {
		os.Rename(aside, t.file)
		return
	}
	os.Remove(aside)
}

// replace puts an open file of temp in the place of the target, for good: it is on the disk before it has the name, and
// has the name on the disk when replace returns.
func (t *target) replace(f *os.File) error {
	mode := fs.FileMode(0o644)
	if t.old != nil {
		mode = t.old.Mode().Perm()
		keepOwner(f, t.old)
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := t.move(f); err != nil {
		return err
	}
	return syncFolder(t.dir)
}
