package ifstat

import (
	"strconv"
	"strings"
)

// Types of interfaces (ARPHRD_* of linux/if_arp.h).
const (
	arpEther      = 1
	arpInfiniBand = 32
	arpPPP        = 512
	arpRawIP      = 519
	arpLoopback   = 772
	arpSIT        = 776
)

// kinds maps what Linux calls its virtual interfaces (IFLA_INFO_KIND), as ip-link(8) lists them.
var kinds = map[string]Kind{
	"bridge": Bridge, "openvswitch": Bridge, "bond": Bond, "team": Team, "vrf": VRF,
	"vlan": VLAN, "macsec": VLAN, "dsa": VLAN,
	"veth": Veth, "netkit": Veth, "vxcan": Veth,
	"macvlan": Macvlan, "macvtap": Macvlan, "ipvlan": Macvlan, "ipvtap": Macvlan,
	"ipip": Tunnel, "sit": Tunnel, "gre": Tunnel, "gretap": Tunnel, "erspan": Tunnel, "ip6gre": Tunnel, "ip6gretap": Tunnel,
	"ip6erspan": Tunnel, "ip6tnl": Tunnel, "vti": Tunnel, "vti6": Tunnel, "xfrm": Tunnel, "vxlan": Tunnel, "geneve": Tunnel,
	"gtp": Tunnel, "bareudp": Tunnel, "amt": Tunnel, "ovpn": Tunnel, "batadv": Tunnel, "wireguard": WireGuard,
	"tun": Tun, "ppp": PPP, "dummy": Dummy, "ifb": IFB, "nlmon": Monitor, "vsockmon": Monitor,
	"wwan": Mobile, "rmnet": Mobile, "ipoib": InfiniBand,
}

// kindOf finds the kind of an interface on Linux. devtype is DEVTYPE of its uevent, where that is known.
func kindOf(name string, arp uint32, devtype string) Kind {
	if k, ok := kinds[name]; ok {
		return k
	}
	switch {
	case arp == arpLoopback:
		return Loopback
	case name != "":
		return Other
	case devtype == "wlan":
		return WiFi
	case devtype == "wwan", arp == arpRawIP:
		return Mobile
	case arp == arpEther:
		return Ethernet
	case arp == arpInfiniBand:
		return InfiniBand
	case arp == arpPPP:
		return PPP
	case arp == arpSIT:
		return Tunnel
	}
	return Other
}

// hardware are the kinds that are made by rtnetlink, or by a driver that says one, and are hardware nevertheless. An
// InfiniBand partition has counters of its own: its packets are not its parent's.
var hardware = map[string]bool{"": true, "wwan": true, "ipoib": true, "can": true, "netdevsim": true}

// isPhysical tells whether there is hardware beneath an interface. An interface of a bus has a parent device, which Linux
// tells since 5.14; hasParents says whether this kernel does. Without, whatever is not made by rtnetlink counts as hardware.
func isPhysical(i *Interface, parent, hasParents bool) bool {
	switch {
	case !hardware[i.KindName] || i.Kind == Loopback:
		return false
	case hasParents:
		return parent
	}
	return i.Kind == Ethernet || i.Kind == WiFi || i.Kind == Mobile || i.Kind == InfiniBand
}

// uevent is what the file uevent of an interface in sysfs says.
type uevent struct {
	devtype string
	index   uint32
}

func parseUevent(text string) (u uevent) {
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch k {
		case "DEVTYPE":
			u.devtype = v
		case "IFINDEX":
			n, _ := strconv.ParseUint(v, 10, 32)
			u.index = uint32(n)
		}
	}
	return u
}
