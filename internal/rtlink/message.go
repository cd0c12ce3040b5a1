package rtlink

import (
	"encoding/binary"

	"github.com/sockeye-net/sockeye/internal/nlmsg"
)

// protocol is what errors name.
const protocol = nlmsg.Protocol("rtnetlink")

// Error is what the kernel answered instead of rows, or at their end; FormatError is a message that breaks the format.
type (
	Error       = nlmsg.Error
	FormatError = nlmsg.FormatError
)

type (
	message = nlmsg.Message
	attr    = nlmsg.Attr
)

// fixed cuts the fixed part of a size off, and what is left are attributes.
func fixed(m *message, size int) (head, attrs []byte, err error) {
	if len(m.Body) < size {
		return nil, nil, protocol.Malformed("message is cut short", m.Body)
	}
	return m.Body[:size], m.Body[size:], nil
}

// u32 reads an attribute of 32 bits.
func u32(a *attr, v *uint32) error {
	if len(a.Body) < 4 {
		return protocol.Malformed("attribute is cut short", a.Body)
	}
	*v = binary.NativeEndian.Uint32(a.Body)
	return nil
}

// u8 reads an attribute of 8 bits.
func u8(a *attr, v *uint8) error {
	if len(a.Body) < 1 {
		return protocol.Malformed("attribute is cut short", a.Body)
	}
	*v = a.Body[0]
	return nil
}

// text is a string without the 0 that ends it.
func text(a *attr) []byte {
	for i, c := range a.Body {
		if c == 0 {
			return a.Body[:i]
		}
	}
	return a.Body
}
