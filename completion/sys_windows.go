package completion

import (
	"errors"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// sysFD is a handle or a socket.
type sysFD windows.Handle

const (
	badFD       = sysFD(windows.InvalidHandle)
	familyINET  = windows.AF_INET
	familyINET6 = windows.AF_INET6
)

// sysOp is what the system has of an operation while it is under way. The OVERLAPPED comes first: its address is what the
// system tells us.
type sysOp struct {
	overlapped windows.Overlapped
	op         *Op
	bufs       []windows.WSABuf
	addr       windows.RawSockaddrAny
	addrLen    int32
	flags      uint32
	accepted   windows.Handle // the socket that AcceptEx fills
	room       []byte         // first block and addresses
}

// sysHandle is what the backend knows of a handle.
type sysHandle struct {
	blocking bool    // not opened for overlapped use: goroutines do its operations
	function uintptr // AcceptEx of a listener, ConnectEx of a client
}

func (s *sysHandle) forget(int) {}

// init: Go opens files without FILE_FLAG_OVERLAPPED.
func (s *sysHandle) init(ofGo bool) { s.blocking = ofGo }

func (o *Op) system() *sysOp {
	if o.sys == nil {
		o.sys = &sysOp{op: o}
	}
	return o.sys
}

func isCanceled(err error) bool {
	return err == syscall.ECANCELED || err == windows.ERROR_OPERATION_ABORTED || err == windows.WSA_E_CANCELLED
}

// errNotOurs is what Attach says of sockets: they belong to the runtime's port for life.
var errNotOurs = errors.Join(errors.ErrUnsupported, errors.New("a socket of package net belongs to the Go runtime's completion port"))

// duplicate is for files only, which Go opens without FILE_FLAG_OVERLAPPED.
func duplicate(fd uintptr) (sysFD, error) {
	if _, err := windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soType); err == nil {
		return badFD, errNotOurs
	}
	me := windows.CurrentProcess()
	var own windows.Handle
	if err := windows.DuplicateHandle(me, windows.Handle(fd), me, &own, 0, false, windows.DUPLICATE_SAME_ACCESS); err != nil {
		return badFD, err
	}
	return sysFD(own), nil
}

// examine finds out what a handle is.
func (h *Handle) examine() error {
	kind, err := windows.GetsockoptInt(windows.Handle(h.fd), windows.SOL_SOCKET, soType)
	switch {
	case err == nil && kind == windows.SOCK_STREAM:
		h.nature = streamSocket
		return nil
	case err == nil:
		h.nature = otherSocket
		return nil
	}
	t, err := windows.GetFileType(windows.Handle(h.fd))
	if err != nil {
		return err
	}
	h.nature = stream
	if t == windows.FILE_TYPE_DISK {
		h.nature = file
	}
	return nil
}

func closeFD(h *Handle) error {
	if h.nature.isSocket() {
		return windows.Closesocket(windows.Handle(h.fd))
	}
	return windows.CloseHandle(windows.Handle(h.fd))
}

func sockName(fd sysFD, peer bool) (netip.AddrPort, error) {
	sa, err := windows.Getsockname(windows.Handle(fd))
	name := "getsockname"
	if peer {
		sa, err = windows.Getpeername(windows.Handle(fd))
		name = "getpeername"
	}
	if err != nil {
		return netip.AddrPort{}, &OpError{Op: name, Err: err}
	}
	return fromSockaddr(sa), nil
}

func fromSockaddr(sa windows.Sockaddr) netip.AddrPort {
	switch a := sa.(type) {
	case *windows.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *windows.SockaddrInet6:
		var s sockaddr
		ip := netip.AddrFrom16(a.Addr).Unmap()
		if _, err := s.put(netip.AddrPortFrom(ip, uint16(a.Port)), true); err != nil {
			return netip.AddrPort{}
		}
		*(*uint32)(unsafe.Pointer(&s[24])) = a.ZoneId
		return s.get(sockaddr6Len)
	}
	return netip.AddrPort{}
}

// ioUDPReset is SIO_UDP_CONNRESET: without it, a datagram that nobody takes makes a later receive fail.
const ioUDPReset = windows.IOC_IN | windows.IOC_VENDOR | 12

func newSocket(six, streaming bool) (sysFD, error) {
	family, kind, proto := int32(windows.AF_INET), int32(windows.SOCK_DGRAM), int32(windows.IPPROTO_UDP)
	if six {
		family = windows.AF_INET6
	}
	if streaming {
		kind, proto = windows.SOCK_STREAM, windows.IPPROTO_TCP
	}
	fd, err := windows.WSASocket(family, kind, proto, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return badFD, err
	}
	if streaming {
		_ = windows.SetsockoptInt(fd, windows.IPPROTO_TCP, windows.TCP_NODELAY, 1)
	} else {
		var no, n uint32
		_ = windows.WSAIoctl(fd, ioUDPReset, (*byte)(unsafe.Pointer(&no)), 4, nil, 0, &n, nil, 0)
	}
	return sysFD(fd), nil
}

// isSix reports whether a socket is of IPv6: the protocol tells, also of one that is not bound.
func isSix(fd sysFD) bool {
	var info windows.WSAProtocolInfo
	n := int32(unsafe.Sizeof(info))
	err := windows.Getsockopt(windows.Handle(fd), windows.SOL_SOCKET, soProtocolInfo, (*byte)(unsafe.Pointer(&info)), &n)
	return err == nil && info.AddressFamily == windows.AF_INET6
}

const (
	soType         = 0x1008 // SO_TYPE
	soProtocolInfo = 0x2005 // SO_PROTOCOL_INFOW
)

func bind(fd sysFD, a netip.AddrPort) error {
	sa, err := toSockaddr(a, isSix(fd))
	if err != nil {
		return err
	}
	return windows.Bind(windows.Handle(fd), sa)
}

func toSockaddr(a netip.AddrPort, six bool) (windows.Sockaddr, error) {
	if !a.Addr().IsValid() {
		return nil, errBadAddr
	}
	if a.Addr().Is4() && !six {
		return &windows.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil
	}
	zone, err := scope(a.Addr().Zone())
	if err != nil {
		return nil, err
	}
	return &windows.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16(), ZoneId: zone}, nil
}

// exclusive is SO_EXCLUSIVEADDRUSE. On Windows SO_REUSEADDR would let others take a listener's port over.
const exclusive = ^4

func startListening(fd sysFD, a netip.AddrPort, both bool) error {
	_ = windows.SetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, exclusive, 1)
	if a.Addr().Is6() {
		only := 1
		if both {
			only = 0
		}
		if err := windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_IPV6, windows.IPV6_V6ONLY, only); err != nil {
			return err
		}
	}
	if err := bind(fd, a); err != nil {
		return err
	}
	return windows.Listen(windows.Handle(fd), windows.SOMAXCONN)
}

func readsInParts(sysFD) bool { return false }
func noDelay(sysFD)           {}

// unread reports whether bytes of the peer's wait in the socket.
func unread(fd sysFD) bool {
	const fionRead = windows.IOC_OUT | 4<<16 | 'f'<<8 | 127
	var n, got uint32
	err := windows.WSAIoctl(windows.Handle(fd), fionRead, nil, 0, (*byte)(unsafe.Pointer(&n)), 4, &got, nil, 0)
	return err == nil && n > 0
}

func shutdownWrite(fd sysFD) { _ = windows.Shutdown(windows.Handle(fd), windows.SHUT_WR) }

// passing reports whether an error of accepting is that of one connection only.
func passing(err error) bool {
	// WSAENOTCONN is the answer to SO_UPDATE_ACCEPT_CONTEXT when the client has reset the connection already.
	return errors.Is(err, windows.WSAENOTCONN) || errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED) || errors.Is(err, windows.ERROR_NETNAME_DELETED)
}

func newCarrier(w *worker) (carrier, error) { return newOpsCarrier(w), nil }
