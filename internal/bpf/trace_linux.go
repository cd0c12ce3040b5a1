package bpf

import (
	"fmt"
	"unsafe"
)

const (
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
