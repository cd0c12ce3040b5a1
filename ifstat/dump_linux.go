package ifstat

import (
	"bytes"

	"github.com/sockeye-net/sockeye/internal/rtlink"
)

// The readers of dumps (netlink.Reader), and what handles their messages (rtlink.Handler).

type linkDump struct{ *route }

func (d *linkDump) Begin() { d.next = d.next[:0] }
func (d *linkDump) Retry() { d.next = d.next[:0] }

func (d *linkDump) Batch(b []byte) (done, interrupted bool, err error) { return d.dec.Decode(b, d) }

func (d *linkDump) Addr(*rtlink.Addr)           {}
func (d *linkDump) Stats(uint32, *rtlink.Stats) {}

func (d *linkDump) Link(l *rtlink.Link) {
	var was *link
	if at, ok := d.find(l.Index); ok {
		was = &d.links[at]
	}
	d.next = append(d.next, d.update(was, l))
}

type addrDump struct{ *route }

func (d *addrDump) Begin() { d.addrs = d.addrs[:0] }
func (d *addrDump) Retry() { d.addrs = d.addrs[:0] }

func (d *addrDump) Batch(b []byte) (done, interrupted bool, err error) { return d.dec.Decode(b, d) }

func (d *addrDump) Link(*rtlink.Link)           {}
func (d *addrDump) Stats(uint32, *rtlink.Stats) {}
func (d *addrDump) Addr(a *rtlink.Addr)         { d.addrs = append(d.addrs, addr{a.Index, a.Prefix}) }

type statsDump struct {
	*route
	count, strangers int
}

func (d *statsDump) Begin() { d.count, d.strangers = 0, 0 }
func (d *statsDump) Retry() { d.count, d.strangers = 0, 0 }

func (d *statsDump) Batch(b []byte) (done, interrupted bool, err error) { return d.dec.Decode(b, d) }

func (d *statsDump) Link(*rtlink.Link) {}
func (d *statsDump) Addr(*rtlink.Addr) {}

func (d *statsDump) Stats(index uint32, s *rtlink.Stats) {
	at, ok := d.find(index)
	if !ok {
		d.strangers++
		return
	}
	d.count++
	d.links[at].Counters = counters(s)
}

func counters(s *rtlink.Stats) Counters {
	return Counters{
		RxBytes: s.RxBytes, RxPackets: s.RxPackets, RxErrors: s.RxErrors, RxDropped: s.RxDropped,
		TxBytes: s.TxBytes, TxPackets: s.TxPackets, TxErrors: s.TxErrors, TxDropped: s.TxDropped,
	}
}

// update makes a known interface of a message. What was known of it serves where nothing changed, so that a dump allocates
// for new interfaces only.
func (r *route) update(was *link, m *rtlink.Link) link {
	if was != nil && (string(m.Kind) != was.KindName || uint32(m.Type) != was.Type) {
		r.gone++ // it was replaced, and the notice of that was lost
		was = nil
	}
	var l link
	if was != nil {
		l = *was
	} else {
		l.ID = uint64(m.Index) | r.gone<<32
		l.NetNS, l.Index, l.Type = r.ns.Inode, m.Index, uint32(m.Type)
		l.KindName = string(m.Kind)
		l.Kind = kindOf(l.KindName, l.Type, devtype(r.ns.Own, m))
	}
	setText(&l.Name, m.Name)
	setText(&l.Alias, m.Alias)
	l.setHardwareAddr(m.Address)
	state, up := State(m.OperState), m.Flags&rtlink.FlagUp != 0
	l.askSpeed = was == nil || l.State != state || l.Up != up || l.Changes != m.CarrierChanges
	l.State, l.Up, l.MTU = state, up, m.MTU
	l.Changes, l.HasChanges = m.CarrierChanges, m.HasCarrierChanges
	l.Master, l.Link, l.LinkElsewhere = m.Master, m.Link, m.LinkElsewhere
	l.parent = len(m.Parent) > 0
	l.Width, l.Counters = m.Width, counters(&m.Stats)
	return l
}

// setHardwareAddr takes an address of nothing but 0, as lo has, for none.
func (l *link) setHardwareAddr(b []byte) {
	switch {
	case bytes.Equal(l.HardwareAddr, b):
	case len(bytes.Trim(b, "\x00")) == 0:
		l.HardwareAddr = nil
	default:
		l.HardwareAddr = bytes.Clone(b)
	}
}

// setText sets a string unless it is that already, which would allocate.
func setText(s *string, b []byte) {
	if *s != string(b) {
		*s = string(b)
	}
}
