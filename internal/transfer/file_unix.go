//go:build unix

package transfer

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

var errRefused error = syscall.ECONNREFUSED

// openFile opens a file to read it. What has become a FIFO since it was found must not make us wait.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
}

// modeOf are the permission bits that the receiver is told.
func modeOf(info fs.FileInfo) fs.FileMode { return info.Mode().Perm() }

// setMode gives a complete file its permissions: the sender's, as far as the umask, which has made those it has, lets it.
func setMode(f *os.File, mode fs.FileMode) error {
	info, err := f.Stat()
	if err != nil || mode == 0 {
		return err
	}
	return f.Chmod((info.Mode().Perm() | 0o600) & mode)
}

// restrict takes rights to a part from before away that the complete file will not have.
func restrict(f *os.File, is, mode fs.FileMode) error {
	if less := is.Perm() & (mode | 0o600); mode != 0 && less != is.Perm() {
		return f.Chmod(less)
	}
	return nil
}

// lock takes the file for this process, or fails with errLocked. It lasts until the file is closed.
func lock(f *os.File) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		return errLocked
	case errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		return nil // file systems without locks
	}
	return err
}

// cannotLink reports whether a file system has no hard links, or not for us.
func cannotLink(err error) bool {
	return errors.Is(err, unix.EPERM) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EMLINK)
}

const onWindows = false
