package completion

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// newCarrier makes that of the worker's backend.
func newCarrier(w *worker) (carrier, error) {
	if w.server.opts.plain {
		return newOpsCarrier(w), nil
	}
	switch d := w.loop.drv.(type) {
	case *uringDriver:
		return newUringCarrier(w, d)
	case *epollDriver:
		return newEpollCarrier(w, d), nil
	}
	return newOpsCarrier(w), nil
}

// passing reports whether an error of accepting is that of one connection only.
func passing(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && brief(errno)
}

// readsInParts reports whether reading stops short of what is there: at a descriptor that was passed (unix(7)).
func readsInParts(fd sysFD) bool {
	domain, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err != nil || domain == unix.AF_UNIX
}

// noDelay has a listener's connections send at once, as those of package net do, which sets it for each.
func noDelay(fd sysFD) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }

// unread reports whether bytes of the peer's wait in the socket.
func unread(fd sysFD) bool {
	n, err := unix.IoctlGetInt(int(fd), unix.SIOCINQ)
	return err == nil && n > 0
}

func shutdownWrite(fd sysFD) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }
