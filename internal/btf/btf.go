// Package btf reads the kernel's own type information (/sys/kernel/btf/vmlinux) far enough to answer where a member of a
// structure lies. It keeps no copy and builds no objects: one pass notes where each type begins, and names are compared
// in place, so that a command that runs once can afford it.
//
// The format is described in Documentation/bpf/btf.rst of the kernel.
package btf

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// The kinds of a type that matter here, of include/uapi/linux/btf.h.
const (
	kindInt      = 1
	kindPtr      = 2
	kindArray    = 3
	kindStruct   = 4
	kindUnion    = 5
	kindEnum     = 6
	kindTypedef  = 8
	kindVolatile = 9
	kindConst    = 10
	kindRestrict = 11
	kindFunc     = 12
	kindProto    = 13
	kindVar      = 14
	kindDatasec  = 15
	kindDeclTag  = 17
	kindTypeTag  = 18
	kindEnum64   = 19
)

const (
	magic      = 0xeb9f
	headerSize = 24
	typeSize   = 12
	maxNesting = 32 // of anonymous structures and of typedefs; real types stay far below
)

// Types is a parsed BTF section. It refers to the bytes it was parsed from. It may be read by several goroutines.
type Types struct {
	types, strs []byte
	index       []uint32          // where the types 1, 1+stride, 1+2*stride, ... begin
	count       uint32            // types, with void
	found       map[string]uint32 // ids of what was asked for
}

var order = binary.NativeEndian // the kernel writes its own types in its own order

// Parse reads the section in b and finds the ids of the named structures and of the named functions and typedefs (each
// tracepoint has a typedef, btf_trace_ and its name). A name that is not there is not an error: ask ID.
func Parse(b []byte, structs, funcs []string) (*Types, error) {
	t := &Types{found: make(map[string]uint32, len(structs)+len(funcs))}
	if err := t.header(b); err != nil {
		return nil, err
	}
	if err := t.scan(structs, t.funcOffsets(funcs)); err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Types) header(b []byte) error {
	if len(b) < headerSize {
		return fmt.Errorf("btf: %d bytes are too few for a header", len(b))
	}
	if m := order.Uint16(b); m != magic {
		return fmt.Errorf("btf: magic %#x, want %#x", m, magic)
	}
	body := uint64(order.Uint32(b[4:]))
	var err error
	if t.types, err = section(b, body, order.Uint32(b[8:]), order.Uint32(b[12:])); err != nil {
		return fmt.Errorf("btf: types: %w", err)
	}
	if t.strs, err = section(b, body, order.Uint32(b[16:]), order.Uint32(b[20:])); err != nil {
		return fmt.Errorf("btf: strings: %w", err)
	}
	return nil
}

func section(b []byte, body uint64, off, length uint32) ([]byte, error) {
	start := body + uint64(off)
	end := start + uint64(length)
	if end > uint64(len(b)) {
		return nil, fmt.Errorf("section %d..%d lies outside of %d bytes", start, end, len(b))
	}
	return b[start:end], nil
}

// funcOffsets finds the names of functions in the string section. The kernel's is deduplicated, so a name has one offset,
// and looking for the few names first spares a look at the name of each of the kernel's many functions.
func (t *Types) funcOffsets(names []string) map[uint32]string {
	m := make(map[uint32]string, len(names))
	for _, n := range names {
		for from := 0; ; {
			i := bytes.Index(t.strs[from:], append([]byte(n), 0))
			if i < 0 {
				break
			}
			if i += from; i > 0 && t.strs[i-1] == 0 {
				m[uint32(i)] = n
				break
			}
			from = i + 1 // the end of a longer name
		}
	}
	return m
}

// stride is how many types share one entry of the index: with fewer, the index would cost more than it saves.
const stride = 64

// scan notes where every stride-th type begins, and which types are asked for. The first type of a name wins.
func (t *Types) scan(structs []string, funcs map[uint32]string) error {
	t.index = make([]uint32, 0, len(t.types)/(24*stride)+1)
	filter := newFilter(structs)
	id := 1
	for p := 0; p < len(t.types); id++ {
		if len(t.types)-p < typeSize {
			return fmt.Errorf("btf: type %d is cut off at byte %d", id, p)
		}
		if id%stride == 1 {
			t.index = append(t.index, uint32(p))
		}
		name, info := order.Uint32(t.types[p:]), order.Uint32(t.types[p+4:])
		switch info >> 24 & 0x1f {
		case kindStruct:
			if filter.mayHave(t.strs, name) {
				t.noteStruct(structs, name, id)
			}
		case kindFunc, kindTypedef:
			if f, ok := funcs[name]; ok {
				t.note(f, id)
			}
		}
		p += size(info)
	}
	t.count = uint32(id)
	return nil
}

// filter answers for most names that they are not among those it was made of, by their first two bytes.
type filter [4]uint64

func newFilter(names []string) (f filter) {
	for _, n := range names {
		if len(n) > 1 {
			h := n[0]*31 + n[1]
			f[h/64] |= 1 << (h % 64)
		}
	}
	return f
}

func (f *filter) mayHave(strs []byte, name uint32) bool {
	if uint64(name)+1 >= uint64(len(strs)) {
		return false
	}
	h := strs[name]*31 + strs[name+1]
	return f[h/64]&(1<<(h%64)) != 0
}

func (t *Types) noteStruct(structs []string, name uint32, id int) {
	for _, s := range structs {
		if t.nameIs(name, s) {
			t.note(s, id)
		}
	}
}

func (t *Types) note(name string, id int) {
	if _, dup := t.found[name]; !dup {
		t.found[name] = uint32(id)
	}
}

// sizes is how many bytes a type of each kind has, and how many more for each of its members. A table, because the kinds
// come in no order that a processor could foresee.
var sizes = [32]struct{ fixed, member uint8 }{
	kindInt: {4, 0}, kindArray: {12, 0}, kindStruct: {0, 12}, kindUnion: {0, 12}, kindEnum: {0, 8}, kindProto: {0, 8},
	kindVar: {4, 0}, kindDatasec: {0, 12}, kindDeclTag: {4, 0}, kindEnum64: {0, 12},
}

func size(info uint32) int {
	s := &sizes[info>>24&0x1f]
	return typeSize + int(s.fixed) + int(s.member)*int(info&0xffff)
}

// at is where type id begins, and whether there is one.
func (t *Types) at(id uint32) ([]byte, bool) {
	if id == 0 || id >= t.count {
		return nil, false
	}
	p := int(t.index[(id-1)/stride])
	for range (id - 1) % stride {
		p += size(order.Uint32(t.types[p+4:]))
	}
	return t.types[p:], true
}

// ID is the id of a structure, function or typedef that Parse was asked for, and whether it is there.
func (t *Types) ID(name string) (uint32, bool) {
	id, ok := t.found[name]
	return id, ok
}

// Offset is the offset in bytes of a member of the structure id. The path goes through named members of structure type;
// anonymous structures and unions on the way are looked into, as C does. A bit field has no offset in bytes: false.
func (t *Types) Offset(id uint32, path ...string) (int, bool) {
	bits, ok := t.bitOffset(id, path, maxNesting)
	return int(bits / 8), ok && bits%8 == 0
}

func (t *Types) bitOffset(id uint32, path []string, depth int) (uint32, bool) {
	members, flag, ok := t.members(id, depth)
	if !ok || len(path) == 0 || depth == 0 {
		return 0, false
	}
	for ; len(members) >= typeSize; members = members[typeSize:] {
		name, typ, off := order.Uint32(members), order.Uint32(members[4:]), order.Uint32(members[8:])
		if flag {
			off &= 0xffffff // the upper byte is a bit field's width
		}
		if name == 0 {
			if inner, ok := t.bitOffset(typ, path, depth-1); ok {
				return off + inner, true
			}
			continue
		}
		if !t.nameIs(name, path[0]) {
			continue
		}
		if len(path) == 1 {
			return off, true
		}
		inner, ok := t.bitOffset(typ, path[1:], depth-1)
		return off + inner, ok
	}
	return 0, false
}

// members returns the member array of a structure or union, looking through typedefs and qualifiers.
func (t *Types) members(id uint32, depth int) (members []byte, flag, ok bool) {
	for ; depth > 0; depth-- {
		p, ok := t.at(id)
		if !ok {
			return nil, false, false
		}
		info := order.Uint32(p[4:])
		switch info >> 24 & 0x1f {
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			id = order.Uint32(p[8:])
		case kindStruct, kindUnion:
			end := typeSize * (1 + int(info&0xffff))
			return p[typeSize:min(end, len(p))], info>>31 != 0, true
		default:
			return nil, false, false
		}
	}
	return nil, false, false
}

func (t *Types) nameIs(off uint32, name string) bool {
	if uint64(off)+uint64(len(name)) >= uint64(len(t.strs)) {
		return false
	}
	s := t.strs[off:]
	return string(s[:len(name)]) == name && s[len(name)] == 0
}
