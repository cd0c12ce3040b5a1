package bpf

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/sockeye-net/sockeye/internal/btf"
)

// decl is a type of our own section, decoded by hand: internal/btf finds names and ids, but no prototypes.
type decl struct {
	name   string
	kind   uint32
	vlen   uint32
	ref    uint32 // size or type
	params []uint32
	bits   uint32
}

// decode reads a section of integers, pointers, functions and prototypes (Documentation/bpf/btf.rst).
func decode(t *testing.T, b []byte) []decl {
	t.Helper()
	word := func(at uint32) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
	types, strs := uint32(btfHeader)+word(8), uint32(btfHeader)+word(16)
	name := func(off uint32) string {
		s := b[strs+off:]
		for i, c := range s {
			if c == 0 {
				return string(s[:i])
			}
		}
		t.Fatalf("name at %d has no end", off)
		return ""
	}
	all := []decl{{name: "void"}}
	for p, end := types, types+word(12); p < end; {
		d := decl{name: name(word(p)), kind: word(p+4) >> 24 & 0x1f, vlen: word(p+4) & 0xffff, ref: word(p + 8)}
		p += 12
		switch d.kind {
		case 1:
			d.bits = word(p)
			p += 4
		case 13:
			for range d.vlen {
				d.params = append(d.params, word(p+4))
				p += 8
			}
		}
		all = append(all, d)
	}
	return all
}

// signature writes a function as C does.
func signature(t *testing.T, all []decl, id uint32) string {
	t.Helper()
	var typ func(id uint32) string
	typ = func(id uint32) string {
		if d := all[id]; d.kind == 2 {
			return typ(d.ref) + " *"
		}
		return all[id].name
	}
	f := all[id]
	p := all[f.ref]
	if f.kind != 12 || p.kind != 13 {
		t.Fatalf("type %d is %+v of %+v, no function", id, f, p)
	}
	s := typ(p.ref) + " " + f.name + "("
	for i, a := range p.params {
		if i > 0 {
			s += ", "
		}
		s += typ(a)
	}
	return s + ")"
}

func TestTypesOfFunctions(t *testing.T) {
	funcs := []FuncInfo{{"main", 0, 0}, {"step", 4, callback}, {"none", 9, 0}, {"one", 11, 1}, {"five", 20, 5}}
	want := []string{"int main()", "int step(int, void *)", "long none()", "long one(long)", "long five(long, long, long, long, long)"}
	b := btfOf(funcs)
	all := decode(t, b)
	names := make([]string, len(funcs))
	infos := funcInfos(funcs)
	if len(infos) != 8*len(funcs) {
		t.Fatalf("%d bytes of function infos", len(infos))
	}
	for i, f := range funcs {
		names[i] = f.Name
		start, id := binary.NativeEndian.Uint32(infos[8*i:]), binary.NativeEndian.Uint32(infos[8*i+4:])
		if start != f.Start {
			t.Errorf("%s begins at %d, want %d", f.Name, start, f.Start)
		}
		if got := signature(t, all, id); got != want[i] {
			t.Errorf("%s is %s", want[i], got)
		}
		// The linkage stands where other types have a count: 0 static, 1 global. bpf_loop takes static functions only.
		if linkage := all[id].vlen; linkage != map[bool]uint32{true: 0, false: 1}[f.args == callback] {
			t.Errorf("%s has linkage %d", f.Name, linkage)
		}
	}
	checkDecoder(t, b, names, infos)
}

// checkDecoder has the reader of the kernel's types find the same ids.
func checkDecoder(t *testing.T, b []byte, names []string, infos []byte) {
	t.Helper()
	types, err := btf.Parse(b, nil, names)
	if err != nil {
		t.Fatal(err)
	}
	for i, n := range names {
		if id, ok := types.ID(n); !ok || id != binary.NativeEndian.Uint32(infos[8*i+4:]) {
			t.Errorf("%s has id %d (%v)", n, id, ok)
		}
	}
}

func TestIntegers(t *testing.T) {
	all := decode(t, btfOf([]FuncInfo{{Name: "main"}}))
	for _, c := range []struct {
		id         uint32
		name       string
		size, bits uint32
	}{{idInt, "int", 4, 1<<24 | 32}, {idLong, "long", 8, 64}} {
		if d := all[c.id]; d.kind != 1 || d.name != c.name || d.ref != c.size || d.bits != c.bits {
			t.Errorf("%s is %+v", c.name, d)
		}
	}
	if d := all[idPointer]; d.kind != 2 || d.ref != 0 {
		t.Errorf("the pointer is %+v", d)
	}
}

func ExampleAsm() {
	var a Asm
	a.MovImm(R0, 0)
	a.Exit()
	p, err := a.Assemble("nothing")
	fmt.Println(len(p.Code), p.Funcs[0].Name, err)
	// Output: 16 nothing <nil>
}
