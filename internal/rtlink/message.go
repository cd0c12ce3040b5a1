package rtlink

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

// Error is what the kernel answered to a request instead of interfaces, or at their end. Unwrap gives the error number,
// which on Linux is what errors.Is compares.
type Error struct{ Errno syscall.Errno }

func (e *Error) Error() string { return "rtnetlink: " + e.Errno.Error() }
func (e *Error) Unwrap() error { return e.Errno }

// FormatError is a message that breaks the format; it quotes what offended.
type FormatError struct {
	What  string
	Bytes []byte // a copy, at most 64 bytes
}

func (e *FormatError) Error() string { return fmt.Sprintf("rtnetlink: %s: % x", e.What, e.Bytes) }

func formatError(what string, b []byte) error {
	return &FormatError{What: what, Bytes: append([]byte(nil), b[:min(len(b), 64)]...)}
}

// message is one message of a batch, cut to its length.
type message struct {
	typ, flags uint16
	body       []byte
}

// next cuts the first message off a batch that is not empty. Messages begin at multiples of 4.
func next(batch []byte) (m message, rest []byte, err error) {
	if len(batch) < sizeHeader {
		return m, nil, formatError("message header is cut short", batch)
	}
	n := binary.NativeEndian.Uint32(batch)
	if n < sizeHeader || uint64(n) > uint64(len(batch)) {
		return m, nil, formatError("message length is impossible", batch)
	}
	m.typ = binary.NativeEndian.Uint16(batch[4:])
	m.flags = binary.NativeEndian.Uint16(batch[6:])
	m.body = batch[sizeHeader:n]
	return m, batch[min(align4(int(n)), len(batch)):], nil
}

// fixed cuts the fixed part of a size off, and what is left are attributes.
func (m *message) fixed(size int) (head, attrs []byte, err error) {
	if len(m.body) < size {
		return nil, nil, formatError("message is cut short", m.body)
	}
	return m.body[:size], m.body[size:], nil
}

// status is the error number at the start of a NLMSG_DONE or NLMSG_ERROR, negative there.
func (m *message) status() error {
	if len(m.body) < 4 {
		if m.typ == typeDone {
			return nil
		}
		return formatError("error message is cut short", m.body)
	}
	code := int32(binary.NativeEndian.Uint32(m.body))
	if code >= 0 {
		return nil
	}
	return &Error{Errno: syscall.Errno(-int64(code))}
}

// attr is one attribute, cut to its length.
type attr struct {
	typ  uint16
	body []byte
}

// nextAttr cuts the first attribute off bytes that are not empty. The upper two bits of its type are flags.
func nextAttr(b []byte) (a attr, rest []byte, err error) {
	if len(b) < sizeAttr {
		return a, nil, formatError("attribute header is cut short", b)
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < sizeAttr || n > len(b) {
		return a, nil, formatError("attribute length is impossible", b)
	}
	a.typ = binary.NativeEndian.Uint16(b[2:]) &^ 0xc000
	a.body = b[sizeAttr:n]
	return a, b[min(align4(n), len(b)):], nil
}

func align4(n int) int { return (n + 3) &^ 3 }

// u32 reads an attribute of 32 bits.
func (a attr) u32(v *uint32) error {
	if len(a.body) < 4 {
		return formatError("attribute is cut short", a.body)
	}
	*v = binary.NativeEndian.Uint32(a.body)
	return nil
}

// u8 reads an attribute of 8 bits.
func (a attr) u8(v *uint8) error {
	if len(a.body) < 1 {
		return formatError("attribute is cut short", a.body)
	}
	*v = a.body[0]
	return nil
}

// text is a string without the 0 that ends it.
func (a attr) text() []byte {
	for i, c := range a.body {
		if c == 0 {
			return a.body[:i]
		}
	}
	return a.body
}
