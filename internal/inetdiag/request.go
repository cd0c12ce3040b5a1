package inetdiag

import (
	"encoding/binary"
	"fmt"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// Request asks for a dump of IPv4 or IPv6 sockets in the network namespace of the socket it is sent on.
type Request struct {
	// Proto is rawsock.ProtoTCP, ProtoUDP or ProtoMPTCP.
	Proto uint16
	// Family is rawsock.AFInet or AFInet6. 0 is both in one pass, 30 % cheaper than two, which the kernel has for TCP
	// only: for another protocol the encoder refuses it.
	Family uint8
	// States is a set: bit n stands for the kernel's state n. 0 is every state. UDP sockets are Established when
	// connected and Close when not.
	States uint32
	// Info asks for struct tcp_info, which makes a row some 25 % dearer.
	Info bool
	// Ports are the local ports that are wanted, from [Ranges]; none means all. At most [MaxRanges].
	Ports []Range
}

// Append appends the message to dst. The sequence number in it is 0, see [SetSeq].
func (r *Request) Append(dst []byte) ([]byte, error) {
	if len(r.Ports) > MaxRanges {
		return dst, fmt.Errorf("inetdiag: %d port ranges in one request, at most %d fit", len(r.Ports), MaxRanges)
	}
	if r.Family == 0 && r.Proto != rawsock.ProtoTCP {
		return dst, fmt.Errorf("inetdiag: protocol %d cannot be read for both families at once", r.Proto)
	}
	start := len(dst)
	if r.Family == 0 {
		dst = r.appendV1(dst)
	} else {
		dst = r.appendV2(dst)
	}
	if len(r.Ports) > 0 {
		dst = appendAttr(dst, reqBytecode, len(r.Ports)*sizeRange-sizeJump)
		dst = appendBytecode(dst, r.Ports)
	}
	binary.NativeEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst, nil
}

// appendV2 appends header and struct inet_diag_req_v2. A protocol that does not fit in its byte goes into an attribute
// (since Linux 5.7).
func (r *Request) appendV2(dst []byte) []byte {
	dst = appendHeader(dst, typeFamily)
	dst = append(dst, r.Family, byte(r.Proto), r.ext(), 0)
	dst = binary.NativeEndian.AppendUint32(dst, r.states())
	dst = r.appendSockID(dst)
	if r.Proto > 0xff {
		dst = appendAttr(dst, reqProtocol, 4)
		dst = binary.NativeEndian.AppendUint32(dst, uint32(r.Proto))
	}
	return dst
}

// appendV1 appends header and struct inet_diag_req, of before Linux 3.3. Its family is not looked at, which is what
// gives both.
func (r *Request) appendV1(dst []byte) []byte {
	dst = appendHeader(dst, typeGetSock)
	dst = append(dst, 0, 0, 0, r.ext())
	dst = r.appendSockID(dst)
	dst = binary.NativeEndian.AppendUint32(dst, r.states())
	return binary.NativeEndian.AppendUint32(dst, 0) // idiag_dbs
}

// appendSockID appends struct inet_diag_sockid. Of its fields a dump looks at the ports only; one wanted port is told
// here, which a kernel of any age takes, beside the bytecode.
func (r *Request) appendSockID(dst []byte) []byte {
	var id [sizeSockID]byte
	if len(r.Ports) == 1 && r.Ports[0].First == r.Ports[0].Last {
		binary.BigEndian.PutUint16(id[:], r.Ports[0].First)
	}
	return append(dst, id[:]...)
}

func (r *Request) ext() (bits byte) {
	if r.Info {
		bits |= 1 << (attrInfo - 1)
	}
	return bits
}

func (r *Request) states() uint32 {
	if r.States == 0 {
		return AllStates
	}
	return r.States
}

// UnixRequest asks for a dump of Unix sockets.
type UnixRequest struct {
	States uint32 // as in [Request]
}

// Append appends the message to dst, as [Request.Append] does.
func (r *UnixRequest) Append(dst []byte) []byte {
	states := r.States
	if states == 0 {
		states = AllStates
	}
	start := len(dst)
	dst = appendHeader(dst, typeFamily)
	dst = append(dst, rawsock.AFUnix, 0, 0, 0)
	dst = binary.NativeEndian.AppendUint32(dst, states)
	dst = binary.NativeEndian.AppendUint32(dst, 0) // udiag_ino: all
	dst = binary.NativeEndian.AppendUint32(dst, showName|showPeer|showRQL|showUID)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0) // udiag_cookie
	binary.NativeEndian.PutUint32(dst[start:], uint32(len(dst)-start))
	return dst
}

// SetSeq writes the sequence number into a message, by which its answer is told from that of an earlier one. A message
// shorter than a header is left alone.
func SetSeq(msg []byte, seq uint32) {
	if len(msg) >= sizeHeader {
		binary.NativeEndian.PutUint32(msg[8:], seq)
	}
}

// Seq is the sequence number of the first message of a batch; ok is false where there is none.
func Seq(batch []byte) (seq uint32, ok bool) {
	if len(batch) < sizeHeader {
		return 0, false
	}
	return binary.NativeEndian.Uint32(batch[8:]), true
}

// appendHeader appends struct nlmsghdr; its length is set when the message is complete.
func appendHeader(dst []byte, typ uint16) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.NativeEndian.AppendUint16(dst, typ)
	dst = binary.NativeEndian.AppendUint16(dst, flagRequest|flagDump)
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0) // sequence, port id
}

// appendAttr appends struct nlattr for n bytes, a multiple of 4, that follow.
func appendAttr(dst []byte, typ uint16, n int) []byte {
	dst = binary.NativeEndian.AppendUint16(dst, uint16(sizeAttr+n))
	return binary.NativeEndian.AppendUint16(dst, typ)
}
