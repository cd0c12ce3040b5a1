package completion

import (
	"io"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Both backends of Linux take an operation in steps: a system call's worth each, whose result says what comes next.

// The stages of an operation: its first half (accepting, connecting) and its second (the first block, the data).
const (
	first uint8 = iota
	second
)

const iovMax = 1024 // UIO_MAXIOV

// settle takes the result of a step. It reports whether there is another to take, and ends the operation otherwise.
func (l *loop) settle(op *Op, n int, err error) (more bool) {
	if err == nil {
		more, err = l.advance(op, n)
	}
	if err == unix.EINTR && !op.has(askedFor) {
		return true
	}
	if more && op.has(askedFor) {
		more, err = false, syscall.ECANCELED
	}
	if more {
		return true
	}
	if op.Kind == Accept && err != nil && op.Conn != nil {
		_ = op.Conn.Close()
		op.Conn = nil
	}
	l.finish(op, op.moved, err)
	return false
}

// advance says what a step that succeeded with n came to.
func (l *loop) advance(op *Op, n int) (more bool, err error) {
	switch op.Kind {
	case Accept:
		return l.accepted(op, n)
	case Connect:
		return connected(op, n), nil
	case Send, Write, WriteAt, SendTo:
		return sent(op, n)
	case Recv, Read, ReadAt, RecvFrom:
		return received(op, n)
	case Poll:
		op.moved = n
	}
	return false, nil
}

// accepted takes a new connection, or its first block.
func (l *loop) accepted(op *Op, n int) (more bool, err error) {
	if op.stage == second {
		op.moved = n
		return false, nil
	}
	conn := &Handle{fd: sysFD(n), nature: op.Handle.nature}
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
	l.timers.remove(op)
	if op.FirstBlock > 0 {
		l.timers.add(op, l.now()+op.FirstBlock)
	}
	return true, nil
}

// connected takes the end of connecting, or of a part of the data.
func connected(op *Op, n int) (more bool) {
	if op.stage == second {
		op.moved += n
	}
	op.stage = second
	return op.moved < len(op.Buf)
}

func sent(op *Op, n int) (more bool, err error) {
	op.moved += n
	if n == 0 && op.moved < op.size() {
		return false, io.ErrShortWrite // a file or device that takes no more, and says nothing
	}
	return op.moved < op.size() && op.Handle.nature != otherSocket, nil
}

func received(op *Op, n int) (more bool, err error) {
	switch {
	case op.size() == 0: // something is there to be received
		return false, nil
	case n == 0 && op.Handle.nature == otherSocket:
		return false, nil
	case n == 0:
		return false, io.EOF
	}
	op.moved += n
	whole := op.All || op.Kind == ReadAt
	return whole && op.moved < op.size() && op.Kind != RecvFrom, nil
}

// size is how many bytes an operation is to move.
func (o *Op) size() int {
	if o.Bufs == nil {
		return len(o.Buf)
	}
	n := 0
	for _, b := range o.Bufs {
		n += len(b)
	}
	return n
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
		n, err := s.addr.put(o.Addr, isSix(o.Handle.fd))
		s.msg.Namelen = uint32(n)
		return &s.msg, err
	}
	return &s.msg, nil
}

// target is where Connect connects to.
func (o *Op) target() (*sockaddr, int, error) {
	s := o.system()
	n, err := s.addr.put(o.Addr, isSix(o.Handle.fd))
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
