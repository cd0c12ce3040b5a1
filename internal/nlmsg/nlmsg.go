// Package nlmsg cuts netlink messages and their attributes out of bytes, for packages inetdiag and rtlink. It makes no
// system call and builds on every system.
//
// The format is that of include/uapi/linux/netlink.h: lengths and types in host byte order, all at multiples of 4.
package nlmsg

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

// SizeHeader and SizeAttr are the sizes of struct nlmsghdr and struct nlattr; TypeDone is the type of the message that ends a dump.
const (
	SizeHeader = 16
	SizeAttr   = 4
	TypeDone   = 3
)

// Protocol is the family of messages, which errors name.
type Protocol string

// Error is what the kernel answered to a request instead of rows, or at their end. Unwrap gives the error number, which
// on Linux is what errors.Is compares: ENOENT where the protocol's module is not loaded, EPERM, EINVAL.
type Error struct {
	Errno    syscall.Errno
	Protocol Protocol
}

func (e *Error) Error() string { return string(e.Protocol) + ": " + e.Errno.Error() }
func (e *Error) Unwrap() error { return e.Errno }

// FormatError is a message that breaks the format; it quotes what offended.
type FormatError struct {
	What     string
	Bytes    []byte // a copy, at most 64 bytes
	Protocol Protocol
}

func (e *FormatError) Error() string { return fmt.Sprintf("%s: %s: % x", e.Protocol, e.What, e.Bytes) }

// Malformed is the FormatError that quotes b.
func (p Protocol) Malformed(what string, b []byte) error {
	return &FormatError{What: what, Bytes: append([]byte(nil), b[:min(len(b), 64)]...), Protocol: p}
}

// Message is one message of a batch, cut to its length.
type Message struct {
	Type, Flags uint16
	Body        []byte
}

// Next cuts the first message off a batch that is not empty.
func (p Protocol) Next(batch []byte) (m Message, rest []byte, err error) {
	if len(batch) < SizeHeader {
		return m, nil, p.Malformed("message header is cut short", batch)
	}
	n := binary.NativeEndian.Uint32(batch)
	if n < SizeHeader || uint64(n) > uint64(len(batch)) {
		return m, nil, p.Malformed("message length is impossible", batch)
	}
	m.Type = binary.NativeEndian.Uint16(batch[4:])
	m.Flags = binary.NativeEndian.Uint16(batch[6:])
	m.Body = batch[SizeHeader:n]
	return m, batch[min(Align(int(n)), len(batch)):], nil
}

// Status is the error number at the start of a NLMSG_DONE or NLMSG_ERROR, negative there. An older kernel ends a dump
// without one.
func (p Protocol) Status(m *Message) error {
	if len(m.Body) < 4 {
		if m.Type == TypeDone {
			return nil
		}
		return p.Malformed("error message is cut short", m.Body)
	}
	code := int32(binary.NativeEndian.Uint32(m.Body))
	if code >= 0 {
		return nil
	}
	return &Error{Errno: syscall.Errno(-int64(code)), Protocol: p}
}

// Attr is one attribute, cut to its length.
type Attr struct {
	Type uint16
	Body []byte
}

// NextAttr cuts the first attribute off bytes that are not empty. The upper two bits of its type are flags.
func (p Protocol) NextAttr(b []byte) (a Attr, rest []byte, err error) {
	if len(b) < SizeAttr {
		return a, nil, p.Malformed("attribute header is cut short", b)
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < SizeAttr || n > len(b) {
		return a, nil, p.Malformed("attribute length is impossible", b)
	}
	a.Type = binary.NativeEndian.Uint16(b[2:]) &^ 0xc000
	a.Body = b[SizeAttr:n]
	return a, b[min(Align(n), len(b)):], nil
}

// Align is the next multiple of 4.
func Align(n int) int { return (n + 3) &^ 3 }
