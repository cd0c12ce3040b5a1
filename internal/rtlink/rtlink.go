// Package rtlink understands what rtnetlink(7) says of network interfaces and their addresses, in answers to dumps and in
// notices. It makes no system call and builds on every system: it is given the bytes of a read, and appends requests to a
// buffer. Numbers in the messages are in the machine's own byte order. Source: linux/rtnetlink.h, if_link.h, if_addr.h.
package rtlink

import (
	"encoding/binary"
	"net/netip"

	"github.com/sockeye-net/sockeye/internal/nlmsg"
)

// Types of messages, and the one flag of a header that says something about a dump.
const (
	typeError   = 2 // NLMSG_ERROR
	typeDone    = 3 // NLMSG_DONE
	typeOverrun = 4 // NLMSG_OVERRUN

	typeNewLink  = 16 // RTM_NEWLINK
	typeDelLink  = 17 // RTM_DELLINK
	typeGetLink  = 18 // RTM_GETLINK
	typeNewAddr  = 20 // RTM_NEWADDR
	typeDelAddr  = 21 // RTM_DELADDR
	typeGetAddr  = 22 // RTM_GETADDR
	typeNewStats = 92 // RTM_NEWSTATS
	typeGetStats = 94 // RTM_GETSTATS

	flagInterrupted = 0x10  // NLM_F_DUMP_INTR
	flagsDump       = 0x301 // NLM_F_REQUEST | NLM_F_DUMP
)

// Sizes of the fixed parts.
const (
	sizeHeader   = nlmsg.SizeHeader // struct nlmsghdr
	sizeAttr     = nlmsg.SizeAttr   // struct nlattr
	sizeLink     = 16               // struct ifinfomsg
	sizeAddr     = 8                // struct ifaddrmsg
	sizeStats    = 12               // struct if_stats_msg
	sizeCounters = 64               // the part of struct rtnl_link_stats64 that is the same since it exists
)

// Flags of an interface (linux/if.h), as in Link.Flags.
const (
	FlagUp       = 1 << 0 // IFF_UP: administratively
	FlagLoopback = 1 << 3 // IFF_LOOPBACK
	FlagNoARP    = 1 << 7 // IFF_NOARP
)

// Link is an interface. Its slices refer to the bytes that were decoded.
type Link struct {
	Index uint32
	Type  uint16 // ARPHRD_*
	Flags uint32 // IFF_*
	Gone  bool   // a notice that it was removed, or moved to another namespace

	Name, Alias     []byte
	Kind, SlaveKind []byte // IFLA_INFO_KIND; IFLA_INFO_SLAVE_KIND is the kind of its master
	Address         []byte // hardware address
	Parent          []byte // IFLA_PARENT_DEV_NAME, the device that it is made of; since Linux 5.14

	MTU           uint32
	Master        uint32
	Link          uint32
	LinkElsewhere bool // Link is an index in another namespace (IFLA_LINK_NETNSID)
	OperState     uint8

	CarrierChanges    uint32
	HasCarrierChanges bool

	Stats Stats
	Width uint8 // bits of Stats: 64, 32 (IFLA_STATS), or 0 where there are none
}

// Stats are the counters of an interface. RxDropped is the sum of rx_dropped and rx_missed_errors (what found no room in
// the hardware's ring), as in /proc/net/dev.
type Stats struct {
	RxPackets, TxPackets, RxBytes, TxBytes   uint64
	RxErrors, TxErrors, RxDropped, TxDropped uint64
}

// Addr is an address of an interface.
type Addr struct {
	Index  uint32
	Gone   bool // a notice that it was removed
	Prefix netip.Prefix
}

// Handler takes what a batch consists of. What the pointers refer to is valid during the call only.
type Handler interface {
	Link(*Link)
	Addr(*Addr)
	Stats(index uint32, s *Stats)
}

// AppendLinkRequest appends a request for all interfaces with everything about them. Without a filter (IFLA_EXT_MASK) the
// kernel leaves virtual functions of the hardware out, which may be many and slow to ask.
func AppendLinkRequest(dst []byte) []byte { return appendRequest(dst, typeGetLink, sizeLink) }

// AppendAddrRequest appends a request for all addresses.
func AppendAddrRequest(dst []byte) []byte { return appendRequest(dst, typeGetAddr, sizeAddr) }

// AppendStatsRequest appends a request for the 64-bit counters of all interfaces and nothing else about them. Linux has it
// since 4.7; before, the answer is an error (EOPNOTSUPP).
func AppendStatsRequest(dst []byte) []byte {
	dst = appendRequest(dst, typeGetStats, sizeStats)
	binary.NativeEndian.PutUint32(dst[len(dst)-4:], 1<<(attrStatsLink64-1))
	return dst
}

// appendRequest appends the header of a dump request and a fixed part of zeros. The sequence number is the sender's to set.
func appendRequest(dst []byte, typ uint16, size int) []byte {
	dst = binary.NativeEndian.AppendUint32(dst, uint32(sizeHeader+size))
	dst = binary.NativeEndian.AppendUint16(dst, typ)
	dst = binary.NativeEndian.AppendUint16(dst, flagsDump)
	return append(dst, make([]byte, 8+size)...)
}
