package pipe

import (
	"io"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
)

var capabilities = []Capability{SharedNames, RemotePipes, SDDL, Levels, Instances}

// told joins an error number with the condition that it is.
func told(err error) error {
	switch err {
	case iocp.ErrClosed:
		return ErrClosed
	case iocp.ErrTimeout:
		return ErrTimeout
	}
	errno, ok := err.(syscall.Errno)
	if !ok {
		return err
	}
	for _, c := range []struct {
		errno syscall.Errno
		cond  Condition
	}{
		{windows.ERROR_PIPE_BUSY, ErrBusy},
		{windows.ERROR_FILE_NOT_FOUND, ErrNotExist},
		{windows.ERROR_PATH_NOT_FOUND, ErrNotExist},
		{windows.ERROR_BAD_NETPATH, ErrNotExist},
		{windows.ERROR_BAD_PATHNAME, ErrBadName},
		{windows.ERROR_ACCESS_DENIED, ErrAccessDenied},
		{windows.ERROR_MORE_DATA, ErrMoreData},
		{windows.ERROR_BROKEN_PIPE, ErrBrokenPipe},
		{windows.ERROR_NO_DATA, ErrNoData},
		{windows.ERROR_PIPE_NOT_CONNECTED, ErrNotConnected},
		{windows.ERROR_INVALID_NAME, ErrBadName},
		{windows.ERROR_SEM_TIMEOUT, ErrTimeout},
		{windows.ERROR_INVALID_HANDLE, ErrClosed},
	} {
		if c.errno == errno {
			return &sysError{c.cond, errno}
		}
	}
	return err
}

// reading is told for reads, where the end is io.EOF.
func reading(err error) error {
	if err == windows.ERROR_BROKEN_PIPE {
		return io.EOF
	}
	return told(err)
}
