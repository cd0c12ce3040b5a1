package pipe

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// infoSize is more than a server tells.
const infoSize = 8 << 10

// writeInfo writes a new file, in the place of what a dead server has left.
func writeInfo(path, text string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	err = f.Chmod(0o644) // whatever the umask is
	if _, e := f.WriteString(text); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// readInfo is what a server tells, or nothing. The file may be in another user's directory, so it may be anything: a link, a
// fifo that never opens, a file without an end.
func readInfo(path string) string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return ""
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	if s, err := f.Stat(); err != nil || !s.Mode().IsRegular() {
		return ""
	}
	b, err := io.ReadAll(io.LimitReader(f, infoSize))
	if err != nil {
		return ""
	}
	return string(b)
}
