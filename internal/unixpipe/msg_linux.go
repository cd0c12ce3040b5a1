package unixpipe

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// small is up to how many bytes a call is made without telling the scheduler: copying them takes a microsecond or two.
const small = 16 << 10

// credentials is the room for one control message with a struct ucred, and for nothing else.
const credentials = 32

// Received is what [Msg.Recv] got.
type Received struct {
	N int // bytes; with Truncate, of the whole message
	// Message is set where there was a message, even an empty one, and not the end. It needs [TellCredentials].
	Message bool
	// Marked is set where the sender attached a descriptor (SCM_RIGHTS). It never gets into this process: there is no room
	// for it in the control message, so the kernel drops it and says so.
	Marked bool
	Cut    bool // the buffers were too small, and the rest of the message is lost
}

// Msg is the memory for messages of one direction. The zero Msg is ready; it is not safe for concurrent use.
type Msg struct {
	hdr unix.Msghdr
	iov [2]unix.Iovec
	ctl [credentials]byte
	got Received
}

func (m *Msg) fill(a, b []byte) int {
	m.iov[0].Base, m.iov[1].Base = unsafe.SliceData(a), unsafe.SliceData(b)
	m.iov[0].SetLen(len(a))
	m.iov[1].SetLen(len(b))
	m.hdr.Iov = &m.iov[0]
	m.hdr.SetIovlen(2)
	if len(b) == 0 {
		m.hdr.SetIovlen(1)
	}
	return len(a) + len(b)
}

// release forgets the buffers, which are not the Msg's to keep alive.
func (m *Msg) release() { m.iov, m.hdr.Control = [2]unix.Iovec{}, nil }

// Recv receives one message into a without waiting; flags are those of recvmsg(2).
func (m *Msg) Recv(fd int, a []byte, flags int) (Received, syscall.Errno) {
	errno := m.recv(fd, a, nil, flags)
	return m.got, errno
}

func (m *Msg) recv(fd int, a, b []byte, flags int) syscall.Errno {
	m.fill(a, b)
	m.hdr.Control = &m.ctl[0]
	m.hdr.SetControllen(len(m.ctl))
	m.hdr.Flags = 0
	n, errno := m.call(unix.SYS_RECVMSG, fd, len(a), flags|unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	m.release()
	m.got = Received{}
	if errno == 0 {
		m.got = Received{
			N:       n,
			Message: m.hdr.Controllen >= unix.SizeofCmsghdr+unix.SizeofUcred,
			Marked:  m.hdr.Flags&unix.MSG_CTRUNC != 0,
			Cut:     m.hdr.Flags&unix.MSG_TRUNC != 0,
		}
	}
	return errno
}

// SendMarked sends a message with a descriptor attached, which marks it: see [Received].
func (m *Msg) SendMarked(fd int, b []byte, attached int) syscall.Errno {
	m.fill(b, nil)
	c := (*unix.Cmsghdr)(unsafe.Pointer(&m.ctl))
	c.Level, c.Type = unix.SOL_SOCKET, unix.SCM_RIGHTS
	c.SetLen(unix.CmsgLen(4))
	*(*int32)(unsafe.Pointer(&m.ctl[unix.CmsgLen(0)])) = int32(attached)
	m.hdr.Control = &m.ctl[0]
	m.hdr.SetControllen(unix.CmsgSpace(4))
	_, e := m.call(unix.SYS_SENDMSG, fd, len(b), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	m.release()
	return e
}

func (m *Msg) call(number uintptr, fd, size, flags int) (int, syscall.Errno) {
	for {
		var r uintptr
		var e syscall.Errno
		if size <= small {
			r, _, e = syscall.RawSyscall6(number, uintptr(fd), uintptr(unsafe.Pointer(&m.hdr)), uintptr(flags), 0, 0, 0)
		} else {
			r, _, e = syscall.Syscall(number, uintptr(fd), uintptr(unsafe.Pointer(&m.hdr)), uintptr(flags))
		}
		if e != unix.EINTR {
			return int(r), e
		}
	}
}

// Send sends b without waiting: some of it on a stream, all of it as one message else.
func Send(fd int, b []byte) (int, syscall.Errno) {
	return transfer(unix.SYS_SENDTO, fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// Recv receives into b without waiting; flags are those of recv(2).
func Recv(fd int, b []byte, flags int) (int, syscall.Errno) {
	return transfer(unix.SYS_RECVFROM, fd, b, flags|unix.MSG_DONTWAIT)
}

func transfer(number uintptr, fd int, b []byte, flags int) (int, syscall.Errno) {
	p := unsafe.Pointer(unsafe.SliceData(b))
	for {
		var r uintptr
		var e syscall.Errno
		if len(b) <= small {
			r, _, e = syscall.RawSyscall6(number, uintptr(fd), uintptr(p), uintptr(len(b)), uintptr(flags), 0, 0)
		} else {
			r, _, e = syscall.Syscall6(number, uintptr(fd), uintptr(p), uintptr(len(b)), uintptr(flags), 0, 0)
		}
		if e != unix.EINTR {
			return int(r), e
		}
	}
}
