package unixpipe

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kind is the type of a socket: SOCK_STREAM or SOCK_SEQPACKET.
type Kind int

// The kinds of sockets.
const (
	Stream    Kind = unix.SOCK_STREAM
	SeqPacket Kind = unix.SOCK_SEQPACKET
)

// MaxPath is how many bytes the path of a socket may have: sun_path without the byte that ends it (unix(7)).
const MaxPath = 107

const flags = unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC

// Errno returns the error number of what this package's functions return, or 0.
func Errno(err error) syscall.Errno {
	e, _ := err.(syscall.Errno)
	return e
}

// Connect connects a new socket to the path. Errors are those of connect(2): EAGAIN where the server's queue is full, EPROTOTYPE
// where its socket is of another kind, ECONNREFUSED where the server is dead, ENOENT.
func Connect(kind Kind, path string) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, int(kind)|flags, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Alive reports whether a server listens on the path, without disturbing it: a socket of a third kind is refused by a
// living one with EPROTOTYPE, by what a dead one left with ECONNREFUSED. Other errors are returned.
func Alive(path string) (bool, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|flags, 0)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	switch err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err {
	case nil, unix.EPROTOTYPE:
		return true, nil
	case unix.ECONNREFUSED, unix.ENOENT:
		return false, nil
	default:
		return false, err
	}
}

// Bind makes a socket at the path that nobody can connect to yet, because [Listen] has not been called.
func Bind(kind Kind, path string) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_UNIX, int(kind)|flags, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Listen lets n clients wait to be accepted, at least one; it may be called again to change n. The kernel's queue holds one
// more than listen(2) is told.
func Listen(fd, n int) error { return unix.Listen(fd, max(n, 1)-1) }

// Accept accepts a client without waiting.
func Accept(fd int) (int, syscall.Errno) {
	r, _, e := syscall.Syscall6(unix.SYS_ACCEPT4, uintptr(fd), 0, 0, flags, 0, 0)
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}

// TellCredentials makes each message come with the sender's credentials, so that an empty one can be told from the end.
func TellCredentials(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
}

// SendBuffer returns the limit of what was sent and not yet read, in the kernel's own count.
func SendBuffer(fd int) (int, error) { return unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF) }

// GrowSendBuffer asks for a limit of n bytes, beyond the administrator's where that is permitted. It never shrinks it.
func GrowSendBuffer(fd, n int) error {
	if now, err := SendBuffer(fd); err != nil || now >= n {
		return err
	}
	half := n / 2 // the kernel doubles what it is told (socket(7))
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, half) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, half)
}

// SetSendBuffer sets the limit so that about n bytes fit.
func SetSendBuffer(fd, n int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, n)
}

// Unread returns how many bytes can be received, of all messages (SIOCINQ).
func Unread(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.SIOCINQ) }

// Unsent returns what the other end has not read yet, in the kernel's own count (SIOCOUTQ): 0 only if it has read it all.
func Unsent(fd int) (int, error) { return unix.IoctlGetInt(fd, unix.SIOCOUTQ) }

// State is what the other end has done to a connection.
type State struct {
	Ready bool // there is something to receive
	End   bool // it will send no more
	Gone  bool // it will neither send nor receive
	Mark  bool // it has called [MarkDisconnected]
}

// PeerState asks with poll(2), without waiting.
func PeerState(fd int) State {
	p := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN | unix.POLLPRI | unix.POLLRDHUP}
	var zero unix.Timespec
	syscall.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&p)), 1, uintptr(unsafe.Pointer(&zero)), 0, 0, 0)
	return State{
		Ready: p.Revents&(unix.POLLIN|unix.POLLERR) != 0,
		End:   p.Revents&(unix.POLLRDHUP|unix.POLLHUP) != 0,
		Gone:  p.Revents&unix.POLLHUP != 0,
		Mark:  p.Revents&unix.POLLPRI != 0,
	}
}

// TakeError returns the socket's pending error, which is taken from it: ECONNRESET where the other end closed before it had
// read all.
func TakeError(fd int) syscall.Errno {
	n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return 0
	}
	return syscall.Errno(n)
}

// Shutdown ends sending, receiving or both: unix.SHUT_RD and so on.
func Shutdown(fd, how int) error { return unix.Shutdown(fd, how) }

// MarkDisconnected leaves a mark in what the other end of a stream reads, which [PeerState] finds: a byte out of band.
// Readers that do not look for it never see it. Linux 5.15 and later with CONFIG_AF_UNIX_OOB.
func MarkDisconnected(fd int) error {
	const flags = unix.MSG_OOB | unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	err := unix.Sendto(fd, []byte{'D'}, flags, nil)
	if err == unix.EAGAIN && MakeRoom(fd) == nil {
		err = unix.Sendto(fd, []byte{'D'}, flags, nil)
	}
	return err
}

// MakeRoom raises the limit of the send buffer so that one small thing more can be sent, although it is full.
func MakeRoom(fd int) error {
	n, err := Unsent(fd)
	if err != nil {
		return err
	}
	return GrowSendBuffer(fd, 2*n)
}

// Yield lets another thread run that waits for this processor (sched_yield(2)).
func Yield() { syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0) }
