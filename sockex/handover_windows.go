package sockex

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// handsOver reports whether package net can take over a socket that it did not make: for that, package os takes it off the
// runtime's completion port again. Windows can since 8.1, Wine 10 cannot.
var handsOver = sync.OnceValue(func() bool {
	h, err := windows.WSASocket(windows.AF_INET, windows.SOCK_STREAM, windows.IPPROTO_TCP, nil, 0, windows.WSA_FLAG_OVERLAPPED|windows.WSA_FLAG_NO_HANDLE_INHERIT)
	if err != nil {
		return false
	}
	defer windows.Closesocket(h)
	port, err := windows.CreateIoCompletionPort(h, 0, 0, 1)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(port)
	var none [2]uintptr // FILE_COMPLETION_INFORMATION
	var status windows.IO_STATUS_BLOCK
	return windows.NtSetInformationFile(h, &status, (*byte)(unsafe.Pointer(&none)), uint32(unsafe.Sizeof(none)), windows.FileReplaceCompletionInformation) == nil
})

// dialByNet has package net make the connection, from the same local address: what else can be done where it cannot be given
// one.
func (s *sysSocket) dialByNet(ctx context.Context, raddr netip.AddrPort, data []byte) (n int, err error) {
	var was tcpOptions
	was.get(s.h)
	d := net.Dialer{}
	if s.local.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(s.local)
	}
	_ = s.close()
	c, err := d.DialContext(ctx, "tcp", raddr.String())
	if err == nil {
		s.c = c.(*net.TCPConn)
		n, err = s.sendFirst(ctx, data)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		s.c = nil
		if e := s.make(); e != nil {
			err = e
		}
		return n, err
	}
	_ = s.c.SetNoDelay(was.noDelay != 0)
	_ = s.c.SetKeepAlive(was.keepAlive != 0)
	return n, nil
}

// sendFirst sends on the new connection, which it closes if that fails.
func (s *sysSocket) sendFirst(ctx context.Context, data []byte) (n int, err error) {
	if len(data) == 0 {
		return 0, nil
	}
	cut := cutOff(ctx, s.c.SetWriteDeadline)
	n, err = s.c.Write(data)
	if err = cut.end(err); err != nil {
		_ = s.c.SetLinger(0)
		_ = s.c.Close()
	}
	return n, err
}
