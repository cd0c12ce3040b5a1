// Package inetdiag speaks the wire format of sock_diag(7): it encodes requests for the socket table and decodes the
// replies, in place, to [rawsock.Record] and [rawsock.Unix]. It makes no system call and builds on every system.
//
// The formats are those of include/uapi/linux/netlink.h, sock_diag.h, inet_diag.h, unix_diag.h and tcp.h. Headers and
// numbers are in host byte order, addresses and ports in network order.
package inetdiag

import "github.com/sockeye-net/sockeye/internal/nlmsg"

import "github.com/sockeye-net/sockeye/internal/rawsock"

// Message types: of a request, and of the rows that answer it.
const (
	typeNoop    = 1  // NLMSG_NOOP
	typeError   = 2  // NLMSG_ERROR
	typeDone    = 3  // NLMSG_DONE
	typeOverrun = 4  // NLMSG_OVERRUN
	typeGetSock = 18 // TCPDIAG_GETSOCK: TCP of every family in one pass
	typeFamily  = 20 // SOCK_DIAG_BY_FAMILY
)

// Flags of a message header.
const (
	flagRequest     = 0x001 // NLM_F_REQUEST
	flagInterrupted = 0x010 // NLM_F_DUMP_INTR
	flagDump        = 0x300 // NLM_F_DUMP
)

// Sizes of the structures, bytes.
const (
	sizeHeader  = nlmsg.SizeHeader // struct nlmsghdr
	sizeSockID  = 48               // struct inet_diag_sockid
	sizeReqV2   = 56               // struct inet_diag_req_v2
	sizeReqV1   = 60               // struct inet_diag_req, with its padding
	sizeUnixReq = 24               // struct unix_diag_req
	sizeMsg     = 72               // struct inet_diag_msg
	sizeUnixMsg = 16               // struct unix_diag_msg
	sizeAttr    = nlmsg.SizeAttr   // struct nlattr
)

// Attributes of a request.
const (
	reqBytecode = 1 // INET_DIAG_REQ_BYTECODE
	reqProtocol = 3 // INET_DIAG_REQ_PROTOCOL
)

// Attributes of an inet row.
const (
	attrInfo     = 2  // INET_DIAG_INFO
	attrProtocol = 10 // INET_DIAG_PROTOCOL
	attrCgroupID = 21 // INET_DIAG_CGROUP_ID
)

// Attributes of a Unix row, and the bits that ask for them.
const (
	unixName = 0 // UNIX_DIAG_NAME
	unixPeer = 2 // UNIX_DIAG_PEER
	unixRQL  = 4 // UNIX_DIAG_RQLEN
	unixUID  = 7 // UNIX_DIAG_UID

	showName = 0x01 // UDIAG_SHOW_NAME
	showPeer = 0x04 // UDIAG_SHOW_PEER
	showRQL  = 0x10 // UDIAG_SHOW_RQLEN
	showUID  = 0x40 // UDIAG_SHOW_UID
)

// AllStates is the set of every state the kernel can be asked for, BoundInactive included. An older kernel ignores the
// bits it does not know.
const AllStates uint32 = 1<<(rawsock.BoundInactive+1) - 2
