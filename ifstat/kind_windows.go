package ifstat

import "github.com/sockeye-net/sockeye/internal/miblayout"

// operStates are those of RFC 2863 in Windows' numbers. What is beyond them is not known.
var operStates = [...]State{
	miblayout.IfUp: Up, miblayout.IfDown: Down, miblayout.IfTesting: Testing, miblayout.IfUnknown: Unknown,
	miblayout.IfDormant: Dormant, miblayout.IfNotPresent: NotPresent, miblayout.IfLowerLayerDown: LowerLayerDown,
}

func rowState(o miblayout.IfOper) State {
	if int64(o) >= int64(len(operStates)) {
		return Unknown
	}
	return operStates[o]
}

// IANA's ifType, as far as a kind follows from it: IF_TYPE_* of <ipifcons.h>.
const (
	typeEthernet   = 6
	typePPP        = 23
	typeLoopback   = 24
	typeVirtual    = 53 // PROP_VIRTUAL: the adapters of VPN programs, wintun and WireGuard among them
	typeWiFi       = 71
	typeTunnel     = 131
	typeL2VLAN     = 135
	typeL3VLAN     = 136
	typeBond       = 161 // IEEE8023AD_LAG
	typeInfiniBand = 199
	typeBridge     = 209
	typeWWAN       = 243
	typeWWAN2      = 244
)

// NDIS_PHYSICAL_MEDIUM of <ntddndis.h>: drivers older than native Wi-Fi call their adapters Ethernet.
const (
	mediumWirelessLAN = 1
	mediumNative80211 = 9
)

// rowKind is what an interface is. That of a filter driver has the type of the adapter beneath it.
func rowKind(r *miblayout.IfRow) Kind {
	switch {
	case r.Flags&miblayout.IfFilter != 0:
		return Filter
	case r.Type == typeLoopback:
		return Loopback
	case r.Tunnel != 0 || r.Type == typeTunnel:
		return Tunnel
	}
	switch r.Type {
	case typeEthernet:
		if r.Medium == mediumWirelessLAN || r.Medium == mediumNative80211 {
			return WiFi
		}
		return Ethernet
	case typePPP:
		return PPP
	case typeVirtual:
		return Tun
	case typeWiFi:
		return WiFi
	case typeL2VLAN, typeL3VLAN:
		return VLAN
	case typeBond:
		return Bond
	case typeInfiniBand:
		return InfiniBand
	case typeBridge:
		return Bridge
	case typeWWAN, typeWWAN2:
		return Mobile
	}
	return Other
}

// rowPhysical reports whether there is hardware beneath. GetIfTable does not tell; there everything that has a hardware
// address and the type of hardware counts as such.
func rowPhysical(r *miblayout.IfRow) bool {
	if r.LUID != 0 {
		return r.Flags&miblayout.IfHardware != 0
	}
	switch rowKind(r) {
	case Ethernet, WiFi, InfiniBand, Mobile:
		return len(r.Address) > 0
	}
	return false
}
