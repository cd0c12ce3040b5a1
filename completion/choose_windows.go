package completion

import (
	"errors"
	"os"
)

// choose opens the backend, of which there is one.
func (l *loop) choose() error {
	want := l.cfg.Backend
	if env := os.Getenv(EnvBackend); want == Auto && env != "" {
		var err error
		if want, err = ParseBackend(env); err != nil {
			return err
		}
	}
	if want != Auto && want != IOCP {
		return errors.Join(errors.ErrUnsupported, errors.New(want.String()+" is not of this system"))
	}
	d, err := newIOCPDriver(l)
	if err != nil {
		return err
	}
	l.drv, l.backend = d, IOCP
	l.cfg.Hold = 0 // the system waits in milliseconds
	return nil
}

// adopt puts a handle on the port, unless goroutines are to do its operations.
func (l *loop) adopt(h *Handle) error {
	if h.sys.blocking {
		return nil
	}
	return l.drv.(*iocpDriver).associate(h)
}
