package completion

import (
	"errors"
	"os"
	"syscall"
)

// choose opens the backend: the one that is asked for, or io_uring, and epoll where that is refused. A container's filter
// says EPERM, as kernel.io_uring_disabled does; a kernel without it ENOSYS; and too little lockable memory ENOMEM.
func (l *loop) choose() error {
	want := l.cfg.Backend
	if env := os.Getenv(EnvBackend); want == Auto && env != "" {
		var err error
		if want, err = ParseBackend(env); err != nil {
			return err
		}
	}
	switch want {
	case Auto:
		if l.tryBackend(IOUring) == nil {
			return nil
		}
		return l.tryBackend(Epoll)
	case IOUring, Epoll:
		return l.tryBackend(want)
	}
	return errors.Join(errors.ErrUnsupported, errors.New(want.String()+" is not of this system"))
}

func (l *loop) tryBackend(b Backend) (err error) {
	if b == IOUring {
		var d *uringDriver
		if d, err = newUringDriver(l); err == nil {
			l.drv = d
		}
	} else {
		var d *epollDriver
		if d, err = newEpollDriver(l); err == nil {
			l.drv = d
		}
	}
	if err == nil {
		l.backend = b
		return nil
	}
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSYS) {
		err = errors.Join(errors.ErrUnsupported, err)
	}
	return err
}

// adopt makes a handle known to the backend, which on Linux is done when it is first needed.
func (l *loop) adopt(*Handle) error { return nil }
