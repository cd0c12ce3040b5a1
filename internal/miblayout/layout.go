// Package miblayout decodes what Windows' IP helper answers with: MIB_TCPTABLE, MIB_UDPTABLE and their relatives of
// <tcpmib.h> and <udpmib.h>, for IPv4 and IPv6, with and without owners; the tables of interfaces and of their addresses,
// of <ifmib.h> and <netioapi.h>; and the extended statistics of a TCP connection, of <tcpestats.h>.
//
// It makes no system call and builds everywhere. Every structure has the same layout on 386, amd64 and arm64: the headers
// align LARGE_INTEGER and ULONGLONG to 8 bytes on all of them, and no structure holds a pointer; one holds a SIZE_T, and its
// decoder is told how large that is. (Go's own int64 is aligned to 4 on 386, so a Go struct needs its padding written out
// there; tests hold such structs against the offsets here on each architecture.)
package miblayout

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=Kind,State,IfKind,IfOper,EStats -linecomment -output=zstring.go

// Kind is which structure a table is made of.
type Kind uint8

// The structures, by the names of the headers.
const (
	TCP4Basic  Kind = iota + 1 // MIB_TCPTABLE
	TCP4PID                    // MIB_TCPTABLE_OWNER_PID
	TCP4Module                 // MIB_TCPTABLE_OWNER_MODULE
	TCP6Basic                  // MIB_TCP6TABLE
	TCP6PID                    // MIB_TCP6TABLE_OWNER_PID
	TCP6Module                 // MIB_TCP6TABLE_OWNER_MODULE
	UDP4Basic                  // MIB_UDPTABLE
	UDP4PID                    // MIB_UDPTABLE_OWNER_PID
	UDP4Module                 // MIB_UDPTABLE_OWNER_MODULE
	UDP6Basic                  // MIB_UDP6TABLE
	UDP6PID                    // MIB_UDP6TABLE_OWNER_PID
	UDP6Module                 // MIB_UDP6TABLE_OWNER_MODULE
)

// absent stands for a field that a structure lacks. No field of any of them is that far in.
const absent = ^uint8(0)

// Layout says where the fields of one row stand. Offsets are in bytes from the row's beginning; the field is missing where
// Has says so.
type Layout struct {
	First uint8 // where the first row begins in the table: after dwNumEntries and what padding the rows need
	Size  uint8 // of a row

	State                                uint8
	Local, LocalScope, LocalPort         uint8
	Remote, RemoteScope, RemotePort, PID uint8

	Created, Flags, Module uint8 // liCreateTimestamp, dwFlags, OwningModuleInfo[16]

	V6 bool // addresses have 16 bytes
}

// Has reports whether the field at that offset of a Layout is there.
func Has(offset uint8) bool { return offset != absent }

// Layout returns where the fields of a row of that kind stand, and false for a kind that does not exist.
func (k Kind) Layout() (Layout, bool) {
	if int(k) >= len(layouts) || k == 0 {
		return Layout{}, false
	}
	return layouts[k], true
}

const no = absent

// layouts holds the structures of <tcpmib.h> and <udpmib.h>. MIB_TCP6ROW alone begins with the state; rows with
// OWNER_MODULE begin at 8 for the alignment of their timestamp.
var layouts = [...]Layout{
	//          First Size State Local Scope Port Remote Scope Port PID Created Flags Module
	TCP4Basic:  {4, 20, 0, 4, no, 8, 12, no, 16, no, no, no, no, false},
	TCP4PID:    {4, 24, 0, 4, no, 8, 12, no, 16, 20, no, no, no, false},
	TCP4Module: {8, 160, 0, 4, no, 8, 12, no, 16, 20, 24, no, 32, false},
	TCP6Basic:  {4, 52, 0, 4, 20, 24, 28, 44, 48, no, no, no, no, true},
	TCP6PID:    {4, 56, 48, 0, 16, 20, 24, 40, 44, 52, no, no, no, true},
	TCP6Module: {8, 192, 48, 0, 16, 20, 24, 40, 44, 52, 56, no, 64, true},
	UDP4Basic:  {4, 8, no, 0, no, 4, no, no, no, no, no, no, no, false},
	UDP4PID:    {4, 12, no, 0, no, 4, no, no, no, 8, no, no, no, false},
	UDP4Module: {8, 160, no, 0, no, 4, no, no, no, 8, 16, 24, 32, false},
	UDP6Basic:  {4, 24, no, 0, 16, 20, no, no, no, no, no, no, no, true},
	UDP6PID:    {4, 28, no, 0, 16, 20, no, no, no, 24, no, no, no, true},
	UDP6Module: {8, 176, no, 0, 16, 20, no, no, no, 24, 32, 40, 48, true},
}

// State is MIB_TCP_STATE of <tcpmib.h>.
type State uint32

// The states. A row may hold other numbers: the header reserves 100.
const (
	Closed    State = iota + 1 // CLOSED
	Listen                     // LISTEN
	SynSent                    // SYN_SENT
	SynRcvd                    // SYN_RCVD
	Estab                      // ESTAB
	FinWait1                   // FIN_WAIT1
	FinWait2                   // FIN_WAIT2
	CloseWait                  // CLOSE_WAIT
	Closing                    // CLOSING
	LastAck                    // LAST_ACK
	TimeWait                   // TIME_WAIT
	DeleteTCB                  // DELETE_TCB
)
