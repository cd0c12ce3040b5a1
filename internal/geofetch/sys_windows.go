package geofetch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/windows"
)

// lock has nothing to do: a file that Go has open cannot be removed, since it is not opened with FILE_SHARE_DELETE.
func lock(*os.File) error { return nil }

// moveTime is how long move may have a file that is written to the end, and closed, before it has its name.
const moveTime = moveTries*moveWait + time.Second

// removeUnlocked removes a file that nobody has open or has just closed to move it.
func removeUnlocked(path string) error {
	if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()).Abs() < moveTime {
		return windows.ERROR_SHARING_VIOLATION
	}
	if err := os.Remove(path); inUse(err) {
		return err
	}
	return nil
}

func inUse(err error) bool {
	return errors.Is(err, windows.ERROR_SHARING_VIOLATION) || errors.Is(err, windows.ERROR_ACCESS_DENIED) ||
		errors.Is(err, windows.ERROR_USER_MAPPED_FILE) || errors.Is(err, windows.ERROR_LOCK_VIOLATION)
}

// keepOwner has nothing to do: a file has the access list of its folder.
func keepOwner(*os.File, fs.FileInfo) {}

const (
	moveTries = 20
	moveWait  = 50 * time.Millisecond // between them
)

// move closes the file, since an open one cannot be renamed. The target is not replaced while somebody has it open, be it
// for the moment that it takes to read it or to look for viruses in it: so that it is tried again for a second. One that
// stays in use is put aside, if its users allow that.
func (t *target) move(f *os.File) error {
	if err := f.Close(); err != nil {
		return err
	}
	var err error
	for range moveTries {
		if err = rename(f.Name(), t.file); !inUse(err) {
			break
		}
		time.Sleep(moveWait)
	}
	if inUse(err) && t.old != nil {
		err = t.moveAside(f.Name(), err)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// moveAside renames the old file, which is permitted where it is mapped, or open with FILE_SHARE_DELETE. For a moment
// there is no file of its name; if this process is killed then, the next update puts the old one back.
func (t *target) moveAside(from string, why error) error {
	aside := strings.TrimSuffix(from, tempSuffix) + asideSuffix
	if rename(t.file, aside) != nil {
		return fmt.Errorf("the file is in use by a program that does not let it be replaced, or not this user's: end that, and update again (%w)", errors.Unwrap(why))
	}
	if err := rename(from, t.file); err != nil {
		return errors.Join(err, rename(aside, t.file))
	}
	os.Remove(aside) // or the next update does
	return nil
}

// rename waits until the name is on the disk, as far as the file system does that (MoveFileEx).
func rename(from, to string) error {
	a, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	b, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(a, b, windows.MOVEFILE_REPLACE_EXISTING|windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// syncFolder has nothing to do: see rename.
func syncFolder(string) error { return nil }

func diskFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

// freeSpace is what this user may still write, in bytes.
func freeSpace(dir string) (int64, bool) {
	p, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, false
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(p, &free, nil, nil); err != nil {
		return 0, false
	}
	return int64(min(free, 1<<62)), true
}
