package iphlpapi

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// Entry is which of the four structures a row is.
type Entry uint8

// The structures: MIB_TCPROW_OWNER_MODULE and its relatives.
const (
	TCPEntry Entry = iota
	TCP6Entry
	UDPEntry
	UDP6Entry
)

// Module is what the system calls the code that made a socket: for a service its short name and the path of svchost or of
// its library, for a program the file's name and path, for the kernel "System" twice.
type Module struct {
	Name, Path string
}

// moduleInfo is TCPIP_OWNER_MODULE_BASIC_INFO of <iprtrmib.h>: two pointers to zero-terminated UTF-16 into the buffer it
// stands at the head of.
type moduleInfo struct {
	name, path *uint16
}

// moduleInfoBasic is TCPIP_OWNER_MODULE_INFO_BASIC, the only class of TCPIP_OWNER_MODULE_INFO_CLASS.
const moduleInfoBasic = 0

// OwnerModule asks whose code made the socket of a row of an OWNER_MODULE table. The row stays where it was read to, in
// another Buffer than this one: it must be aligned to 8 bytes. The system opens the process for it, so for the processes of
// others it needs the Administrator's rights. Wine has no such call: the error there wraps a *windows.DLLError.
func (b *Buffer) OwnerModule(e Entry, row []byte) (Module, error) {
	name, f := e.call(&row[0])
	buf, err := b.fill(name, f)
	if err != nil {
		return Module{}, err
	}
	info := (*moduleInfo)(unsafe.Pointer(&buf[0]))
	return Module{text(buf, info.name), text(buf, info.path)}, nil
}

func (e Entry) call(row *byte) (string, call) {
	switch e {
	case TCPEntry:
		return "GetOwnerModuleFromTcpEntry", func(p *byte, n *uint32) error { return getOwnerModuleFromTcpEntry(row, moduleInfoBasic, p, n) }
	case TCP6Entry:
		return "GetOwnerModuleFromTcp6Entry", func(p *byte, n *uint32) error { return getOwnerModuleFromTcp6Entry(row, moduleInfoBasic, p, n) }
	case UDPEntry:
		return "GetOwnerModuleFromUdpEntry", func(p *byte, n *uint32) error { return getOwnerModuleFromUdpEntry(row, moduleInfoBasic, p, n) }
	default:
		return "GetOwnerModuleFromUdp6Entry", func(p *byte, n *uint32) error { return getOwnerModuleFromUdp6Entry(row, moduleInfoBasic, p, n) }
	}
}

// text reads the string at p, which must point into buf; what does not, or is not terminated there, is no string.
func text(buf []byte, p *uint16) string {
	at := uintptr(unsafe.Pointer(p)) - uintptr(unsafe.Pointer(&buf[0]))
	if p == nil || at >= uintptr(len(buf)) {
		return ""
	}
	return windows.UTF16ToString(unsafe.Slice(p, (uintptr(len(buf))-at)/2))
}
