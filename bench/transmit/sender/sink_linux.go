package main

import (
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sink receives whatever comes, without looking at it.
func sink(addr, what string, gro bool) error {
	if what == "gather" {
		l, err := net.Listen("tcp4", addr)
		if err != nil {
			return err
		}
		c, err := l.Accept()
		if err != nil {
			return err
		}
		return swallow(c.(*net.TCPConn), 1<<30)
	}
	a, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		return err
	}
	c, err := net.ListenUDP("udp4", a)
	if err != nil {
		return err
	}
	if gro {
		if err := receiveRuns(c); err != nil {
			return err
		}
	}
	return swallow(c, 1)
}

func receiveRuns(c *net.UDPConn) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	if ctlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_UDP, unix.UDP_GRO, 1) }); ctlErr != nil {
		return ctlErr
	}
	return err
}

// swallow has the kernel drop what was received (MSG_TRUNC), up to n bytes or a datagram a call.
func swallow(c syscall.Conn, n uintptr) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	buf := new([1]byte)
	return raw.Read(func(fd uintptr) bool {
		for {
			got, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(buf)), n, unix.MSG_TRUNC|unix.MSG_DONTWAIT, 0, 0)
			switch {
			case errno == unix.EAGAIN:
				return false
			case errno != 0 && errno != unix.EINTR, got == 0 && n > 1:
				return true
			}
		}
	})
}
