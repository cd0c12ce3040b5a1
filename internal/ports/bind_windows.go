package ports

import (
	"errors"
	"net/netip"
	"os"
	"sync"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/netstat"
)

// Reusing is what Bind.Reuse stands for on this system, in words. SO_REUSEADDR itself would take the port away from its owner
// here.
const Reusing = "without SO_EXCLUSIVEADDRUSE"

// excludes: Hyper-V and others have Windows keep ranges of ports from everybody (netsh interface ipv4 show excludedportrange),
// and a bind there fails with WSAEACCES.
const excludes = true

// start is WSAStartup, which a process has to have called before its first socket; it is never undone.
var start = sync.OnceValue(func() error {
	var data windows.WSAData
	return os.NewSyscallError("WSAStartup", windows.WSAStartup(0x202, &data))
})

// Of <winsock2.h> and <ws2ipdef.h>.
const (
	soExclusiveAddrUse = ^4 // SO_EXCLUSIVEADDRUSE, ((int)(~SO_REUSEADDR))
	ipv6V6Only         = 27
)

func (b Bind) try(port uint16) error {
	if err := start(); err != nil {
		return err
	}
	domain, typ, proto := windows.AF_INET, windows.SOCK_STREAM, windows.IPPROTO_TCP
	if b.Addr.Is6() {
		domain = windows.AF_INET6
	}
	if b.Proto == netstat.UDP {
		typ, proto = windows.SOCK_DGRAM, windows.IPPROTO_UDP
	}
	s, err := windows.WSASocket(int32(domain), int32(typ), int32(proto), nil, 0, windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return os.NewSyscallError("WSASocket", err)
	}
	defer windows.Closesocket(s)
	if err := b.set(s); err != nil {
		return os.NewSyscallError("setsockopt", err)
	}
	return os.NewSyscallError("bind", windows.Bind(s, sockaddr(b.Addr, port)))
}

func (b Bind) set(s windows.Handle) error {
	if b.Addr.Is6() {
		v := 0
		if b.V6Only {
			v = 1
		}
		if err := windows.SetsockoptInt(s, windows.IPPROTO_IPV6, ipv6V6Only, v); err != nil {
			return err
		}
	}
	if b.Reuse {
		return nil
	}
	return windows.SetsockoptInt(s, windows.SOL_SOCKET, soExclusiveAddrUse, 1)
}

func sockaddr(a netip.Addr, port uint16) windows.Sockaddr {
	if a.Is4() {
		return &windows.SockaddrInet4{Port: int(port), Addr: a.As4()}
	}
	return &windows.SockaddrInet6{Port: int(port), Addr: a.As16(), ZoneId: zoneID(a.Zone())}
}

// troubleOf sorts the errors of bind of <winsock2.h>. WSAEACCES is also that of a port which somebody has for himself alone.
func troubleOf(err error) Trouble {
	switch {
	case errors.Is(err, windows.WSAEADDRINUSE):
		return InUse
	case errors.Is(err, windows.WSAEACCES):
		return NotPermitted
	case errors.Is(err, windows.WSAEADDRNOTAVAIL), errors.Is(err, windows.WSAEINVAL):
		return NoAddress
	case errors.Is(err, windows.WSAEAFNOSUPPORT), errors.Is(err, windows.WSAEPROTONOSUPPORT):
		return NoFamily
	}
	return Other
}
