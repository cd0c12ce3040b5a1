package netstat

// Protos is a set of protocols.
type Protos uint8

// The sets of one; they are combined with |.
const (
	QueryTCP Protos = 1 << iota
	QueryUDP
	QueryUnix
)

// Has reports whether the set, where the empty one stands for TCP and UDP, contains p.
func (s Protos) Has(p Proto) bool {
	if s == 0 {
		s = QueryTCP | QueryUDP
	}
	return s&(1<<(p-1)) != 0
}

// Families is a set of address families.
type Families uint8

// The sets of one; they are combined with |.
const (
	IPv4 Families = 1 << iota
	IPv6
)

// States is a set of states: bit n stands for State(n).
type States uint32

// StatesOf makes a set.
func StatesOf(states ...State) (s States) {
	for _, st := range states {
		s |= 1 << st
	}
	return s
}

// Has reports whether the set, where the empty one stands for every state, contains st.
func (s States) Has(st State) bool { return s == 0 || s&(1<<st) != 0 }

// The sets that TCP_TABLE_CLASS names. A listener is a socket in LISTEN; a connection is any other TCP socket that is not
// merely bound. A UDP socket is Unconnected, or Established when it has a peer: it is no listener.
var (
	ListenerStates   = StatesOf(Listen)
	ConnectionStates = StatesOf(Established, SynSent, SynRecv, FinWait1, FinWait2, TimeWait, CloseWait, LastAck, Closing, DeleteTCB)
)

// OwnerLevel says how much about the owner is asked for: the three levels of TCP_TABLE_CLASS and UDP_TABLE_CLASS.
type OwnerLevel uint8

// The levels.
const (
	OwnerNone   OwnerLevel = iota // BASIC: sockets only
	OwnerPID                      // OWNER_PID: the processes
	OwnerModule                   // OWNER_MODULE: and the service, unit or container
)

// Query says which sockets are wanted and how much about each. The zero Query is every TCP and UDP socket of IPv4 and IPv6
// in this network namespace, without owners.
//
// A query narrows what the kernel is asked for where it can, and what comes back always matches it. The classes of
// GetExtendedTcpTable are a States and an Owner: TCP_TABLE_OWNER_PID_LISTENER is
//
//	Query{Protos: QueryTCP, States: ListenerStates, Owner: OwnerPID}
type Query struct {
	Protos     Protos
	Families   Families
	States     States
	LocalPorts []uint16 // empty: every port. Unix sockets have none, so they never match
	Owner      OwnerLevel
	Info       bool // fill Socket.Info; on Windows from the second reading of a table on
	AllNetNS   bool // every network namespace that can be entered; Linux only
	Held       bool // with Owner: only sockets that have one, or may have one that is not seen. The others take longer to find
	FirstOwner bool // one owner of each socket is enough: where /proc has to be walked, that stops once each has one
	Ordered    bool // by protocol, family, local address and port, remote address and port

	// Incremental is for readers that read a table again and again, where /proc has to be walked for owners (Proc and
	// ProcNet; BPF finds all of them at each reading anyway): owners that an earlier reading found are believed as long as
	// the socket is there, and only new sockets are looked for, so that a reading takes a fraction of the time. A new socket
	// whose owner was not found in the likely places has Missing = MissingUnknown until it is, or until everything was
	// looked at, for which that is done at most every ten seconds and for 2 % of the time. What cannot be noticed in this
	// way (a process that passed a socket to another one and closed it, a further process that was given a descriptor, a new
	// name) is right again within about 60 readings. FirstOwner is not heeded then.
	Incremental bool

	// Cookies fills Socket.Cookie of every TCP and UDP socket whose cookie the kernel has not given out yet, by asking for
	// it: about 2 microseconds for each such socket, once in its life. Without it, and with BPF, such sockets have 0.
	// A socket that was closed during the reading, and one of a namespace that cannot be entered, may have 0 still.
	Cookies bool
}
