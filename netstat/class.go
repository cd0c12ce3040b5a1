package netstat

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=TableClass -linecomment -output=zclass.go

// TableClass names a class of Windows' socket tables, for a program that comes from GetExtendedTcpTable and
// GetExtendedUdpTable: [TableClass.Query] is its counterpart, on every system.
type TableClass uint8

// The classes: TCP_TABLE_CLASS, then UDP_TABLE_CLASS. (In <iprtrmib.h> both begin at 0, so the numbers of the second differ.)
const (
	TCPTableBasicListener          TableClass = iota // TCP_TABLE_BASIC_LISTENER
	TCPTableBasicConnections                         // TCP_TABLE_BASIC_CONNECTIONS
	TCPTableBasicAll                                 // TCP_TABLE_BASIC_ALL
	TCPTableOwnerPIDListener                         // TCP_TABLE_OWNER_PID_LISTENER
	TCPTableOwnerPIDConnections                      // TCP_TABLE_OWNER_PID_CONNECTIONS
	TCPTableOwnerPIDAll                              // TCP_TABLE_OWNER_PID_ALL
	TCPTableOwnerModuleListener                      // TCP_TABLE_OWNER_MODULE_LISTENER
	TCPTableOwnerModuleConnections                   // TCP_TABLE_OWNER_MODULE_CONNECTIONS
	TCPTableOwnerModuleAll                           // TCP_TABLE_OWNER_MODULE_ALL
	UDPTableBasic                                    // UDP_TABLE_BASIC
	UDPTableOwnerPID                                 // UDP_TABLE_OWNER_PID
	UDPTableOwnerModule                              // UDP_TABLE_OWNER_MODULE
)

// Query is the query for what the class holds, of both families: set Families for one (ulAf of the calls), and Ordered for
// bOrder. A number that is no class gives the query for no owners of every TCP and UDP socket, the zero Query.
func (c TableClass) Query() Query {
	switch {
	case c <= TCPTableOwnerModuleAll:
		states := [...]States{ListenerStates, ConnectionStates, 0}[c%3]
		return Query{Protos: QueryTCP, States: states, Owner: OwnerLevel(c / 3)}
	case c <= UDPTableOwnerModule:
		return Query{Protos: QueryUDP, Owner: OwnerLevel(c - UDPTableBasic)}
	}
	return Query{}
}
