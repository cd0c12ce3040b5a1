package sockevent

import (
	"encoding/binary"
	"fmt"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

var order = binary.NativeEndian // the programs write as this machine does

// decode reads what a program wrote to the ring.
func (r *Record) decode(b []byte) error {
	if len(b) != shortRecord && len(b) != longRecord {
		return fmt.Errorf("sockevent: a record of %d bytes, not of %d or %d", len(b), shortRecord, longRecord)
	}
	*r = Record{Kind: Kind(b[recKind])}
	if r.Kind < KindState || r.Kind > KindDatagram {
		return fmt.Errorf("sockevent: a record of kind %d", b[recKind])
	}
	r.Time, r.Cookie, r.Start = order.Uint64(b[recTime:]), order.Uint64(b[recCookie:]), order.Uint64(b[recStart:])
	copy(r.Local[:], b[recLocal:])
	copy(r.Remote[:], b[recRemote:])
	copy(r.Comm[:], b[recComm:])
	r.NetNS, r.Interface = order.Uint32(b[recNetNS:]), order.Uint32(b[recInterface:])
	r.PID, r.UID = order.Uint32(b[recPID:]), order.Uint32(b[recUID:])
	r.LocalPort, r.RemotePort = order.Uint16(b[recLocalPort:]), order.Uint16(b[recRemotePort:])
	r.Proto = order.Uint16(b[recProto:])
	r.Family, r.OldState, r.NewState = b[recFamily], b[recOldState], b[recNewState]
	r.Owned, r.Kernel = b[recOwned] != 0, b[recKernel] != 0
	return r.decodeCounts(b)
}

// hasCounts reports whether such a record tells the counts.
func (r *Record) hasCounts() bool {
	return r.Kind == KindDestroy || r.Kind == KindState && r.NewState == rawsock.Close
}

func (r *Record) decodeCounts(b []byte) error {
	if r.hasCounts() != (len(b) == longRecord) {
		return fmt.Errorf("sockevent: a record of %d bytes and kind %d, to state %d", len(b), r.Kind, r.NewState)
	}
	if len(b) != longRecord {
		return nil
	}
	r.Acked, r.Received = order.Uint64(b[recAcked:]), order.Uint64(b[recReceived:])
	r.PayloadSent, r.PayloadReceived = order.Uint64(b[recSentOnce:]), order.Uint64(b[recGot:])
	r.RTT, r.Retrans = order.Uint32(b[recRTT:]), order.Uint32(b[recRetrans:])
	return nil
}

// decode reads an entry of the map.
func (d *Datagram) decode(b []byte) error {
	if len(b) != datSize {
		return fmt.Errorf("sockevent: an entry of %d bytes, not of %d", len(b), datSize)
	}
	d.Cookie = order.Uint64(b[datCookie:])
	d.SentBytes, d.ReceivedBytes = order.Uint64(b[datSentBytes:]), order.Uint64(b[datReceivedBytes:])
	d.SentPackets, d.ReceivedPackets = order.Uint64(b[datSent:]), order.Uint64(b[datReceived:])
	d.First, d.Last, d.Start = order.Uint64(b[datFirst:]), order.Uint64(b[datLast:]), order.Uint64(b[datStart:])
	d.Family = b[datFamily]
	b = b[datShift:]
	copy(d.Local[:], b[recLocal:])
	copy(d.Remote[:], b[recRemote:])
	copy(d.Comm[:], b[recComm:])
	d.NetNS, d.Interface = order.Uint32(b[recNetNS:]), order.Uint32(b[recInterface:])
	d.PID, d.UID = order.Uint32(b[recPID:]), order.Uint32(b[recUID:])
	d.LocalPort, d.RemotePort = order.Uint16(b[recLocalPort:]), order.Uint16(b[recRemotePort:])
	d.Proto = order.Uint16(b[recProto:])
	return nil
}
