package completion

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysFD is a descriptor.
type sysFD int

const badFD = sysFD(-1)

const (
	familyINET  = unix.AF_INET
	familyINET6 = unix.AF_INET6
)

// sysOp is what an operation needs beside its buffers while the kernel has it.
type sysOp struct {
	addr    sockaddr
	addrLen uint32
	peek    [1]byte
	msg     unix.Msghdr
	iov     []unix.Iovec
}

// system is the operation's, made when first needed and kept for its next use.
func (o *Op) system() *sysOp {
	if o.sys == nil {
		o.sys = new(sysOp)
	}
	return o.sys
}

func isCanceled(err error) bool { return err == syscall.ECANCELED }

func duplicate(fd uintptr) (sysFD, error) {
	n, err := unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return badFD, err
	}
	return sysFD(n), nil
}

// examine finds out what a descriptor is, and makes it one that never blocks a thread.
func (h *Handle) examine() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(h.fd), &st); err != nil {
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		kind, err := unix.GetsockoptInt(int(h.fd), unix.SOL_SOCKET, unix.SO_TYPE)
		if err != nil {
			return err
		}
		if kind != unix.SOCK_STREAM {
			h.nature = otherSocket
		}
	case unix.S_IFREG, unix.S_IFBLK, unix.S_IFDIR:
		h.nature = file
		return nil
	default:
		h.nature = stream
	}
	return unix.SetNonblock(int(h.fd), true)
}

func closeFD(h *Handle) error {
	h.sys.forget(int(h.fd))
	return unix.Close(int(h.fd))
}

func sockName(fd sysFD, peer bool) (netip.AddrPort, error) {
	call, name := uintptr(unix.SYS_GETSOCKNAME), "getsockname"
	if peer {
		call, name = unix.SYS_GETPEERNAME, "getpeername"
	}
	var s sockaddr
	n := uint32(len(s))
	if err := nameCall(call, fd, &s, &n); err != nil {
		return netip.AddrPort{}, &OpError{Op: name, Err: err}
	}
	return s.get(int(n)), nil
}

func newSocket(six, streaming bool) (sysFD, error) {
	family, kind := unix.AF_INET, unix.SOCK_DGRAM
	if six {
		family = unix.AF_INET6
	}
	if streaming {
		kind = unix.SOCK_STREAM
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return badFD, err
	}
	return sysFD(fd), nil
}

// isSix reports whether a socket is of IPv6.
func isSix(fd sysFD) bool {
	family, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err == nil && family == unix.AF_INET6
}

func bind(fd sysFD, a netip.AddrPort) error {
	var s sockaddr
	n, err := s.put(a, isSix(fd))
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(&s)), uintptr(n))
	if errno != 0 {
		return errno
	}
	return nil
}

func startListening(fd sysFD, a netip.AddrPort, both bool) error {
	if err := unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return err
	}
	if a.Addr().Is6() {
		only := 1
		if both {
			only = 0
		}
		if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
			return err
		}
	}
	// Connections inherit it.
	if err := unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return err
	}
	if err := bind(fd, a); err != nil {
		return err
	}
	return unix.Listen(int(fd), backlog)
}
