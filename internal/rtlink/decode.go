package rtlink

import (
	"encoding/binary"
	"net/netip"
)

// Attributes of a link (IFLA_*), of its IFLA_LINKINFO (IFLA_INFO_*), of an address (IFA_*), and of RTM_NEWSTATS.
const (
	attrAddress        = 1
	attrName           = 3
	attrMTU            = 4
	attrLink           = 5
	attrStats          = 7
	attrMaster         = 10
	attrOperState      = 16
	attrLinkInfo       = 18
	attrAlias          = 20
	attrStats64        = 23
	attrCarrierChanges = 35
	attrLinkNetNSID    = 37
	attrParentDevName  = 56

	attrInfoKind      = 1
	attrInfoSlaveKind = 4

	attrAddrAddress = 1
	attrAddrLocal   = 2

	attrStatsLink64 = 1
)

// Address families.
const (
	afUnspec = 0
	afInet   = 2
	afInet6  = 10
)

// Decoder decodes answers to the requests of this package, and notices of their groups. It is for one goroutine at a time.
type Decoder struct {
	link  Link
	addr  Addr
	stats Stats
}

// Decode gives h every interface, address and set of counters in a batch, which is what one read from the socket gave, and
// allocates nothing. done reports the end of a dump, for good or bad, interrupted that something changed while it was
// read, so that some may be missing or doubled.
//
// Messages of an unknown kind are passed over, as netlink(7) asks, and so are those about a bridge's ports (AF_BRIDGE),
// which look as if the interface itself came or went. The error is an [Error] when the kernel reports one, or a
// [FormatError].
func (d *Decoder) Decode(batch []byte, h Handler) (done, interrupted bool, err error) {
	for len(batch) > 0 && !done {
		var m message
		if m, batch, err = protocol.Next(batch); err != nil {
			return done, interrupted, err
		}
		interrupted = interrupted || m.Flags&flagInterrupted != 0
		if done, err = d.message(&m, h); err != nil {
			return done, interrupted, err
		}
	}
	return done, interrupted, nil
}

func (d *Decoder) message(m *message, h Handler) (done bool, err error) {
	switch m.Type {
	case typeNewLink, typeDelLink:
		if len(m.Body) > 0 && m.Body[0] != afUnspec {
			return false, nil
		}
		if err = d.decodeLink(m); err == nil {
			h.Link(&d.link)
		}
	case typeNewAddr, typeDelAddr:
		var ok bool
		if ok, err = d.decodeAddr(m); ok {
			h.Addr(&d.addr)
		}
	case typeNewStats:
		var index uint32
		var ok bool
		if index, ok, err = d.decodeStats(m); ok {
			h.Stats(index, &d.stats)
		}
	case typeDone, typeError:
		return true, protocol.Status(m)
	case typeOverrun:
		return true, protocol.Malformed("replies were lost", m.Body)
	}
	return false, err
}

// decodeLink decodes struct ifinfomsg and its attributes.
func (d *Decoder) decodeLink(m *message) error {
	head, attrs, err := fixed(m, sizeLink)
	if err != nil {
		return err
	}
	d.link = Link{
		Type:  binary.NativeEndian.Uint16(head[2:]),
		Index: binary.NativeEndian.Uint32(head[4:]),
		Flags: binary.NativeEndian.Uint32(head[8:]),
		Gone:  m.Type == typeDelLink,
	}
	return d.link.attrs(attrs)
}

// attrs decodes the attributes of a link. This loop stands here more than once, because a function that is called through
// a variable has its arguments allocated.
func (l *Link) attrs(b []byte) error {
	for len(b) > 0 {
		a, rest, err := protocol.NextAttr(b)
		if err != nil {
			return err
		}
		if err := l.attr(a); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

func (l *Link) attr(a attr) error {
	switch a.Type {
	case attrAddress:
		l.Address = a.Body
	case attrName:
		l.Name = text(&a)
	case attrAlias:
		l.Alias = text(&a)
	case attrParentDevName:
		l.Parent = text(&a)
	case attrMTU:
		return u32(&a, &l.MTU)
	case attrLink:
		return u32(&a, &l.Link)
	case attrMaster:
		return u32(&a, &l.Master)
	case attrOperState:
		return u8(&a, &l.OperState)
	case attrLinkNetNSID:
		l.LinkElsewhere = true
	case attrCarrierChanges:
		l.HasCarrierChanges = true
		return u32(&a, &l.CarrierChanges)
	case attrLinkInfo:
		return l.info(a.Body)
	case attrStats64:
		return l.stats64(a.Body)
	case attrStats:
		return l.stats32(a.Body)
	}
	return nil
}

// info decodes IFLA_LINKINFO.
func (l *Link) info(b []byte) error {
	for len(b) > 0 {
		a, rest, err := protocol.NextAttr(b)
		if err != nil {
			return err
		}
		switch a.Type {
		case attrInfoKind:
			l.Kind = text(&a)
		case attrInfoSlaveKind:
			l.SlaveKind = text(&a)
		}
		b = rest
	}
	return nil
}

func (l *Link) stats64(b []byte) error {
	l.Width = 64
	return l.Stats.decode(b)
}

// stats32 is for kernels before 2.6.35, and comes on all others too, cut to 32 bits.
func (l *Link) stats32(b []byte) error {
	if l.Width == 64 {
		return nil
	}
	var wide [sizeMissed + 8]byte
	for i := 0; i < len(wide)/8 && len(b) >= 4*i+4; i++ {
		binary.NativeEndian.PutUint64(wide[8*i:], uint64(binary.NativeEndian.Uint32(b[4*i:])))
	}
	l.Width = 32
	return l.Stats.decode(wide[:])
}

// sizeMissed is the offset of rx_missed_errors.
const sizeMissed = 15 * 8

// decode decodes struct rtnl_link_stats64, which grows at its end.
func (s *Stats) decode(b []byte) error {
	if len(b) < sizeCounters {
		return protocol.Malformed("counters are cut short", b)
	}
	at := func(i int) uint64 { return binary.NativeEndian.Uint64(b[8*i:]) }
	*s = Stats{
		RxPackets: at(0), TxPackets: at(1), RxBytes: at(2), TxBytes: at(3),
		RxErrors: at(4), TxErrors: at(5), RxDropped: at(6), TxDropped: at(7),
	}
	if len(b) >= sizeMissed+8 {
		s.RxDropped += binary.NativeEndian.Uint64(b[sizeMissed:])
	}
	return nil
}

// decodeAddr decodes struct ifaddrmsg and its attributes. ok is false for an address of another family.
func (d *Decoder) decodeAddr(m *message) (ok bool, err error) {
	head, attrs, err := fixed(m, sizeAddr)
	if err != nil {
		return false, err
	}
	if head[0] != afInet && head[0] != afInet6 {
		return false, nil
	}
	own, err := ownAddr(attrs)
	if err != nil {
		return false, err
	}
	ip, ok := netip.AddrFromSlice(own)
	if !ok || ip.Is4() != (head[0] == afInet) || int(head[1]) > ip.BitLen() {
		return false, protocol.Malformed("address is impossible", m.Body)
	}
	d.addr = Addr{
		Index:  binary.NativeEndian.Uint32(head[4:]),
		Gone:   m.Type == typeDelAddr,
		Prefix: netip.PrefixFrom(ip, int(head[1])),
	}
	return true, nil
}

// ownAddr is the interface's own address. That is IFA_LOCAL, and then IFA_ADDRESS may be its peer's; IPv6 has an IFA_LOCAL
// only where there is a peer.
func ownAddr(b []byte) (own []byte, err error) {
	local := false
	for len(b) > 0 {
		a, rest, err := protocol.NextAttr(b)
		if err != nil {
			return nil, err
		}
		if a.Type == attrAddrLocal || a.Type == attrAddrAddress && !local {
			own, local = a.Body, a.Type == attrAddrLocal
		}
		b = rest
	}
	return own, nil
}

// decodeStats decodes struct if_stats_msg and its attribute. ok is false where there is none.
func (d *Decoder) decodeStats(m *message) (index uint32, ok bool, err error) {
	head, attrs, err := fixed(m, sizeStats)
	if err != nil {
		return 0, false, err
	}
	for len(attrs) > 0 {
		var a attr
		if a, attrs, err = protocol.NextAttr(attrs); err != nil {
			return 0, false, err
		}
		if a.Type == attrStatsLink64 {
			ok = true
			if err := d.stats.decode(a.Body); err != nil {
				return 0, false, err
			}
		}
	}
	return binary.NativeEndian.Uint32(head[4:]), ok, nil
}
