package transfer

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

var errRefused error = windows.WSAECONNREFUSED

func openFile(path string) (*os.File, error) { return os.Open(path) }

// modeOf is 0, not known: Windows has access lists.
func modeOf(fs.FileInfo) fs.FileMode { return 0 }

func setMode(*os.File, fs.FileMode) error { return nil }

func restrict(*os.File, fs.FileMode, fs.FileMode) error { return nil }

// lock takes the file for this process, or fails with errLocked: a byte far behind the end, so that others may still read.
func lock(f *os.File) error {
	at := windows.Overlapped{OffsetHigh: 1 << 30}
	err := windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return errLocked
	}
	return err
}

func cannotLink(err error) bool {
	return errors.Is(err, windows.ERROR_INVALID_FUNCTION) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) ||
		errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED) || errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, errors.ErrUnsupported)
}

const onWindows = true
