package miblayout

import (
	"bytes"
	"encoding/binary"
	"math"
)

// IfRow is one interface of either structure. The byte slices are views of the table.
type IfRow struct {
	LUID  uint64   // what stays with the interface for good; MIB_IFROW has none, and it is 0
	Index uint32   // what may be another one's after the interface was removed
	GUID  [16]byte // in memory's order; zero in MIB_IFROW

	// Name is UTF-16: in MIB_IF_ROW2 the alias that a person gave ("Ethernet 2"), in MIB_IFROW the device's
	// (`\DEVICE\TCPIP_{...}`). Description is the adapter's: UTF-16 in MIB_IF_ROW2, and in MIB_IFROW 8-bit text in the
	// system's code page, without the zero behind it.
	Name, Description []byte

	Address   []byte // hardware address; empty where there is none
	Permanent []byte // the one that the adapter was made with; empty in MIB_IFROW

	MTU, Type      uint32 // Type is IANA's ifType
	Tunnel, Medium uint32 // TUNNEL_TYPE and NDIS_PHYSICAL_MEDIUM; 0 in MIB_IFROW
	Flags          IfFlags
	Oper           IfOper
	AdminUp        bool
	TxSpeed        uint64 // bit/s; 0 is not known, also where MIB_IFROW's 32 bits are too few
	RxSpeed        uint64

	In, Out IfCounters
}

// IfCounters are what was counted one way. Those of MIB_IFROW have 32 bits and begin again at 0 after 4294967295.
type IfCounters struct {
	Octets              uint64 // bytes, with the frames' headers
	Unicast, NonUnicast uint64 // packets; the second is broadcast and multicast
	Discards, Errors    uint64 // packets
}

// IfFlags is InterfaceAndOperStatusFlags of MIB_IF_ROW2, bit fields that the compiler lays out from the lowest bit on.
// MIB_IFROW has none.
type IfFlags uint8

// The flags. A filter interface stands for a driver that looks at the packets of the adapter beneath it (a packet
// scheduler, a firewall), and counts them once more.
const (
	IfHardware IfFlags = 1 << iota
	IfFilter
	IfConnector
	IfNotAuthenticated
	IfNotMediaConnected
	IfPaused
	IfLowPower
	IfEndPoint
)

// IfOper is IF_OPER_STATUS of <ifdef.h>, which is ifOperStatus of RFC 2863.
type IfOper uint32

// The states.
const (
	IfUp             IfOper = iota + 1 // up
	IfDown                             // down
	IfTesting                          // testing
	IfUnknown                          // unknown
	IfDormant                          // dormant
	IfNotPresent                       // notPresent
	IfLowerLayerDown                   // lowerLayerDown
)

// operOf1 is what the states of MIB_IFROW mean (INTERNAL_IF_OPER_STATUS of <ipifcons.h>): non-operational, unreachable,
// disconnected, connecting, connected, operational.
var operOf1 = [...]IfOper{IfDown, IfDown, IfDown, IfDormant, IfUp, IfUp}

// adminUp is NET_IF_ADMIN_STATUS_UP of <ifdef.h> and MIB_IF_ADMIN_STATUS_UP of <ipifcons.h>.
const adminUp = 1

// ifRow1 decodes a MIB_IFROW of 860 bytes.
func ifRow1(b []byte) IfRow {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	count := func(at int) IfCounters {
		return IfCounters{Octets: uint64(u32(at)), Unicast: uint64(u32(at + 4)), NonUnicast: uint64(u32(at + 8)),
			Discards: uint64(u32(at + 12)), Errors: uint64(u32(at + 16))}
	}
	r := IfRow{Name: b[:512], Index: u32(512), Type: u32(516), MTU: u32(520),
		Address: b[532:][:min(u32(528), 8)], AdminUp: u32(540) == adminUp, Oper: IfUnknown,
		In: count(552), Out: count(576)}
	if s := u32(524); s != math.MaxUint32 {
		r.TxSpeed, r.RxSpeed = uint64(s), uint64(s)
	}
	if s := u32(544); int64(s) < int64(len(operOf1)) {
		r.Oper = operOf1[s]
	}
	r.Description, _, _ = bytes.Cut(b[604:][:min(u32(600), 256)], []byte{0})
	return r
}

// ifRow2 decodes a MIB_IF_ROW2 of 1352 bytes.
func ifRow2(b []byte) IfRow {
	u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
	u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }
	speed := func(at int) uint64 {
		if s := u64(at); s != math.MaxUint64 { // NDIS_LINK_SPEED_UNKNOWN
			return s
		}
		return 0
	}
	count := func(at int) IfCounters {
		return IfCounters{Octets: u64(at), Unicast: u64(at + 8), NonUnicast: u64(at + 16), Discards: u64(at + 24), Errors: u64(at + 32)}
	}
	n := min(u32(1056), 32)
	return IfRow{LUID: u64(0), Index: u32(8), GUID: [16]byte(b[12:]), Name: b[28:542], Description: b[542:1056],
		Address: b[1060:][:n], Permanent: b[1092:][:n], MTU: u32(1124), Type: u32(1128), Tunnel: u32(1132), Medium: u32(1140),
		Flags: IfFlags(b[1152]), Oper: IfOper(u32(1156)), AdminUp: u32(1160) == adminUp,
		TxSpeed: speed(1192), RxSpeed: speed(1200), In: count(1208), Out: count(1280)}
}
