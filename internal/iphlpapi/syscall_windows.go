package iphlpapi

// The functions of <iphlpapi.h>. They answer with the error number itself, not by GetLastError. A question mark marks what
// Wine or an old Windows does not have: the call then returns an error instead of a panic.

//sys	getExtendedTcpTable(table *byte, size *uint32, order bool, af uint32, class uint32, reserved uint32) (errcode error) = iphlpapi.GetExtendedTcpTable
//sys	getExtendedUdpTable(table *byte, size *uint32, order bool, af uint32, class uint32, reserved uint32) (errcode error) = iphlpapi.GetExtendedUdpTable
//sys	getTcp6Table(table *byte, size *uint32, order bool) (errcode error) = iphlpapi.GetTcp6Table
//sys	getOwnerModuleFromTcpEntry(row *byte, class uint32, info *byte, size *uint32) (errcode error) = iphlpapi.GetOwnerModuleFromTcpEntry?
//sys	getOwnerModuleFromTcp6Entry(row *byte, class uint32, info *byte, size *uint32) (errcode error) = iphlpapi.GetOwnerModuleFromTcp6Entry?
//sys	getOwnerModuleFromUdpEntry(row *byte, class uint32, info *byte, size *uint32) (errcode error) = iphlpapi.GetOwnerModuleFromUdpEntry?
//sys	getOwnerModuleFromUdp6Entry(row *byte, class uint32, info *byte, size *uint32) (errcode error) = iphlpapi.GetOwnerModuleFromUdp6Entry?

//sys	getIfTable(table *byte, size *uint32, order bool) (errcode error) = iphlpapi.GetIfTable?
//sys	getIfTable2(table **byte) (errcode error) = iphlpapi.GetIfTable2?
//sys	getUnicastIpAddressTable(family uint16, table **byte) (errcode error) = iphlpapi.GetUnicastIpAddressTable?
//sys	freeMibTable(table *byte) = iphlpapi.FreeMibTable

//sys	getPerTcpConnectionEStats(row *byte, group uint32, rw *byte, rwVersion uint32, rwSize uint32, ros *byte, rosVersion uint32, rosSize uint32, rod *byte, rodVersion uint32, rodSize uint32) (errcode error) = iphlpapi.GetPerTcpConnectionEStats?
//sys	setPerTcpConnectionEStats(row *byte, group uint32, rw *byte, rwVersion uint32, rwSize uint32, offset uint32) (errcode error) = iphlpapi.SetPerTcpConnectionEStats?
//sys	getPerTcp6ConnectionEStats(row *byte, group uint32, rw *byte, rwVersion uint32, rwSize uint32, ros *byte, rosVersion uint32, rosSize uint32, rod *byte, rodVersion uint32, rodSize uint32) (errcode error) = iphlpapi.GetPerTcp6ConnectionEStats?
//sys	setPerTcp6ConnectionEStats(row *byte, group uint32, rw *byte, rwVersion uint32, rwSize uint32, offset uint32) (errcode error) = iphlpapi.SetPerTcp6ConnectionEStats?

//sys	setTcpEntry(row *byte) (errcode error) = iphlpapi.SetTcpEntry?

// Of <nsi.h>, which is in no SDK: what SetTcpEntry itself calls, and the only way to close a connection of IPv6.

//sys	nsiSetAllParameters(store uint32, action uint32, module *byte, object uint32, key *byte, keySize uint32, data *byte, dataSize uint32) (errcode error) = nsi.NsiSetAllParameters?
