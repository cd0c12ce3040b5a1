//go:build !windows

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

func brokenPipeSystem(error) bool { return false }

// refused is the system's number for a connection that was refused.
const refused = unix.ECONNREFUSED

func enableANSI(*os.File) bool { return os.Getenv("TERM") != "dumb" }

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}

// readerGone reports whether nobody reads the pipe any more: poll(2) then says POLLERR without being asked.
func readerGone(f *os.File) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd())}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1 && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
}
