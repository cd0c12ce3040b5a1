// Package ifstat reads the network interfaces of the machine: what they are, in which state, and 64-bit counters of what
// they have received and sent. A [Meter] turns readings into rates.
//
//	table, err := ifstat.Open(nil)
//	...
//	var s ifstat.Snapshot
//	var m ifstat.Meter
//	for range time.Tick(time.Second) {
//		if err := table.Read(&s); err != nil { ... }
//		m.Add(&s)
//		fmt.Println(m.Total().Rate().RxBytes, "bytes a second")
//	}
//
// A program that looks once takes [List]; one that looks again and again opens a [Table] and reads into the same
// [Snapshot], which then costs no allocation.
//
// On Linux interfaces come from rtnetlink(7), and where that is refused from /proc/net/dev. On Windows they come from
// GetIfTable2, and where that is missing from GetIfTable, whose counters have 32 bits.
package ifstat

import (
	"net"
	"net/netip"
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=Kind,State,Exclusion,Method,Event -linecomment -output=zstring.go

// Interface is one network interface, as a value. It may be kept and copied: what its strings and slices refer to is not
// changed afterwards. Nor may the holder change it, since later snapshots share it.
type Interface struct {
	// ID, together with NetNS, tells this interface from any other that the same Table shows, before or after, under the
	// same name or index: an interface that was removed and made anew has another. On Windows it is the LUID. On Linux it
	// is the index, with how many interfaces the Table had seen go when it first saw this one in the upper half.
	ID    uint64
	Index uint32
	NetNS uint64 // inode of the network namespace; 0 on Windows

	Name        string // "eth0"; on Windows the alias, "Ethernet 2"
	Alias       string // what the administrator wrote: ifalias on Linux; empty where there is none
	Description string // of the adapter, on Windows

	Kind       Kind
	KindName   string // the system's own word for a virtual interface: "veth", "vxlan" (IFLA_INFO_KIND); empty for hardware
	Type       uint32 // ARPHRD_* of linux/if_arp.h, or on Windows the IANA's ifType
	Physical   bool   // it has hardware beneath (of a virtual machine's: what the machine takes for hardware)
	Up         bool   // administratively: it is meant to work
	State      State  // operationally: whether it does
	MTU        uint32 // bytes
	Speed      uint64 // bits per second, which virtual interfaces make up; 0 where the system does not tell
	RxSpeed    uint64 // bits per second in the direction of reception, where it differs (Windows); else 0
	Changes    uint32 // how often the carrier came or went; see HasChanges
	HasChanges bool

	HardwareAddr net.HardwareAddr // nil where it has none
	Addrs        []netip.Prefix   // its own addresses with the length of the network's prefix

	// Master is the index of the bridge, bond or team that this interface is a port of; 0 is none.
	Master uint32
	// Link is the index of what this interface stands on (a VLAN's or macvlan's parent) or, for a veth, of its peer; 0
	// is none. With LinkElsewhere it is an index in another network namespace, and not one of this snapshot.
	Link          uint32
	LinkElsewhere bool

	// Width is the number of bits after which the counters of bytes and packets begin again at 0: 64, or 32 for those of
	// GetIfTable. A [Meter] undoes that.
	Width uint8
	Counters
}

// Counters are what an interface has received (Rx) and sent (Tx) since it was made, or since something reset it. Bytes are
// those of whole frames, as the driver counts them: for Ethernet with the 14 bytes of the header, mostly without the
// frame check sequence. Where the interface hands whole bursts on (GSO, GRO), a packet here is a burst.
//
// Source: struct rtnl_link_stats64 of linux/if_link.h; MIB_IF_ROW2 of netioapi.h.
type Counters struct {
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// Kind is what an interface is.
type Kind uint8

// The kinds.
const (
	Other      Kind = iota // other
	Ethernet               // ethernet
	WiFi                   // wifi
	Mobile                 // mobile
	InfiniBand             // infiniband
	Loopback               // loopback
	Bridge                 // bridge
	Bond                   // bond
	Team                   // team
	VLAN                   // vlan
	Veth                   // veth
	Macvlan                // macvlan
	Tunnel                 // tunnel
	WireGuard              // wireguard
	Tun                    // tun
	PPP                    // ppp
	Dummy                  // dummy
	IFB                    // ifb
	VRF                    // vrf
	Monitor                // monitor
	Filter                 // filter
)

// What falls under some kinds: Bridge is also an Open vSwitch; Macvlan also macvtap and ipvlan, which like it share their
// parent's port; Veth also netkit; Tunnel is whatever packs packets into others (ipip, gre, vxlan, geneve, ...); Tun is the
// end of a program's device, tun or tap; Filter is Windows' clone of an interface for a filter driver.

// State is the operational state of an interface: ifOperStatus of RFC 2863, with the numbers of Linux (IF_OPER_* of
// linux/if.h).
type State uint8

// The states. Many virtual interfaces, and lo, work and say [Unknown].
const (
	Unknown        State = iota // unknown
	NotPresent                  // not_present
	Down                        // down
	LowerLayerDown              // lower_layer_down
	Testing                     // testing
	Dormant                     // dormant
	Up                          // up
)

// Works reports whether packets can pass: it is up, or up as far as anyone knows.
func (i *Interface) Works() bool { return i.Up && (i.State == Up || i.State == Unknown) }

// Method is the way the interfaces were read.
type Method uint8

// The methods. Auto takes the first that works.
const (
	Auto       Method = iota // auto
	RTNetlink                // rtnetlink
	ProcNetDev               // proc-net-dev
	IfTable2                 // GetIfTable2
	IfTable                  // GetIfTable
)
