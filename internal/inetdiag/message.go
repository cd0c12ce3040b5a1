package inetdiag

import (
	"github.com/sockeye-net/sockeye/internal/nlmsg"
)

// protocol is what errors name.
const protocol = nlmsg.Protocol("sock_diag")

// Error is what the kernel answered instead of rows, or at their end; FormatError is a message that breaks the format.
type (
	Error       = nlmsg.Error
	FormatError = nlmsg.FormatError
)

type (
	message = nlmsg.Message
	attr    = nlmsg.Attr
)

// control handles what is not a row. A message of an unknown kind is passed over, as netlink(7) asks.
func control(m *message) (done bool, err error) {
	switch m.Type {
	case typeDone, typeError:
		return true, protocol.Status(m)
	case typeOverrun:
		return true, protocol.Malformed("replies were lost", m.Body)
	}
	return false, nil
}
