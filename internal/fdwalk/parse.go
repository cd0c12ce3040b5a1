package fdwalk

import "encoding/binary"

// Layout of struct linux_dirent64, getdents64(2).
const (
	direntLen  = 16 // d_reclen
	direntName = 19 // d_name, ended by NUL
)

// nextName cuts the first entry off what getdents64 gave. The name is without its NUL, which follows it in memory. A
// broken entry ends the list.
func nextName(b []byte) (name, rest []byte, ok bool) {
	if len(b) <= direntName {
		return nil, nil, false
	}
	n := int(binary.NativeEndian.Uint16(b[direntLen:]))
	if n <= direntName || n > len(b) {
		return nil, nil, false
	}
	name = b[direntName:n]
	for i, c := range name {
		if c == 0 {
			return name[:i], b[n:], true
		}
	}
	return nil, nil, false
}

// parseNumber parses a name of digits; ok is false for any other, and for what does not fit in 32 bits.
func parseNumber(b []byte) (n uint32, ok bool) {
	var v uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		if v = v*10 + uint64(c-'0'); v > 1<<32-1 {
			return 0, false
		}
	}
	return uint32(v), len(b) > 0
}

// parseSocket parses the target of a descriptor's link: "socket:[inode]".
func parseSocket(b []byte) (inode uint32, ok bool) {
	const prefix = "socket:["
	if len(b) <= len(prefix) || string(b[:len(prefix)]) != prefix || b[len(b)-1] != ']' {
		return 0, false
	}
	return parseNumber(b[len(prefix) : len(b)-1])
}
