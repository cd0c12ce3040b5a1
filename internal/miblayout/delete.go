package miblayout

import (
	"encoding/binary"
	"net/netip"
	"strconv"
)

// DeleteTCP4 is the MIB_TCPROW that tells SetTcpEntry to close a connection of IPv4, whose ends local and remote must be.
func DeleteTCP4(local, remote netip.AddrPort) (row [20]byte) {
	binary.LittleEndian.PutUint32(row[0:], uint32(DeleteTCB))
	putEnd(row[4:8], row[8:10], local)
	putEnd(row[12:16], row[16:18], remote)
	return row
}

// TCP6Key names a connection of IPv6 as two SOCKADDR_IN6 of <ws2ipdef.h>: family, port, flow, address, scope.
func TCP6Key(local, remote netip.AddrPort) (key [56]byte) {
	for i, end := range []netip.AddrPort{local, remote} {
		b := key[28*i:][:28]
		binary.LittleEndian.PutUint16(b, afInet6)
		putEnd(b[8:24], b[2:4], end)
		scope, _ := strconv.ParseUint(end.Addr().Zone(), 10, 32) // none, or a number
		binary.LittleEndian.PutUint32(b[24:], uint32(scope))
	}
	return key
}

const afInet6 = 23 // AF_INET6 of Windows

func putEnd(addr, port []byte, end netip.AddrPort) {
	copy(addr, end.Addr().AsSlice())
	binary.BigEndian.PutUint16(port, end.Port())
}
