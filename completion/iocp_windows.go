package completion

import (
	"errors"
	"io"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
)

// iocpDriver is the backend on Windows: each step is an overlapped operation, whose packet comes through the port even
// where it ended at once.
type iocpDriver struct {
	loop *loop
	port *iocp.Port
}

const iocpBatch = 256

func newIOCPDriver(l *loop) (*iocpDriver, error) {
	port, err := iocp.NewPort(iocpBatch)
	if err != nil {
		return nil, err
	}
	return &iocpDriver{loop: l, port: port}, nil
}

func (d *iocpDriver) enable() error { return nil }

func (d *iocpDriver) wake() { _ = d.port.Post() }

func (d *iocpDriver) shut() error { return d.port.Close() }

// associate puts a handle on the port. A file that was not opened for overlapped use cannot be: goroutines read it.
func (d *iocpDriver) associate(h *Handle) error {
	err := d.port.Associate(windows.Handle(h.fd))
	if err != nil && h.nature == file {
		h.sys.blocking = true
		return nil
	}
	return err
}

func (d *iocpDriver) wait(t time.Duration, _ bool) (found bool, err error) {
	entries, err := d.port.Wait(t)
	for i := range entries {
		if o := entries[i].Overlapped; o != nil {
			d.complete((*sysOp)(unsafe.Pointer(o)).op)
		}
	}
	d.port.Clear(entries)
	return len(entries) > 0, err
}

func (d *iocpDriver) cancel(op *Op) {
	if !op.has(offLoop) {
		_ = windows.CancelIoEx(windows.Handle(op.subject()), &op.sys.overlapped) // not found: it has ended
	}
}

// subject is the handle that the operation's step is about.
func (o *Op) subject() sysFD {
	if o.Kind == Accept && o.stage == second {
		return sysFD(o.sys.accepted)
	}
	return o.Handle.fd
}

func (d *iocpDriver) begin(op *Op) {
	if op.Handle.sys.blocking && op.Kind >= Recv && op.Kind <= WriteAt {
		d.loop.off.start(d.loop, op, func() (int, error) { return blocking(op) })
		return
	}
	y := op.system()
	op.pin.Pin(y)
	switch op.Kind {
	case Shutdown:
		d.loop.finish(op, 0, windows.Shutdown(windows.Handle(op.Handle.fd), op.How.shutdown()))
	case Close:
		d.loop.finish(op, 0, op.Handle.closeNow())
	case Poll:
		d.loop.finish(op, 0, errors.ErrUnsupported)
	default:
		d.step(op)
	}
}

func (d Direction) shutdown() int {
	return [...]int{windows.SHUT_RD, windows.SHUT_WR, windows.SHUT_RDWR}[d]
}

func (h *Handle) closeNow() error {
	if !h.closed.CompareAndSwap(false, true) {
		return errBadHandle
	}
	return closeFD(h)
}

// step begins the operation's next step. One that cannot be begun has ended.
func (d *iocpDriver) step(op *Op) {
	if op.has(askedFor) {
		d.settle(op, 0, syscall.ECANCELED)
		return
	}
	op.sys.overlapped = windows.Overlapped{}
	err := d.start(op)
	if err != nil && err != windows.ERROR_IO_PENDING {
		d.settle(op, 0, err)
	}
}

func (d *iocpDriver) start(op *Op) error {
	h, y := windows.Handle(op.subject()), op.sys
	switch op.Kind {
	case Accept:
		return op.startAccept(h)
	case Connect:
		return op.startConnect(h)
	case Recv:
		y.flags = 0
		y.gather(op)
		return windows.WSARecv(h, unsafe.SliceData(y.bufs), uint32(len(y.bufs)), nil, &y.flags, &y.overlapped, nil)
	case Send:
		y.gather(op)
		return windows.WSASend(h, unsafe.SliceData(y.bufs), uint32(len(y.bufs)), nil, 0, &y.overlapped, nil)
	case RecvFrom:
		y.flags, y.addrLen = 0, int32(unsafe.Sizeof(y.addr))
		y.gather(op)
		return windows.WSARecvFrom(h, &y.bufs[0], 1, nil, &y.flags, &y.addr, &y.addrLen, &y.overlapped, nil)
	case SendTo:
		y.gather(op)
		n, err := y.address(op.Addr, op.Handle.isSix())
		if err != nil {
			return err
		}
		return windows.WSASendTo(h, &y.bufs[0], 1, nil, 0, &y.addr, int32(n), &y.overlapped, nil)
	case Read, Write, ReadAt, WriteAt:
		return op.startFile(h)
	case Call:
		y.at(op.Offset)
		_, err := op.Call(uintptr(h), unsafe.Pointer(&y.overlapped))
		return err
	}
	return windows.ERROR_NOT_SUPPORTED
}

// at is where an operation on a file begins.
func (y *sysOp) at(offset int64) {
	y.overlapped.Offset, y.overlapped.OffsetHigh = uint32(offset), uint32(offset>>32)
}

// gather fills the vector with what is still to be moved. There is one buffer at least, of no bytes.
func (y *sysOp) gather(op *Op) {
	y.bufs = y.bufs[:0]
	if op.Bufs == nil {
		y.add(op.rest())
		return
	}
	skip := op.moved
	for _, b := range op.Bufs {
		if skip >= len(b) { // empty ones too
			skip -= len(b)
			continue
		}
		y.add(b[skip:])
		if skip = 0; len(y.bufs) == maxBufs {
			break
		}
	}
	if len(y.bufs) == 0 {
		y.add(nil)
	}
}

const (
	maxBuf  = 1 << 30 // a length is of 32 bits
	maxBufs = 1024    // in one call: WSAEMSGSIZE is the answer to too many
)

func (y *sysOp) add(b []byte) {
	y.bufs = append(y.bufs, windows.WSABuf{Len: uint32(min(len(b), maxBuf)), Buf: unsafe.SliceData(b)})
}

// address writes an address for the system.
func (y *sysOp) address(a netip.AddrPort, six bool) (int, error) {
	return (*sockaddr)(unsafe.Pointer(&y.addr)).put(a, six)
}

// startAccept posts an AcceptEx. It takes the first block too, unless that has a limit, which AcceptEx cannot keep: then
// the block is received afterwards.
func (o *Op) startAccept(h windows.Handle) (err error) {
	y := o.sys
	if o.stage == second {
		y.bufs = append(y.bufs[:0], windows.WSABuf{Len: uint32(min(len(o.Buf), maxBuf)), Buf: unsafe.SliceData(o.Buf)})
		y.flags = 0
		return windows.WSARecv(h, &y.bufs[0], 1, nil, &y.flags, &y.overlapped, nil)
	}
	if o.Handle.sys.function == 0 {
		if o.Handle.sys.function, err = iocp.Extension(h, &iocp.AcceptExID); err != nil {
			return err
		}
	}
	s, err := o.target()
	if err != nil {
		return err
	}
	y.accepted = windows.Handle(s)
	size := 0
	if o.FirstBlock == 0 {
		size = len(o.Buf)
	}
	y.room = make([]byte, size+2*iocp.AddressRoom)
	return iocp.AcceptEx(o.Handle.sys.function, h, y.accepted, y.room, size, &y.overlapped)
}

// target is the socket that AcceptEx makes the connection.
func (o *Op) target() (sysFD, error) {
	if o.Into == nil {
		return newSocket(o.Handle.isSix(), true)
	}
	if !o.Into.vacant() {
		return badFD, windows.ERROR_BUSY
	}
	return o.Into.fd, nil
}

// startConnect posts a ConnectEx, which wants a socket that is bound.
func (o *Op) startConnect(h windows.Handle) (err error) {
	if o.Handle.sys.function == 0 {
		if o.Handle.sys.function, err = iocp.Extension(h, &iocp.ConnectExID); err != nil {
			return err
		}
	}
	six := o.Handle.isSix()
	n, err := o.sys.address(o.Addr, six)
	if err != nil {
		return err
	}
	all := netip.IPv4Unspecified()
	if six {
		all = netip.IPv6Unspecified()
	}
	if _, err := windows.Getsockname(h); err != nil { // it is not bound yet
		if err := bind(o.Handle.fd, netip.AddrPortFrom(all, 0)); err != nil {
			return err
		}
	}
	return iocp.ConnectEx(o.Handle.sys.function, h, unsafe.Pointer(&o.sys.addr), n, o.Buf, &o.sys.overlapped)
}

func (o *Op) startFile(h windows.Handle) error {
	b := o.rest()
	b = b[:min(len(b), maxBuf)]
	if o.Kind == ReadAt || o.Kind == WriteAt {
		o.sys.at(o.Offset + int64(o.moved))
	}
	if o.Kind == Read || o.Kind == ReadAt {
		return windows.ReadFile(h, b, nil, &o.sys.overlapped)
	}
	return windows.WriteFile(h, b, nil, &o.sys.overlapped)
}

// complete takes a packet.
func (d *iocpDriver) complete(op *Op) {
	h, y := windows.Handle(op.subject()), op.sys
	var n int
	var err error
	if op.Handle.nature.isSocket() {
		n, err = iocp.SocketResult(h, &y.overlapped)
	} else {
		n, err = iocp.FileResult(h, &y.overlapped)
	}
	if op.Kind == RecvFrom && (err == nil || err == windows.WSAEMSGSIZE) {
		err = nil
		op.Addr = (*sockaddr)(unsafe.Pointer(&y.addr)).get(int(y.addrLen))
	}
	if op.Kind == Call {
		op.moved = n
		d.loop.finish(op, n, err)
		return
	}
	d.settle(op, n, err)
}

// settle takes what a step came to, and begins the next.
func (d *iocpDriver) settle(op *Op, n int, err error) {
	switch err {
	case windows.ERROR_HANDLE_EOF, windows.ERROR_BROKEN_PIPE:
		if op.Kind == Read || op.Kind == ReadAt {
			err = io.EOF
		}
	case windows.ERROR_NETNAME_DELETED:
		err = windows.WSAECONNRESET
	}
	if op.Kind == Accept && err != nil && op.Conn == nil && op.sys.accepted != 0 {
		if op.Into == nil {
			_ = windows.Closesocket(op.sys.accepted)
		}
		op.sys.accepted = 0
	}
	if err != nil && isCanceled(err) && n > 0 && (op.Kind == Send || op.Kind == Write) {
		op.moved += n
	}
	if d.loop.settle(op, n, err) {
		d.step(op)
	}
}

// accepted takes a new connection, perhaps with its first block, or that block by itself.
func (l *loop) accepted(op *Op, n int) (more bool, err error) {
	if op.stage == second {
		op.moved = n
		return false, nil
	}
	y := op.sys
	conn := op.Into
	if conn == nil {
		conn = &Handle{fd: sysFD(y.accepted), loop: l}
	}
	err = windows.Setsockopt(y.accepted, windows.SOL_SOCKET, windows.SO_UPDATE_ACCEPT_CONTEXT, (*byte)(unsafe.Pointer(&op.Handle.fd)), int32(unsafe.Sizeof(op.Handle.fd)))
	if err == nil && !op.bare && op.Into == nil {
		err = l.adopt(conn)
	}
	if err != nil {
		_ = conn.Close()
		y.accepted = 0
		return false, err
	}
	op.Conn = conn
	op.Addr, _ = sockName(conn.fd, true) // of a client that is gone already it is not known
	op.moved = copy(op.Buf, y.room[:n])
	if op.FirstBlock == 0 || len(op.Buf) == 0 {
		return false, nil
	}
	op.stage = second
	l.timers.add(op, l.after(op.FirstBlock))
	return true, nil
}

// connected makes the socket a full one.
func (l *loop) connected(op *Op, n int) (more bool, err error) {
	op.moved = n
	return false, windows.Setsockopt(windows.Handle(op.Handle.fd), windows.SOL_SOCKET, windows.SO_UPDATE_CONNECT_CONTEXT, nil, 0)
}

// blocking does all of an operation on a file that is not for overlapped use, in a goroutine.
func blocking(o *Op) (int, error) {
	moved := 0
	for {
		n, err := o.block(o.Buf[moved:], o.Offset+int64(moved))
		moved += n
		switch {
		case err == windows.ERROR_HANDLE_EOF || err == windows.ERROR_BROKEN_PIPE:
			return moved, io.EOF
		case err != nil:
			return moved, err
		case n == 0 && (o.Kind == Read || o.Kind == ReadAt) && len(o.Buf) > 0:
			return moved, io.EOF
		case n == 0 && moved < len(o.Buf):
			return moved, io.ErrShortWrite
		case moved == len(o.Buf), o.Kind == Read && !o.All:
			return moved, nil
		}
	}
}

func (o *Op) block(b []byte, at int64) (int, error) {
	var n uint32
	var where *windows.Overlapped
	if o.Kind == ReadAt || o.Kind == WriteAt {
		where = &windows.Overlapped{Offset: uint32(at), OffsetHigh: uint32(at >> 32)}
	}
	b = b[:min(len(b), maxBuf)]
	h := windows.Handle(o.Handle.fd)
	var err error
	switch o.Kind {
	case Read, ReadAt:
		err = windows.ReadFile(h, b, &n, where)
	case Write, WriteAt:
		err = windows.WriteFile(h, b, &n, where)
	default:
		err = windows.WSAENOTSOCK
	}
	return int(n), err
}
