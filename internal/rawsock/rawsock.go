// Package rawsock holds the one row that every source of sockets on Linux decodes into: the BPF iterators write it inside
// the kernel, netlink replies and /proc/net lines are decoded to it. What comes after (grouping, owners, namespaces) sees
// only this row and does not know where it came from.
package rawsock

// Size is the size of a [Record] in bytes. The BPF programs write records of this size, so the layout is fixed: a test
// holds every offset below.
const Size = 128

// Record is one socket as the kernel holds it, or, from the BPF iterators, one descriptor that refers to it.
//
// Every field is in host byte order unless it says otherwise, and 0 where the source does not tell.
type Record struct {
	Local, Remote [16]byte // network order; an IPv4 address fills the first 4 bytes
	Cookie        uint64   // socket cookie; 0 until somebody has asked the kernel for it
	Cgroup        uint64   // id of the cgroup (v2) the socket was made in
	Sent          uint64   // TCP payload bytes acknowledged by the peer
	Received      uint64   // TCP payload bytes received in order
	Inode         uint32   // socket inode; 0 where no file stands behind the socket. AF_UNIX has it too
	UID           uint32
	NetNS         uint32 // inode of the network namespace
	Interface     uint32 // interface the socket is bound to
	LocalPort     uint16
	RemotePort    uint16
	Family        uint8  // AF_UNIX 1, AF_INET 2, AF_INET6 10
	State         uint8  // the kernel's TCP_* number, for UDP too (1 connected, 7 not)
	Proto         uint16 // IPPROTO_*: TCP 6, UDP 17, MPTCP 262; 0 for AF_UNIX
	RecvQ         uint32 // bytes; for a listener, connections waiting to be accepted
	SendQ         uint32 // bytes; for a listener, the limit of that queue
	RTT           uint32 // smoothed round-trip time in microseconds
	Retrans       uint32 // segments sent again over the connection's life
	FD            uint32 // descriptor, from the BPF iterators only
	Cwnd          uint32 // congestion window in segments; for a listener, from the BPF iterators only, connections half open
	Payload       uint64 // TCP payload bytes sent, each once, acknowledged or not; see HasPayload
	CAState       uint8  // congestion avoidance: the kernel's enum tcp_ca_state, 0 (open) to 4 (loss)
	Flags         uint8
	_             [6]byte
}

// The bits of [Record.Flags].
const (
	HasPayload = 1 << iota // Payload is told
)

// The numbers the kernel uses for [Record.Family], [Record.Proto] and [Record.State], of include/uapi/linux/in.h,
// include/linux/socket.h and include/net/tcp_states.h. They stand here because the decoders build on every system.
const (
	AFUnix  = 1
	AFInet  = 2
	AFInet6 = 10

	ProtoTCP   = 6
	ProtoUDP   = 17
	ProtoMPTCP = 262

	Established   = 1
	SynSent       = 2
	SynRecv       = 3
	FinWait1      = 4
	FinWait2      = 5
	TimeWait      = 6
	Close         = 7
	CloseWait     = 8
	LastAck       = 9
	Listen        = 10
	Closing       = 11
	NewSynRecv    = 12
	BoundInactive = 13
)

// Unix is one AF_UNIX socket, which has a name instead of addresses.
type Unix struct {
	Cookie uint64
	Inode  uint32
	Peer   uint32 // inode of the other end, 0 where there is none
	UID    uint32
	RecvQ  uint32 // bytes; for a listener, connections waiting to be accepted
	SendQ  uint32 // bytes; for a listener, the limit of that queue
	NetNS  uint32 // inode of the network namespace
	State  uint8  // Established, Listen, Close, ...
	Type   uint8  // SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5
	Name   string // path; an abstract name begins with '@'; empty where the socket is not bound
}
