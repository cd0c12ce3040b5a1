package sockiter

import (
	"fmt"
	"unsafe"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// Holder is a process (or a thread with a descriptor table of its own) and the records of the sockets that it holds. The
// programs write it, so its layout is fixed.
type Holder struct {
	TID, PID    uint32
	First, Last uint32 // of its records: First <= i < Last
	Comm        [16]byte
	Start       uint64 // nanoseconds of boot time at which the process began
}

const (
	holderSize = int(unsafe.Sizeof(Holder{}))
	offTID     = int(unsafe.Offsetof(Holder{}.TID))
	offPID     = int(unsafe.Offsetof(Holder{}.PID))
	offFirst   = int(unsafe.Offsetof(Holder{}.First))
	offLast    = int(unsafe.Offsetof(Holder{}.Last))
	offComm    = int(unsafe.Offsetof(Holder{}.Comm))
	offStart   = int(unsafe.Offsetof(Holder{}.Start))
)

// Name is the process's short name (comm).
func (h *Holder) Name() []byte {
	for i, c := range h.Comm {
		if c == 0 {
			return h.Comm[:i]
		}
	}
	return h.Comm[:]
}

// Where the programs store the members of a rawsock.Record; its own test holds them.
const (
	recLocal, recRemote, recCookie, recCgroup, recSent, recReceived = 0, 16, 32, 40, 48, 56
	recInode, recUID, recNetNS, recInterface                        = 64, 68, 72, 76
	recLocalPort, recRemotePort, recFamily, recState, recProto      = 80, 82, 84, 85, 86
	recRecvQ, recSendQ, recRTT, recRetrans, recFD, recCwnd          = 88, 92, 96, 100, 104, 108
	recPayload, recCAState                                          = 112, 120 // and Flags behind it
)

// decodeHolders appends the holders that the walker wrote.
func decodeHolders(dst []Holder, b []byte) ([]Holder, error) {
	if len(b)%holderSize != 0 {
		return dst, fmt.Errorf("sockiter: %d bytes from the walker are no multiple of %d", len(b), holderSize)
	}
	for ; len(b) > 0; b = b[holderSize:] {
		dst = append(dst, *(*Holder)(unsafe.Pointer(unsafe.SliceData(b))))
	}
	return dst, nil
}

// fileRecord is what the task-file program writes for each descriptor of a socket.
type fileRecord struct {
	holder Holder
	record rawsock.Record
}

const fileRecordSize = int(unsafe.Sizeof(fileRecord{}))
