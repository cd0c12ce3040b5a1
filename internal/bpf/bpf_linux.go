package bpf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The commands of bpf(2) and the types it is told, of include/uapi/linux/bpf.h.
const (
	cmdMapCreate  = 0
	cmdProgLoad   = 5
	cmdObjPin     = 6
	cmdObjGet     = 7
	cmdBTFLoad    = 18
	cmdLinkCreate = 28
	cmdIterCreate = 33

	progTracing    = 26
	attachIter     = 28
	mapArray       = 2
	mapMmapable    = 1 << 10
	nameLen        = 16
	verifierLog    = 1 << 20
	verifierLogEnd = 2000 // bytes of it that are shown: the fault stands at the end
)

// FD is a descriptor of a BPF object. Close releases it; the object lives on while it is pinned or in use.
type FD int

// Close releases the descriptor.
func (fd FD) Close() error { return unix.Close(int(fd)) }

// call makes a bpf(2) call. EAGAIN means that the verifier met a signal: the kernel asks to try again.
func call(cmd uintptr, attr unsafe.Pointer, size uintptr) (FD, error) {
	for range 5 {
		r, _, errno := unix.Syscall(unix.SYS_BPF, cmd, uintptr(attr), size)
		if errno == 0 {
			return FD(r), nil
		}
		if errno != unix.EAGAIN {
			return -1, errno
		}
	}
	return -1, unix.EAGAIN
}

// pinned is the address of b for the kernel, kept in place until the pinner is released.
func pinned(p *runtime.Pinner, b []byte) uint64 {
	if len(b) == 0 {
		return 0
	}
	p.Pin(&b[0])
	return uint64(uintptr(unsafe.Pointer(&b[0])))
}

// NewArray makes an array map of n values of the given size that can be mapped into memory.
func NewArray(valueSize, n int) (FD, error) {
	a := struct{ typ, key, value, max, flags uint32 }{mapArray, 4, uint32(valueSize), uint32(n), mapMmapable}
	fd, err := call(cmdMapCreate, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return -1, fmt.Errorf("bpf: create a map of %d x %d bytes: %w", n, valueSize, err)
	}
	return fd, nil
}

// Map maps the values of an array into memory. Unmap it with unix.Munmap.
func (fd FD) Map(valueSize, n int, write bool) ([]byte, error) {
	prot := unix.PROT_READ
	if write {
		prot |= unix.PROT_WRITE
	}
	page := os.Getpagesize()
	size := ((valueSize+7)&^7*n + page - 1) / page * page
	b, err := unix.Mmap(int(fd), 0, size, prot, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("bpf: map an array into memory: %w", err)
	}
	return b, nil
}

type btfLoadAttr struct {
	btf, log           uint64
	size, logSize, lvl uint32
	_                  uint32
}

type progLoadAttr struct {
	typ, insnCount     uint32
	insns, license     uint64
	logLevel, logSize  uint32
	log                uint64
	kernVersion, flags uint32
	name               [nameLen]byte
	ifindex, attach    uint32
	btfFD, funcSize    uint32
	funcs              uint64
	funcCount          uint32
	lineSize           uint32
	lines              uint64
	lineCount          uint32
	attachBTF          uint32
	attachFD           uint32
	_                  uint32
}

// LoadIter loads a program for the iterator whose BTF id is target.
func LoadIter(p *Program, target uint32) (FD, error) { return loadTracing(p, attachIter, target) }

func loadTracing(p *Program, attach, target uint32) (FD, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	types := btfOf(p.Funcs)
	ba := btfLoadAttr{btf: pinned(&pin, types), size: uint32(len(types))}
	bfd, err := call(cmdBTFLoad, unsafe.Pointer(&ba), unsafe.Sizeof(ba))
	if err != nil {
		return -1, fmt.Errorf("bpf: load the types of %s: %w", p.Funcs[0].Name, err)
	}
	defer bfd.Close()
	infos := funcInfos(p.Funcs)
	a := progLoadAttr{
		typ: progTracing, attach: attach, attachBTF: target,
		insns: pinned(&pin, p.Code), insnCount: uint32(len(p.Code) / insnSize), license: pinned(&pin, []byte("GPL\x00")),
		btfFD: uint32(bfd), funcs: pinned(&pin, infos), funcCount: uint32(len(p.Funcs)), funcSize: uint32(len(infos) / len(p.Funcs)),
	}
	copy(a.name[:nameLen-1], p.Funcs[0].Name)
	fd, err := call(cmdProgLoad, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return -1, explain(&a, p.Funcs[0].Name, err)
	}
	return fd, nil
}

// VerifierError is the kernel's refusal of a program. Log is the end of what its verifier said.
type VerifierError struct {
	Program string
	Log     string
	Err     error
}

func (e *VerifierError) Error() string {
	return fmt.Sprintf("bpf: the kernel refused program %s: %v", e.Program, e.Err)
}
func (e *VerifierError) Unwrap() error { return e.Err }

// explain loads a refused program again, this time with a log. A privilege that lacks has nothing to say there.
func explain(a *progLoadAttr, name string, err error) error {
	e := &VerifierError{Program: name, Err: err}
	if errors.Is(err, unix.EPERM) {
		return e
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	log := make([]byte, verifierLog)
	a.logLevel, a.logSize, a.log = 1, uint32(len(log)), pinned(&pin, log)
	if fd, err := call(cmdProgLoad, unsafe.Pointer(a), unsafe.Sizeof(*a)); err == nil {
		fd.Close()
	}
	log, _, _ = bytes.Cut(log, []byte{0})
	e.Log = string(log[max(0, len(log)-verifierLogEnd):])
	return e
}

type linkCreateAttr struct {
	prog, target, attach, flags uint32
	info                        uint64
	infoLen, _                  uint32
}

// LinkIter makes a link of an iterator program. A pid other than 0 narrows a task iterator to that process.
func LinkIter(prog FD, pid int) (FD, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	a := linkCreateAttr{prog: uint32(prog), attach: attachIter}
	if pid != 0 {
		info := &[3]uint32{0, uint32(pid), 0} // union bpf_iter_link_info: tid, pid, pid_fd
		pin.Pin(info)
		a.info, a.infoLen = uint64(uintptr(unsafe.Pointer(info))), uint32(unsafe.Sizeof(*info))
	}
	fd, err := call(cmdLinkCreate, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return -1, fmt.Errorf("bpf: link an iterator: %w", err)
	}
	return fd, nil
}

// NewIter begins one pass of a linked iterator; read(2) the descriptor to the end.
func NewIter(link FD) (FD, error) {
	a := [2]uint32{uint32(link), 0}
	fd, err := call(cmdIterCreate, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return -1, fmt.Errorf("bpf: begin an iteration: %w", err)
	}
	return fd, nil
}

type objAttr struct {
	path      uint64
	fd, flags uint32
}

// Pin gives the object a name in a BPF file system, which keeps it alive.
func (fd FD) Pin(path string) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	a := objAttr{path: pinned(&pin, append([]byte(path), 0)), fd: uint32(fd)}
	if _, err := call(cmdObjPin, unsafe.Pointer(&a), unsafe.Sizeof(a)); err != nil {
		return &os.PathError{Op: "pin", Path: path, Err: err}
	}
	return nil
}

// OpenPinned opens a pinned object.
func OpenPinned(path string) (FD, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	a := objAttr{path: pinned(&pin, append([]byte(path), 0))}
	fd, err := call(cmdObjGet, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return -1, &os.PathError{Op: "open pinned", Path: path, Err: err}
	}
	return fd, nil
}
