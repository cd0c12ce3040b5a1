package sockex

import (
	"context"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
)

// dialing is a connection that is being made, and the data that is sent on it.
type dialing struct {
	to    []byte // as the system has it
	data  []byte
	fast  bool
	begun bool
	up    bool
	sent  int
}

// step goes on as far as it gets without waiting. unix.EAGAIN is that the socket has to be writable first.
func (d *dialing) step(fd int) error {
	if !d.begun {
		d.begun = true
		if err := d.begin(fd); err != nil && err != unix.EINPROGRESS {
			return err
		}
	}
	if !d.up {
		if err := outcome(fd); err != nil {
			return err
		}
		d.up = true
	}
	return d.send(fd)
}

// taken is how many bytes have been sent. What went with the first packet counts once there is a connection.
func (d *dialing) taken() int {
	if !d.up {
		return 0
	}
	return d.sent
}

// begin connects. With fast open the kernel sends the data in the first packet if it has a cookie; if not, it asks for one,
// says EINPROGRESS and has taken nothing (tcp(7), MSG_FASTOPEN).
func (d *dialing) begin(fd int) (err error) {
	if d.fast && len(d.data) > 0 {
		if connected(fd) { // a socket connected without waiting would just send
			return unix.EISCONN
		}
		d.sent, err = sendCall(fd, d.data, unix.MSG_FASTOPEN, d.to)
		if err != unix.EOPNOTSUPP { // switched off: net.ipv4.tcp_fastopen
			return err
		}
		d.sent = 0
	}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(d.to))), uintptr(len(d.to)))
	if errno != 0 {
		return errno
	}
	return nil
}

// send sends what of the data has not gone yet.
func (d *dialing) send(fd int) error {
	for d.sent < len(d.data) {
		n, err := sendCall(fd, d.data[d.sent:], 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		d.sent += n
	}
	return nil
}

// outcome is that of connecting. An event does not prove it, since one of before may have been left; having a peer does.
func outcome(fd int) error {
	if err := socketError(fd); err != nil {
		return err
	}
	if !connected(fd) {
		return unix.EAGAIN
	}
	return nil
}

// sendCall never blocks, and so the scheduler is not told.
func sendCall(fd int, b []byte, flags int, to []byte) (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)),
		uintptr(flags|unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT), uintptr(unsafe.Pointer(unsafe.SliceData(to))), uintptr(len(to)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// dial connects s, which is taken, and sends.
func (s *Socket) dial(ctx context.Context, raddr netip.AddrPort, data []byte, o *ConnectOptions) (n int, err error) {
	d := dialing{data: data, fast: o.FastOpen}
	if d.to, err = sockaddrFor(s.sys.fd, raddr); err != nil {
		return 0, err
	}
	if err = d.step(s.sys.fd); err == unix.EAGAIN {
		err = s.wait(ctx, &d)
	}
	if err != nil {
		_ = unconnect(s.sys.fd)
	}
	return d.taken(), err
}

// wait takes the steps that have to be waited for.
func (s *Socket) wait(ctx context.Context, d *dialing) error {
	rc, err := s.sys.pollable()
	if err != nil {
		return err
	}
	cut := cutOff(ctx, s.sys.f.SetWriteDeadline)
	var stepErr error
	err = rc.Write(func(fd uintptr) bool {
		stepErr = d.step(int(fd))
		return stepErr != unix.EAGAIN
	})
	if err == nil {
		err = stepErr
	}
	return cut.end(err)
}

// sysConnection is the same on a port, for a fast open.
type sysConnection struct{ dialing }

func (c *Connection) setFast() {
	c.op.Kind, c.op.How, c.op.Call = completion.Call, completion.Out, c.call
	c.sys.dialing = dialing{data: c.data, fast: true}
}

func (c *Connection) call(fd uintptr, _ unsafe.Pointer) (_ int, err error) {
	d := &c.sys.dialing
	if !d.begun {
		if d.to, err = sockaddrFor(int(fd), c.to); err != nil {
			return 0, err
		}
	}
	err = d.step(int(fd))
	return d.taken(), err
}

// settle has a socket that is not connected after all, and perhaps still tries, be one that can be connected.
func (c *Connection) settle(op *completion.Op) {
	if c.fast {
		op.N = c.sys.taken()
	}
	if op.Err != nil && op.Handle != nil && op.Err != unix.EBADF {
		if fd := int(op.Handle.FD()); unfinished(fd) {
			_ = unconnect(fd)
		}
	}
}

// unfinished reports whether a socket neither has a connection nor listens.
func unfinished(fd int) bool {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	return err == nil && (info.State == tcpClose || info.State == tcpSynSent)
}

func allowFastOpen(fd uintptr, queue int) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_FASTOPEN, queue)
}
