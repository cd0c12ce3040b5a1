package ifstat

import "time"

const wrap = 1 << 32 // what a counter of 32 bits loses when it passes its end

// Sizes of a counted packet: interfaces that hand on bursts count one as a packet.
const (
	maxBurst = 64<<10 + 64
	minFrame = 40  // on the average; Ethernet fills a frame up to 60
	overMTU  = 128 // headers that the MTU is without
)

// compare fills in what happened between two readings of one interface.
//
// A counter that went back has passed its end, or was reset. It was reset if it had counted beyond 32 bits, since no
// counter passes 64; if bytes and packets went back together, because packets pass their end a thousand times more rarely;
// and if what it would have counted is more than the packets could hold or the interface could move in that time. Where
// the packets could only hold it if they were bursts, it was reset unless even that is impossible. A reset begins all
// counters of an interface anew. Some drivers count with 32 bits what is told as 64.
func (r *Reading) compare(old *Interface, elapsed time.Duration) {
	now := r.Interface
	l := limits{width: now.Width, bytes: now.most(elapsed), packet: packetSize(now.MTU)}
	rx := l.direction(old.RxBytes, now.RxBytes, old.RxPackets, now.RxPackets)
	tx := l.direction(old.TxBytes, now.TxBytes, old.TxPackets, now.TxPackets)
	if rx.reset || tx.reset {
		r.Reset = true
		return
	}
	r.Wrapped = rx.wrapped || tx.wrapped
	r.AtLeast = l.again(rx) || l.again(tx)
	r.Amount = Counters{
		RxBytes: rx.bytes, RxPackets: rx.packets, TxBytes: tx.bytes, TxPackets: tx.packets,
		RxErrors: forward(old.RxErrors, now.RxErrors), RxDropped: forward(old.RxDropped, now.RxDropped),
		TxErrors: forward(old.TxErrors, now.TxErrors), TxDropped: forward(old.TxDropped, now.TxDropped),
	}
}

// forward is how far a counter moved that is not worth a guess when it went back.
func forward(old, now uint64) uint64 {
	if now < old {
		return 0
	}
	return now - old
}

// most is how many bytes the interface can have moved in one direction, generously: counters are brought up to date late.
// The speeds of virtual interfaces are made up.
func (i *Interface) most(elapsed time.Duration) uint64 {
	speed := max(i.Speed, i.RxSpeed)
	if speed == 0 || !i.Physical && i.Width == 64 {
		return 1 << 62
	}
	m := float64(speed)/8*elapsed.Seconds()*1.5 + 1<<20
	return uint64(min(m, 1<<62))
}

// packetSize is the most bytes of a packet that is no burst.
func packetSize(mtu uint32) uint64 {
	if mtu == 0 {
		return maxBurst
	}
	return min(uint64(mtu)+overMTU, maxBurst)
}

// limits is what can have happened.
type limits struct {
	width  uint8
	bytes  uint64 // that can have passed in one direction
	packet uint64 // bytes of one that is no burst
}

// moved is what happened in one direction.
type moved struct {
	bytes, packets uint64
	reset, wrapped bool
}

func (l *limits) direction(b0, b1, p0, p1 uint64) moved {
	m := moved{bytes: b1 - b0, packets: p1 - p0}
	switch {
	case b1 >= b0 && p1 >= p0:
		return m
	case b1 < b0 && p1 >= p0 && l.canWrap(b0):
		m.bytes += wrap
	case p1 < p0 && b1 >= b0 && l.canWrap(p0):
		m.packets += wrap
	default:
		return moved{reset: true}
	}
	if !l.possible(m, b1, p1) {
		return moved{reset: true}
	}
	m.wrapped = true
	return m
}

// canWrap reports whether a counter can have passed its end from there on. Of one that should have 64 bits that is believed
// only in the upper half of 32.
func (l *limits) canWrap(old uint64) bool {
	return old < wrap && (l.width == 32 || old >= wrap/2)
}

// possible holds against what can have happened that a counter has wrapped and now stands where it does.
func (l *limits) possible(m moved, bytes, packets uint64) bool {
	switch {
	case m.bytes > l.bytes, m.bytes > size(m.packets, maxBurst), m.packets > m.bytes:
		return false
	case m.bytes <= size(m.packets, l.packet):
		return true
	}
	return bytes < size(packets, minFrame) // so little can so many packets not have been, if both began at 0
}

// again reports whether a counter may have passed its end once more than it seems.
func (l *limits) again(m moved) bool {
	return l.width == 32 && m.bytes+wrap <= min(l.bytes, size(m.packets, maxBurst))
}

// size is how many bytes so many packets can have.
func size(packets, each uint64) uint64 { return min(packets, 1<<40) * each }
