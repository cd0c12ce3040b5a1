package inetdiag

import (
	"encoding/binary"
	"errors"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// ErrStopped is returned by the decoders when emit returned false.
var ErrStopped = errors.New("sock_diag: stopped by the reader")

// Decoder decodes IPv4 and IPv6 rows. A row does not tell its protocol: it is that of the request. A Decoder is for one
// goroutine at a time.
type Decoder struct {
	Proto uint16 // written to Record.Proto
	rec   rawsock.Record
}

// Decode calls emit for every row of a batch, which is what one read from the socket gave, and allocates nothing. The
// record is used again for the next row, and its NetNS is 0: a row does not tell it. done reports the end of the dump,
// for good or bad, interrupted that the table changed in a way that may have lost or doubled rows.
//
// The error is an [Error] when the kernel reports one, a [FormatError], or [ErrStopped].
func (d *Decoder) Decode(batch []byte, emit func(*rawsock.Record) bool) (done, interrupted bool, err error) {
	for len(batch) > 0 && !done {
		var m message
		if m, batch, err = protocol.Next(batch); err != nil {
			return done, interrupted, err
		}
		interrupted = interrupted || m.Flags&flagInterrupted != 0
		if m.Type != typeFamily && m.Type != typeGetSock {
			done, err = control(&m)
		} else if err = decodeRow(m.Body, d.Proto, &d.rec); err == nil && !emit(&d.rec) {
			err = ErrStopped
		}
		if err != nil {
			return done, interrupted, err
		}
	}
	return done, interrupted, nil
}

// decodeRow decodes struct inet_diag_msg and the attributes behind it. A socket of TCP that is closed is in the table
// only for the port it is bound to.
func decodeRow(b []byte, proto uint16, r *rawsock.Record) error {
	if len(b) < sizeMsg {
		return protocol.Malformed("row is cut short", b)
	}
	*r = rawsock.Record{Proto: proto, Family: b[0], State: b[1]}
	if r.Family != rawsock.AFInet && r.Family != rawsock.AFInet6 {
		return protocol.Malformed("row of a strange family", b)
	}
	if r.State == rawsock.Close && proto != rawsock.ProtoUDP {
		r.State = rawsock.BoundInactive // the number in requests; rows of such sockets come as closed
	}
	decodeSockID(b[4:], r)
	r.RecvQ = binary.NativeEndian.Uint32(b[56:])
	r.SendQ = binary.NativeEndian.Uint32(b[60:])
	r.UID = binary.NativeEndian.Uint32(b[64:])
	r.Inode = binary.NativeEndian.Uint32(b[68:])
	return decodeAttrs(b[sizeMsg:], r)
}

// decodeSockID decodes struct inet_diag_sockid; b has at least its size.
func decodeSockID(b []byte, r *rawsock.Record) {
	size := 4
	if r.Family == rawsock.AFInet6 {
		size = 16
	}
	r.LocalPort = binary.BigEndian.Uint16(b)
	r.RemotePort = binary.BigEndian.Uint16(b[2:])
	copy(r.Local[:], b[4:4+size])
	copy(r.Remote[:], b[20:20+size])
	r.Interface = binary.NativeEndian.Uint32(b[36:])
	r.Cookie = cookie(b[40:])
}

// cookie joins the two halves of a socket cookie, the lower one first. All ones (INET_DIAG_NOCOOKIE) is none.
func cookie(b []byte) uint64 {
	c := uint64(binary.NativeEndian.Uint32(b)) | uint64(binary.NativeEndian.Uint32(b[4:]))<<32
	if c == ^uint64(0) {
		return 0
	}
	return c
}

func decodeAttrs(b []byte, r *rawsock.Record) error {
	for len(b) > 0 {
		a, rest, err := protocol.NextAttr(b)
		if err != nil {
			return err
		}
		switch a.Type {
		case attrInfo:
			if r.Proto == rawsock.ProtoTCP { // that of MPTCP is struct mptcp_info
				decodeInfo(a.Body, r)
			}
		case attrCgroupID:
			if len(a.Body) < 8 {
				return protocol.Malformed("cgroup id is cut short", b)
			}
			r.Cgroup = binary.NativeEndian.Uint64(a.Body)
		}
		b = rest
	}
	return nil
}

// Offsets in struct tcp_info (include/uapi/linux/tcp.h), which grows at its end with every few kernels: what an older
// one does not have stays 0.
const (
	infoCAState      = 1   // tcpi_ca_state, enum tcp_ca_state
	infoRTT          = 68  // tcpi_rtt, microseconds
	infoCwnd         = 80  // tcpi_snd_cwnd, segments
	infoTotalRetrans = 100 // tcpi_total_retrans, segments
	infoBytesAcked   = 120 // tcpi_bytes_acked, since Linux 4.1
	infoBytesRecv    = 128 // tcpi_bytes_received, since Linux 4.1
	infoBytesSent    = 200 // tcpi_bytes_sent, since Linux 4.19
	infoBytesRetrans = 208 // tcpi_bytes_retrans, since Linux 4.19
)

func decodeInfo(b []byte, r *rawsock.Record) {
	if len(b) >= infoTotalRetrans+4 {
		r.CAState = b[infoCAState]
		r.RTT = binary.NativeEndian.Uint32(b[infoRTT:])
		r.Cwnd = binary.NativeEndian.Uint32(b[infoCwnd:])
		r.Retrans = binary.NativeEndian.Uint32(b[infoTotalRetrans:])
	}
	if len(b) >= infoBytesRecv+8 {
		r.Sent = binary.NativeEndian.Uint64(b[infoBytesAcked:])
		r.Received = binary.NativeEndian.Uint64(b[infoBytesRecv:])
	}
	if len(b) >= infoBytesRetrans+8 {
		sent, again := binary.NativeEndian.Uint64(b[infoBytesSent:]), binary.NativeEndian.Uint64(b[infoBytesRetrans:])
		r.Payload, r.Flags = sent-min(again, sent), rawsock.HasPayload
	}
}
