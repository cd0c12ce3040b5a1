package mswsock

import (
	"context"
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
)

// Run begins an overlapped operation on a socket and waits for it, in a thread of its own as long as that takes. A context
// that ends cancels it; then the error is the context's, unless the operation was faster. start is called while the socket
// cannot be closed, with an OVERLAPPED that has an event; it returns nil or ERROR_IO_PENDING when the operation was begun. Its
// buffers have to stay where they are.
func Run(ctx context.Context, rc syscall.RawConn, start func(s windows.Handle, o *windows.Overlapped) error) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(event)
	o := &windows.Overlapped{HEvent: event | 1} // the low bit keeps it from the completion port
	var s windows.Handle
	ctlErr := rc.Control(func(fd uintptr) {
		s = windows.Handle(fd)
		err = start(s, o)
	})
	if ctlErr != nil {
		return 0, ctlErr
	}
	if err != nil && err != windows.ERROR_IO_PENDING {
		return 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = windows.CancelIoEx(s, o) })
	_, err = windows.WaitForSingleObject(event, windows.INFINITE)
	stop()
	if err != nil {
		return 0, err
	}
	if n, err = result(rc, o); err != nil && ctx.Err() != nil && cancelled(err) {
		err = ctx.Err()
	}
	return n, err
}

// result is that of an operation that has ended, with Winsock's error number if the socket is still there to be asked.
func result(rc syscall.RawConn, o *windows.Overlapped) (n int, err error) {
	ctlErr := rc.Control(func(fd uintptr) { n, err = iocp.SocketResult(windows.Handle(fd), o) })
	if ctlErr == nil {
		return n, err
	}
	if status := windows.NTStatus(o.Internal); status != windows.STATUS_SUCCESS {
		return int(o.InternalHigh), status.Errno()
	}
	return int(o.InternalHigh), nil
}

func cancelled(err error) bool {
	return err == windows.ERROR_OPERATION_ABORTED || err == windows.WSA_E_CANCELLED || err == windows.WSAEINTR
}
