// Package sockevent tells of sockets while they live and die, however short: BPF programs on the kernel's tracepoints
// write a record into a ring for each connection that opens, finds its owner, and closes, and count what datagram sockets
// send and receive. Nothing is polled inside the kernel and nobody is woken; the reader drains the ring at its own pace.
//
// Tracepoints: inet_sock_set_state and tcp_destroy_sock for TCP, sock_send_length and sock_recv_length for the rest.
// Subflows of MPTCP are TCP; the MPTCP socket above them is not reported. What is attached and what it costs stands in
// docs/decisions/0008-events.md.
package sockevent

// Config says what is to be reported. The zero Config is the TCP connections of every network namespace.
type Config struct {
	NetNS     uint32 // inode of the only network namespace that is wanted; 0 for all
	States    bool   // every change of state; else only those that open, tell the owner, or close (see KindState)
	Datagrams bool   // count UDP and other inet sockets that are not TCP, and packet sockets; Linux 6.3
	Ring      int    // bytes of the ring, a power of two and at least a page; 0 is DefaultRing

	most int // sockets that are counted at a time; 0 is maxDatagrams. For the tests
}

// maxDatagrams is how many sockets that are not TCP are counted at a time.
const maxDatagrams = 1 << 16

// DefaultRing holds some 25,000 records, which is what 6,000 connections leave.
const DefaultRing = 4 << 20

// Kind says what a record tells.
type Kind uint8

// The kinds.
const (
	// KindState: a TCP socket changed its state. Without Config.States only these are sent:
	//
	//	-> SYN_SENT               by the process that connects (Owned); the local port may not be chosen yet
	//	SYN_SENT -> ESTABLISHED   with the local port
	//	SYN_RECV -> ESTABLISHED   of a connection that came in, before anyone accepts it: it has no owner yet
	//	-> LISTEN
	//	-> FIN_WAIT1, LAST_ACK    by the process that closes or shuts down (Owned)
	//	-> CLOSE                  while somebody still has the socket; of another, KindDestroy follows at once
	//
	// A record -> CLOSE has the counts. A socket may be connected again after it, with the same cookie.
	KindState Kind = 1 + iota

	// KindDestroy: a TCP socket that had a port or a peer is gone for good, also one that listened. It has the counts, but
	// where the socket was disconnected before (connect to AF_UNSPEC, or closed with SO_LINGER of 0 seconds) the kernel has
	// set them to 0, and the record -> CLOSE of the same cookie told them. The kernel does so with subflows of MPTCP, too.
	KindDestroy

	// KindDatagram: a socket that is no TCP socket has sent or received for the first time; Events.Datagrams has it now.
	KindDatagram
)

// Record is one event. A number that the kind does not tell is 0.
type Record struct {
	Time          uint64   // CLOCK_BOOTTIME, nanoseconds
	Cookie        uint64   // the socket's; sock_diag shows the same from now on
	Start         uint64   // of the owner: when its process began, CLOCK_BOOTTIME, nanoseconds
	Local, Remote [16]byte // network order; an IPv4 address fills the first 4 bytes
	Comm          [16]byte // of the owner: short name of its process (of the first thread), up to a NUL
	NetNS         uint32   // inode of the network namespace
	Interface     uint32   // interface the socket is bound to
	PID           uint32   // of the owner: process id (tgid), as the first PID namespace has it
	UID           uint32   // of the socket
	LocalPort     uint16   // host order, as all numbers
	RemotePort    uint16
	Proto         uint16 // IPPROTO_*; of an AF_PACKET socket 0
	Kind          Kind
	Family        uint8 // AF_INET 2, AF_INET6 10, AF_PACKET 17
	OldState      uint8 // the kernel's TCP_* number; KindState only
	NewState      uint8

	// Owned: the process in PID was at work on this very socket, in a system call of its own (or at its exit). Else the
	// state was changed by a packet or a timer, and the process that ran at the time has nothing to do with it. Two cases
	// remain where the process at work does not hold the socket. It aborts another's (SOCK_DESTROY of sock_diag, `ss -K`):
	// that is a change to CLOSE, and the holder is told by KindDestroy, when it lets go. Or it was looking at the descriptor
	// in /proc/PID/fd in the very moment in which the holder closed it, and so was the last to have the file: seen once in
	// some 100,000 closes with several processes reading /proc all the time. An owner that is known from before is therefore
	// the better witness of the two.
	Owned  bool
	Kernel bool    // a thread of the kernel was at work on the socket; then it is not Owned. Subflows of MPTCP are closed so
	_      [4]byte // where numbers of 64 bits are not aligned by themselves

	// The counts, of KindDestroy and of changes to CLOSE.
	Acked           uint64 // tcpi_bytes_acked: a SYN and a FIN that were acknowledged count as one byte each
	Received        uint64 // tcpi_bytes_received: the peer's FIN counts as one byte
	PayloadSent     uint64 // bytes given to the network, each once however often it was sent, acknowledged or not
	PayloadReceived uint64 // bytes received in order, read or not
	RTT             uint32 // smoothed, microseconds
	Retrans         uint32 // segments sent again
}

// Name is the owner's short name.
func (r *Record) Name() []byte { return untilNUL(&r.Comm) }

// Datagram is what a socket that is not TCP has sent and received since it was first seen. It counts payload, of calls
// that succeeded: headers and fragments are not in it, nor what a packet socket sends or receives through a mapped ring.
type Datagram struct {
	Cookie                       uint64
	SentBytes, ReceivedBytes     uint64
	SentPackets, ReceivedPackets uint64   // calls; with UDP_SEGMENT or UDP_GRO each is several packets
	First, Last                  uint64   // CLOCK_BOOTTIME, nanoseconds
	Start                        uint64   // of the first user, as in Record
	Local, Remote                [16]byte // as in Record; a socket that is not connected has no Remote
	Comm                         [16]byte
	NetNS, Interface, PID, UID   uint32
	LocalPort, RemotePort        uint16
	Proto                        uint16
	Family                       uint8
}

// Name is the first user's short name.
func (d *Datagram) Name() []byte { return untilNUL(&d.Comm) }

func untilNUL(comm *[16]byte) []byte {
	for i, c := range comm {
		if c == 0 {
			return comm[:i]
		}
	}
	return comm[:]
}
