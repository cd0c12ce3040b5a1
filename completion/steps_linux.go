package completion

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const iovMax = 1024 // UIO_MAXIOV

// accepted takes a new connection, or its first block.
func (l *loop) accepted(op *Op, n int) (more bool, err error) {
	if op.stage == second {
		op.moved = n
		return false, nil
	}
	conn := &Handle{fd: sysFD(n), nature: op.Handle.nature, loop: l}
	if op.Into != nil {
		if conn, err = op.Into.become(conn); err != nil {
			return false, err
		}
	}
	if !op.bare {
		if err := l.adopt(conn); err != nil {
			_ = closeFD(conn)
			return false, err
		}
	}
	op.Conn, op.Addr = conn, op.sys.addr.get(int(op.sys.addrLen))
	if len(op.Buf) == 0 {
		return false, nil
	}
	op.stage = second
	if op.FirstBlock > 0 {
		l.timers.add(op, l.after(op.FirstBlock))
	}
	return true, nil
}

// become has a handle's descriptor refer to another's socket, whose own is closed. The former socket is closed with it.
func (h *Handle) become(other *Handle) (*Handle, error) {
	if !h.vacant() {
		_ = closeFD(other)
		return nil, unix.EBUSY
	}
	h.sys.forget(int(h.fd))
	err := unix.Dup3(int(other.fd), int(h.fd), unix.O_CLOEXEC)
	_ = closeFD(other)
	h.nature, h.family = other.nature, 0
	return h, err
}

// connected takes the end of connecting, or of a part of the data.
func (l *loop) connected(op *Op, n int) (more bool, err error) {
	if op.stage == second {
		op.moved += n
	}
	op.stage = second
	return op.moved < len(op.Buf), nil
}

// gather fills the vector with what of Bufs is still to be moved, as much as one call takes.
func (o *Op) gather() *unix.Msghdr {
	s := o.system()
	s.iov = s.iov[:0]
	skip := o.moved
	for _, b := range o.Bufs {
		if skip >= len(b) {
			skip -= len(b)
			continue
		}
		b, skip = b[skip:], 0
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		if s.iov = append(s.iov, v); len(s.iov) == iovMax {
			break
		}
	}
	s.msg = unix.Msghdr{Iov: unsafe.SliceData(s.iov)}
	s.msg.SetIovlen(len(s.iov))
	return &s.msg
}

// letter is the message of a datagram with an address: to be sent to Addr, or to be filled.
func (o *Op) letter() (*unix.Msghdr, error) {
	s := o.system()
	s.iov = append(s.iov[:0], unix.Iovec{Base: unsafe.SliceData(o.Buf)})
	s.iov[0].SetLen(len(o.Buf))
	s.msg = unix.Msghdr{Iov: &s.iov[0], Name: &s.addr[0], Namelen: uint32(len(s.addr))}
	s.msg.SetIovlen(1)
	if o.Kind == SendTo {
		n, err := s.addr.put(o.Addr, o.Handle.isSix())
		s.msg.Namelen = uint32(n)
		return &s.msg, err
	}
	return &s.msg, nil
}

// target is where Connect connects to.
func (o *Op) target() (*sockaddr, int, error) {
	s := o.system()
	n, err := s.addr.put(o.Addr, o.Handle.isSix())
	return &s.addr, n, err
}

// sendFlags are those of send(2). A stream's call is to take everything.
func (o *Op) sendFlags() int {
	flags := unix.MSG_NOSIGNAL
	if o.More {
		flags |= unix.MSG_MORE
	}
	return flags
}

func (d Direction) shutdown() int {
	return [...]int{unix.SHUT_RD, unix.SHUT_WR, unix.SHUT_RDWR}[d]
}

// pollMask is what poll(2) is asked for.
func (d Direction) pollMask() uint32 {
	return [...]uint32{unix.POLLIN | unix.POLLRDHUP, unix.POLLOUT, unix.POLLIN | unix.POLLRDHUP | unix.POLLOUT}[d]
}

// direction is what a step waits for when the kernel says EAGAIN.
func (o *Op) direction() Direction {
	switch {
	case o.Kind == Call || o.Kind == Poll:
		return o.How
	case o.Kind == Connect, o.Kind == Send, o.Kind == SendTo, o.Kind == Write, o.Kind == WriteAt:
		return Out
	}
	return In
}

// subject is the descriptor that a step is about.
func (o *Op) subject() sysFD {
	if o.Kind == Accept && o.stage == second {
		return o.Conn.fd
	}
	return o.Handle.fd
}
