// Package geodat holds what the decoders of address databases share: an error that names the offset, readings that check
// it, and the walk over a binary tree of prefixes.
package geodat

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Error says where in a file something is wrong.
type Error struct {
	Offset int64 // in bytes from the start of the file; -1 where it is not known
	What   string
}

func (e *Error) Error() string { return fmt.Sprintf("offset %d (%#x): %s", e.Offset, e.Offset, e.What) }

// Errorf makes an [Error].
func Errorf(offset int, format string, args ...any) error {
	return &Error{int64(offset), fmt.Sprintf(format, args...)}
}

// Bytes is a file, or what is mapped of it. Its methods check the offset and fail with an [Error].
type Bytes []byte

// Slice returns n bytes at off.
func (b Bytes) Slice(off, n int) ([]byte, error) {
	if off < 0 || n < 0 || off > len(b)-n {
		return nil, Errorf(off, "%d bytes wanted, the file ends at %d", n, len(b))
	}
	return b[off : off+n], nil
}

// Byte returns the byte at off.
func (b Bytes) Byte(off int) (byte, error) {
	if off < 0 || off >= len(b) {
		return 0, Errorf(off, "a byte wanted, the file ends at %d", len(b))
	}
	return b[off], nil
}

// Uint reads an unsigned number of n bytes (1 to 8), least significant first.
func (b Bytes) Uint(off, n int) (uint64, error) {
	s, err := b.Slice(off, n)
	if err != nil {
		return 0, err
	}
	return Uint(s), nil
}

// Offset reads a number like [Bytes.Uint] that is an offset into the file.
func (b Bytes) Offset(off, n int) (int, error) {
	v, err := b.Uint(off, n)
	if err != nil {
		return 0, err
	}
	if v >= uint64(len(b)) {
		return 0, Errorf(off, "refers to offset %d, the file ends at %d", v, len(b))
	}
	return int(v), nil
}

// String returns the bytes from off up to a NUL, which must come within max bytes.
func (b Bytes) String(off, max int) ([]byte, error) {
	if off < 0 || off >= len(b) {
		return nil, Errorf(off, "text wanted, the file ends at %d", len(b))
	}
	s := b[off:min(len(b), off+max+1)]
	n := bytes.IndexByte(s, 0)
	if n < 0 {
		return nil, Errorf(off, "text without an end: no NUL in %d bytes", len(s))
	}
	return s[:n], nil
}

// Uint is the number that all of s is, least significant byte first.
func Uint(s []byte) uint64 {
	switch len(s) {
	case 3:
		return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16
	case 4:
		return uint64(binary.LittleEndian.Uint32(s))
	case 8:
		return binary.LittleEndian.Uint64(s)
	}
	var v uint64
	for i := len(s) - 1; i >= 0; i-- {
		v = v<<8 | uint64(s[i])
	}
	return v
}
