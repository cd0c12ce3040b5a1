//go:build !windows

package geofetch

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lock marks a file as in use for as long as it is open; the system takes the mark away however the process ends. File
// systems without locks (some of the network) are used without.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return err
	}
	return nil
}

// removeUnlocked removes a file that nobody has marked. One that this user may not open is left. It is opened for writing
// because NFS has no exclusive locks for readers (flock(2)).
func removeUnlocked(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	if err := lock(f); err != nil {
		return err
	}
	os.Remove(path)
	return nil
}

// keepOwner leaves a file with those who had it, as far as this user may: a service must go on reading it.
func keepOwner(f *os.File, old fs.FileInfo) {
	if s, ok := old.Sys().(*syscall.Stat_t); ok {
		if f.Chown(int(s.Uid), int(s.Gid)) != nil {
			_ = f.Chown(-1, int(s.Gid))
		}
	}
}

// move is one step: whoever opens the target finds the old file or the new one.
func (t *target) move(f *os.File) error { return os.Rename(f.Name(), t.file) }

// syncFolder writes names to the disk. Not every file system can; then there is nothing to be done.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil // a folder may be writable and not readable
	}
	defer d.Close()
	if err := d.Sync(); errors.Is(err, unix.EIO) {
		return err
	}
	return nil
}

func diskFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// freeSpace is what this user may still write, in bytes.
func freeSpace(dir string) (int64, bool) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return int64(s.Bavail) * int64(s.Bsize), true
}
