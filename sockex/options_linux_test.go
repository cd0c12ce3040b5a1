package sockex

import (
	"net"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
)

func setNoDelay(s *Socket, on int) error {
	var err error
	if e := s.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, on) }); e != nil {
		return e
	}
	return err
}

func noDelay(r *rig, c *net.TCPConn) bool {
	return r.option(c, unix.IPPROTO_TCP, unix.TCP_NODELAY) != 0
}

// option is one of a connection's.
func (r *rig) option(c *net.TCPConn, level, name int) (n int) {
	r.Helper()
	rc, err := c.SyscallConn()
	r.must(err)
	r.must(control(rc, func(fd int) (err error) {
		n, err = unix.GetsockoptInt(fd, level, name)
		return err
	}))
	return n
}

// setLinger has a handle be closed by a reset.
func setLinger(h *completion.Handle) {
	_ = unix.SetsockoptLinger(int(h.FD()), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
}
