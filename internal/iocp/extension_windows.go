package iocp

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// The extension functions, as mswsock.h numbers them.
var (
	AcceptExID  = windows.GUID{Data1: 0xb5367df1, Data2: 0xcbac, Data3: 0x11cf, Data4: [8]byte{0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}}
	ConnectExID = windows.GUID{Data1: 0x25a207b9, Data2: 0xddf3, Data3: 0x4660, Data4: [8]byte{0x8e, 0xe9, 0x76, 0xe5, 0x8c, 0x74, 0x06, 0x3e}}
)

// Extension is the address of a function in the provider of a socket. WSAEINVAL means that it has none.
func Extension(s windows.Handle, id *windows.GUID) (f uintptr, err error) {
	var n uint32
	err = windows.WSAIoctl(s, windows.SIO_GET_EXTENSION_FUNCTION_POINTER, (*byte)(unsafe.Pointer(id)), uint32(unsafe.Sizeof(*id)),
		(*byte)(unsafe.Pointer(&f)), uint32(unsafe.Sizeof(f)), &n, nil, 0)
	if err != nil {
		return 0, fmt.Errorf("SIO_GET_EXTENSION_FUNCTION_POINTER: %w", err)
	}
	return f, nil
}

// AddressRoom is what AcceptEx wants for each address: 16 bytes more than the largest.
const AddressRoom = 28 + 16

// AcceptEx begins to accept on l into the socket s, and to receive size bytes into buf, which has room for them and for two
// addresses.
func AcceptEx(f uintptr, l, s windows.Handle, buf []byte, size int, o *windows.Overlapped) error {
	var n uint32
	r, _, errno := syscall.SyscallN(f, uintptr(l), uintptr(s), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(size), AddressRoom, AddressRoom,
		uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(o)))
	return begun(r, errno)
}

// ConnectEx begins to connect s, which is bound, and to send buf.
func ConnectEx(f uintptr, s windows.Handle, addr unsafe.Pointer, addrLen int, buf []byte, o *windows.Overlapped) error {
	var n uint32
	r, _, errno := syscall.SyscallN(f, uintptr(s), uintptr(addr), uintptr(addrLen), uintptr(unsafe.Pointer(unsafe.SliceData(buf))), uintptr(len(buf)),
		uintptr(unsafe.Pointer(&n)), uintptr(unsafe.Pointer(o)))
	return begun(r, errno)
}

// begun is nil if the operation was begun: its result comes through the port, even if it has ended already.
func begun(r uintptr, errno syscall.Errno) error {
	switch {
	case r != 0 || errno == windows.ERROR_IO_PENDING:
		return nil
	case errno == 0:
		return syscall.EINVAL
	}
	return errno
}
