package watch

import (
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/netstat"
)

// Kind says what happened.
type Kind uint8

// The kinds of events. Opened and Closed are of connections, UDP and Unix sockets. LinkFlapped is an interface that lost
// its carrier and has it again; LinkChanged is about addresses, MTU, speed, master and the like. After an Overflow, when the
// kernel's queue was full and Event.Lost events are not known, everything is read anew, which Repaired says.
const (
	Opened           Kind = iota + 1 // opened
	Closed                           // closed
	StateChanged                     // state
	ListenerAppeared                 // listener_appeared
	ListenerVanished                 // listener_vanished
	LinkAppeared                     // link_appeared
	LinkVanished                     // link_vanished
	LinkUp                           // link_up
	LinkDown                         // link_down
	LinkFlapped                      // link_flapped
	LinkRenamed                      // link_renamed
	LinkChanged                      // link_changed
	Overflow                         // overflow
	Repaired                         // repaired
)

// Source says how the watcher learnt of something.
type Source uint8

// The sources. FromReading: two readings differ, and it happened between them. FromNotice: the kernel's notice of a destroyed
// socket. FromBPF: a program in the kernel, as it happened.
const (
	FromReading Source = iota + 1 // poll
	FromNotice                    // notice
	FromBPF                       // bpf
)

// OwnerFrom says how the owners in an event are known.
type OwnerFrom uint8

// The ways. OwnerHolds had a descriptor of the socket at the last reading; OwnerActed connected, listened or closed it, as a
// BPF program saw; OwnerOfListener holds the listener that the connection came to. Only the last is a conclusion, which is
// wrong where that process hands its connections on to others. A connection that came to a listener can be closed by another
// program that just looked at it (a BPF task_file iterator: it holds the file meanwhile), once in some ten thousand times.
const (
	OwnerNotKnown   OwnerFrom = iota // not_known
	OwnerHolds                       // holds
	OwnerActed                       // acted
	OwnerOfListener                  // listener
)

// Basis says what a number of bytes counts, and who counted.
type Basis uint8

// The bases. All of them count payload, what programs sent and received: no headers, and nothing twice for having been
// sent again. Linux counts for each TCP connection (FromTCPInfo); BPF programs count what each call on another socket sends
// and receives (FromSocketBPF); Windows counts from the moment on at which it was told to (FromEStats).
//
// With FromTCPInfo the bytes sent are those that the peer has acknowledged while the connection lives, and those given to the
// network once it is closed. While it lives they can be too many by 2, and what was received by 1: see [netstat.TCPInfo].
const (
	NotCounted    Basis = iota //
	FromTCPInfo                // tcp_info
	FromSocketBPF              // socket_bpf
	FromEStats                 // estats
)

// Bytes is an amount of payload, both ways.
type Bytes struct {
	Sent, Received uint64
	Basis          Basis // NotCounted: the system does not tell, and both are 0
}

// Event is one change.
type Event struct {
	Kind   Kind
	Source Source
	Time   time.Time // when it happened; with FromReading, when it was noticed

	// Socket is the socket after the change; when it was closed, as it was last known, with the state it had before.
	// Socket.Owners is short, or empty, where OwnerFrom says so.
	Socket    netstat.Socket
	OldState  netstat.State // StateChanged only
	OwnerFrom OwnerFrom

	// Since is when the socket was opened, zero where that is not known: it was there before the watcher, or Inferred.
	Since time.Time

	// Inferred marks a connection of which nothing was known until it was closed: it lived between two readings, and no
	// event of its opening follows or went before.
	Inferred bool

	Bytes Bytes // of the whole life, when it was closed

	Link *ifstat.Change // kinds Link...

	Lost uint64 // Overflow: how many events, 0 if the kernel does not tell
}

// Lifetime is how long a closed socket lived; false where its beginning is not known.
func (e *Event) Lifetime() (time.Duration, bool) {
	if e.Since.IsZero() {
		return 0, false
	}
	return max(e.Time.Sub(e.Since), 0), true
}
