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

// Memory is a table that the system made, and that Free gives back. The zero Memory holds none and is ready to be read
// into, again and again. It is not safe for concurrent use.
type Memory struct {
	p    *byte
	size int
}

// Interfaces2 reads MIB_IF_TABLE2 by GetIfTable2. Windows before Vista has no such call: the error there wraps a
// *windows.DLLError.
func (m *Memory) Interfaces2() error {
	return m.read("GetIfTable2", miblayout.IfTable2, getIfTable2)
}

// Addresses reads MIB_UNICASTIPADDRESS_TABLE, of IPv4 and IPv6, by GetUnicastIpAddressTable; missing as GetIfTable2 is.
func (m *Memory) Addresses() error {
	return m.read("GetUnicastIpAddressTable", miblayout.IfUnicast, anyAddresses)
}

func anyAddresses(p **byte) error { return getUnicastIpAddressTable(windows.AF_UNSPEC, p) }

// read frees what m held and calls f, which does not say how large its table is: that follows from the number of rows, its
// first word.
func (m *Memory) read(name string, k miblayout.IfKind, f func(**byte) error) error {
	m.Free()
	if err := f(&m.p); err != nil {
		m.p = nil
		return &CallError{name, err}
	}
	if m.p == nil {
		return &CallError{name, windows.ERROR_INVALID_DATA}
	}
	n := *(*uint32)(unsafe.Pointer(m.p))
	size := k.Size(n)
	if size > maxSize {
		m.Free()
		return &CallError{name, fmt.Errorf("%v of %d rows: %w", k, n, windows.ERROR_INVALID_DATA)}
	}
	m.size = int(size)
	if n == 0 { // the padding behind the number is not promised
		m.size = 4
	}
	return nil
}

// Bytes is the table, valid until the next call and not beyond Free.
func (m *Memory) Bytes() []byte { return unsafe.Slice(m.p, m.size) }

// Free gives the table back.
func (m *Memory) Free() {
	if m.p != nil {
		freeMibTable(m.p)
	}
	m.p, m.size = nil, 0
}
