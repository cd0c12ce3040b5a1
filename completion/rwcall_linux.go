package completion

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const acceptFlags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK

func readCall(fd sysFD, b []byte) (int, error) {
	r, _, errno := syscall.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(r), orNil(errno)
}

func writeCall(fd sysFD, b []byte) (int, error) {
	r, _, errno := syscall.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)))
	return int(r), orNil(errno)
}

// orNil makes an error of a number without allocating.
func orNil(errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}
