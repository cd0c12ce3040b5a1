package ports

import (
	"errors"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/netstat"
)

// Reusing is what Bind.Reuse stands for on this system, in words.
const Reusing = "with SO_REUSEADDR"

// excludes says that a system keeps ports from everybody, and does not say which.
const excludes = false

func (b Bind) try(port uint16) error {
	domain, typ := unix.AF_INET, unix.SOCK_STREAM
	if b.Addr.Is6() {
		domain = unix.AF_INET6
	}
	if b.Proto == netstat.UDP {
		typ = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	for _, o := range b.options() {
		if err := unix.SetsockoptInt(fd, o.level, o.name, o.value); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	return os.NewSyscallError("bind", unix.Bind(fd, sockaddr(b.Addr, port)))
}

type option struct{ level, name, value int }

func (b Bind) options() (list []option) {
	if b.Addr.Is6() {
		list = append(list, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, number(b.V6Only)})
	}
	if b.Reuse {
		list = append(list, option{unix.SOL_SOCKET, unix.SO_REUSEADDR, 1})
	}
	if b.Share {
		list = append(list, option{unix.SOL_SOCKET, unix.SO_REUSEPORT, 1})
	}
	return list
}

func number(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func sockaddr(a netip.Addr, port uint16) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Port: int(port), Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: int(port), Addr: a.As16(), ZoneId: zoneID(a.Zone())}
}

// troubleOf sorts the numbers of bind(2) and ip(7). EPERM is that of BPF programs on cgroups, such as systemd's
// SocketBindDeny; EACCES that of the kernel's own rule, of SELinux and of Landlock.
func troubleOf(err error) Trouble {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return InUse
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return NotPermitted
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENODEV), errors.Is(err, unix.EINVAL):
		return NoAddress
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EPROTONOSUPPORT):
		return NoFamily
	}
	return Other
}
