// Package bpf assembles BPF programs and makes the bpf(2) calls that load, run and pin them. It is small on purpose: a
// command that runs once cannot pay the 50 to 95 ms that a general loader takes (docs/decisions/0002-own-bpf-loader.md).
//
// The instruction set is RFC 9669.
package bpf

import (
	"encoding/binary"
	"fmt"
)

// Reg is a register. R0 is a call's result, R1 to R5 its arguments (lost by it), R6 to R9 survive it, FP is the frame.
type Reg uint8

// The registers.
const (
	R0 Reg = iota
	R1
	R2
	R3
	R4
	R5
	R6
	R7
	R8
	R9
	FP
)

// Width is the size of a load or store.
type Width uint8

// The widths.
const (
	W  Width = 0x00 // 4 bytes
	H  Width = 0x08 // 2 bytes
	B  Width = 0x10 // 1 byte
	DW Width = 0x18 // 8 bytes
)

// The instruction classes and operations that the assembler emits.
const (
	classLdx  = 0x01
	classSt   = 0x02
	classStx  = 0x03
	classALU  = 0x04
	classJmp  = 0x05
	classALU6 = 0x07
	modeMem   = 0x60
	modeAtom  = 0xc0
	fromReg   = 0x08

	opAdd = 0x00
	opSub = 0x10
	opOr  = 0x40
	opAnd = 0x50
	opLsh = 0x60
	opRsh = 0x70
	opNeg = 0x80
	opXor = 0xa0
	opMov = 0xb0

	opJa   = 0x00
	opJeq  = 0x10
	opJge  = 0x30
	opJset = 0x40
	opJne  = 0x50
	opCall = 0x80
	opExit = 0x90

	loadImm64    = 0x18 // classLd | DW, two slots
	pseudoMapFD  = 1
	pseudoMapVal = 2
	pseudoFunc   = 4
	pseudoCall   = 1
	pseudoKfunc  = 2
	insnSize     = 8
	maxJump      = 1<<15 - 1
)

type insn struct {
	op       uint8
	dst, src Reg
	off      int16
	imm      int32
	label    string // jump target, or function that is called or whose address is loaded
	toLabel  bool
}

// Asm collects instructions. Labels may be used before they are set; Assemble resolves them. Not for concurrent use.
type Asm struct {
	insns  []insn
	labels map[string]int
	funcs  []function
	unique int
	err    error
}

func (a *Asm) emit(i insn) { a.insns = append(a.insns, i) }

// Label sets a label here.
func (a *Asm) Label(name string) {
	if a.labels == nil {
		a.labels = map[string]int{}
	}
	if _, dup := a.labels[name]; dup && a.err == nil {
		a.err = fmt.Errorf("bpf: label %q is set twice", name)
	}
	a.labels[name] = len(a.insns)
}

// function is a label that begins a function. args is its number of arguments, or callback.
type function struct {
	name string
	args int
}

const callback = -1

// Callback begins a function that bpf_loop can call: int(int, void *). The verifier follows it from each place and with
// each state it is called with.
func (a *Asm) Callback(name string) { a.begin(name, callback) }

// Global begins a function of up to five 64-bit numbers that returns one, for CallFunc. The verifier looks at it once, by
// itself, knowing nothing of its arguments, which makes a program load faster.
func (a *Asm) Global(name string, args int) { a.begin(name, args) }

func (a *Asm) begin(name string, args int) {
	if args > maxArgs && a.err == nil {
		a.err = fmt.Errorf("bpf: function %q has %d arguments, more than %d", name, args, maxArgs)
	}
	a.funcs = append(a.funcs, function{name, args})
	a.Label(name)
}

// Unique makes a label name that no other call makes.
func (a *Asm) Unique(prefix string) string {
	a.unique++
	return fmt.Sprintf("%s.%d", prefix, a.unique)
}

// Mov copies a register, MovImm sets it to a number.
func (a *Asm) Mov(dst, src Reg)          { a.alu(opMov|fromReg, dst, src, 0) }
func (a *Asm) MovImm(dst Reg, imm int32) { a.alu(opMov, dst, 0, imm) }
func (a *Asm) Add(dst, src Reg)          { a.alu(opAdd|fromReg, dst, src, 0) }
func (a *Asm) AddImm(dst Reg, imm int32) { a.alu(opAdd, dst, 0, imm) }
func (a *Asm) Sub(dst, src Reg)          { a.alu(opSub|fromReg, dst, src, 0) }
func (a *Asm) Or(dst, src Reg)           { a.alu(opOr|fromReg, dst, src, 0) }
func (a *Asm) And(dst, src Reg)          { a.alu(opAnd|fromReg, dst, src, 0) }
func (a *Asm) AndImm(dst Reg, imm int32) { a.alu(opAnd, dst, 0, imm) }
func (a *Asm) Xor(dst, src Reg)          { a.alu(opXor|fromReg, dst, src, 0) }
func (a *Asm) Lsh(dst Reg, bits int32)   { a.alu(opLsh, dst, 0, bits) }
func (a *Asm) Rsh(dst Reg, bits int32)   { a.alu(opRsh, dst, 0, bits) }
func (a *Asm) RshReg(dst, bits Reg)      { a.alu(opRsh|fromReg, dst, bits, 0) }
func (a *Asm) Neg(dst Reg)               { a.alu(opNeg, dst, 0, 0) }
func (a *Asm) alu(op uint8, dst, src Reg, imm int32) {
	a.emit(insn{op: op | classALU6, dst: dst, src: src, imm: imm})
}

// MovImm32 sets a register to an unsigned number of 32 bits.
func (a *Asm) MovImm32(dst Reg, imm uint32) {
	a.emit(insn{op: opMov | classALU, dst: dst, imm: int32(imm)})
}

// Sub32 subtracts in 32 bits and clears the upper half.
func (a *Asm) Sub32(dst, src Reg) { a.emit(insn{op: opSub | fromReg | classALU, dst: dst, src: src}) }

// Swap16 turns a 16-bit number from network order into the host's.
func (a *Asm) Swap16(dst Reg) { a.emit(insn{op: 0xdc, dst: dst, imm: 16}) }

// Load reads dst from memory at src+off.
func (a *Asm) Load(w Width, dst, src Reg, off int) {
	a.emit(insn{op: classLdx | modeMem | uint8(w), dst: dst, src: src, off: a.off16(off)})
}

// Store writes src to memory at dst+off.
func (a *Asm) Store(w Width, dst Reg, off int, src Reg) {
	a.emit(insn{op: classStx | modeMem | uint8(w), dst: dst, src: src, off: a.off16(off)})
}

// StoreImm writes a number to memory at dst+off.
func (a *Asm) StoreImm(w Width, dst Reg, off int, imm int32) {
	a.emit(insn{op: classSt | modeMem | uint8(w), dst: dst, off: a.off16(off), imm: imm})
}

// AtomicAdd adds src to the number at dst+off as one step, whatever other processors do. W and DW only.
func (a *Asm) AtomicAdd(w Width, dst Reg, off int, src Reg) {
	if w != W && w != DW && a.err == nil {
		a.err = fmt.Errorf("bpf: an atomic operation of width %#x, not of 4 or 8 bytes", uint8(w))
	}
	a.emit(insn{op: classStx | modeAtom | uint8(w), dst: dst, src: src, off: a.off16(off), imm: opAdd})
}

func (a *Asm) off16(off int) int16 {
	if off != int(int16(off)) && a.err == nil {
		a.err = fmt.Errorf("bpf: offset %d does not fit an instruction", off)
	}
	return int16(off)
}

// Jump goes to the label; the others do so if the comparison of 64-bit unsigned numbers holds.
func (a *Asm) Jump(label string)                   { a.jump(opJa, 0, 0, 0, label) }
func (a *Asm) JumpEq(r, s Reg, label string)       { a.jump(opJeq|fromReg, r, s, 0, label) }
func (a *Asm) JumpNe(r, s Reg, label string)       { a.jump(opJne|fromReg, r, s, 0, label) }
func (a *Asm) JumpGe(r, s Reg, label string)       { a.jump(opJge|fromReg, r, s, 0, label) }
func (a *Asm) JumpEqImm(r Reg, i int32, l string)  { a.jump(opJeq, r, 0, i, l) }
func (a *Asm) JumpNeImm(r Reg, i int32, l string)  { a.jump(opJne, r, 0, i, l) }
func (a *Asm) JumpGeImm(r Reg, i int32, l string)  { a.jump(opJge, r, 0, i, l) }
func (a *Asm) JumpSetImm(r Reg, i int32, l string) { a.jump(opJset, r, 0, i, l) }
func (a *Asm) jump(op uint8, dst, src Reg, imm int32, label string) {
	a.emit(insn{op: op | classJmp, dst: dst, src: src, imm: imm, label: label, toLabel: true})
}

// Call calls a helper by its number in enum bpf_func_id, CallKfunc a kernel function by its BTF id.
func (a *Asm) Call(helper int32) { a.emit(insn{op: opCall | classJmp, imm: helper}) }
func (a *Asm) CallKfunc(id uint32) {
	a.emit(insn{op: opCall | classJmp, src: pseudoKfunc, imm: int32(id)})
}

// CallFunc calls a function begun by Global.
func (a *Asm) CallFunc(name string) {
	a.emit(insn{op: opCall | classJmp, src: pseudoCall, label: name, toLabel: true})
}

// Exit returns R0.
func (a *Asm) Exit() { a.emit(insn{op: opExit | classJmp}) }

// LoadMap sets dst to a map, LoadMapValue to the address of byte off in the value of a one-element array.
func (a *Asm) LoadMap(dst Reg, fd int)           { a.load64(dst, pseudoMapFD, int32(fd), 0) }
func (a *Asm) LoadMapValue(dst Reg, fd, off int) { a.load64(dst, pseudoMapVal, int32(fd), int32(off)) }
func (a *Asm) load64(dst, kind Reg, lo, hi int32) {
	a.emit(insn{op: loadImm64, dst: dst, src: kind, imm: lo})
	a.emit(insn{imm: hi})
}

// LoadFunc sets dst to the address of a function begun by Callback.
func (a *Asm) LoadFunc(dst Reg, name string) {
	a.emit(insn{op: loadImm64, dst: dst, src: pseudoFunc, label: name, toLabel: true})
	a.emit(insn{})
}

// Program is assembled code with what the kernel must know about its functions.
type Program struct {
	Code  []byte
	Funcs []FuncInfo // the main program first
}

// FuncInfo says where a function begins, in instructions.
type FuncInfo struct {
	Name  string
	Start uint32
	args  int
}

// Assemble resolves the labels.
func (a *Asm) Assemble(main string) (*Program, error) {
	if a.err != nil {
		return nil, a.err
	}
	p := &Program{Code: make([]byte, 0, len(a.insns)*insnSize), Funcs: []FuncInfo{{Name: main}}}
	for i, in := range a.insns {
		if err := a.resolve(i, &in); err != nil {
			return nil, err
		}
		p.Code = append(p.Code, in.op, uint8(in.dst)|uint8(in.src)<<4)
		p.Code = binary.NativeEndian.AppendUint16(p.Code, uint16(in.off))
		p.Code = binary.NativeEndian.AppendUint32(p.Code, uint32(in.imm))
	}
	for _, f := range a.funcs {
		p.Funcs = append(p.Funcs, FuncInfo{f.name, uint32(a.labels[f.name]), f.args})
	}
	return p, nil
}

func (a *Asm) resolve(at int, in *insn) error {
	if !in.toLabel {
		return nil
	}
	to, ok := a.labels[in.label]
	if !ok {
		return fmt.Errorf("bpf: no label %q", in.label)
	}
	rel := to - at - 1
	if in.op == loadImm64 || in.op == opCall|classJmp {
		in.imm = int32(rel)
		return nil
	}
	if rel > maxJump || rel < -maxJump {
		return fmt.Errorf("bpf: %q is %d instructions away, too far for a jump", in.label, rel)
	}
	in.off = int16(rel)
	return nil
}
