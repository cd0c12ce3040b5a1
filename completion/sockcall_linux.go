package completion

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These calls never block: the sockets do not, and so the scheduler is not told.

func nameCall(call uintptr, fd sysFD, s *sockaddr, n *uint32) error {
	_, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(s)), uintptr(unsafe.Pointer(n)))
	return orNil(errno)
}

func acceptCall(fd sysFD, s *sockaddr, n *uint32) (int, error) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(s)), uintptr(unsafe.Pointer(n)), acceptFlags, 0, 0)
	return int(r), orNil(errno)
}

func connectCall(fd sysFD, s *sockaddr, n int) error {
	_, _, errno := syscall.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(s)), uintptr(n))
	return orNil(errno)
}

func sendCall(fd sysFD, b []byte, flags int) (int, error) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(flags), 0, 0)
	return int(r), orNil(errno)
}

func recvCall(fd sysFD, b []byte, flags int) (int, error) {
	r, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), uintptr(flags), 0, 0)
	return int(r), orNil(errno)
}

func sendmsgCall(fd sysFD, m *unix.Msghdr, flags int) (int, error) {
	r, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), uintptr(flags))
	return int(r), orNil(errno)
}

func recvmsgCall(fd sysFD, m *unix.Msghdr, flags int) (int, error) {
	r, _, errno := syscall.RawSyscall(unix.SYS_RECVMSG, uintptr(fd), uintptr(unsafe.Pointer(m)), uintptr(flags))
	return int(r), orNil(errno)
}
