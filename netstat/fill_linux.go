package netstat

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

func now() time.Time { return time.Now() }

// filler turns rows into sockets for one query.
type filler struct {
	t    *table
	q    *Query
	text bool // rows that no descriptor gave come from /proc/net, which tells less
}

func (t *table) filler(q *Query) filler { return filler{t, q, t.byText()} }

// socket sets s from a row, appending its owners to buf, which it returns.
func (f filler) socket(s *Socket, w row, buf []Owner) []Owner {
	if w.rec&unixBit != 0 {
		f.unix(s, &f.t.rows.unix[w.rec&recMask])
	} else {
		f.inet(s, f.t.rows.record(w))
		if s.Cookie == 0 && w.slot != none {
			s.Cookie = f.t.rows.cookies[w.slot]
		}
	}
	if f.text {
		f.t.untold(s, w)
	}
	if f.q.Owner == OwnerNone {
		return buf
	}
	from := len(buf)
	buf = f.owners(w.slot, buf)
	s.Owners = buf[from:len(buf):len(buf)]
	if len(s.Owners) == 0 {
		s.Missing = f.reason(s)
	} else if f.t.procs.incomplete {
		s.Missing = MissingUnknown // there may be more
	}
	if f.q.Owner == OwnerModule {
		s.Module = f.module(s)
	}
	return buf
}

func (f filler) inet(s *Socket, r *rawsock.Record) {
	*s = Socket{
		Proto: TCP, State: stateOf(r), Interface: r.Interface, UID: r.UID, Inode: uint64(r.Inode), Cookie: r.Cookie,
		NetNS: uint64(r.NetNS), Cgroup: r.Cgroup, RecvQ: r.RecvQ, SendQ: r.SendQ, HasQueues: true,
	}
	if r.Proto == rawsock.ProtoUDP {
		s.Proto = UDP
	} else if int32(r.RecvQ) < 0 { // sock_diag cuts off likewise
		s.RecvQ = 0
	}
	// What is no full socket any more, or not yet, has no user: the kernel says 0.
	s.HasUID = s.State != TimeWait && r.State != rawsock.NewSynRecv
	s.Local = f.addrPort(r.Family, &r.Local, r.LocalPort, r)
	s.Remote = f.addrPort(r.Family, &r.Remote, r.RemotePort, r)
	if f.q.Info && s.Proto == TCP && s.HasUID && s.State != Listen && s.State != Bound {
		s.Info = TCPInfo{
			Known: true, Sent: r.Sent, Received: r.Received, RTT: r.RTT, Retrans: r.Retrans, Cwnd: r.Cwnd,
			Congestion: Congestion(r.CAState) + 1, PayloadSent: r.Payload, HasPayload: r.Flags&rawsock.HasPayload != 0,
		}
	}
}

func (f filler) addrPort(family uint8, b *[16]byte, port uint16, r *rawsock.Record) netip.AddrPort {
	if family == rawsock.AFInet {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[:4])), port)
	}
	a := netip.AddrFrom16(*b)
	// Only such an address means nothing without its link: fe80::/10 and ff02::/16.
	if head := binary.BigEndian.Uint16(b[:]); r.Interface != 0 && (head&0xffc0 == 0xfe80 || head&0xff0f == 0xff02) {
		a = a.WithZone(f.t.names.zone(r.Interface, r.NetNS == f.t.netns))
	}
	return netip.AddrPortFrom(a, port)
}

func (f filler) unix(s *Socket, u *rawsock.Unix) {
	*s = Socket{
		Proto: Unix, Type: SockType(u.Type), State: unixState(u.State), Path: u.Name, Peer: uint64(u.Peer), UID: u.UID, HasUID: true,
		Inode: uint64(u.Inode), Cookie: u.Cookie, NetNS: uint64(u.NetNS), RecvQ: u.RecvQ, SendQ: u.SendQ, HasQueues: true,
	}
}

func unixState(s uint8) State {
	if s == rawsock.Close {
		return Unconnected
	}
	return State(s)
}

func (f filler) owners(slot uint32, buf []Owner) []Owner {
	if slot == none {
		return buf
	}
	r := &f.t.rows
	from := len(buf)
	for at := r.slots[slot].owner; at != none; at = r.links[at].next {
		l := &r.links[at]
		buf = append(buf, Owner{Process: r.procs[l.proc], FD: l.fd})
	}
	if len(buf) > from+1 { // in whatever order the processes were seen
		slices.SortFunc(buf[from:], func(a, b Owner) int {
			return cmp.Or(cmp.Compare(a.Process.PID, b.Process.PID), cmp.Compare(a.FD, b.FD))
		})
	}
	return buf
}

// reason says why a socket has no owner.
func (f filler) reason(s *Socket) Missing {
	switch {
	case s.State == TimeWait:
		return MissingTimeWait
	case s.Inode == 0 && s.Proto == TCP:
		return withoutFile(s.State)
	case s.Inode == 0: // the kernel's own: nothing to be permitted
		return MissingNoHolder
	case f.t.procs.unsearched != nil && f.t.procs.unsearched(uint32(s.Inode)):
		return MissingUnknown
	case f.t.procs.denied > 0:
		return MissingPermission
	case f.t.procs.incomplete, f.t.procs.moving && s.Proto == TCP:
		return MissingUnknown
	}
	return MissingNoHolder
}

// withoutFile says why a TCP socket has no file: its process has closed it, or has not accepted it yet.
func withoutFile(s State) Missing {
	switch s {
	case FinWait1, FinWait2, LastAck, Closing:
		return MissingOrphan
	case SynRecv, Established, CloseWait:
		return MissingNotAccepted
	}
	return MissingNoHolder
}

// module is the unit or container of a socket: that of its own cgroup, else that of its owners when they are of one mind.
func (f filler) module(s *Socket) string {
	if m := f.t.cgroups.module(s.Cgroup); m != "" || len(s.Owners) == 0 {
		return m
	}
	m := s.Owners[0].Process.Module
	for _, o := range s.Owners[1:] {
		if o.Process.Module != m {
			return ""
		}
	}
	return m
}
