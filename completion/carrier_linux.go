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

func shutdownWrite(fd sysFD) { _ = unix.Shutdown(int(fd), unix.SHUT_WR) }
