package sockex

import (
	"context"
	"net"
	"net/netip"
)

// PacketOptions says how TransmitPackets sends.
type PacketOptions struct {
	// SendSize is the most that is handed to the system at once, and on a socket of datagrams the size of those that a
	// longer run of elements is cut into. 0 is no limit: then a datagram ends with TP_ELEMENT_EOP, or the last element.
	SendSize int

	// Flags are TP_DISCONNECT and TP_REUSE_SOCKET, as for TransmitFile, and not for datagrams.
	Flags Flags

	// To is where datagrams go that a *net.UDPConn sends which is not connected.
	To netip.AddrPort
}

// TransmitPackets sends memory and parts of files in one call, on a *net.TCPConn or a *net.UDPConn. An element with
// TP_ELEMENT_EOP ends a segment of a stream, or a datagram; on a stream what is not so ended shares segments. Everything
// is checked before a byte goes: flags, parts of files, the sizes of datagrams (65,507 bytes over IPv4).
//
// The result, errors, other goroutines and the context are as for TransmitFile.
//
// Source: TransmitPackets of mswsock.h; sendmsg(2), udp(7) on UDP_SEGMENT.
func TransmitPackets(ctx context.Context, c net.Conn, elements []Element, o *PacketOptions) (int64, error) {
	t := newTransfer("TransmitPackets")
	defer t.release()
	if o == nil {
		o = &PacketOptions{}
	}
	if err := t.setElements(elements, o); err != nil {
		return 0, t.fail(err)
	}
	var err error
	switch c := c.(type) {
	case *net.TCPConn:
		err = t.stream(ctx, c)
	case *net.UDPConn:
		err = t.onUDP(ctx, c, o.To)
	default:
		err = ErrSocketKind
	}
	return t.sent, t.fail(err)
}

func (t *transfer) setElements(elements []Element, o *PacketOptions) (err error) {
	if err = o.Flags.check(packetFlags); err != nil {
		return err
	}
	t.flags = o.Flags
	if t.chunk, err = chunkSize(o.SendSize); err != nil {
		return err
	}
	return t.addElements(elements)
}

// onUDP sends datagrams.
func (t *transfer) onUDP(ctx context.Context, c *net.UDPConn, to netip.AddrPort) error {
	if t.flags&(TF_DISCONNECT|TF_REUSE_SOCKET) != 0 {
		return ErrFlags
	}
	peer := to
	if a, ok := c.RemoteAddr().(*net.UDPAddr); ok {
		peer = a.AddrPort()
	}
	if !peer.IsValid() {
		return ErrNotConnected
	}
	if err := t.checkDatagrams(datagramLimit(peer)); err != nil {
		return err
	}
	return t.letters(ctx, c, to)
}
