package sockex

import (
	"net"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/completion"
)

func setNoDelay(s *Socket, on int) error {
	var err error
	if e := s.Control(func(fd uintptr) {
		err = windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_TCP, windows.TCP_NODELAY, on)
	}); e != nil {
		return e
	}
	return err
}

func noDelay(r *rig, c *net.TCPConn) bool {
	r.Helper()
	rc, err := c.SyscallConn()
	r.must(err)
	n := 0
	r.must(control(rc, func(fd uintptr) (err error) {
		n, err = windows.GetsockoptInt(windows.Handle(fd), windows.IPPROTO_TCP, windows.TCP_NODELAY)
		return err
	}))
	return n != 0
}

// setLinger has a handle be closed by a reset.
func setLinger(h *completion.Handle) {
	_ = windows.SetsockoptLinger(windows.Handle(h.FD()), windows.SOL_SOCKET, windows.SO_LINGER, &windows.Linger{Onoff: 1})
}
