package pipe

import (
	"encoding/binary"
	"fmt"
)

// A message that is too large for one packet is announced by a packet of its own and follows in parts. That packet is told
// from a message by a descriptor that comes with it (see internal/unixpipe), so that messages carry no header: any program
// that has a socket of SOCK_SEQPACKET can be the other end as long as its messages fit in a packet.

// announcement is such a packet. All numbers are in the machine's order: both ends are on it.
type announcement struct {
	kind announced
	size uint64 // of the message, in bytes
}

type announced uint32

const (
	announceLarge announced = iota + 1 // a message of size bytes follows in parts
	announceCut                        // the rest of the parts will not come
	announceBye                        // the server has disconnected the client: what came before is void
)

const (
	announceMagic = 0x65796b73 // "skye"
	announceSize  = 16
)

func (a announcement) append(b []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, announceMagic)
	b = binary.NativeEndian.AppendUint32(b, uint32(a.kind))
	return binary.NativeEndian.AppendUint64(b, a.size)
}

func parseAnnouncement(b []byte) (announcement, error) {
	if len(b) != announceSize || binary.NativeEndian.Uint32(b) != announceMagic {
		return announcement{}, fmt.Errorf("a message with a descriptor that is no announcement: % x", b[:min(len(b), 32)])
	}
	a := announcement{announced(binary.NativeEndian.Uint32(b[4:])), binary.NativeEndian.Uint64(b[8:])}
	if a.kind < announceLarge || a.kind > announceBye {
		return a, fmt.Errorf("an announcement of unknown kind: % x", b)
	}
	return a, nil
}
