package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/completion"
	"github.com/sockeye-net/sockeye/sockex"
)

// client makes connections one after the other, with one exchange on each. All wait for the server's end before the next, so
// that only how the socket is come by differs.
func client(name string, to netip.AddrPort) {
	reuse := strings.HasSuffix(name, "DisconnectEx")
	switch word, rest, _ := strings.Cut(name, ", "); {
	case word == "port":
		backend, _, _ := strings.Cut(rest, ", ")
		b, err := completion.ParseBackend(backend)
		fail(err)
		onPort(b, to, reuse)
	case name == "net.Dial and Close":
		dialing(to)
	case name == "ConnectEx and DisconnectEx":
		reusing(to)
	default:
		rawClient(to, reuse)
	}
}

// rawClient is the least that either way takes: blocking system calls.
func rawClient(to netip.AddrPort, reuse bool) {
	runtime.LockOSThread()
	b, fd := make([]byte, 4096), -1
	addr := &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}
	var none [16]byte
	for {
		if fd < 0 {
			var err error
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			fail(err)
			fail(unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
		}
		fail(unix.Connect(fd, addr))
		rawExchange(fd, b)
		fail(unix.Shutdown(fd, unix.SHUT_WR))
		_, err := unix.Read(fd, b)
		fail(err)
		if reuse {
			_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), uintptr(len(none)))
			if errno != 0 {
				fail(errno)
			}
		} else {
			fail(unix.Close(fd))
			fd = -1
		}
		done.Add(1)
	}
}

func dialing(to netip.AddrPort) {
	b := make([]byte, blockSize)
	for {
		c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(to))
		fail(err)
		_, err = c.Write(b)
		fail(err)
		_, err = io.ReadFull(c, b)
		fail(err)
		fail(c.CloseWrite())
		if n, err := c.Read(b); n != 0 || err != io.EOF {
			fail(fmt.Errorf("%d bytes, %w", n, err))
		}
		fail(c.Close())
		done.Add(1)
	}
}

func reusing(to netip.AddrPort) {
	b := make([]byte, blockSize)
	ctx := context.Background()
	s, err := sockex.NewSocket("tcp4", netip.AddrPort{})
	fail(err)
	for {
		c, _, err := sockex.ConnectEx(ctx, s, to, b, nil)
		fail(err)
		_, err = io.ReadFull(c, b)
		fail(err)
		s, err = sockex.DisconnectEx(ctx, c, sockex.TF_REUSE_SOCKET)
		fail(err)
		done.Add(1)
	}
}

// onPort does the same on a completion port.
func onPort(b completion.Backend, to netip.AddrPort, reuse bool) {
	port, err := completion.Open(&completion.Config{Backend: b, Exclusive: true})
	fail(err)
	one := make([]*completion.Op, 1)
	do := func(op *completion.Op) {
		fail(port.Submit(op))
		_, err := port.Wait(one, -1)
		fail(err)
		if op.Err != nil && op.Err != io.EOF {
			fail(op.Err)
		}
	}
	data := make([]byte, blockSize)
	recv := &completion.Op{Kind: completion.Recv, Buf: make([]byte, blockSize), All: true}
	var s *completion.Handle
	var connect *sockex.Connection
	var end *sockex.Disconnection
	for {
		if s == nil {
			s, err = port.Socket("tcp4")
			fail(err)
			connect, end = sockex.NewConnectEx(s, to, data, nil), sockex.NewDisconnectEx(s, sockex.TF_REUSE_SOCKET)
			recv.Handle = s
		}
		do(connect.Op())
		do(recv)
		if reuse {
			do(end.Op())
		} else {
			do(&completion.Op{Kind: completion.Shutdown, Handle: s, How: completion.Out})
			do(recv)
			do(&completion.Op{Kind: completion.Close, Handle: s})
			s = nil
		}
		done.Add(1)
	}
}
