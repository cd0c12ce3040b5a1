package bpf

import (
	"encoding/binary"
	"strings"
	"testing"
)

// enc is an instruction as RFC 9669 writes it, with its fields apart: what stands in memory depends on the machine's
// byte order.
type enc struct {
	op, dst, src uint8
	off          int16
	imm          int32
}

func (e enc) bytes() []byte {
	b := []byte{e.op, e.dst | e.src<<4}
	b = binary.NativeEndian.AppendUint16(b, uint16(e.off))
	return binary.NativeEndian.AppendUint32(b, uint32(e.imm))
}

func assemble(t *testing.T, write func(*Asm)) *Program {
	t.Helper()
	var a Asm
	write(&a)
	p, err := a.Assemble("main")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func checkCode(t *testing.T, what string, p *Program, want ...enc) {
	t.Helper()
	var b []byte
	for _, e := range want {
		b = append(b, e.bytes()...)
	}
	if string(p.Code) != string(b) {
		t.Errorf("%s:\n% x, want\n% x", what, p.Code, b)
	}
}

// The numbers are those of the tables in RFC 9669, sections 4 and 5, and appendix A.
func TestEncoding(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(*Asm)
		want  enc
	}{
		{"Mov", func(a *Asm) { a.Mov(R1, R2) }, enc{op: 0xbf, dst: 1, src: 2}},
		{"MovImm", func(a *Asm) { a.MovImm(R9, -1) }, enc{op: 0xb7, dst: 9, imm: -1}},
		{"Add", func(a *Asm) { a.Add(R1, FP) }, enc{op: 0x0f, dst: 1, src: 10}},
		{"AddImm", func(a *Asm) { a.AddImm(FP, -8) }, enc{op: 0x07, dst: 10, imm: -8}},
		{"Sub", func(a *Asm) { a.Sub(R3, R4) }, enc{op: 0x1f, dst: 3, src: 4}},
		{"Or", func(a *Asm) { a.Or(R3, R4) }, enc{op: 0x4f, dst: 3, src: 4}},
		{"And", func(a *Asm) { a.And(R3, R4) }, enc{op: 0x5f, dst: 3, src: 4}},
		{"AndImm", func(a *Asm) { a.AndImm(R3, 63) }, enc{op: 0x57, dst: 3, imm: 63}},
		{"Xor", func(a *Asm) { a.Xor(R3, R4) }, enc{op: 0xaf, dst: 3, src: 4}},
		{"Lsh", func(a *Asm) { a.Lsh(R3, 6) }, enc{op: 0x67, dst: 3, imm: 6}},
		{"Rsh", func(a *Asm) { a.Rsh(R3, 6) }, enc{op: 0x77, dst: 3, imm: 6}},
		{"RshReg", func(a *Asm) { a.RshReg(R3, R4) }, enc{op: 0x7f, dst: 3, src: 4}},
		{"Neg", func(a *Asm) { a.Neg(R5) }, enc{op: 0x87, dst: 5}},
		{"MovImm32", func(a *Asm) { a.MovImm32(R2, 1<<32-2) }, enc{op: 0xb4, dst: 2, imm: -2}},
		{"Sub32", func(a *Asm) { a.Sub32(R2, R3) }, enc{op: 0x1c, dst: 2, src: 3}},
		{"Swap16", func(a *Asm) { a.Swap16(R2) }, enc{op: 0xdc, dst: 2, imm: 16}},
		{"Load W", func(a *Asm) { a.Load(W, R1, R2, 4) }, enc{op: 0x61, dst: 1, src: 2, off: 4}},
		{"Load H", func(a *Asm) { a.Load(H, R1, R2, 4) }, enc{op: 0x69, dst: 1, src: 2, off: 4}},
		{"Load B", func(a *Asm) { a.Load(B, R1, R2, 4) }, enc{op: 0x71, dst: 1, src: 2, off: 4}},
		{"Load DW", func(a *Asm) { a.Load(DW, R1, FP, -8) }, enc{op: 0x79, dst: 1, src: 10, off: -8}},
		{"Store W", func(a *Asm) { a.Store(W, R1, 4, R2) }, enc{op: 0x63, dst: 1, src: 2, off: 4}},
		{"Store H", func(a *Asm) { a.Store(H, R1, 4, R2) }, enc{op: 0x6b, dst: 1, src: 2, off: 4}},
		{"Store B", func(a *Asm) { a.Store(B, R1, 4, R2) }, enc{op: 0x73, dst: 1, src: 2, off: 4}},
		{"Store DW", func(a *Asm) { a.Store(DW, FP, -512, R2) }, enc{op: 0x7b, dst: 10, src: 2, off: -512}},
		{"StoreImm W", func(a *Asm) { a.StoreImm(W, R1, 4, 5) }, enc{op: 0x62, dst: 1, off: 4, imm: 5}},
		{"StoreImm H", func(a *Asm) { a.StoreImm(H, R1, 4, 5) }, enc{op: 0x6a, dst: 1, off: 4, imm: 5}},
		{"StoreImm B", func(a *Asm) { a.StoreImm(B, R1, 4, 5) }, enc{op: 0x72, dst: 1, off: 4, imm: 5}},
		{"StoreImm DW", func(a *Asm) { a.StoreImm(DW, R1, 4, -5) }, enc{op: 0x7a, dst: 1, off: 4, imm: -5}},
		{"AtomicAdd W", func(a *Asm) { a.AtomicAdd(W, R1, 4, R2) }, enc{op: 0xc3, dst: 1, src: 2, off: 4}},
		{"AtomicAdd DW", func(a *Asm) { a.AtomicAdd(DW, R1, -4, R2) }, enc{op: 0xdb, dst: 1, src: 2, off: -4}},
		{"largest offset", func(a *Asm) { a.Load(W, R1, R2, 1<<15-1) }, enc{op: 0x61, dst: 1, src: 2, off: 1<<15 - 1}},
		{"smallest offset", func(a *Asm) { a.Load(W, R1, R2, -1<<15) }, enc{op: 0x61, dst: 1, src: 2, off: -1 << 15}},
		{"Call", func(a *Asm) { a.Call(113) }, enc{op: 0x85, imm: 113}},
		{"CallKfunc", func(a *Asm) { a.CallKfunc(70000) }, enc{op: 0x85, src: 2, imm: 70000}},
		{"Exit", func(a *Asm) { a.Exit() }, enc{op: 0x95}},
	} {
		checkCode(t, c.name, assemble(t, c.write), c.want)
	}
}

// A load of 64 bits takes two places: the upper half of the number stands in the second.
func TestLoad64(t *testing.T) {
	checkCode(t, "LoadMap", assemble(t, func(a *Asm) { a.LoadMap(R1, 7) }), enc{op: 0x18, dst: 1, src: 1, imm: 7}, enc{})
	checkCode(t, "LoadMapValue", assemble(t, func(a *Asm) { a.LoadMapValue(R2, 7, 4096) }), enc{op: 0x18, dst: 2, src: 2, imm: 7}, enc{imm: 4096})
}

// Each comparison jumps over one instruction, then back to itself.
func TestJumps(t *testing.T) {
	for _, c := range []struct {
		name string
		jump func(a *Asm, label string)
		want enc
	}{
		{"Jump", func(a *Asm, l string) { a.Jump(l) }, enc{op: 0x05}},
		{"JumpEq", func(a *Asm, l string) { a.JumpEq(R1, R2, l) }, enc{op: 0x1d, dst: 1, src: 2}},
		{"JumpNe", func(a *Asm, l string) { a.JumpNe(R1, R2, l) }, enc{op: 0x5d, dst: 1, src: 2}},
		{"JumpGe", func(a *Asm, l string) { a.JumpGe(R1, R2, l) }, enc{op: 0x3d, dst: 1, src: 2}},
		{"JumpEqImm", func(a *Asm, l string) { a.JumpEqImm(R1, -3, l) }, enc{op: 0x15, dst: 1, imm: -3}},
		{"JumpNeImm", func(a *Asm, l string) { a.JumpNeImm(R1, 3, l) }, enc{op: 0x55, dst: 1, imm: 3}},
		{"JumpGeImm", func(a *Asm, l string) { a.JumpGeImm(R1, 3, l) }, enc{op: 0x35, dst: 1, imm: 3}},
		{"JumpSetImm", func(a *Asm, l string) { a.JumpSetImm(R1, 4, l) }, enc{op: 0x45, dst: 1, imm: 4}},
	} {
		forward, back, exit := c.want, c.want, enc{op: 0x95}
		forward.off, back.off = 1, -1
		checkCode(t, c.name+" forward", assemble(t, func(a *Asm) {
			c.jump(a, "on")
			a.Exit()
			a.Label("on")
			a.Exit()
		}), forward, exit, exit)
		checkCode(t, c.name+" back", assemble(t, func(a *Asm) {
			a.Label("here")
			c.jump(a, "here")
		}), back)
	}
}

// A function is called, and its address loaded, relative to the next instruction, in the number and not in the offset.
func TestFunctions(t *testing.T) {
	p := assemble(t, func(a *Asm) {
		a.LoadFunc(R2, "back") // two places
		a.CallFunc("sum")
		a.Exit()
		a.Callback("back")
		a.CallFunc("sum")
		a.Exit()
		a.Global("sum", 2)
		a.CallFunc("back")
		a.Exit()
	})
	exit := enc{op: 0x95}
	checkCode(t, "functions", p, enc{op: 0x18, dst: 2, src: 4, imm: 3}, enc{}, enc{op: 0x85, src: 1, imm: 3}, exit,
		enc{op: 0x85, src: 1, imm: 1}, exit, enc{op: 0x85, src: 1, imm: -3}, exit)
	want := []FuncInfo{{"main", 0, 0}, {"back", 4, callback}, {"sum", 6, 2}}
	if len(p.Funcs) != len(want) {
		t.Fatalf("functions %+v", p.Funcs)
	}
	for i, f := range p.Funcs {
		if f != want[i] {
			t.Errorf("function %d is %+v, want %+v", i, f, want[i])
		}
	}
}

// far writes a jump over n instructions.
func far(n int) func(*Asm) {
	return func(a *Asm) {
		a.Jump("end")
		for range n {
			a.Exit()
		}
		a.Label("end")
	}
}

func TestFarthestJump(t *testing.T) {
	p := assemble(t, far(maxJump))
	if off := int16(binary.NativeEndian.Uint16(p.Code[2:])); off != maxJump {
		t.Errorf("jumps by %d, want %d", off, maxJump)
	}
}

func TestAssembleRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		write func(*Asm)
		says  string
	}{
		{"no label", func(a *Asm) { a.Jump("nowhere") }, `"nowhere"`},
		{"no function", func(a *Asm) { a.CallFunc("nothing") }, `"nothing"`},
		{"no callback", func(a *Asm) { a.LoadFunc(R1, "nothing") }, `"nothing"`},
		{"label without a name", func(a *Asm) { a.Jump("") }, `""`},
		{"label twice", func(a *Asm) { a.Label("x"); a.Label("x") }, `"x" is set twice`},
		{"function twice", func(a *Asm) { a.Callback("f"); a.Global("f", 1) }, `"f" is set twice`},
		{"offset too large", func(a *Asm) { a.Load(W, R1, R2, 1<<15) }, "offset 32768"},
		{"offset too small", func(a *Asm) { a.Store(W, R1, -1<<15-1, R2) }, "offset -32769"},
		{"offset of a number", func(a *Asm) { a.StoreImm(W, R1, 1<<20, 0) }, "offset 1048576"},
		{"atomic byte", func(a *Asm) { a.AtomicAdd(B, R1, 0, R2) }, "width 0x10"},
		{"jump too far", far(maxJump + 1), "32768 instructions"},
		{"too many arguments", func(a *Asm) { a.Global("f", 6) }, "6 arguments"},
		{"the first error stays", func(a *Asm) { a.Load(W, R1, R2, 1<<15); a.Label("x"); a.Label("x") }, "offset 32768"},
	} {
		var a Asm
		c.write(&a)
		a.Exit()
		if p, err := a.Assemble("main"); p != nil || err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error that says %s", c.name, err, c.says)
		}
	}
}

func TestUnique(t *testing.T) {
	var a Asm
	x, y := a.Unique("next"), a.Unique("next")
	if x == y || !strings.HasPrefix(x, "next") {
		t.Errorf("%q and %q", x, y)
	}
}
