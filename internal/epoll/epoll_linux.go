package epoll

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Poller is an epoll instance.
type Poller struct {
	fd     int
	coarse bool // no epoll_pwait2(2), which came with Linux 5.11: milliseconds
	ts     *timespec
	events []unix.EpollEvent
}

// Edge is what is told of each descriptor: that it became readable or writable, once for each time it did.
const Edge = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET

// What stands in an event's Events, for readers and for writers. Errors are told to both.
const (
	Readable = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	Writable = unix.EPOLLOUT | unix.EPOLLHUP | unix.EPOLLERR
)

// timespec is __kernel_timespec, which epoll_pwait2 takes: 64 bits on every machine, unlike unix.Timespec.
type timespec struct{ sec, nsec int64 }

// New makes one that returns at most batch events at once.
func New(batch int) (*Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &Poller{fd: fd, ts: new(timespec), events: make([]unix.EpollEvent, batch)}, nil
}

// FD is the epoll's descriptor.
func (p *Poller) FD() int { return p.fd }

// Add has events of fd told, with id in their Fd and tag in their Pad. EPERM means that it is never told of: a file.
func (p *Poller) Add(fd int, events uint32, id, tag int32) error {
	return unix.EpollCtl(p.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: id, Pad: tag})
}

// Remove ends that, in the epoll whose descriptor is poller. It must be done before fd is closed: where there are duplicates,
// closing one does not end it (epoll(7), questions).
func Remove(poller, fd int) {
	_ = unix.EpollCtl(poller, unix.EPOLL_CTL_DEL, fd, &unix.EpollEvent{})
}

// Wait returns events: at most d is waited for them, without bound if d is negative. A raw wait does not tell Go's
// scheduler, so its time must be short. A signal ends a wait early, which is no error. The slice is valid until the next call.
func (p *Poller) Wait(d time.Duration, raw bool) ([]unix.EpollEvent, error) {
	n, errno := p.wait(d, raw || d == 0)
	if errno == unix.ENOSYS && !p.coarse {
		p.coarse = true
		n, errno = p.wait(d, raw || d == 0)
	}
	switch errno {
	case 0:
		return p.events[:n], nil
	case unix.EINTR:
		return nil, nil
	}
	return nil, fmt.Errorf("epoll_wait: %w", errno)
}

func (p *Poller) wait(d time.Duration, raw bool) (n uintptr, errno syscall.Errno) {
	call, timeout := uintptr(unix.SYS_EPOLL_PWAIT2), uintptr(0)
	switch {
	case p.coarse:
		call, timeout = unix.SYS_EPOLL_PWAIT, millis(d)
	case d >= 0:
		*p.ts = timespec{int64(d / time.Second), int64(d % time.Second)}
		timeout = uintptr(unsafe.Pointer(p.ts))
	}
	first, most := uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events))
	if raw {
		n, _, errno = syscall.RawSyscall6(call, uintptr(p.fd), first, most, timeout, 0, 0)
	} else {
		n, _, errno = unix.Syscall6(call, uintptr(p.fd), first, most, timeout, 0, 0)
	}
	return n, errno
}

// millis rounds up, or a short wait would be a loop.
func millis(d time.Duration) uintptr {
	if d < 0 {
		return ^uintptr(0)
	}
	return uintptr((d + time.Millisecond - 1) / time.Millisecond)
}

// Close releases it.
func (p *Poller) Close() error { return unix.Close(p.fd) }
