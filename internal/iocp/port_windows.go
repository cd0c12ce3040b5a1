package iocp

import (
	"fmt"
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel32                        = windows.NewLazySystemDLL("kernel32.dll")
	procGetQueuedCompletionStatusEx = kernel32.NewProc("GetQueuedCompletionStatusEx")
	ws2_32                          = windows.NewLazySystemDLL("ws2_32.dll")
	procWSAGetOverlappedResult      = ws2_32.NewProc("WSAGetOverlappedResult")
)

// Port is a completion port. Post may be called by any thread; Wait by one at a time, since it returns memory of its own.
type Port struct {
	handle  windows.Handle
	entries []Entry
}

// Entry is OVERLAPPED_ENTRY: a packet. Overlapped is nil for one that was posted.
type Entry struct {
	Key        uintptr
	Overlapped *windows.Overlapped
	Internal   uintptr
	Bytes      uint32
}

// NewPort makes one that returns at most batch packets at once. One thread takes them.
func NewPort(batch int) (*Port, error) {
	h, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	if err != nil {
		return nil, fmt.Errorf("CreateIoCompletionPort: %w", err)
	}
	return &Port{handle: h, entries: make([]Entry, batch)}, nil
}

// Associate has the results of a handle's overlapped operations queued here. It is for the handle's life.
func (p *Port) Associate(h windows.Handle) error {
	if _, err := windows.CreateIoCompletionPort(h, p.handle, 0, 0); err != nil {
		return fmt.Errorf("CreateIoCompletionPort: %w", err)
	}
	return nil
}

// Post queues a packet without an operation.
func (p *Port) Post() error { return windows.PostQueuedCompletionStatus(p.handle, 0, 0, nil) }

// Wait returns packets: at most d is waited for them, without bound if d is negative. Give them back with Clear, or what
// they point to would stay reachable, and worse: would be looked at by the collector after it is gone.
func (p *Port) Wait(d time.Duration) ([]Entry, error) {
	var n uint32
	r, _, err := procGetQueuedCompletionStatusEx.Call(uintptr(p.handle), uintptr(unsafe.Pointer(&p.entries[0])), uintptr(len(p.entries)),
		uintptr(unsafe.Pointer(&n)), uintptr(millis(d)), 0)
	if r != 0 {
		return p.entries[:n], nil
	}
	if err == windows.WAIT_TIMEOUT || err == windows.Errno(windows.WAIT_TIMEOUT) {
		return nil, nil
	}
	return nil, fmt.Errorf("GetQueuedCompletionStatusEx: %w", err)
}

// Clear forgets packets that Wait returned.
func (p *Port) Clear(entries []Entry) { clear(entries) }

// millis rounds up, or a short wait would be a loop.
func millis(d time.Duration) uint32 {
	switch ms := (d + time.Millisecond - 1) / time.Millisecond; {
	case d < 0:
		return windows.INFINITE
	case ms >= math.MaxUint32:
		return windows.INFINITE - 1
	default:
		return uint32(ms)
	}
}

// Close releases it. Nothing may be under way.
func (p *Port) Close() error { return windows.CloseHandle(p.handle) }

// SocketResult is that of a socket's operation that has ended, with Winsock's error number (WSAGetOverlappedResult).
func SocketResult(s windows.Handle, o *windows.Overlapped) (n int, err error) {
	var moved, flags uint32
	r, _, err := procWSAGetOverlappedResult.Call(uintptr(s), uintptr(unsafe.Pointer(o)), uintptr(unsafe.Pointer(&moved)), 0, uintptr(unsafe.Pointer(&flags)))
	if r != 0 {
		err = nil
	}
	return int(moved), err
}

// FileResult is that of a file's or pipe's operation (GetOverlappedResult).
func FileResult(h windows.Handle, o *windows.Overlapped) (n int, err error) {
	var moved uint32
	err = windows.GetOverlappedResult(h, o, &moved, false)
	return int(moved), err
}
