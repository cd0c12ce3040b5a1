package completion

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// moves reports whether a kind moves bytes of a file.
func (k Kind) moves() bool { return k >= Recv && k <= WriteAt }

// try makes the system call of the operation's step. EAGAIN is that it has to wait.
func (o *Op) try() (n int, err error) {
	fd := o.subject()
	switch o.Kind {
	case Accept:
		return o.tryAccept(fd)
	case Connect:
		return o.tryConnect(fd)
	case Send:
		return o.trySend(fd)
	case Recv:
		return o.tryRecv(fd)
	case SendTo, RecvFrom:
		return o.tryLetter(fd)
	case Read:
		return readCall(fd, o.rest())
	case Write:
		return writeCall(fd, o.rest())
	case ReadAt:
		return unix.Pread(int(fd), o.rest(), o.Offset+int64(o.moved))
	case WriteAt:
		return unix.Pwrite(int(fd), o.rest(), o.Offset+int64(o.moved))
	case Shutdown:
		return 0, unix.Shutdown(int(fd), o.How.shutdown())
	case Close:
		return 0, o.Handle.closeNow()
	case Poll:
		return o.tryPoll(fd)
	case Call:
		n, err := o.Call(uintptr(fd), nil)
		o.moved = max(n, 0)
		return n, err
	}
	return 0, unix.EINVAL
}

func (h *Handle) closeNow() error {
	if !h.closed.CompareAndSwap(false, true) {
		return errBadHandle
	}
	return closeFD(h)
}

func (o *Op) tryAccept(fd sysFD) (int, error) {
	if o.stage == second {
		return recvCall(fd, o.Buf, 0)
	}
	s := o.system()
	s.addrLen = uint32(len(s.addr))
	return acceptCall(fd, &s.addr, &s.addrLen)
}

// tryConnect begins to connect, then asks how it went, then sends. To ask is to connect once more, as io_uring does: it is
// that which makes the socket a connected one, for which a further connect is an error. One of which an event is left from
// before may be told of too early.
func (o *Op) tryConnect(fd sysFD) (int, error) {
	if o.stage == second {
		return sendCall(fd, o.rest(), o.sendFlags())
	}
	to, n, err := o.target()
	if err != nil {
		return 0, err
	}
	err = connectCall(fd, to, n)
	switch {
	case err == unix.EINPROGRESS, err == unix.EALREADY && o.stage&polling != 0:
		o.stage |= polling
		return 0, unix.EAGAIN
	case err == unix.EISCONN && o.stage&polling != 0:
		err = nil
	}
	o.stage &^= polling
	return 0, err
}

func (o *Op) trySend(fd sysFD) (int, error) {
	if o.Bufs == nil {
		return sendCall(fd, o.rest(), o.sendFlags())
	}
	return sendmsgCall(fd, o.gather(), o.sendFlags())
}

func (o *Op) tryRecv(fd sysFD) (int, error) {
	switch {
	case o.size() == 0: // the kernel would answer at once, and Windows waits for data
		return recvCall(fd, o.system().peek[:], unix.MSG_PEEK)
	case o.Bufs == nil:
		return recvCall(fd, o.rest(), 0)
	}
	return recvmsgCall(fd, o.gather(), 0)
}

func (o *Op) tryLetter(fd sysFD) (int, error) {
	m, err := o.letter()
	if err != nil {
		return 0, err
	}
	if o.Kind == SendTo {
		return sendmsgCall(fd, m, o.sendFlags())
	}
	n, err := recvmsgCall(fd, m, 0)
	if err == nil {
		o.Addr = o.sys.addr.get(int(m.Namelen))
	}
	return n, err
}

func (o *Op) tryPoll(fd sysFD) (int, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: int16(o.How.pollMask())}}
	n, err := unix.Poll(p, 0)
	if err == nil && n == 0 {
		err = unix.EAGAIN
	}
	return int(uint16(p[0].Revents)), err
}

// blocking does all of an operation on a file, in a goroutine that may wait for the disk.
func blocking(o *Op) (int, error) {
	moved := 0
	for {
		n, err := o.block(o.Buf[moved:], o.Offset+int64(moved))
		moved += max(n, 0)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return moved, err
		case n == 0 && o.reads() && len(o.Buf) > 0:
			return moved, io.EOF
		case n == 0 && moved < len(o.Buf):
			return moved, io.ErrShortWrite
		case moved == len(o.Buf), o.Kind == Read && !o.All:
			return moved, nil
		}
	}
}

func (o *Op) reads() bool { return o.Kind == Read || o.Kind == ReadAt }

func (o *Op) block(b []byte, at int64) (int, error) {
	fd := int(o.Handle.fd)
	switch o.Kind {
	case Read:
		return unix.Read(fd, b)
	case Write:
		return unix.Write(fd, b)
	case ReadAt:
		return unix.Pread(fd, b, at)
	case WriteAt:
		return unix.Pwrite(fd, b, at)
	}
	return 0, os.NewSyscallError(o.Kind.String(), unix.ENOTSOCK)
}
