package fdwalk

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The wrappers of package unix take strings, which costs an allocation a call; these take bytes that end with NUL.

// openDir opens a directory; path must be ended by NUL.
func openDir(dir int, path []byte) (int, error) {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	return openat(dir, path, flags)
}

func openat(dir int, path []byte, flags int) (int, error) {
	for {
		fd, _, errno := unix.Syscall6(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(&path[0])), uintptr(flags), 0, 0, 0)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EINTR:
		default:
			return -1, errno
		}
	}
}

// readLink reads a link of /proc; name must be followed by NUL. A target longer than buf is cut. The call takes two
// microseconds and waits for nothing, so that Go's scheduler need not be told of it.
func readLink(dir int, name, buf []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(&name[0])),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(len(buf)), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// kcmpFiles is KCMP_FILES of include/uapi/linux/kcmp.h.
const kcmpFiles = 2

// sameTable reports whether two threads share one descriptor table, kcmp(2).
func sameTable(a, b int) (bool, error) {
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(a), uintptr(b), kcmpFiles, 0, 0, 0)
	if errno != 0 {
		return false, errno
	}
	return r == 0, nil
}

// gone reports whether an error means that the process, thread or descriptor has ended.
func gone(err error) bool { return err == unix.ENOENT || err == unix.ESRCH }

// denied reports whether an error means that we may not look.
func denied(err error) bool { return err == unix.EACCES || err == unix.EPERM }
