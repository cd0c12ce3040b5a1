package inetdiag

import "github.com/sockeye-net/sockeye/internal/rawsock"

// Groups of NETLINK_SOCK_DIAG that tell of sockets that were destroyed, enum sknetlink_groups of linux/sock_diag.h. They
// tell of the network namespace of the subscriber only, and need no privilege.
const (
	GroupTCP  = 1 // SKNLGRP_INET_TCP_DESTROY
	GroupUDP  = 2 // SKNLGRP_INET_UDP_DESTROY
	GroupTCP6 = 3 // SKNLGRP_INET6_TCP_DESTROY
	GroupUDP6 = 4 // SKNLGRP_INET6_UDP_DESTROY
)

// Destroyed is a socket that is no more. Of the record, Family, Proto, Cookie, Interface, addresses and ports are told,
// and, with HasInfo, the final counters; State is Close, and UID, Inode, Cgroup and NetNS are 0: whose the socket was
// has to be known from before, by its cookie. A socket that never had a port has none here.
type Destroyed struct {
	rawsock.Record
	// PayloadSent is the payload that was sent, retransmissions taken off, acknowledged or not (tcpi_bytes_sent less
	// tcpi_bytes_retrans), without SYN and FIN. See HasPayload.
	PayloadSent uint64
	HasInfo     bool // TCP, whose notices carry struct tcp_info
	HasPayload  bool // PayloadSent is told: TCP since Linux 4.19
}

// DestroyDecoder decodes the notices of the destroy groups. One decoder is for one goroutine at a time.
type DestroyDecoder struct{ sock Destroyed }

// Decode calls emit for every notice of a batch, which is what one read from the socket gave, and allocates nothing. The
// Destroyed is used again for the next one. Messages of other kinds are passed over. The error is a [FormatError]; the
// notices before it were emitted.
func (d *DestroyDecoder) Decode(batch []byte, emit func(*Destroyed)) error {
	for len(batch) > 0 {
		var m message
		var err error
		if m, batch, err = protocol.Next(batch); err != nil {
			return err
		}
		if m.Type != typeFamily {
			continue
		}
		if err := d.sock.decode(m.Body); err != nil {
			return err
		}
		emit(&d.sock)
	}
	return nil
}

// decode decodes struct inet_diag_msg and the attributes behind it, of which the protocol comes first (since the groups
// exist, Linux 4.3: inet_diag_handler_get_info).
func (s *Destroyed) decode(b []byte) error {
	*s = Destroyed{}
	if err := decodeRow(b, 0, &s.Record); err != nil {
		return err
	}
	s.State = rawsock.Close
	for b = b[sizeMsg:]; len(b) > 0; {
		a, rest, err := protocol.NextAttr(b)
		if err != nil {
			return err
		}
		s.attr(&a)
		b = rest
	}
	if s.Proto == 0 {
		return protocol.Malformed("notice without a protocol", b)
	}
	return nil
}

func (s *Destroyed) attr(a *attr) {
	switch {
	case a.Type == attrProtocol && len(a.Body) > 0:
		s.Proto = uint16(a.Body[0])
	case a.Type == attrInfo && s.Proto == rawsock.ProtoTCP:
		s.HasInfo = len(a.Body) >= infoBytesRecv+8
		decodeInfo(a.Body, &s.Record)
		s.PayloadSent, s.HasPayload = s.Payload, s.Flags&rawsock.HasPayload != 0
	}
}
