package sockex

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// fd calls f with the sending end's descriptor.
func (s *sender) fd(e *end, f func(fd int)) {
	s.Helper()
	if e.handle != nil {
		f(int(e.handle.FD()))
		return
	}
	raw, err := e.conn.(syscall.Conn).SyscallConn()
	s.must(err)
	s.must(raw.Control(func(fd uintptr) { f(int(fd)) }))
}

// uncorked checks that no cork is left.
func (s *sender) uncorked(e *end) {
	s.Helper()
	s.fd(e, func(fd int) {
		if on, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_CORK); on != 0 || err != nil {
			s.Errorf("the cork is %d, %v", on, err)
		}
	})
}

func setReadBuffer(fd uintptr, n int) {
	_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, n)
}

func connectUDP(uintptr, netip.AddrPort) { panic("the port does it") }

func onWine() bool { return false }
