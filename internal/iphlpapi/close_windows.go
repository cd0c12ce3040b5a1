package iphlpapi

import (
	"net/netip"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// CloseTCP closes a connection: of IPv4 by SetTcpEntry, with the one state that it takes, MIB_TCP_STATE_DELETE_TCB; of IPv6,
// for which there is no such function, by the call that SetTcpEntry makes underneath, which no manual describes. The zone of a
// link-local address is its interface's number. It takes an Administrator.
//
// The error is a *CallError: ERROR_ACCESS_DENIED; 317 (ERROR_MR_MID_NOT_FOUND) for a connection that is not there, and for
// who is no Administrator; a *windows.DLLError where the function is missing; ERROR_NOT_SUPPORTED under Wine, whose SetTcpEntry
// says yes and does nothing, and whose NsiSetAllParameters ends the calling process.
func CloseTCP(local, remote netip.AddrPort) error {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		return &CallError{"SetTcpEntry", windows.ERROR_NOT_SUPPORTED}
	}
	if local.Addr().Is4() {
		row := miblayout.DeleteTCP4(local, remote)
		if err := setTcpEntry(&row[0]); err != nil {
			return &CallError{"SetTcpEntry", err}
		}
		return nil
	}
	return closeTCP6(local, remote)
}

// What NsiSetAllParameters is told: the store of what is in force, to set, the module NPI_MS_TCP_MODULEID, and its object of
// single connections.
const (
	nsiActive    = 1
	nsiSet       = 2
	nsiTCPObject = 16
)

// tcpModule is an NPI_MODULEID: length 0x18, type MIT_GUID, and the GUID eb004a03-9b1a-11d4-9123-0050047759bc.
var tcpModule = [24]byte{0x18, 0, 0, 0, 1, 0, 0, 0, 0x03, 0x4a, 0x00, 0xeb, 0x1a, 0x9b, 0xd4, 0x11, 0x91, 0x23, 0x00, 0x50, 0x04, 0x77, 0x59, 0xbc}

func closeTCP6(local, remote netip.AddrPort) error {
	module, key := tcpModule, miblayout.TCP6Key(local, remote)
	if err := nsiSetAllParameters(nsiActive, nsiSet, &module[0], nsiTCPObject, &key[0], uint32(len(key)), nil, 0); err != nil {
		return &CallError{"NsiSetAllParameters", err}
	}
	return nil
}
