package relay

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/unixpipe"
)

// backlog is how many connections wait to be accepted; the system allows no more than somaxconn.
const backlog = 4096

// unixListener removes its file when it is closed, while it has the lock.
type unixListener struct {
	net.Listener
	path string
	file fs.FileInfo
	lock *unixpipe.Lock
	once sync.Once
}

// listenUnix listens at a path. What a dead server has left there is replaced; a lock file beside it lets one at a time
// look and replace. The socket gets its mode before anybody can connect.
func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if len(path) > unixpipe.MaxPath {
		return nil, fmt.Errorf("the path has %d bytes, and a socket's may have %d", len(path), unixpipe.MaxPath)
	}
	if path[0] == '@' {
		return net.Listen("unix", path) // abstract: there is no file
	}
	dir, file := filepath.Split(path)
	lock, err := unixpipe.TryLock(dir + "." + file + ".lock")
	if err == unix.EWOULDBLOCK {
		return nil, inUse(path)
	}
	if err != nil {
		return nil, err
	}
	l, err := listenLocked(path, mode)
	if err != nil {
		lock.Release()
		return nil, err
	}
	l.lock = lock
	return l, nil
}

func inUse(path string) error {
	return fmt.Errorf("%s has a server already: %w", path, syscall.EADDRINUSE)
}

func listenLocked(path string, mode fs.FileMode) (*unixListener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	fd, err := unixpipe.Bind(unixpipe.Stream, path)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close() // the listener has its own
	l := &unixListener{path: path}
	if err = os.Chmod(path, mode); err == nil {
		if l.file, err = os.Lstat(path); err == nil {
			if err = unixpipe.Listen(fd, backlog); err == nil {
				l.Listener, err = net.FileListener(f)
			}
		}
	}
	if err != nil {
		os.Remove(path)
		return nil, err
	}
	return l, nil
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there and no socket; it is left alone", path)
	}
	alive, err := unixpipe.Alive(path)
	if err != nil {
		return fmt.Errorf("%s: cannot find out whether it has a server: %w", path, err)
	}
	if alive {
		return inUse(path)
	}
	return os.Remove(path)
}

func (l *unixListener) Close() (err error) {
	l.once.Do(func() {
		if now, err := os.Lstat(l.path); err == nil && os.SameFile(now, l.file) {
			os.Remove(l.path)
		}
		err = l.Listener.Close()
		l.lock.Release()
	})
	return err
}
