package watch

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/netns"
	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/netstat"
)

// infoBasis is who counted netstat.TCPInfo here.
const infoBasis = FromTCPInfo

// openFeed opens the best feed that works, or the one that was asked for.
func (w *Watcher) openFeed() (feed, error) {
	ns, err := netns.Own()
	if err != nil {
		return nil, err
	}
	w.netns = ns.Inode
	switch w.cfg.Method {
	case BPF:
		return openBPF(w)
	case Notices:
		return openNotices(w)
	case Poll:
		return nil, nil
	}
	f, bpfErr := openBPF(w)
	if bpfErr == nil {
		return f, nil
	}
	w.partial = append(w.partial, fmt.Errorf("connections shorter than a reading are known by their end only, UDP bytes are not counted (run as root): %w", bpfErr))
	f, err = openNotices(w)
	if err == nil {
		return f, nil
	}
	w.partial = append(w.partial, fmt.Errorf("connections shorter than a reading are not seen: %w", err))
	return nil, nil
}

// kernelClock turns the kernel's CLOCK_BOOTTIME into time.Time, with a reading of the monotonic clock, so that differences
// do not depend on the wall clock being set.
type kernelClock struct {
	now  time.Time
	boot int64
}

func readClock() kernelClock {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) // cannot fail: the clock exists since Linux 2.6.39
	return kernelClock{time.Now(), ts.Nano()}
}

func (c *kernelClock) time(boot uint64) time.Time {
	return c.now.Add(time.Duration(int64(boot) - c.boot))
}

// namer names the interfaces that the scope of an IPv6 link-local address refers to.
type namer map[uint32]string

func (n namer) name(index uint32) string {
	if s, ok := n[index]; ok {
		return s
	}
	s := strconv.Itoa(int(index))
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		s = i.Name
	}
	n[index] = s
	return s
}

// addrPort is an address as netstat shows it.
func (n namer) addrPort(family uint8, b *[16]byte, port uint16, index uint32) netip.AddrPort {
	switch family {
	case rawsock.AFInet:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), port)
	case rawsock.AFInet6:
		ip := netip.AddrFrom16(*b)
		if ip.IsLinkLocalUnicast() && index != 0 {
			ip = ip.WithZone(n.name(index))
		}
		return netip.AddrPortFrom(ip, port)
	}
	return netip.AddrPort{}
}

func protoOf(p uint16) netstat.Proto {
	switch p {
	case rawsock.ProtoTCP:
		return netstat.TCP
	case rawsock.ProtoUDP:
		return netstat.UDP
	}
	return 0
}

// stateOf is the state by the kernel's number.
func stateOf(s uint8) netstat.State {
	if s == rawsock.NewSynRecv {
		return netstat.SynRecv
	}
	return netstat.State(s)
}
