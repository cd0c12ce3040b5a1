//go:build !linux

package relay

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"
)

// listenUnix listens at a path. What a dead server has left there is replaced.
func listenUnix(path string, mode fs.FileMode) (net.Listener, error) {
	if _, err := os.Lstat(path); err == nil {
		c, err := net.DialTimeout("unix", path, time.Second)
		if err == nil {
			c.Close()
			return nil, fmt.Errorf("%s has a server already: %w", path, syscall.EADDRINUSE)
		}
		if !refused(err) {
			return nil, fmt.Errorf("%s is there, and cannot be found to be a socket without a server (%w); it is left alone", path, err)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, mode); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}
