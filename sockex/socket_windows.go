package sockex

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// sysSocket is a handle that is on no completion port. One that was a connection of package net is in a file of package os,
// which knows how to close it.
type sysSocket struct {
	h     windows.Handle
	f     *os.File
	six   bool
	local netip.AddrPort // that it was given
	c     *net.TCPConn   // made by package net: see dialByNet
}

// handleConn is a handle that nobody closes meanwhile, since its Socket is taken.
type handleConn windows.Handle

func (h handleConn) Control(f func(fd uintptr)) error {
	f(uintptr(h))
	return nil
}

func (h handleConn) Read(func(fd uintptr) bool) error  { return errors.ErrUnsupported }
func (h handleConn) Write(func(fd uintptr) bool) error { return errors.ErrUnsupported }

func (s *Socket) open(network string, local netip.AddrPort) (err error) {
	s.sys.local = local
	if s.sys.six, err = parseNetwork(network); err != nil {
		return err
	}
	return s.sys.make()
}

func (s *sysSocket) make() error {
	family := int32(windows.AF_INET)
	if s.six {
		family = windows.AF_INET6
	}
	h, err := windows.WSASocket(family, windows.SOCK_STREAM, windows.IPPROTO_TCP, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return err
	}
	s.h, s.f = h, nil
	o := tcpOptions{noDelay: 1, keepAlive: 1}
	if err = o.set(h); err == nil && s.local.IsValid() {
		err = s.bind(s.local)
	}
	if err != nil {
		_ = s.close()
	}
	return err
}

func (s *sysSocket) bind(a netip.AddrPort) error {
	to, err := sockaddrOf(a, s.six)
	if err != nil {
		return err
	}
	return windows.Bind(s.h, to)
}

// renew puts a new socket in the place of one that cannot be used again.
func (s *sysSocket) renew() error {
	_ = s.close()
	return s.make()
}

func (s *sysSocket) close() error {
	if s.f != nil {
		return s.f.Close()
	}
	return windows.Closesocket(s.h)
}

func (s *sysSocket) rawConn() (syscall.RawConn, error) {
	if s.f != nil {
		return s.f.SyscallConn()
	}
	return handleConn(s.h), nil
}

// takeOver makes a connection that has been disconnected a Socket. Package net lets go of it (File takes it off the
// runtime's completion port); where the system has no way to do that, as in Wine 10, a new socket takes its place.
func takeOver(c *net.TCPConn) (*Socket, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &Socket{}
	err = control(rc, func(fd uintptr) error {
		if _, err := windows.Getpeername(windows.Handle(fd)); err == nil && (handsOver() || !shutDown(windows.Handle(fd))) {
			return ErrConnected
		}
		info, err := protocolOf(windows.Handle(fd))
		s.sys.six = info.AddressFamily == windows.AF_INET6
		return err
	})
	if err != nil {
		return nil, err
	}
	f, err := c.File()
	_ = c.Close()
	if err != nil {
		return s, s.sys.make()
	}
	frc, err := f.SyscallConn()
	if err == nil {
		err = frc.Control(func(fd uintptr) { s.sys.h = windows.Handle(fd) })
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	s.sys.f = f
	return s, nil
}

// shutDown reports whether a socket cannot send any more. It is what tells in Wine 10, where a socket keeps its peer's address
// after DisconnectEx.
func shutDown(h windows.Handle) bool {
	var n uint32
	return errors.Is(windows.WSASend(h, &windows.WSABuf{}, 1, &n, 0, nil, nil), windows.WSAESHUTDOWN)
}

// conn makes a connection of package net of a socket that has been connected.
func (s *Socket) conn() (*net.TCPConn, error) {
	if s.sys.c != nil {
		return s.sys.c, nil
	}
	var was tcpOptions
	was.get(s.sys.h)
	c, err := s.sys.give()
	if err != nil {
		return nil, err
	}
	t := c.(*net.TCPConn)
	_ = t.SetNoDelay(was.noDelay != 0) // package net sets both on every connection
	_ = t.SetKeepAlive(was.keepAlive != 0)
	return t, nil
}

// give duplicates the handle, as package net does with files, and closes it. A socket is not to be closed as a file of
// package os closes its own (CloseHandle): the handle is protected from that.
func (s *sysSocket) give() (net.Conn, error) {
	if s.f != nil {
		c, err := net.FileConn(s.f)
		_ = s.f.Close()
		return c, err
	}
	f := os.NewFile(uintptr(s.h), "socket")
	c, err := net.FileConn(f)
	const protect = 2 // HANDLE_FLAG_PROTECT_FROM_CLOSE
	if e := windows.SetHandleInformation(s.h, protect, protect); e != nil {
		_ = f.Close()
		return c, err
	}
	_ = f.Close()
	_ = windows.SetHandleInformation(s.h, protect, 0)
	_ = windows.Closesocket(s.h)
	return c, err
}

// tcpOptions are those that package net sets.
type tcpOptions struct{ noDelay, keepAlive int }

func (o *tcpOptions) get(h windows.Handle) {
	o.noDelay, _ = windows.GetsockoptInt(h, windows.IPPROTO_TCP, windows.TCP_NODELAY)
	o.keepAlive, _ = windows.GetsockoptInt(h, windows.SOL_SOCKET, windows.SO_KEEPALIVE)
}

func (o *tcpOptions) set(h windows.Handle) error {
	if err := windows.SetsockoptInt(h, windows.IPPROTO_TCP, windows.TCP_NODELAY, o.noDelay); err != nil {
		return err
	}
	return windows.SetsockoptInt(h, windows.SOL_SOCKET, windows.SO_KEEPALIVE, o.keepAlive)
}

const soProtocolInfo = 0x2005 // SO_PROTOCOL_INFOW

func protocolOf(h windows.Handle) (info windows.WSAProtocolInfo, err error) {
	n := int32(unsafe.Sizeof(info))
	err = windows.Getsockopt(h, windows.SOL_SOCKET, soProtocolInfo, (*byte)(unsafe.Pointer(&info)), &n)
	return info, err
}

func sockaddrOf(a netip.AddrPort, six bool) (windows.Sockaddr, error) {
	ip := a.Addr()
	switch {
	case ip.Is4() && !six:
		return &windows.SockaddrInet4{Port: int(a.Port()), Addr: ip.As4()}, nil
	case !ip.IsValid() || !six:
		return nil, ErrAddrFamily
	}
	zone, err := scopeOf(ip.Zone())
	return &windows.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16(), ZoneId: zone}, err
}

// scopeOf is the number of a zone, which is a number already or the name of an interface.
func scopeOf(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, err
	}
	return uint32(i.Index), nil
}

func localAddr(fd uintptr) (netip.AddrPort, error) {
	sa, err := windows.Getsockname(windows.Handle(fd))
	if errors.Is(err, windows.WSAEINVAL) { // not bound
		info, err := protocolOf(windows.Handle(fd))
		if info.AddressFamily == windows.AF_INET6 {
			return netip.AddrPortFrom(netip.IPv6Unspecified(), 0), err
		}
		return netip.AddrPortFrom(netip.IPv4Unspecified(), 0), err
	}
	if err != nil {
		return netip.AddrPort{}, err
	}
	return addrPortOf(sa), nil
}

func addrPortOf(sa windows.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *windows.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *windows.SockaddrInet6:
		ip := netip.AddrFrom16(a.Addr)
		if a.ZoneId != 0 && !ip.Is4In6() {
			ip = ip.WithZone(strconv.FormatUint(uint64(a.ZoneId), 10))
		}
		return netip.AddrPortFrom(ip.Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}
