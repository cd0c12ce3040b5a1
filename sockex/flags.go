package sockex

import (
	"fmt"
	"strconv"
	"strings"
)

// Flags are those of DisconnectEx, TransmitFile and TransmitPackets, with the values of mswsock.h. A bit that is not one of
// them is an error (ErrFlags) before a byte goes.
type Flags uint32

// The flags of TransmitFile. DisconnectEx has TF_REUSE_SOCKET only.
const (
	TF_DISCONNECT         Flags = 0x01 // after the last byte the connection is ended from this side
	TF_REUSE_SOCKET       Flags = 0x02 // then, once the peer has ended it too, the socket can have another connection
	TF_WRITE_BEHIND       Flags = 0x04 // not beside the two before. On Linux it changes nothing
	TF_USE_DEFAULT_WORKER Flags = 0x00 // this and the next two say which of Windows' threads does the work
	TF_USE_SYSTEM_THREAD  Flags = 0x10 // on Linux it changes nothing
	TF_USE_KERNEL_APC     Flags = 0x20 // on Linux it changes nothing
)

// The flags of TransmitPackets.
const (
	TP_DISCONNECT         = TF_DISCONNECT
	TP_REUSE_SOCKET       = TF_REUSE_SOCKET
	TP_USE_DEFAULT_WORKER = TF_USE_DEFAULT_WORKER
	TP_USE_SYSTEM_THREAD  = TF_USE_SYSTEM_THREAD
	TP_USE_KERNEL_APC     = TF_USE_KERNEL_APC
)

// The flags that each function takes.
const (
	fileFlags       = TF_DISCONNECT | TF_REUSE_SOCKET | TF_WRITE_BEHIND | TF_USE_SYSTEM_THREAD | TF_USE_KERNEL_APC
	packetFlags     = fileFlags &^ TF_WRITE_BEHIND
	disconnectFlags = TF_REUSE_SOCKET
)

var flagNames = []struct {
	flag Flags
	name string
}{
	{TF_DISCONNECT, "TF_DISCONNECT"},
	{TF_REUSE_SOCKET, "TF_REUSE_SOCKET"},
	{TF_WRITE_BEHIND, "TF_WRITE_BEHIND"},
	{TF_USE_SYSTEM_THREAD, "TF_USE_SYSTEM_THREAD"},
	{TF_USE_KERNEL_APC, "TF_USE_KERNEL_APC"},
}

// String names the flags, as in "TF_DISCONNECT|TF_REUSE_SOCKET".
func (f Flags) String() string {
	var names []string
	for _, n := range flagNames {
		if f&n.flag != 0 {
			names, f = append(names, n.name), f&^n.flag
		}
	}
	if f != 0 || names == nil {
		names = append(names, "0x"+strconv.FormatUint(uint64(f), 16))
	}
	return strings.Join(names, "|")
}

// has reports whether all of these flags are set.
func (f Flags) has(these Flags) bool { return f&these == these }

// check is the error of flags that a function does not take. Reuse goes with disconnecting only, where that is a flag, and
// writing behind with neither, as mswsock.h's documentation says of TransmitFile.
func (f Flags) check(taken Flags) error {
	switch rest := f &^ taken; {
	case rest != 0:
		return fmt.Errorf("%w: %v", ErrFlags, rest)
	case taken.has(TF_DISCONNECT) && f&(TF_DISCONNECT|TF_REUSE_SOCKET) == TF_REUSE_SOCKET:
		return fmt.Errorf("%w: TF_REUSE_SOCKET without TF_DISCONNECT", ErrFlags)
	case f.has(TF_WRITE_BEHIND) && f&(TF_DISCONNECT|TF_REUSE_SOCKET) != 0:
		return fmt.Errorf("%w: TF_WRITE_BEHIND beside TF_DISCONNECT", ErrFlags)
	}
	return nil
}
