package iphlpapi

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// Interfaces reads MIB_IFTABLE by GetIfTable, ordered by index if order is set.
func (b *Buffer) Interfaces(order bool) ([]byte, error) {
	return b.fill("GetIfTable", func(p *byte, size *uint32) error { return getIfTable(p, size, order) })
}

// Memory is a table that the system made and that Free gives back. The zero Memory holds nothing.
type Memory struct {
	p    *byte
	size int
}

// Interfaces2 reads MIB_IF_TABLE2 by GetIfTable2. Windows before Vista has no such call: the error there wraps a
// *windows.DLLError.
func Interfaces2() (Memory, error) {
	return memory("GetIfTable2", miblayout.IfTable2, getIfTable2)
}

// Addresses reads MIB_UNICASTIPADDRESS_TABLE, of IPv4 and IPv6, by GetUnicastIpAddressTable; missing as GetIfTable2 is.
func Addresses() (Memory, error) {
	return memory("GetUnicastIpAddressTable", miblayout.IfUnicast, func(p **byte) error {
		return getUnicastIpAddressTable(windows.AF_UNSPEC, p)
	})
}

// memory calls f, which does not say how large its table is: that follows from the number of rows, its first word.
func memory(name string, k miblayout.IfKind, f func(**byte) error) (Memory, error) {
	p := new(*byte)
	if err := f(p); err != nil {
		return Memory{}, &CallError{name, err}
	}
	if *p == nil {
		return Memory{}, &CallError{name, windows.ERROR_INVALID_DATA}
	}
	n := *(*uint32)(unsafe.Pointer(*p))
	size := k.Size(n)
	if size > maxSize {
		freeMibTable(*p)
		return Memory{}, &CallError{name, fmt.Errorf("%v of %d rows: %w", k, n, windows.ERROR_INVALID_DATA)}
	}
	if n == 0 { // its padding is not promised
		size = 4
	}
	return Memory{*p, int(size)}, nil
}

// Bytes is the table. It must not be used after Free.
func (m Memory) Bytes() []byte { return unsafe.Slice(m.p, m.size) }

// Free gives the table back.
func (m *Memory) Free() {
	if m.p != nil {
		freeMibTable(m.p)
	}
	*m = Memory{}
}
