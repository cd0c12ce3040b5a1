package bpf

import "encoding/binary"

// The kernel takes a program of several functions only with type information for each of them. Ours are of few kinds: the
// main program is int(void), a callback of bpf_loop int(int, void *), any other takes and returns numbers of 64 bits.
const (
	btfMagic      = 0xeb9f
	btfHeader     = 24
	btfInt        = 1 << 24
	btfPtr        = 2 << 24
	btfFunc       = 12 << 24
	btfProto      = 13 << 24
	btfSigned32   = 1<<24 | 32
	funcGlobal    = 1
	idInt         = 1
	idMain        = 2
	idPointer     = 3
	idCallback    = 4
	idLong        = 5
	idNumbers     = 6 // and the next: functions of 0 to maxArgs numbers
	maxArgs       = 5
	idFirstFunc   = idNumbers + maxArgs + 1
	callbackArity = 2
	btfLong64     = 64
)

// btfOf encodes the type information of the program's functions: function n has the id idFirstFunc+n.
func btfOf(funcs []FuncInfo) []byte {
	strs := []byte{0}
	name := func(s string) uint32 {
		off := len(strs)
		strs = append(append(strs, s...), 0)
		return uint32(off)
	}
	var types []byte
	put := func(words ...uint32) {
		for _, w := range words {
			types = binary.NativeEndian.AppendUint32(types, w)
		}
	}
	put(name("int"), btfInt, 4, btfSigned32)
	put(0, btfProto, idInt)
	put(0, btfPtr, 0)
	put(0, btfProto|callbackArity, idInt, name("i"), idInt, name("ctx"), idPointer)
	put(name("long"), btfInt, 8, btfLong64)
	for args := range uint32(maxArgs + 1) {
		put(0, btfProto|args, idLong)
		for range args {
			put(name("n"), idLong)
		}
	}
	for i, f := range funcs {
		switch {
		case i == 0:
			put(name(f.Name), btfFunc|funcGlobal, idMain)
		case f.args == callback:
			put(name(f.Name), btfFunc, idCallback)
		default:
			put(name(f.Name), btfFunc|funcGlobal, uint32(idNumbers+f.args))
		}
	}
	return btfSection(types, strs)
}

func btfSection(types, strs []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, btfMagic)
	b = append(b, 1, 0) // version, flags
	for _, w := range []int{btfHeader, 0, len(types), len(types), len(strs)} {
		b = binary.NativeEndian.AppendUint32(b, uint32(w))
	}
	return append(append(b, types...), strs...)
}

// funcInfos encodes the struct bpf_func_info of each function.
func funcInfos(funcs []FuncInfo) []byte {
	var b []byte
	for i, f := range funcs {
		b = binary.NativeEndian.AppendUint32(b, f.Start)
		b = binary.NativeEndian.AppendUint32(b, uint32(idFirstFunc+i))
	}
	return b
}
