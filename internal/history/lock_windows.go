package history

import (
	"errors"
	"os"
	"syscall"
)

// lock takes the right to record: the file is opened so that nobody else can open it (CreateFile, dwShareMode 0), and the
// system closes it when the process ends.
func lock(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	switch {
	case errors.Is(err, errSharing):
		return nil, ErrLocked
	case err != nil:
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// Numbers of winerror.h that package syscall has no names for.
const (
	errSharing      = syscall.Errno(32)  // ERROR_SHARING_VIOLATION
	errWriteProtect = syscall.Errno(19)  // ERROR_WRITE_PROTECT
	errHandleFull   = syscall.Errno(39)  // ERROR_HANDLE_DISK_FULL
	errDiskFull     = syscall.Errno(112) // ERROR_DISK_FULL
)

func isReadOnly(err error) bool { return errors.Is(err, errWriteProtect) }

func isNoSpace(err error) bool { return errors.Is(err, errDiskFull) || errors.Is(err, errHandleFull) }

// bootID is not known: no socket of Windows has a cookie that would outlive the recorder.
func bootID() string { return "" }
