package mswsock

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iocp"
)

// The extension functions, as mswsock.h numbers them; package iocp has AcceptEx and ConnectEx.
var (
	GetAcceptExSockaddrsID = windows.GUID{Data1: 0xb5367df2, Data2: 0xcbac, Data3: 0x11cf, Data4: [8]byte{0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}
	TransmitFileID         = windows.GUID{Data1: 0xb5367df0, Data2: 0xcbac, Data3: 0x11cf, Data4: [8]byte{0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}
	DisconnectExID         = windows.GUID{Data1: 0x7fda2e11, Data2: 0x8630, Data3: 0x436f, Data4: [8]byte{0xa0, 0x31, 0xf5, 0x36, 0xa6, 0xee, 0xc1, 0x57}}
	TransmitPacketsID      = windows.GUID{Data1: 0xd9689da0, Data2: 0x1f90, Data3: 0x11d3, Data4: [8]byte{0x99, 0x71, 0x00, 0xc0, 0x4f, 0x68, 0xc8, 0x76}}
)

// Find is the address of a function in the provider of a socket. One that there is not is errors.ErrUnsupported.
func Find(s windows.Handle, id *windows.GUID) (uintptr, error) {
	f, err := iocp.Extension(s, id)
	if errors.Is(err, windows.WSAEINVAL) || errors.Is(err, windows.WSAEOPNOTSUPP) {
		err = errors.Join(errors.ErrUnsupported, err)
	}
	return f, err
}

// GetAcceptExSockaddrs finds the addresses in what AcceptEx has filled.
func GetAcceptExSockaddrs(f uintptr, buf []byte, size int) (local, remote windows.Sockaddr, err error) {
	var l, r *windows.RawSockaddrAny
	var lLen, rLen int32
	_, _, _ = syscall.SyscallN(f, uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(size), iocp.AddressRoom, iocp.AddressRoom,
		uintptr(unsafe.Pointer(&l)), uintptr(unsafe.Pointer(&lLen)), uintptr(unsafe.Pointer(&r)), uintptr(unsafe.Pointer(&rLen)))
	if l == nil || r == nil {
		return nil, nil, windows.WSAEINVAL
	}
	if local, err = l.Sockaddr(); err != nil {
		return nil, nil, err
	}
	remote, err = r.Sockaddr()
	return local, remote, err
}

// DisconnectEx begins to end a connection.
func DisconnectEx(f uintptr, s windows.Handle, o *windows.Overlapped, flags uint32) error {
	r, _, errno := syscall.SyscallN(f, uintptr(s), uintptr(unsafe.Pointer(o)), uintptr(flags), 0)
	return begun(r, errno)
}

// begun is nil if an operation was begun: its result comes later, even if it has ended already.
func begun(r uintptr, errno syscall.Errno) error {
	switch {
	case r != 0 || errno == windows.ERROR_IO_PENDING:
		return nil
	case errno == 0:
		return syscall.EINVAL
	}
	return errno
}
