package netlink

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of what one system call may bring. A notice about a socket is some 400 bytes, one about an interface up to some
// kilobytes; one that is longer than its slot counts as lost.
const (
	diagSlot   = 2 << 10
	diagSlots  = 64
	routeSlot  = 16 << 10
	routeSlots = 4
)

// maxRounds ends a Receive whose reader is slower than the kernel; what still waits is for the next one.
const maxRounds = 1 << 12

// Notices is a subscription to groups of notices, which the kernel sends without being asked. It belongs for good to the
// network namespace it was opened in. It is for one goroutine at a time.
type Notices struct {
	fd     int
	buffer int
	slot   int
	buf    []byte
	iovs   []unix.Iovec
	msgs   []mmsghdr
}

// mmsghdr is struct mmsghdr of recvmmsg(2); the pointers in the first member align it as C does.
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// Subscribe subscribes to groups of a family in the network namespace of the calling thread. bufferBytes is how much may
// wait to be received, in the kernel's own count, which is about twice the bytes of the notices; without CAP_NET_ADMIN it
// is limited by the sysctl net.core.rmem_max. What does not fit is lost, and [Notices.Receive] says so.
func Subscribe(f Family, bufferBytes int, groups ...uint32) (*Notices, error) {
	fd, err := socket(f, unix.SOCK_NONBLOCK)
	if err != nil {
		return nil, err
	}
	n := &Notices{fd: fd}
	if err := n.setUp(f, bufferBytes, groups); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return n, nil
}

// SubscribeIn is Subscribe in the network namespace at path; see [OpenIn].
func SubscribeIn(path string, f Family, bufferBytes int, groups ...uint32) (*Notices, error) {
	return in(path, func() (*Notices, error) { return Subscribe(f, bufferBytes, groups...) })
}

func (n *Notices) setUp(f Family, bufferBytes int, groups []uint32) error {
	if err := setBuffer(n.fd, bufferBytes); err != nil {
		return &OpError{Op: "setsockopt SO_RCVBUF", Err: err}
	}
	if err := unix.Connect(n.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return &OpError{Op: "connect", Err: err}
	}
	for _, g := range groups {
		if err := unix.SetsockoptInt(n.fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(g)); err != nil {
			return &OpError{Op: "subscribe", Err: err}
		}
	}
	var err error
	if n.buffer, err = unix.GetsockoptInt(n.fd, unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil {
		return &OpError{Op: "getsockopt SO_RCVBUF", Err: err}
	}
	if f == Route {
		n.makeSlots(routeSlots, routeSlot)
	} else {
		n.makeSlots(diagSlots, diagSlot)
	}
	return nil
}

// setBuffer asks for half, because the kernel doubles what it is given.
func setBuffer(fd, bytes int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bytes/2) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bytes/2)
}

func (n *Notices) makeSlots(count, size int) {
	n.slot = size
	n.buf = make([]byte, count*size)
	n.iovs = make([]unix.Iovec, count)
	n.msgs = make([]mmsghdr, count)
	for i := range n.msgs {
		n.iovs[i].Base = &n.buf[i*n.slot]
		n.iovs[i].SetLen(n.slot)
		n.msgs[i].hdr.Iov = &n.iovs[i]
		n.msgs[i].hdr.SetIovlen(1)
	}
}

// Receive calls take for each notice that waits, without blocking; the bytes, one or several netlink messages, are valid
// during the call only. overflowed reports that the kernel had no room for some since the last call: whatever is built on
// notices must be read anew. Those that did fit are still handed out. It ends early with the error of take, in which case
// some notices that were already taken from the kernel are lost too, and after 4,096 system calls. It allocates
// nothing.
func (n *Notices) Receive(take func(batch []byte) error) (overflowed bool, err error) {
	for range maxRounds {
		got, errno := n.receive()
		switch errno {
		case 0:
		case unix.EINTR:
			continue
		case unix.ENOBUFS:
			overflowed = true
			continue
		case unix.EAGAIN:
			return overflowed, nil
		default:
			return overflowed, &OpError{Op: "receive", Err: errno}
		}
		lost, err := n.hand(got, take)
		overflowed = overflowed || lost
		if err != nil || got < len(n.msgs) { // fewer than there is room for: nothing waits any more
			return overflowed, err
		}
	}
	return overflowed, nil
}

// hand gives out the first notices. One that its slot had no room for is lost.
func (n *Notices) hand(got int, take func([]byte) error) (lost bool, err error) {
	for i := range n.msgs[:got] {
		m := &n.msgs[i]
		if m.hdr.Flags&unix.MSG_TRUNC != 0 {
			lost = true
			continue
		}
		if err := take(n.buf[i*n.slot:][:min(int(m.len), n.slot)]); err != nil {
			return lost, err
		}
	}
	return lost, nil
}

// receive is recvmmsg(2), which golang.org/x/sys does not have.
func (n *Notices) receive() (int, unix.Errno) {
	if n.fd < 0 {
		return 0, unix.EBADF
	}
	r, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(n.fd), uintptr(unsafe.Pointer(&n.msgs[0])), uintptr(len(n.msgs)),
		unix.MSG_DONTWAIT, 0, 0)
	return int(r), errno
}

// Wait waits until there is something to receive, for at most the time given (less than 0: for ever), and reports whether
// there is.
func (n *Notices) Wait(timeout time.Duration) (bool, error) {
	if n.fd < 0 {
		return false, &OpError{Op: "wait", Err: unix.EBADF}
	}
	end := time.Now().Add(timeout)
	for {
		fds := [1]unix.PollFd{{Fd: int32(n.fd), Events: unix.POLLIN}}
		got, err := unix.Poll(fds[:], milliseconds(timeout))
		if err == unix.EINTR {
			if timeout >= 0 {
				timeout = max(0, time.Until(end))
			}
			continue
		}
		if err != nil {
			return false, &OpError{Op: "wait", Err: err}
		}
		return got > 0, nil
	}
}

// milliseconds rounds up, so that a wait is not cut short and repeated.
func milliseconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int(min((d+time.Millisecond-1)/time.Millisecond, 1<<30))
}

// Buffer is how much may wait to be received, in the kernel's own count.
func (n *Notices) Buffer() int { return n.buffer }

// FD is the descriptor, for poll(2); it is readable when there is something to receive. It stays the subscription's own.
func (n *Notices) FD() int { return n.fd }

// Close ends the subscription. It is safe to call more than once.
func (n *Notices) Close() error {
	if n.fd < 0 {
		return nil
	}
	err := unix.Close(n.fd)
	n.fd = -1
	if err != nil {
		return &OpError{Op: "close", Err: err}
	}
	return nil
}
