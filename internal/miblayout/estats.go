package miblayout

import (
	"encoding/binary"
	"fmt"
)

// EStats is TCP_ESTATS_TYPE of <tcpestats.h>: which group of what the system counts on a TCP connection.
type EStats uint32

// The groups that are decoded here.
const (
	EStatsData    EStats = 1 // TCP_ESTATS_DATA_ROD_v0
	EStatsSndCong EStats = 2 // TCP_ESTATS_SND_CONG_ROD_v0
	EStatsPath    EStats = 3 // TCP_ESTATS_PATH_ROD_v0
)

// MaxEStats is the size of the largest of the structures, in bytes.
const MaxEStats = 160

// Size is how many bytes the group's structure has where a SIZE_T has word bytes (4 or 8, no other); 0 for a group not
// known here.
func (e EStats) Size(word int) int {
	switch e {
	case EStatsData:
		return 96
	case EStatsSndCong:
		return (60 + 3*word + word - 1) / word * word // 15 ULONG and 3 SIZE_T: 88, or 72
	case EStatsPath:
		return 160
	}
	return 0
}

// EStatsError is a structure of which there are too few bytes, or of a group not known here.
type EStatsError struct {
	Group EStats
	Head  []byte // the first bytes, 16 at most
	Len   int
}

func (e *EStatsError) Error() string {
	return fmt.Sprintf("%v of %d bytes: begins % x", e.Group, e.Len, e.Head)
}

func (e EStats) check(b []byte, word int) error {
	if size := e.Size(word); size == 0 || len(b) < size {
		return &EStatsError{Group: e, Head: append([]byte(nil), b[:min(len(b), 16)]...), Len: len(b)}
	}
	return nil
}

// TCPData is what of TCP_ESTATS_DATA_ROD_v0 is of use. DataOut and DataIn are the payload of segments sent and received,
// what was sent again counted again. Acked and Received are how far the peer's acknowledgments and this side's have moved
// on, so that each byte counts once (tcpEStatsPerfHCThruOctetsAcked and tcpEStatsPerfHCThruOctetsReceived of RFC 4898).
type TCPData struct {
	DataOut, DataIn uint64 // DataBytesOut, DataBytesIn
	Acked, Received uint64 // ThruBytesAcked, ThruBytesReceived
}

// DecodeTCPData decodes a TCP_ESTATS_DATA_ROD_v0. The error is an *EStatsError.
func DecodeTCPData(b []byte) (TCPData, error) {
	if err := EStatsData.check(b, 8); err != nil {
		return TCPData{}, err
	}
	u64 := binary.LittleEndian.Uint64
	return TCPData{DataOut: u64(b), DataIn: u64(b[16:]), Acked: u64(b[72:]), Received: u64(b[88:])}, nil
}

// TCPPath is what of TCP_ESTATS_PATH_ROD_v0 is of use.
type TCPPath struct {
	Retrans     uint32 // PktsRetrans: segments sent again
	SmoothedRTT uint32 // milliseconds
	MSS         uint32 // CurMss, bytes
}

// DecodeTCPPath decodes a TCP_ESTATS_PATH_ROD_v0. The error is an *EStatsError.
func DecodeTCPPath(b []byte) (TCPPath, error) {
	if err := EStatsPath.check(b, 8); err != nil {
		return TCPPath{}, err
	}
	u32 := binary.LittleEndian.Uint32
	return TCPPath{Retrans: u32(b[20:]), SmoothedRTT: u32(b[108:]), MSS: u32(b[144:])}, nil
}

// DecodeTCPCwnd returns CurCwnd, the congestion window in bytes, of a TCP_ESTATS_SND_CONG_ROD_v0, in which a SIZE_T has
// word bytes (4 or 8). The error is an *EStatsError.
func DecodeTCPCwnd(b []byte, word int) (uint32, error) {
	if err := EStatsSndCong.check(b, word); err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint32(b[36+3*word:]), nil
}
