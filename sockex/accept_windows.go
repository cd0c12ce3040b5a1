package sockex

import (
	"context"
	"errors"
	"net"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
	"github.com/sockeye-net/sockeye/internal/mswsock"
)

// acceptInto accepts a connection into a socket. Only the context ends the wait.
func acceptInto(ctx context.Context, l *net.TCPListener, s *Socket, buf []byte, limit time.Duration) (*Accepted, error) {
	if !handsOver() {
		return acceptInstead(ctx, l, s, buf, limit)
	}
	rc, err := l.SyscallConn()
	if err != nil {
		return nil, err
	}
	if err := s.take(); err != nil {
		return nil, err
	}
	room := make([]byte, 2*iocp.AddressRoom)
	var f uintptr
	_, err = mswsock.Run(ctx, rc, func(h windows.Handle, o *windows.Overlapped) (err error) {
		if f, err = mswsock.Find(h, &iocp.AcceptExID); err != nil {
			return err
		}
		return iocp.AcceptEx(f, h, s.sys.h, room, 0, o)
	})
	if errors.Is(err, windows.ERROR_OPERATION_ABORTED) {
		err = ErrClosed
	}
	if err != nil {
		s.leave(vacant)
		return nil, err
	}
	defer s.leave(gone)
	c, err := s.accepted(rc.Control)
	if err != nil {
		return nil, err
	}
	a, err := firstBlock(ctx, c, buf, limit)
	if a != nil {
		a.find(room)
	}
	return a, err
}

// accepted makes a connection of a socket that AcceptEx has connected.
func (s *Socket) accepted(listener func(func(fd uintptr)) error) (*net.TCPConn, error) {
	var optErr error
	err := listener(func(fd uintptr) {
		optErr = windows.Setsockopt(s.sys.h, windows.SOL_SOCKET, windows.SO_UPDATE_ACCEPT_CONTEXT, (*byte)(unsafe.Pointer(&fd)), int32(unsafe.Sizeof(fd)))
	})
	if err = errors.Join(err, optErr); err != nil {
		_ = s.sys.close()
		return nil, err
	}
	return s.conn()
}

// find takes the addresses from where AcceptEx has left them.
func (a *Accepted) find(room []byte) {
	if a.Conn == nil {
		return
	}
	rc, err := a.Conn.SyscallConn()
	if err != nil {
		return
	}
	_ = rc.Control(func(fd uintptr) {
		f, err := mswsock.Find(windows.Handle(fd), &mswsock.GetAcceptExSockaddrsID)
		if err != nil {
			return
		}
		if local, remote, err := mswsock.GetAcceptExSockaddrs(f, room, 0); err == nil {
			a.Local, a.Remote = addrPortOf(local), addrPortOf(remote)
		}
	})
}
