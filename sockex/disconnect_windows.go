package sockex

import (
	"context"
	"errors"
	"io"
	"net"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/internal/mswsock"
)

// endConn does what TF_DISCONNECT asks for, and with reuse what TF_REUSE_SOCKET does. Everything up to the end of the stream
// is read first: the system's function does not end while there is something to be read.
func endConn(ctx context.Context, c *net.TCPConn, reuse bool) error {
	if err := c.CloseWrite(); err != nil || !reuse {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	cut := cutOff(ctx, c.SetReadDeadline)
	_, err := io.Copy(io.Discard, struct{ io.Reader }{c})
	if err = cut.end(err); err != nil {
		return err
	}
	rc, err := c.SyscallConn()
	if err != nil {
		return err
	}
	_, err = mswsock.Run(ctx, rc, disconnectCall)
	return err
}

func disconnectCall(s windows.Handle, o *windows.Overlapped) error {
	f, err := mswsock.Find(s, &mswsock.DisconnectExID)
	if err != nil {
		return err
	}
	return mswsock.DisconnectEx(f, s, o, uint32(TF_REUSE_SOCKET))
}

// sysFarewell is the same on a port.
type sysFarewell struct {
	reuse, shut, drained bool
	buf                  []byte
}

// errEnded is that a call has nothing to wait for.
var errEnded = errors.New("ended")

const dropSize = 16 << 10

func (f *farewell) call(fd uintptr, overlapped unsafe.Pointer) (int, error) {
	h, o, y := windows.Handle(fd), (*windows.Overlapped)(overlapped), &f.sys
	if !y.shut {
		if info, err := protocolOf(h); err != nil || info.Protocol != windows.IPPROTO_TCP {
			return 0, errors.Join(ErrSocketKind, err)
		}
		if err := windows.Shutdown(h, windows.SHUT_WR); err != nil {
			return 0, err
		}
		y.shut = true
	}
	if !y.reuse {
		return 0, errEnded
	}
	if y.drained {
		return 0, disconnectCall(h, o)
	}
	if y.buf == nil {
		y.buf = make([]byte, dropSize)
	}
	var flags uint32
	return 0, windows.WSARecv(h, &windows.WSABuf{Len: dropSize, Buf: unsafe.SliceData(y.buf)}, 1, nil, &flags, o, nil)
}

// step says what comes after a result.
func (f *farewell) step(op *completion.Op) (more bool) {
	switch {
	case op.Err == errEnded:
		op.Err = nil
		return false
	case op.Err != nil || f.sys.drained:
		return false
	}
	f.sys.drained = op.N == 0
	return true
}
