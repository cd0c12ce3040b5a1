package btf

import (
	"os"
	"testing"
)

const vmlinux = "/sys/kernel/btf/vmlinux"

func readVmlinux(tb testing.TB) []byte {
	tb.Helper()
	b, err := os.ReadFile(vmlinux)
	if err != nil {
		tb.Skipf("no type information of a kernel here: %v", err)
	}
	return b
}

// builder writes small sections for the tests.
type builder struct {
	types, strs []byte
}

func (b *builder) str(s string) uint32 {
	if len(b.strs) == 0 {
		b.strs = []byte{0}
	}
	if s == "" {
		return 0
	}
	off := len(b.strs)
	b.strs = append(append(b.strs, s...), 0)
	return uint32(off)
}

func (b *builder) words(w ...uint32) {
	for _, x := range w {
		b.types = order.AppendUint32(b.types, x)
	}
}

func (b *builder) bytes() []byte {
	out := order.AppendUint16(nil, magic)
	out = append(out, 1, 0)
	for _, x := range []uint32{headerSize, 0, uint32(len(b.types)), uint32(len(b.types)), uint32(len(b.strs))} {
		out = order.AppendUint32(out, x)
	}
	return append(append(out, b.types...), b.strs...)
}

// sample is: struct inner { int a; int b; }; typedef inner_t; struct outer { int x; union { int u; struct inner v; };
// inner_t w; int bits:3 at bit 225; }
func sample() []byte {
	var b builder
	b.words(b.str("int"), kindInt<<24, 4, 32)                                         // 1
	b.words(b.str("inner"), kindStruct<<24|2, 8, b.str("a"), 1, 0, b.str("b"), 1, 32) // 2
	b.words(b.str("inner_t"), kindTypedef<<24, 2)                                     // 3
	b.words(0, kindUnion<<24|2, 8, b.str("u"), 1, 0, b.str("v"), 2, 0)                // 4
	b.words(b.str("outer"), 1<<31|kindStruct<<24|4, 32, b.str("x"), 1, 0, 0, 4, 64)   // 5, two of four members
	b.words(b.str("w"), 3, 128, b.str("bits"), 1, 3<<24|225)                          //
	b.words(b.str("f"), kindFunc<<24, 1)                                              // 6
	return b.bytes()
}

func TestOffset(t *testing.T) {
	ty, err := Parse(sample(), []string{"outer", "absent"}, []string{"f", "inner_t", "_t"})
	if err != nil {
		t.Fatal(err)
	}
	outer, ok := ty.ID("outer")
	if !ok || outer != 5 {
		t.Fatalf("outer is type %d, %v", outer, ok)
	}
	if f, _ := ty.ID("f"); f != 6 {
		t.Errorf("f is type %d, want 6", f)
	}
	if typedef, _ := ty.ID("inner_t"); typedef != 3 {
		t.Errorf("inner_t is type %d, want 3", typedef)
	}
	for _, name := range []string{"absent", "_t"} {
		if _, ok := ty.ID(name); ok {
			t.Errorf("found %s, which is not there", name)
		}
	}
	for _, c := range []struct {
		path []string
		want int
		ok   bool
	}{
		{[]string{"x"}, 0, true},
		{[]string{"u"}, 8, true},
		{[]string{"v", "b"}, 12, true},
		{[]string{"w", "b"}, 20, true},
		{[]string{"bits"}, 28, false},
		{[]string{"x", "y"}, 0, false},
		{[]string{"none"}, 0, false},
		{nil, 0, false},
	} {
		got, ok := ty.Offset(outer, c.path...)
		if ok != c.ok || ok && got != c.want {
			t.Errorf("%v: %d, %v; want %d, %v", c.path, got, ok, c.want, c.ok)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	good := sample()
	cut := append([]byte(nil), good...)
	order.PutUint32(cut[12:], uint32(len(good)))
	magicless := append([]byte(nil), good...)
	magicless[0] = 0
	for name, b := range map[string][]byte{"empty": nil, "short": good[:20], "magic": magicless, "section": cut, "body": good[:40]} {
		if _, err := Parse(b, nil, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestVmlinux(t *testing.T) {
	ty, err := Parse(readVmlinux(t), []string{"sock", "task_struct"}, []string{"bpf_iter_task", "btf_trace_inet_sock_set_state"})
	if err != nil {
		t.Fatal(err)
	}
	sock, ok := ty.ID("sock")
	if !ok {
		t.Fatal("no struct sock")
	}
	if off, ok := ty.Offset(sock, "__sk_common", "skc_daddr"); !ok || off != 0 {
		t.Errorf("skc_daddr at %d, %v; struct sock_common begins with it", off, ok)
	}
	for _, name := range []string{"bpf_iter_task", "btf_trace_inet_sock_set_state"} {
		if _, ok := ty.ID(name); !ok {
			t.Error("no ", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(sample())
	f.Add(sample()[:50])
	loop := builder{}
	loop.words(loop.str("outer"), kindStruct<<24|1, 4, 0, 1, 0) // a structure that holds itself, without a name
	f.Add(loop.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		ty, err := Parse(b, []string{"outer", "inner"}, []string{"f"})
		if err != nil {
			return
		}
		for id := range min(ty.count, 1000) + 1 {
			ty.Offset(id, "w", "b")
		}
	})
}

func BenchmarkParse(b *testing.B) {
	v := readVmlinux(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(v, []string{"task_struct", "files_struct", "sock", "tcp_sock", "socket", "pt_regs", "net", "file"}, []string{"bpf_rdonly_cast", "bpf_iter_task"}); err != nil {
			b.Fatal(err)
		}
	}
}
