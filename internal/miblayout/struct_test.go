package miblayout

import (
	"testing"
	"unsafe"
)

// The rows of <tcpmib.h> and <udpmib.h> as Go structs, by which the offsets in layouts are checked on every architecture.
// Padding is written out where the headers' alignment of 8 makes it: Go aligns int64 to 4 on 386. The tables' heads are
// dwNumEntries and, before rows with a timestamp, the padding that brings them to 8.
type (
	tcp4Basic struct{ State, LocalAddr, LocalPort, RemoteAddr, RemotePort uint32 }
	tcp4PID   struct {
		tcp4Basic
		PID uint32
	}
	tcp4Module struct {
		tcp4PID
		Created int64
		Module  [16]uint64
	}
	tcp6Basic struct {
		State                   uint32
		LocalAddr               [16]byte
		LocalScope, LocalPort   uint32
		RemoteAddr              [16]byte
		RemoteScope, RemotePort uint32
	}
	tcp6PID struct {
		LocalAddr               [16]byte
		LocalScope, LocalPort   uint32
		RemoteAddr              [16]byte
		RemoteScope, RemotePort uint32
		State, PID              uint32
	}
	tcp6Module struct {
		tcp6PID
		Created int64
		Module  [16]uint64
	}
	udp4Basic struct{ LocalAddr, LocalPort uint32 }
	udp4PID   struct {
		udp4Basic
		PID uint32
	}
	udp4Module struct {
		udp4PID
		_       [4]byte
		Created int64
		Flags   uint32
		_       [4]byte
		Module  [16]uint64
	}
	udp6Basic struct {
		LocalAddr             [16]byte
		LocalScope, LocalPort uint32
	}
	udp6PID struct {
		udp6Basic
		PID uint32
	}
	udp6Module struct {
		udp6PID
		_       [4]byte
		Created int64
		Flags   uint32
		_       [4]byte
		Module  [16]uint64
	}
)

// These do not compile on an architecture where a struct differs, so building the test for it is checking it.
var (
	_ [20]byte  = [unsafe.Sizeof(tcp4Basic{})]byte{}
	_ [24]byte  = [unsafe.Sizeof(tcp4PID{})]byte{}
	_ [160]byte = [unsafe.Sizeof(tcp4Module{})]byte{}
	_ [24]byte  = [unsafe.Offsetof(tcp4Module{}.Created)]byte{}
	_ [52]byte  = [unsafe.Sizeof(tcp6Basic{})]byte{}
	_ [56]byte  = [unsafe.Sizeof(tcp6PID{})]byte{}
	_ [192]byte = [unsafe.Sizeof(tcp6Module{})]byte{}
	_ [56]byte  = [unsafe.Offsetof(tcp6Module{}.Created)]byte{}
	_ [8]byte   = [unsafe.Sizeof(udp4Basic{})]byte{}
	_ [12]byte  = [unsafe.Sizeof(udp4PID{})]byte{}
	_ [160]byte = [unsafe.Sizeof(udp4Module{})]byte{}
	_ [16]byte  = [unsafe.Offsetof(udp4Module{}.Created)]byte{}
	_ [24]byte  = [unsafe.Sizeof(udp6Basic{})]byte{}
	_ [28]byte  = [unsafe.Sizeof(udp6PID{})]byte{}
	_ [176]byte = [unsafe.Sizeof(udp6Module{})]byte{}
	_ [32]byte  = [unsafe.Offsetof(udp6Module{}.Created)]byte{}
)

func at(offset uintptr) uint8 { return uint8(offset) }

func TestLayouts(t *testing.T) {
	var t4b tcp4Basic
	var t4 tcp4Module
	var t6b tcp6Basic
	var t6 tcp6Module
	var u4 udp4Module
	var u6 udp6Module
	tcp4 := Layout{4, 0, at(unsafe.Offsetof(t4.State)), at(unsafe.Offsetof(t4.LocalAddr)), no, at(unsafe.Offsetof(t4.LocalPort)),
		at(unsafe.Offsetof(t4.RemoteAddr)), no, at(unsafe.Offsetof(t4.RemotePort)), at(unsafe.Offsetof(t4.PID)),
		at(unsafe.Offsetof(t4.Created)), no, at(unsafe.Offsetof(t4.Module)), false}
	tcp6 := Layout{4, 0, at(unsafe.Offsetof(t6.State)), at(unsafe.Offsetof(t6.LocalAddr)), at(unsafe.Offsetof(t6.LocalScope)),
		at(unsafe.Offsetof(t6.LocalPort)), at(unsafe.Offsetof(t6.RemoteAddr)), at(unsafe.Offsetof(t6.RemoteScope)),
		at(unsafe.Offsetof(t6.RemotePort)), at(unsafe.Offsetof(t6.PID)), at(unsafe.Offsetof(t6.Created)), no, at(unsafe.Offsetof(t6.Module)), true}
	udp4 := Layout{4, 0, no, at(unsafe.Offsetof(u4.LocalAddr)), no, at(unsafe.Offsetof(u4.LocalPort)), no, no, no,
		at(unsafe.Offsetof(u4.PID)), at(unsafe.Offsetof(u4.Created)), at(unsafe.Offsetof(u4.Flags)), at(unsafe.Offsetof(u4.Module)), false}
	udp6 := Layout{4, 0, no, at(unsafe.Offsetof(u6.LocalAddr)), at(unsafe.Offsetof(u6.LocalScope)), at(unsafe.Offsetof(u6.LocalPort)), no, no, no,
		at(unsafe.Offsetof(u6.PID)), at(unsafe.Offsetof(u6.Created)), at(unsafe.Offsetof(u6.Flags)), at(unsafe.Offsetof(u6.Module)), true}
	tcp6Basic := Layout{4, at(unsafe.Sizeof(t6b)), at(unsafe.Offsetof(t6b.State)), at(unsafe.Offsetof(t6b.LocalAddr)), at(unsafe.Offsetof(t6b.LocalScope)),
		at(unsafe.Offsetof(t6b.LocalPort)), at(unsafe.Offsetof(t6b.RemoteAddr)), at(unsafe.Offsetof(t6b.RemoteScope)),
		at(unsafe.Offsetof(t6b.RemotePort)), no, no, no, no, true}

	for _, c := range []struct {
		kind Kind
		want Layout
	}{
		{TCP4Basic, basic(tcp4, unsafe.Sizeof(t4b))},
		{TCP4PID, pid(tcp4, unsafe.Sizeof(t4.tcp4PID))},
		{TCP4Module, module(tcp4, unsafe.Sizeof(t4))},
		{TCP6Basic, tcp6Basic},
		{TCP6PID, pid(tcp6, unsafe.Sizeof(t6.tcp6PID))},
		{TCP6Module, module(tcp6, unsafe.Sizeof(t6))},
		{UDP4Basic, basic(udp4, unsafe.Sizeof(u4.udp4Basic))},
		{UDP4PID, pid(udp4, unsafe.Sizeof(u4.udp4PID))},
		{UDP4Module, module(udp4, unsafe.Sizeof(u4))},
		{UDP6Basic, basic(udp6, unsafe.Sizeof(u6.udp6Basic))},
		{UDP6PID, pid(udp6, unsafe.Sizeof(u6.udp6PID))},
		{UDP6Module, module(udp6, unsafe.Sizeof(u6))},
	} {
		if got, ok := c.kind.Layout(); !ok || got != c.want {
			t.Errorf("%v: %+v, %v\nwant %+v", c.kind, got, ok, c.want)
		}
	}
}

// basic, pid and module cut the layout of the richest row down to a class, with the size of its own row.
func basic(l Layout, size uintptr) Layout {
	l.PID = no
	return pid(l, size)
}

func pid(l Layout, size uintptr) Layout {
	l.Size, l.Created, l.Flags, l.Module = uint8(size), no, no, no
	return l
}

func module(l Layout, size uintptr) Layout {
	l.Size, l.First = uint8(size), 8
	return l
}
