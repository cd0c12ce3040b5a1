package unixpipe

import (
	"os"

	"golang.org/x/sys/unix"
)

// Lock holds the lock file of a server. The kernel gives it up when the process dies, however it dies.
type Lock struct {
	f    *os.File
	path string
}

// TryLock locks the file at the path, which it makes if need be. EWOULDBLOCK means that a living process has it.
func TryLock(path string) (*Lock, error) {
	for {
		l, err := openLock(path)
		if err != nil {
			return nil, err
		}
		if l.current() {
			return l, nil
		}
		l.f.Close() // its last owner removed it after we had opened it
	}
}

func openLock(path string) (*Lock, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &Lock{os.NewFile(uintptr(fd), path), path}, nil
}

// current tells whether the path still is the file that we have locked.
func (l *Lock) current() bool {
	mine, err := l.f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(l.path)
	return err == nil && os.SameFile(mine, there)
}

// Release removes the file and unlocks it, in this order: who waits for it sees that it is another one.
func (l *Lock) Release() error {
	err := os.Remove(l.path)
	if e := l.f.Close(); err == nil {
		err = e
	}
	return err
}
