package sockex

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/internal/iocp"
	"github.com/sockeye-net/sockeye/internal/mswsock"
)

const tcpFastOpen = 15 // TCP_FASTOPEN

// dial connects s, which is taken, and sends.
func (s *Socket) dial(ctx context.Context, raddr netip.AddrPort, data []byte, o *ConnectOptions) (n int, err error) {
	to, err := sockaddrOf(raddr, s.sys.six)
	if err != nil {
		return 0, err
	}
	if !handsOver() {
		return s.sys.dialByNet(ctx, raddr, data)
	}
	if _, err := windows.Getsockname(s.sys.h); err != nil { // ConnectEx wants a socket that is bound
		all := netip.IPv4Unspecified()
		if s.sys.six {
			all = netip.IPv6Unspecified()
		}
		if err := s.sys.bind(netip.AddrPortFrom(all, 0)); err != nil {
			return 0, err
		}
	}
	if o.FastOpen {
		_ = windows.SetsockoptInt(s.sys.h, windows.IPPROTO_TCP, tcpFastOpen, 1) // before Windows 10 1607 there is none
	}
	n, err = s.sys.connect(ctx, to, data)
	if err == nil {
		err = windows.Setsockopt(s.sys.h, windows.SOL_SOCKET, windows.SO_UPDATE_CONNECT_CONTEXT, nil, 0)
	}
	if err != nil && !tryAgain(err) {
		err = errors.Join(err, s.sys.renew())
	}
	return n, err
}

// tryAgain reports whether a socket may be connected again after an error (ConnectEx, "Return value").
func tryAgain(err error) bool {
	switch {
	case errors.Is(err, windows.WSAECONNREFUSED), errors.Is(err, windows.WSAENETUNREACH), errors.Is(err, windows.WSAETIMEDOUT):
		return true
	}
	return false
}

func (s *sysSocket) connect(ctx context.Context, to windows.Sockaddr, data []byte) (int, error) {
	f, err := mswsock.Find(s.h, &iocp.ConnectExID)
	if err != nil {
		return 0, err
	}
	rc, err := s.rawConn()
	if err != nil {
		return 0, err
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	if len(data) > 0 {
		pin.Pin(unsafe.SliceData(data))
	}
	addr, n := rawSockaddr(to)
	return mswsock.Run(ctx, rc, func(h windows.Handle, o *windows.Overlapped) error {
		return iocp.ConnectEx(f, h, unsafe.Pointer(addr), n, data, o)
	})
}

// rawSockaddr is an address as the system has it.
func rawSockaddr(a windows.Sockaddr) (*windows.RawSockaddrInet6, int) {
	r := &windows.RawSockaddrInet6{}
	switch a := a.(type) {
	case *windows.SockaddrInet4:
		r4 := (*windows.RawSockaddrInet4)(unsafe.Pointer(r))
		r4.Family, r4.Port, r4.Addr = windows.AF_INET, swap(a.Port), a.Addr
		return r, int(unsafe.Sizeof(*r4))
	case *windows.SockaddrInet6:
		r.Family, r.Port, r.Addr, r.Scope_id = windows.AF_INET6, swap(a.Port), a.Addr, a.ZoneId
	}
	return r, int(unsafe.Sizeof(*r))
}

// swap is a port in the network's order; all of Windows' machines have the other.
func swap(port int) uint16 { return uint16(port)<<8 | uint16(port)>>8 }

// sysConnection: the system's own function does all of it.
type sysConnection struct{}

func (c *Connection) setFast() {
	_ = windows.SetsockoptInt(windows.Handle(c.op.Handle.FD()), windows.IPPROTO_TCP, tcpFastOpen, 1)
}

func (c *Connection) settle(*completion.Op) {}

func allowFastOpen(fd uintptr, queue int) error {
	return windows.SetsockoptInt(windows.Handle(fd), windows.IPPROTO_TCP, tcpFastOpen, min(queue, 1))
}
