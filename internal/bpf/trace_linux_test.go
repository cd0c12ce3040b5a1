package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/btf"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// x/sys takes its numbers from the header.
func TestTracepointNumbers(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"BPF_RAW_TRACEPOINT_OPEN", cmdRawTracepointOpen, unix.BPF_RAW_TRACEPOINT_OPEN}, {"BPF_TRACE_RAW_TP", attachRawTP, unix.BPF_TRACE_RAW_TP},
		{"BPF_OBJ_GET_INFO_BY_FD", cmdObjInfo, unix.BPF_OBJ_GET_INFO_BY_FD},
		{"BPF_MAP_TYPE_RINGBUF", mapRingbuf, unix.BPF_MAP_TYPE_RINGBUF}, {"BPF_MAP_TYPE_HASH", mapHash, unix.BPF_MAP_TYPE_HASH},
		{"BPF_F_NO_PREALLOC", mapNoPrealloc, unix.BPF_F_NO_PREALLOC}, {"BPF_MAP_LOOKUP_ELEM", cmdMapLookup, unix.BPF_MAP_LOOKUP_ELEM},
		{"BPF_MAP_UPDATE_ELEM", cmdMapUpdate, unix.BPF_MAP_UPDATE_ELEM}, {"BPF_MAP_DELETE_ELEM", cmdMapDelete, unix.BPF_MAP_DELETE_ELEM},
		{"BPF_MAP_LOOKUP_BATCH", cmdMapLookupBatch, unix.BPF_MAP_LOOKUP_BATCH},
		{"BPF_RINGBUF_HDR_SZ", ringHeader, unix.BPF_RINGBUF_HDR_SZ}, {"BPF_RINGBUF_BUSY_BIT", ringBusy >> 1, unix.BPF_RINGBUF_BUSY_BIT >> 1}, // which is beyond an int of 32 bits
		{"BPF_RINGBUF_DISCARD_BIT", ringDiscard, unix.BPF_RINGBUF_DISCARD_BIT},
		{"offset of key", int(unsafe.Offsetof(elemAttr{}.key)), 8}, {"offset of flags", int(unsafe.Offsetof(elemAttr{}.flags)), 24},
		{"offset of batch.keys", int(unsafe.Offsetof(batchAttr{}.keys)), 16}, {"offset of batch.count", int(unsafe.Offsetof(batchAttr{}.count)), 32},
		{"offset of batch.map_fd", int(unsafe.Offsetof(batchAttr{}.fd)), 36}, {"offset of batch.flags", int(unsafe.Offsetof(batchAttr{}.flags)), 48},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, want %d", c.name, c.got, c.want)
		}
	}
}

func tracepoint(t *testing.T, name string) uint32 {
	t.Helper()
	var id uint32
	needBPF(t, WithKernelTypes(func(b []byte) error {
		types, err := btf.Parse(b, nil, []string{"btf_trace_" + name})
		if err == nil {
			id, _ = types.ID("btf_trace_" + name)
		}
		return err
	}))
	if id == 0 {
		t.Skip("this kernel has no tracepoint ", name)
	}
	return id
}

const (
	helperPIDTGID = 14
	helperReserve = 131
	helperSubmit  = 132
	helperDiscard = 133

	stateClose, stateListen = 7, 10
)

// traced is a program on inet_sock_set_state: of each change by this process it writes the new state to a ring, gives the
// record up when a listener closes, and counts in an array what found no room.
type traced struct {
	ring *Ring
	lost []byte
}

func trace(t *testing.T, size int) (tr traced, attached FD) {
	t.Helper()
	r, err := NewRing(size)
	needBPF(t, err)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	array, err := NewArray(8, 1)
	array = keep(t, array, err)
	lost, err := array.Map(8, 1, false)
	needBPF(t, err)
	t.Cleanup(func() { unix.Munmap(lost) })
	prog, err := LoadTracepoint(tracing(t, int(r.FD), int(array)), tracepoint(t, "inet_sock_set_state"))
	prog = keep(t, prog, err)
	attached, err = AttachTracepoint(prog)
	needBPF(t, err)
	return traced{r, lost}, attached
}

func tracing(t *testing.T, ring, lost int) *Program {
	return assemble(t, func(a *Asm) {
		a.Mov(R6, R1)
		a.Call(helperPIDTGID)
		a.Rsh(R0, 32)
		a.MovImm32(R1, uint32(os.Getpid()))
		a.JumpNe(R0, R1, "out")
		a.LoadMap(R1, ring)
		a.MovImm(R2, 8)
		a.MovImm(R3, 0)
		a.Call(helperReserve)
		a.JumpEqImm(R0, 0, "lost")
		a.Load(DW, R3, R6, 16) // the new state
		a.Store(DW, R0, 0, R3)
		a.Mov(R1, R0)
		a.MovImm(R2, 0)
		a.JumpEqImm(R3, stateClose, "discard")
		a.Call(helperSubmit)
		a.Jump("out")
		a.Label("discard")
		a.Call(helperDiscard)
		a.Jump("out")
		a.Label("lost")
		a.LoadMapValue(R1, lost, 0)
		a.MovImm(R2, 1)
		a.AtomicAdd(DW, R1, 0, R2)
		a.Label("out")
		a.MovImm(R0, 0)
		a.Exit()
	})
}

func (tr *traced) read(t *testing.T) (states []uint64) {
	t.Helper()
	if err := tr.ring.Read(func(b []byte) { states = append(states, binary.NativeEndian.Uint64(b)) }); err != nil {
		t.Fatal(err)
	}
	return states
}

// listenAndClose makes two changes of state.
func listenAndClose(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Listen(fd, 1); err != nil {
		t.Fatal(err)
	}
}

func TestTracepoint(t *testing.T) {
	testutil.CheckLeaks(t)
	tr, attached := trace(t, os.Getpagesize())
	for round := range 300 { // several times around the ring
		listenAndClose(t)
		listenAndClose(t)
		if got := tr.read(t); !slices.Equal(got, []uint64{stateListen, stateListen}) {
			t.Fatalf("round %d: %v", round, got)
		}
	}
	if err := attached.Close(); err != nil {
		t.Fatal(err)
	}
	listenAndClose(t)
	if got := tr.read(t); len(got) != 0 {
		t.Errorf("after it was detached: %v", got)
	}
}

// A ring that is full refuses records until it is read, and the program sees that.
func TestFullRing(t *testing.T) {
	testutil.CheckLeaks(t)
	tr, attached := trace(t, os.Getpagesize())
	defer attached.Close()
	const pairs = 1000
	for range pairs {
		listenAndClose(t)
	}
	got := len(tr.read(t))
	lost := int(atomic.LoadUint64(position(tr.lost)))
	if held := os.Getpagesize()/16 - 1; lost != 2*pairs-held || got != (held+1)/2 {
		t.Errorf("%d records of %d pairs, %d lost; the ring holds %d", got, pairs, lost, held)
	}
	listenAndClose(t)
	if got := tr.read(t); len(got) != 1 {
		t.Errorf("after it was read: %v", got)
	}
}

// The kernel's own types say where it counts misses, and /proc says how many there are.
func TestMisses(t *testing.T) {
	needBPF(t, WithKernelTypes(func(b []byte) error {
		types, err := btf.Parse(b, []string{"bpf_prog_info"}, nil)
		needBPF(t, err)
		id, _ := types.ID("bpf_prog_info")
		if off, ok := types.Offset(id, "recursion_misses"); ok && off != infoMisses {
			t.Errorf("recursion_misses at %d, want %d", off, infoMisses)
		}
		return nil
	}))
	array, err := NewArray(8, 1) // a program with a map has more to tell
	array = keep(t, array, err)
	prog, err := LoadTracepoint(counting(t, int(array)), tracepoint(t, "inet_sock_set_state"))
	prog = keep(t, prog, err)
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", prog))
	needBPF(t, err)
	var m Missed
	m.Of(prog)
	n, err := m.Count()
	if err != nil || !strings.Contains(string(info), fmt.Sprintf("recursion_misses:\t%d\n", n)) {
		t.Errorf("%d misses, %v; /proc says\n%s", n, err, info)
	}
	m.Of(prog)
	if again, err := m.Count(); again != 2*n || err != nil {
		t.Errorf("twice: %d, %v", again, err)
	}
	m.Of(-1)
	if _, err := m.Count(); err == nil {
		t.Error("no error of a program that is none")
	}
}

func counting(t *testing.T, array int) *Program {
	return assemble(t, func(a *Asm) {
		a.LoadMapValue(R1, array, 0)
		a.MovImm(R0, 1)
		a.AtomicAdd(DW, R1, 0, R0)
		a.Exit()
	})
}

func TestRingRefused(t *testing.T) {
	testutil.CheckLeaks(t)
	r, err := NewRing(os.Getpagesize())
	needBPF(t, err)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if _, err := NewRing(1000); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a ring of 1000 bytes: %v", err)
	}
}

func newHash(t *testing.T, n int) *Hash {
	t.Helper()
	h, err := NewHash(16, n)
	needBPF(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

func each(t *testing.T, h *Hash) map[uint64]bool {
	t.Helper()
	got := map[uint64]bool{}
	err := h.Each(func(v []byte) {
		k := binary.NativeEndian.Uint64(v)
		if got[k] || len(v) != 16 || binary.NativeEndian.Uint64(v[8:]) != k+1 {
			t.Errorf("value % x, seen %v", v, got[k])
		}
		got[k] = true
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestHash(t *testing.T) {
	testutil.CheckLeaks(t)
	h := newHash(t, 5000)
	want := map[uint64]bool{}
	for _, n := range []int{0, 1, batch, batch + 1, 3000} {
		for k := uint64(len(want)); len(want) < n; k++ {
			v := binary.NativeEndian.AppendUint64(binary.NativeEndian.AppendUint64(nil, k), k+1)
			if err := h.Update(k, v); err != nil {
				t.Fatal(err)
			}
			want[k] = true
		}
		if got := each(t, h); !maps.Equal(got, want) {
			t.Errorf("%d of %d entries", len(got), n)
		}
	}
	for k := range want {
		if k%2 == 0 {
			if err := errors.Join(h.Delete(k), h.Delete(k)); err != nil {
				t.Fatal(err)
			}
			delete(want, k)
		}
	}
	if got := each(t, h); !maps.Equal(got, want) {
		t.Errorf("%d entries after half were deleted", len(got))
	}
	checkLookup(t, h)
	if n := testing.AllocsPerRun(10, func() { h.Each(func([]byte) {}) }); n != 0 {
		t.Errorf("%v allocations a reading", n)
	}
}

func checkLookup(t *testing.T, h *Hash) {
	t.Helper()
	v := make([]byte, 16)
	if ok, err := h.Lookup(7, v); !ok || err != nil || v[0]+v[7] != 7 {
		t.Errorf("%v, %v, % x", ok, err, v)
	}
	if ok, err := h.Lookup(8, v); ok || err != nil {
		t.Errorf("what was deleted: %v, %v", ok, err)
	}
	if _, err := h.Lookup(7, v[:8]); err == nil {
		t.Error("a value that is too short was taken")
	}
	if err := h.Update(7, v[:8]); err == nil {
		t.Error("a value that is too short was set")
	}
}

// A batch too small for the entries of one bucket is asked for again with more room.
func TestHashSmallBatch(t *testing.T) {
	h := newHash(t, 64)
	h.room(1)
	want := map[uint64]bool{}
	for k := range uint64(64) {
		if err := h.Update(k, fmt.Appendf(nil, "%s%s", word(k), word(k+1))); err != nil {
			t.Fatal(err)
		}
		want[k] = true
	}
	if got := each(t, h); !maps.Equal(got, want) || len(h.keys) == keySize {
		t.Errorf("%d of %d entries, room for %d", len(got), len(want), len(h.keys)/keySize)
	}
	if err := h.Update(64, make([]byte, 16)); !errors.Is(err, unix.E2BIG) {
		t.Errorf("one entry more: %v", err)
	}
}

func word(k uint64) []byte { return binary.NativeEndian.AppendUint64(nil, k) }

func TestHashRefused(t *testing.T) {
	newHash(t, 1)
	if _, err := NewHash(16, 0); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a map without room: %v", err)
	}
}

func TestNativePIDs(t *testing.T) {
	st, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		t.Skip(err)
	}
	if err := NativePIDs(); (err == nil) != (st == fmt.Sprintf("pid:[%d]", uint32(initPIDNS))) {
		t.Errorf("in %s: %v", st, err)
	} else if err != nil && (!errors.Is(err, ErrNotNative) || !errors.Is(err, errors.ErrUnsupported)) {
		t.Error(err)
	}
}
