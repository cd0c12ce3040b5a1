package iphlpapi

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"
)

// Family is an address family of <winsock2.h>.
type Family uint32

// The families.
const (
	IPv4 Family = windows.AF_INET
	IPv6 Family = windows.AF_INET6
)

// TCPClass is TCP_TABLE_CLASS of <iprtrmib.h>.
type TCPClass uint32

// The classes: how much about the owner, of which sockets.
const (
	TCPBasicListener TCPClass = iota
	TCPBasicConnections
	TCPBasicAll
	TCPPIDListener
	TCPPIDConnections
	TCPPIDAll
	TCPModuleListener
	TCPModuleConnections
	TCPModuleAll
)

// UDPClass is UDP_TABLE_CLASS of <iprtrmib.h>.
type UDPClass uint32

// The classes: how much about the owner.
const (
	UDPBasic UDPClass = iota
	UDPPID
	UDPModule
)

// CallError is the error of a call. Unwrap reaches the system's error number.
type CallError struct {
	Func string
	Err  error
}

func (e *CallError) Error() string { return e.Func + ": " + e.Err.Error() }
func (e *CallError) Unwrap() error { return e.Err }

// Buffer is the memory that tables are read into, again and again. The zero Buffer is ready. It is not safe for concurrent
// use; what a method returns is valid until the next one.
type Buffer struct {
	b []byte
}

// TCP reads one class of the TCP table by GetExtendedTcpTable. The manual names no structure for the BASIC classes of
// IPv6, so there TCP6 serves. (Wine answers them with MIB_TCP6TABLE.)
func (b *Buffer) TCP(af Family, class TCPClass, order bool) ([]byte, error) {
	return b.fill("GetExtendedTcpTable", func(p *byte, size *uint32) error {
		return getExtendedTcpTable(p, size, order, uint32(af), uint32(class), 0)
	})
}

// TCP6 reads the IPv6 TCP table without owners, sockets in every state, by GetTcp6Table.
func (b *Buffer) TCP6(order bool) ([]byte, error) {
	return b.fill("GetTcp6Table", func(p *byte, size *uint32) error {
		return getTcp6Table(p, size, order)
	})
}

// UDP reads one class of the UDP table by GetExtendedUdpTable.
func (b *Buffer) UDP(af Family, class UDPClass, order bool) ([]byte, error) {
	return b.fill("GetExtendedUdpTable", func(p *byte, size *uint32) error {
		return getExtendedUdpTable(p, size, order, uint32(af), uint32(class), 0)
	})
}

const (
	firstSize = 32 << 10 // bytes: 200 rows of the largest kind
	maxSize   = 1 << 30  // bytes: no table of 16 bits of ports on any number of addresses has come near it
	maxTries  = 10
)

// errGrowing is for a table that outgrows every buffer it is given.
var errGrowing = fmt.Errorf("the table grew %d times while it was read", maxTries)

// call is one of the table functions with all but its buffer given.
type call func(table *byte, size *uint32) error

// fill calls f until the table fits. The size that the system asks for is that of the moment before: by the next call the
// table may have grown, so the buffer gets an eighth more, and the call is made again up to maxTries times.
func (b *Buffer) fill(name string, f call) ([]byte, error) {
	if b.b == nil {
		b.b = make([]byte, firstSize)
	}
	for range maxTries {
		size := uint32(len(b.b))
		err := f(&b.b[0], &size)
		switch {
		case err == nil:
			return b.b, nil
		case errors.Is(err, windows.ERROR_NO_DATA): // a table without rows, of GetTcp6Table
			clear(b.b[:4])
			return b.b, nil
		case !errors.Is(err, windows.ERROR_INSUFFICIENT_BUFFER):
			return nil, &CallError{name, err}
		}
		if err := b.grow(size); err != nil {
			return nil, &CallError{name, err}
		}
	}
	return nil, &CallError{name, errGrowing}
}

// grow makes room for size bytes and an eighth more. A system that refuses a buffer and names a smaller size gets twice
// the buffer.
func (b *Buffer) grow(size uint32) error {
	want := max(uint64(size)+uint64(size)/8, 2*uint64(len(b.b)))
	if want > maxSize {
		return fmt.Errorf("it asks for a buffer of %d bytes: %w", size, windows.ERROR_INSUFFICIENT_BUFFER)
	}
	b.b = make([]byte, want)
	return nil
}
