package bpf

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"unsafe"
)

const (
	cmdObjInfo           = 15
	cmdRawTracepointOpen = 17
	attachRawTP          = 23
)

// LoadTracepoint loads a program for a tracepoint. target is the BTF id of the typedef btf_trace_NAME. The program's
// context is the tracepoint's arguments, 8 bytes each.
func LoadTracepoint(p *Program, target uint32) (FD, error) {
	return loadTracing(p, attachRawTP, target)
}

// AttachTracepoint has the kernel call the program from now on until the descriptor is closed.
func AttachTracepoint(prog FD) (FD, error) {
	a := struct {
		name    uint64 // 0: the program knows its tracepoint
		prog, _ uint32
		cookie  uint64
	}{prog: uint32(prog)}
	fd, err := call(cmdRawTracepointOpen, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return -1, fmt.Errorf("bpf: attach to a tracepoint: %w", err)
	}
	return fd, nil
}

// infoMisses is where struct bpf_prog_info has recursion_misses, its last member that is asked for.
const (
	infoMisses = 208
	infoSize   = infoMisses + 8
)

// Missed counts how often the kernel did not call programs because they were at work on that processor: an interrupt came
// in the middle. It is 0 before Linux 5.12, which does not tell. Not for concurrent use.
type Missed struct {
	programs []FD
	info     [infoSize]byte
	attr     infoAttr
}

type infoAttr struct {
	fd, size uint32
	info     uint64
}

// Of adds a program, which stays the caller's to close.
func (m *Missed) Of(prog FD) { m.programs = append(m.programs, prog) }

// Count is the sum over the programs since each was loaded.
func (m *Missed) Count() (n uint64, err error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(m)
	for _, p := range m.programs {
		m.info = [infoSize]byte{} // the kernel takes its members as wishes: how many maps to tell, and where to
		m.attr = infoAttr{uint32(p), infoSize, uint64(uintptr(unsafe.Pointer(&m.info)))}
		if _, err := call(cmdObjInfo, unsafe.Pointer(&m.attr), unsafe.Sizeof(m.attr)); err != nil {
			return 0, fmt.Errorf("bpf: ask what a program missed: %w", err)
		}
		n += binary.NativeEndian.Uint64(m.info[infoMisses:])
	}
	return n, nil
}
