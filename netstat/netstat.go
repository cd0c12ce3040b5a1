// Package netstat reads the socket table of the machine: every TCP and UDP socket (and Unix sockets on Linux), its state
// and addresses, and the processes that own it.
//
// The shortest way in answers "who owns this port":
//
//	pids, err := netstat.FindPIDsByTCPPort(8080)
//
// A program that looks once takes [List]; one that looks again and again opens a [Table] and reads into the same
// [Snapshot], which then costs no allocation per socket.
//
// On Linux sockets and owners come from a BPF iterator that walks the descriptor tables inside the kernel, where that is
// allowed, else from sock_diag(7) and /proc. On Windows they come from GetExtendedTcpTable and GetExtendedUdpTable. All
// methods give the same answer; what one of them cannot see is said in [Snapshot.Partial] and [Socket.Missing].
package netstat

import (
	"net/netip"
	"time"
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=Proto,State,SockType,Missing,Method,Congestion -linecomment -output=zstring.go

// Proto is the protocol of a socket.
type Proto uint8

// The protocols. An MPTCP socket counts as TCP, as ss and netstat have it.
const (
	TCP  Proto = iota + 1 // tcp
	UDP                   // udp
	Unix                  // unix
)

// SockType is the type of a Unix socket.
type SockType uint8

// The types of socket(2).
const (
	Stream    SockType = 1 // stream
	Datagram  SockType = 2 // dgram
	SeqPacket SockType = 5 // seqpacket
)

// State is the state of a socket, with netstat's long names. The numbers up to [Closing] are those of Linux
// (include/net/tcp_states.h).
type State uint8

// The states. [Unconnected] is a UDP or Unix socket without a peer; [Bound] a TCP socket that has a port but neither
// listens nor is connected; [DeleteTCB] is known to Windows only.
const (
	Established State = iota + 1 // ESTABLISHED
	SynSent                      // SYN_SENT
	SynRecv                      // SYN_RECV
	FinWait1                     // FIN_WAIT1
	FinWait2                     // FIN_WAIT2
	TimeWait                     // TIME_WAIT
	Closed                       // CLOSED
	CloseWait                    // CLOSE_WAIT
	LastAck                      // LAST_ACK
	Listen                       // LISTEN
	Closing                      // CLOSING
	Bound                        // BOUND
	Unconnected                  // UNCONN
	DeleteTCB                    // DELETE_TCB
)

// Missing says why a socket has no owner, or why not all of them are known.
type Missing uint8

// The reasons. They are facts, not guesses: where the system does not tell, the reason is [MissingUnknown].
const (
	NotMissing         Missing = iota //
	MissingPermission                 // permission
	MissingTimeWait                   // time_wait
	MissingOrphan                     // orphan
	MissingNotAccepted                // not_accepted
	MissingNoHolder                   // no_descriptor
	MissingUnknown                    // unknown
)

// Socket is one socket, as a value. Strings and the Owners slice may be shared with the [Snapshot] or [Table] it came
// from; see there how long they live.
type Socket struct {
	Proto Proto
	Type  SockType // Unix sockets only
	State State

	// Missing says why Owners is empty or short. It is NotMissing when all owners are known, or when none were asked for.
	Missing Missing

	// Local and Remote are as the kernel holds them: a v4-mapped IPv6 address stays one, an IPv6 link-local address has
	// its scope as zone. Remote is the unspecified address with port 0 where there is no peer, and the zero AddrPort where
	// the system does not tell (UDP on Windows). Both are the zero AddrPort for Unix sockets.
	Local, Remote netip.AddrPort

	// Path is the name of a Unix socket; an abstract name begins with '@'. Peer is the inode of its other end.
	Path string
	Peer uint64

	Interface uint32 // index of the interface the socket is bound to; 0 is none
	UID       uint32 // user id of the socket's maker; see HasUID
	HasUID    bool   // false on Windows
	Inode     uint64 // 0 where no file stands behind the socket, and on Windows
	Cookie    uint64 // socket cookie; 0 where nobody has asked the kernel for one yet, and on Windows
	NetNS     uint64 // inode of the network namespace; 0 on Windows
	Cgroup    uint64 // id of the cgroup (v2) the socket was made in; 0 where not known

	// RecvQ and SendQ are in bytes: received and not yet read, sent and not yet acknowledged. For a listener they are
	// the connections waiting to be accepted, and the limit of that queue. See HasQueues.
	RecvQ, SendQ uint32
	HasQueues    bool // false on Windows, which does not tell

	// Module is the systemd unit or container of the socket's cgroup, or the Windows service; asked for by OwnerModule.
	Module string

	// Created is when the socket was bound or connected, where the system tells it (OwnerModule on Windows).
	Created time.Time

	Owners []Owner
	Info   TCPInfo // asked for by Query.Info
}

// TCPInfo is what the kernel counts on one TCP connection. Known is false where it was not asked for or is not told.
//
// Sent and Received are payload bytes and, as Linux counts (tcpi_bytes_acked and tcpi_bytes_received of linux/tcp.h), some
// sequence numbers that carry none: Sent has 1 more on the side that connected, for its SYN, and 1 more once this side's
// FIN is acknowledged; Received 1 more for the peer's FIN.
//
// On Windows it takes an Administrator, and the figures are those since this [Table] (or another program) switched the
// system's counting on for the connection: not known at the reading that does so, and from the next on what came since.
// Sent and Received are ThruBytesAcked and ThruBytesReceived of TCP_ESTATS_DATA_ROD_v0 (tcpestats.h): each payload byte
// once, without headers, whatever was sent again. (DataBytesOut and DataBytesIn there count it again.) The SYN is not among
// them, since counting begins later. RTT is in whole milliseconds there.
type TCPInfo struct {
	Known    bool
	Sent     uint64 // bytes that the peer has acknowledged
	Received uint64 // bytes received in order
	RTT      uint32 // smoothed round-trip time, microseconds
	Retrans  uint32 // segments sent again
	Cwnd     uint32 // congestion window, segments

	Congestion Congestion // what congestion avoidance makes of the connection now

	// PayloadSent is the payload that was sent, acknowledged or not, each byte once: neither retransmissions nor SYN and
	// FIN count (tcpi_bytes_sent less tcpi_bytes_retrans). HasPayload tells whether it is known: on Linux 4.19 and later.
	PayloadSent uint64
	HasPayload  bool
}

// Congestion is the state of congestion avoidance. The numbers are those of enum tcp_ca_state (linux/tcp.h), plus 1.
type Congestion uint8

// The states: the system does not tell; nothing is wrong; segments came out of order, or some may be lost; the window was reduced for congestion
// that was signalled; lost segments are sent again; all that was sent is taken for lost, after a timeout.
const (
	CongestionUnknown  Congestion = iota //
	CongestionOpen                       // open
	CongestionDisorder                   // disorder
	CongestionCWR                        // cwr
	CongestionRecovery                   // recovery
	CongestionLoss                       // loss
)

// Owner is one descriptor (FD, -1 where the system does not tell) of one process that refers to a socket.
type Owner struct {
	Process *Process
	FD      int32
}

// Process is a process that owns a socket. It is the same pointer for every socket of the process in one snapshot, and is
// not changed after it was handed out, so it may be kept and used from several goroutines.
type Process struct {
	PID     int
	Name    string    // short name: comm on Linux (15 bytes), the executable's base name on Windows
	Module  string    // systemd unit, container or Windows service; asked for by OwnerModule
	Started time.Time // zero where not known; with PID it identifies the process

	ticks uint64 // Started in the system's own unit, for comparing; 0 where not known
}

// Method is the way sockets and owners are found.
type Method uint8

// The methods. All of them answer alike; they differ in speed and in what they need. Auto takes the first that works here.
// While thousands of sockets come and go, Proc and ProcNet may pass over a socket in one of many readings: the kernel gives
// their tables in pages, and finds its place for the next page by counting.
const (
	Auto     Method = iota // auto
	Walker                 // bpf-walker
	TaskFile               // bpf-task-file
	Proc                   // sock-diag
	ProcNet                // proc-net
	IPHelper               // iphlpapi
)
