package iphlpapi

// The functions of <iphlpapi.h>. They answer with the error number itself, not by GetLastError. A question mark marks what
// Wine does not have: the call then returns an error instead of a panic.

//sys	getExtendedTcpTable(table *byte, size *uint32, order bool, af uint32, class uint32, reserved uint32) (errcode error) = iphlpapi.GetExtendedTcpTable
//sys	getExtendedUdpTable(table *byte, size *uint32, order bool, af uint32, class uint32, reserved uint32) (errcode error) = iphlpapi.GetExtendedUdpTable
//sys	getTcp6Table(table *byte, size *uint32, order bool) (errcode error) = iphlpapi.GetTcp6Table
//sys	getOwnerModuleFromTcpEntry(row *byte, class uint32, info *byte, size *uint32) (errcode error) = iphlpapi.GetOwnerModuleFromTcpEntry?
//sys	getOwnerModuleFromTcp6Entry(row *byte, class uint32, info *byte, size *uint32) (errcode error) = iphlpapi.GetOwnerModuleFromTcp6Entry?
//sys	getOwnerModuleFromUdpEntry(row *byte, class uint32, info *byte, size *uint32) (errcode error) = iphlpapi.GetOwnerModuleFromUdpEntry?
//sys	getOwnerModuleFromUdp6Entry(row *byte, class uint32, info *byte, size *uint32) (errcode error) = iphlpapi.GetOwnerModuleFromUdp6Entry?
