package sockex

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysSocket is a descriptor, and once that had to be waited for a file, which the runtime's poller has. Making one costs more
// than connecting does on the same machine.
type sysSocket struct {
	fd int
	f  *os.File
}

// fdConn is a descriptor that nobody closes meanwhile, since its Socket is taken.
type fdConn int

func (c fdConn) Control(f func(fd uintptr)) error {
	f(uintptr(c))
	return nil
}

func (c fdConn) Read(func(fd uintptr) bool) error  { return errors.ErrUnsupported }
func (c fdConn) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }

func (s *Socket) open(network string, local netip.AddrPort) error {
	six, err := parseNetwork(network)
	if err != nil {
		return err
	}
	family := unix.AF_INET
	if six {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	if err = prepare(fd, local); err != nil {
		_ = unix.Close(fd)
		return err
	}
	s.sys.fd = fd
	return nil
}

// prepare sets the options of a new socket and binds it.
func prepare(fd int, local netip.AddrPort) error {
	o := usual
	if err := o.set(fd); err != nil || !local.IsValid() {
		return err
	}
	to, err := sockaddrFor(fd, local)
	if err != nil {
		return err
	}
	_, _, errno := unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(to))), uintptr(len(to)))
	if errno != 0 {
		return errno
	}
	return nil
}

func (s *sysSocket) close() error {
	if s.f != nil {
		return s.f.Close()
	}
	return unix.Close(s.fd)
}

func (s *sysSocket) rawConn() (syscall.RawConn, error) {
	if s.f != nil {
		return s.f.SyscallConn()
	}
	return fdConn(s.fd), nil
}

// pollable gives the socket to the runtime's poller.
func (s *sysSocket) pollable() (syscall.RawConn, error) {
	if s.f == nil {
		s.f = os.NewFile(uintptr(s.fd), "socket")
	}
	return s.f.SyscallConn()
}

// takeOver makes a connection that has been disconnected a Socket.
func takeOver(c *net.TCPConn) (*Socket, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	own := -1
	err = control(rc, func(fd int) (err error) {
		if connected(fd) {
			return ErrConnected
		}
		own, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := c.Close(); err != nil {
		_ = unix.Close(own)
		return nil, err
	}
	return &Socket{sys: sysSocket{fd: own}}, nil
}

// conn makes a connection of package net of a socket that has been connected. Package net sets its own options on every
// connection; those that the socket had are put back.
func (s *Socket) conn() (*net.TCPConn, error) {
	var was tcpOptions
	err := was.get(s.sys.fd)
	if err == nil && s.sys.f == nil {
		// A file that blocks is not given to the poller. Package net has its duplicate not block.
		if err = unix.SetNonblock(s.sys.fd, false); err == nil {
			s.sys.f = os.NewFile(uintptr(s.sys.fd), "socket")
		}
	}
	if err != nil {
		_ = s.sys.close()
		return nil, err
	}
	c, err := net.FileConn(s.sys.f)
	_ = s.sys.f.Close()
	if err != nil {
		return nil, err
	}
	t := c.(*net.TCPConn)
	if err := was.restore(t); err != nil {
		_ = t.Close()
		return nil, err
	}
	return t, nil
}

// tcpOptions are those that package net sets.
type tcpOptions struct{ noDelay, keepAlive, idle, interval, count int }

// usual is how it sets them (Go 1.13 and later: a probe after 15 s, 9 of them).
var usual = tcpOptions{noDelay: 1, keepAlive: 1, idle: 15, interval: 15, count: 9}

func (o *tcpOptions) each(f func(level, name int, value *int) error) error {
	for _, e := range []struct {
		level, name int
		value       *int
	}{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, &o.noDelay},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, &o.keepAlive},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, &o.idle},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, &o.interval},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, &o.count},
	} {
		if err := f(e.level, e.name, e.value); err != nil {
			return err
		}
	}
	return nil
}

func (o *tcpOptions) get(fd int) error {
	return o.each(func(level, name int, value *int) (err error) {
		*value, err = unix.GetsockoptInt(fd, level, name)
		return err
	})
}

func (o *tcpOptions) set(fd int) error {
	return o.each(func(level, name int, value *int) error { return unix.SetsockoptInt(fd, level, name, *value) })
}

func (o *tcpOptions) restore(c *net.TCPConn) error {
	if *o == usual {
		return nil
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return control(rc, o.set)
}

func localAddr(fd uintptr) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(int(fd))
	if err != nil {
		return netip.AddrPort{}, err
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), nil
	case *unix.SockaddrInet6:
		ip := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 && !ip.Is4In6() {
			ip = ip.WithZone(strconv.FormatUint(uint64(a.ZoneId), 10))
		}
		return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port)), nil
	}
	return netip.AddrPort{}, ErrSocketKind
}
