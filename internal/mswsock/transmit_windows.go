package mswsock

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TransmitFile begins to send n bytes of a file from the OVERLAPPED's offset, with what bufs points to before and after
// them, at most size bytes at once. n 0 is the whole file, and size 0 what is best.
func TransmitFile(f uintptr, s, file windows.Handle, n, size uint32, o *windows.Overlapped, bufs *windows.TransmitFileBuffers, flags uint32) error {
	r, _, errno := syscall.SyscallN(f, uintptr(s), uintptr(file), uintptr(n), uintptr(size), uintptr(unsafe.Pointer(o)), uintptr(unsafe.Pointer(bufs)), uintptr(flags))
	return begun(r, errno)
}

// Element is TRANSMIT_PACKETS_ELEMENT: Where is a file's offset or an address in memory.
type Element struct {
	Flags  uint32
	Length uint32
	Where  int64
	File   windows.Handle
	_      [8 - unsafe.Sizeof(windows.Handle(0))]byte // the union is aligned to 8 bytes
}

// SetMemory makes it one of memory, which the caller keeps where it is.
func (e *Element) SetMemory(b []byte) {
	e.Length = uint32(len(b))
	*(*unsafe.Pointer)(unsafe.Pointer(&e.Where)) = unsafe.Pointer(unsafe.SliceData(b))
}

// TransmitPackets begins to send elements, at most size bytes at once.
func TransmitPackets(f uintptr, s windows.Handle, all []Element, size uint32, o *windows.Overlapped, flags uint32) error {
	r, _, errno := syscall.SyscallN(f, uintptr(s), uintptr(unsafe.Pointer(unsafe.SliceData(all))), uintptr(len(all)), uintptr(size),
		uintptr(unsafe.Pointer(o)), uintptr(flags))
	return begun(r, errno)
}
