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
		if m, batch, err = next(batch); err != nil {
			return done, interrupted, err
		}
		interrupted = interrupted || m.flags&flagInterrupted != 0
		if done, err = d.message(&m, h); err != nil {
			return done, interrupted, err
		}
	}
	return done, interrupted, nil
}

func (d *Decoder) message(m *message, h Handler) (done bool, err error) {
	switch m.typ {
	case typeNewLink, typeDelLink:
		if len(m.body) > 0 && m.body[0] != afUnspec {
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
		return true, m.status()
	case typeOverrun:
		return true, formatError("replies were lost", m.body)
	}
	return false, err
}

// decodeLink decodes struct ifinfomsg and its attributes.
func (d *Decoder) decodeLink(m *message) error {
	head, attrs, err := m.fixed(sizeLink)
	if err != nil {
		return err
	}
	d.link = Link{
		Type:  binary.NativeEndian.Uint16(head[2:]),
		Index: binary.NativeEndian.Uint32(head[4:]),
		Flags: binary.NativeEndian.Uint32(head[8:]),
		Gone:  m.typ == typeDelLink,
	}
	return d.link.attrs(attrs)
}

// attrs decodes the attributes of a link. This loop stands here more than once, because a function that is called through
// a variable has its arguments allocated.
func (l *Link) attrs(b []byte) error {
	for len(b) > 0 {
		a, rest, err := nextAttr(b)
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
	switch a.typ {
	case attrAddress:
		l.Address = a.body
	case attrName:
		l.Name = a.text()
	case attrAlias:
		l.Alias = a.text()
	case attrParentDevName:
		l.Parent = a.text()
	case attrMTU:
		return a.u32(&l.MTU)
	case attrLink:
		return a.u32(&l.Link)
	case attrMaster:
		return a.u32(&l.Master)
	case attrOperState:
		return a.u8(&l.OperState)
	case attrLinkNetNSID:
		l.LinkElsewhere = true
	case attrCarrierChanges:
		l.HasCarrierChanges = true
		return a.u32(&l.CarrierChanges)
	case attrLinkInfo:
		return l.info(a.body)
	case attrStats64:
		return l.stats64(a.body)
	case attrStats:
		return l.stats32(a.body)
	}
	return nil
}

// info decodes IFLA_LINKINFO.
func (l *Link) info(b []byte) error {
	for len(b) > 0 {
		a, rest, err := nextAttr(b)
		if err != nil {
			return err
		}
		switch a.typ {
		case attrInfoKind:
			l.Kind = a.text()
		case attrInfoSlaveKind:
			l.SlaveKind = a.text()
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
		return formatError("counters are cut short", b)
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
	head, attrs, err := m.fixed(sizeAddr)
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
		return false, formatError("address is impossible", m.body)
	}
	d.addr = Addr{
		Index:  binary.NativeEndian.Uint32(head[4:]),
		Gone:   m.typ == typeDelAddr,
		Prefix: netip.PrefixFrom(ip, int(head[1])),
	}
	return true, nil
}

// ownAddr is the interface's own address. That is IFA_LOCAL, and then IFA_ADDRESS may be its peer's; IPv6 has an IFA_LOCAL
// only where there is a peer.
func ownAddr(b []byte) (own []byte, err error) {
	local := false
	for len(b) > 0 {
		a, rest, err := nextAttr(b)
		if err != nil {
			return nil, err
		}
		if a.typ == attrAddrLocal || a.typ == attrAddrAddress && !local {
			own, local = a.body, a.typ == attrAddrLocal
		}
		b = rest
	}
	return own, nil
}

// decodeStats decodes struct if_stats_msg and its attribute. ok is false where there is none.
func (d *Decoder) decodeStats(m *message) (index uint32, ok bool, err error) {
	head, attrs, err := m.fixed(sizeStats)
	if err != nil {
		return 0, false, err
	}
	for len(attrs) > 0 {
		var a attr
		if a, attrs, err = nextAttr(attrs); err != nil {
			return 0, false, err
		}
		if a.typ == attrStatsLink64 {
			ok = true
			if err := d.stats.decode(a.body); err != nil {
				return 0, false, err
			}
		}
	}
	return binary.NativeEndian.Uint32(head[4:]), ok, nil
}
