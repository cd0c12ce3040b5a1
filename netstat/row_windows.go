package netstat

import (
	"net/netip"
	"strconv"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// states are MIB_TCP_STATE's. A number beyond them stays the zero State: what it means is not known.
var states = [...]State{
	miblayout.Closed: Closed, miblayout.Listen: Listen, miblayout.SynSent: SynSent, miblayout.SynRcvd: SynRecv,
	miblayout.Estab: Established, miblayout.FinWait1: FinWait1, miblayout.FinWait2: FinWait2, miblayout.CloseWait: CloseWait,
	miblayout.Closing: Closing, miblayout.LastAck: LastAck, miblayout.TimeWait: TimeWait, miblayout.DeleteTCB: DeleteTCB,
}

func stateOf(s miblayout.State) State {
	if int64(s) >= int64(len(states)) {
		return 0
	}
	return states[s]
}

// socket fills s from a row. Queues, the user, the interface and the remote end of UDP are not in any table.
func (t *table) socket(s *Socket, src source, r *miblayout.Row) {
	*s = Socket{Proto: src.proto, State: Unconnected, Local: t.zoned(r.Local, r.LocalScope), Created: miblayout.Time(r.Created)}
	if src.proto == UDP {
		return
	}
	s.State = stateOf(r.State)
	s.Remote = t.zoned(r.Remote, r.RemoteScope)
	if s.State == Listen {
		s.Remote = unspecified(src.v6) // in a listener's row it holds anything
	}
}

func unspecified(v6 bool) netip.AddrPort {
	if v6 {
		return netip.AddrPortFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.AddrPortFrom(netip.IPv4Unspecified(), 0)
}

// zone is a scope as text. netip keeps zones in a table of weak references, so an address with it is kept here: else the
// collector would take it away between two readings and the next would allocate.
type zone struct {
	text string
	keep netip.Addr
}

// zoned gives a link-local address its scope as zone, in digits, as Windows' own tools print it and net.Dial takes it.
// Other addresses mean the same on every interface; Wine gives some of them scopes of its own.
func (t *table) zoned(ap netip.AddrPort, scope uint32) netip.AddrPort {
	a := ap.Addr()
	if scope == 0 || !a.IsLinkLocalUnicast() && !a.IsLinkLocalMulticast() && !a.IsInterfaceLocalMulticast() {
		return ap
	}
	z, ok := t.zones[scope]
	if !ok {
		text := strconv.FormatUint(uint64(scope), 10)
		z = zone{text, netip.IPv6LinkLocalAllNodes().WithZone(text)}
		t.zones[scope] = z
	}
	return netip.AddrPortFrom(a.WithZone(z.text), ap.Port())
}

// attribute finds the owner of a socket and says in s why there is none.
func (t *table) attribute(q *Query, s *Socket, src source, r *miblayout.Row, raw []byte) *Process {
	if q.Owner == OwnerNone {
		return nil
	}
	if r.PID == 0 { // the idle process stands for nobody: the rows of TIME_WAIT have it
		s.Missing = MissingUnknown
		if s.State == TimeWait {
			s.Missing = MissingTimeWait
		}
		return nil
	}
	k := t.procs.lookup(r.PID)
	if q.Owner == OwnerModule {
		s.Module = t.procs.module(k, src.entry, r.Module, raw)
	}
	return k.proc
}
