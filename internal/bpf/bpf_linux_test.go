package bpf

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/btf"
)

// The offsets are those of union bpf_attr in include/uapi/linux/bpf.h, on every architecture: its members of 64 bits are
// aligned by hand.
func TestAttrOffsets(t *testing.T) {
	var b btfLoadAttr
	var p progLoadAttr
	var l linkCreateAttr
	var o objAttr
	for _, c := range []struct {
		name      string
		got, want uintptr
	}{
		{"btf", unsafe.Offsetof(b.btf), 0}, {"btf_log_buf", unsafe.Offsetof(b.log), 8}, {"btf_size", unsafe.Offsetof(b.size), 16},
		{"btf_log_size", unsafe.Offsetof(b.logSize), 20}, {"btf_log_level", unsafe.Offsetof(b.lvl), 24}, {"size of BPF_BTF_LOAD", unsafe.Sizeof(b), 32},

		{"prog_type", unsafe.Offsetof(p.typ), 0}, {"insn_cnt", unsafe.Offsetof(p.insnCount), 4}, {"insns", unsafe.Offsetof(p.insns), 8},
		{"license", unsafe.Offsetof(p.license), 16}, {"log_level", unsafe.Offsetof(p.logLevel), 24}, {"log_size", unsafe.Offsetof(p.logSize), 28},
		{"log_buf", unsafe.Offsetof(p.log), 32}, {"kern_version", unsafe.Offsetof(p.kernVersion), 40}, {"prog_flags", unsafe.Offsetof(p.flags), 44},
		{"prog_name", unsafe.Offsetof(p.name), 48}, {"prog_ifindex", unsafe.Offsetof(p.ifindex), 64},
		{"expected_attach_type", unsafe.Offsetof(p.attach), 68}, {"prog_btf_fd", unsafe.Offsetof(p.btfFD), 72},
		{"func_info_rec_size", unsafe.Offsetof(p.funcSize), 76}, {"func_info", unsafe.Offsetof(p.funcs), 80},
		{"func_info_cnt", unsafe.Offsetof(p.funcCount), 88}, {"line_info_rec_size", unsafe.Offsetof(p.lineSize), 92},
		{"line_info", unsafe.Offsetof(p.lines), 96}, {"line_info_cnt", unsafe.Offsetof(p.lineCount), 104},
		{"attach_btf_id", unsafe.Offsetof(p.attachBTF), 108}, {"attach_prog_fd", unsafe.Offsetof(p.attachFD), 112}, {"size of BPF_PROG_LOAD", unsafe.Sizeof(p), 120},

		{"link_create.prog_fd", unsafe.Offsetof(l.prog), 0}, {"link_create.target_fd", unsafe.Offsetof(l.target), 4},
		{"link_create.attach_type", unsafe.Offsetof(l.attach), 8}, {"link_create.flags", unsafe.Offsetof(l.flags), 12},
		{"link_create.iter_info", unsafe.Offsetof(l.info), 16}, {"link_create.iter_info_len", unsafe.Offsetof(l.infoLen), 24}, {"size of BPF_LINK_CREATE", unsafe.Sizeof(l), 32},

		{"pathname", unsafe.Offsetof(o.path), 0}, {"bpf_fd", unsafe.Offsetof(o.fd), 8}, {"file_flags", unsafe.Offsetof(o.flags), 12}, {"size of BPF_OBJ_PIN", unsafe.Sizeof(o), 16},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.name, c.got, c.want)
		}
	}
}

// x/sys takes its numbers from the header.
func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"BPF_MAP_CREATE", cmdMapCreate, unix.BPF_MAP_CREATE}, {"BPF_PROG_LOAD", cmdProgLoad, unix.BPF_PROG_LOAD},
		{"BPF_OBJ_PIN", cmdObjPin, unix.BPF_OBJ_PIN}, {"BPF_OBJ_GET", cmdObjGet, unix.BPF_OBJ_GET}, {"BPF_BTF_LOAD", cmdBTFLoad, unix.BPF_BTF_LOAD},
		{"BPF_LINK_CREATE", cmdLinkCreate, unix.BPF_LINK_CREATE}, {"BPF_ITER_CREATE", cmdIterCreate, unix.BPF_ITER_CREATE},
		{"BPF_PROG_TYPE_TRACING", progTracing, unix.BPF_PROG_TYPE_TRACING}, {"BPF_TRACE_ITER", attachIter, unix.BPF_TRACE_ITER},
		{"BPF_MAP_TYPE_ARRAY", mapArray, unix.BPF_MAP_TYPE_ARRAY}, {"BPF_F_MMAPABLE", mapMmapable, unix.BPF_F_MMAPABLE},
		{"BPF_OBJ_NAME_LEN", nameLen, unix.BPF_OBJ_NAME_LEN},
		{"BPF_PSEUDO_MAP_FD", pseudoMapFD, unix.BPF_PSEUDO_MAP_FD}, {"BPF_PSEUDO_MAP_VALUE", pseudoMapVal, unix.BPF_PSEUDO_MAP_VALUE},
		{"BPF_PSEUDO_FUNC", pseudoFunc, unix.BPF_PSEUDO_FUNC}, {"BPF_PSEUDO_CALL", pseudoCall, unix.BPF_PSEUDO_CALL},
		{"BPF_PSEUDO_KFUNC_CALL", pseudoKfunc, unix.BPF_PSEUDO_KFUNC_CALL},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, want %d", c.name, c.got, c.want)
		}
	}
}

// needBPF skips where this process may not use BPF, or the kernel has none; in CI both are there.
func needBPF(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("SOCKEYE_CI") != "1" && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) || errors.Is(err, os.ErrNotExist)) {
		t.Skipf("BPF is not to be had: %v", err)
	}
	var v *VerifierError
	if errors.As(err, &v) {
		t.Logf("%s", v.Log)
	}
	t.Fatal(err)
}

// taskIter is the id of the iterator over tasks.
func taskIter(t *testing.T) uint32 {
	t.Helper()
	b, err := os.ReadFile("/sys/kernel/btf/vmlinux")
	needBPF(t, err)
	types, err := btf.Parse(b, nil, []string{"bpf_iter_task"})
	if err != nil {
		t.Fatal(err)
	}
	id, ok := types.ID("bpf_iter_task")
	if !ok {
		t.Skip("this kernel has no iterators")
	}
	return id
}

const helperSeqWrite = 127

// writeNumber is a program that writes one number for each task, and makes it by a function.
func writeNumber(t *testing.T, number int32) *Program {
	t.Helper()
	return assemble(t, func(a *Asm) {
		a.Mov(R6, R1)
		a.MovImm(R1, number-1)
		a.CallFunc("next")
		a.Store(DW, FP, -8, R0)
		a.Load(DW, R1, R6, 0) // ctx->meta
		a.Load(DW, R1, R1, 0) // meta->seq
		a.Mov(R2, FP)
		a.AddImm(R2, -8)
		a.MovImm(R3, 8)
		a.Call(helperSeqWrite)
		a.MovImm(R0, 0)
		a.Exit()
		a.Global("next", 1)
		a.Mov(R0, R1)
		a.AddImm(R0, 1)
		a.Exit()
	})
}

// keep closes the descriptor at the end of the test.
func keep(t *testing.T, fd FD, err error) FD {
	t.Helper()
	needBPF(t, err)
	t.Cleanup(func() {
		if err := fd.Close(); err != nil {
			t.Error(err)
		}
	})
	return fd
}

func readAll(t *testing.T, fd FD) []byte {
	t.Helper()
	f := os.NewFile(uintptr(fd), "iterator") // which closes it
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func linked(t *testing.T, number int32, pid int) FD {
	t.Helper()
	prog, err := LoadIter(writeNumber(t, number), taskIter(t))
	link, err := LinkIter(keep(t, prog, err), pid)
	return keep(t, link, err)
}

func TestIterate(t *testing.T) {
	one := []byte{42, 0, 0, 0, 0, 0, 0, 0}
	length := map[bool]int{}
	for _, pid := range []int{0, os.Getpid()} {
		it, err := NewIter(linked(t, 42, pid))
		needBPF(t, err)
		b := readAll(t, it)
		length[pid != 0] = len(b)
		if len(b) == 0 || bytes.Count(b, one)*8 != len(b) {
			t.Errorf("process %d: %d bytes: % x", pid, len(b), b[:min(len(b), 64)])
		}
	}
	if length[true] >= length[false] {
		t.Errorf("narrowed to this process %d bytes, of all %d", length[true], length[false])
	}
}

func TestRefusedProgram(t *testing.T) {
	target := taskIter(t)
	linked(t, 1, 0) // so that what follows is refused for what it is
	for _, filler := range []int{0, 500} {
		p := assemble(t, func(a *Asm) {
			for range filler {
				a.MovImm(R0, 1)
			}
			a.Mov(R0, R5)
			a.Exit()
		})
		fd, err := LoadIter(p, target)
		var v *VerifierError
		if !errors.As(err, &v) {
			t.Fatalf("%d, %v", fd, err)
		}
		if v.Program != "main" || !errors.Is(err, unix.EACCES) || !strings.Contains(err.Error(), "main") {
			t.Errorf("%v", err)
		}
		if !strings.Contains(v.Log, "R5 !read_ok") || len(v.Log) > verifierLogEnd {
			t.Errorf("%d bytes of log:\n%s", len(v.Log), v.Log)
		}
	}
}

func TestRefusedTypes(t *testing.T) {
	linked(t, 1, 0)
	p := writeNumber(t, 1)
	p.Funcs[1].Name = "not a name"
	if _, err := LoadIter(p, taskIter(t)); !errors.Is(err, unix.EINVAL) || !strings.Contains(err.Error(), "types of main") {
		t.Errorf("%v", err)
	}
}

func TestArray(t *testing.T) {
	fd, err := NewArray(24, 300)
	fd = keep(t, fd, err)
	w, err := fd.Map(24, 300, true)
	needBPF(t, err)
	defer unix.Munmap(w)
	r, err := fd.Map(24, 300, false)
	needBPF(t, err)
	defer unix.Munmap(r)
	if w[7199] = 9; len(w) < 7200 || len(w)%os.Getpagesize() != 0 || r[7199] != 9 {
		t.Errorf("%d bytes, the last is %d in the other mapping", len(w), r[7199])
	}
	if _, err := NewArray(0, 0); !errors.Is(err, unix.EINVAL) {
		t.Errorf("an empty array: %v", err)
	}
}

// TestPin pins in a BPF file system that stands nowhere but here.
func TestPin(t *testing.T) {
	link := linked(t, 7, 0)
	dir := t.TempDir()
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Skipf("no BPF file system: %v", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	path := filepath.Join(dir, "link")
	if err := link.Pin(path); err != nil {
		t.Fatal(err)
	}
	again, err := OpenPinned(path)
	it, err := NewIter(keep(t, again, err))
	needBPF(t, err)
	if b := readAll(t, it); len(b) == 0 || b[0] != 7 {
		t.Errorf("the pinned iterator writes % x", b[:min(len(b), 8)])
	}
	var pe *os.PathError
	if err := link.Pin(path); !errors.Is(err, unix.EEXIST) || !errors.As(err, &pe) || pe.Path != path {
		t.Errorf("pinned over another: %v", err)
	}
	if _, err := OpenPinned(path + "-not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opened what is not there: %v", err)
	}
}
