package ports

import (
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
)

// Question is what somebody wants to bind.
type Question struct {
	Proto netstat.Proto
	Port  uint16
	Addr  netip.Addr // invalid: all addresses of IPv4 and IPv6
}

// Test is a way that was tried.
type Test struct {
	Bind Bind
	Err  error // nil: it can be bound so
}

// Kind is the kind of a cause.
type Kind uint8

// The kinds. Owner: a process listens, is bound, or has a UDP socket. Connection: a connection without a listener, of a
// process or none. Kernel: a socket that the kernel itself uses. Unlisted: the port is in use by what no table shows. Picked:
// the system may give it to an outgoing connection. Excluded: Windows keeps it from everybody. Forbidden: a security policy.
const (
	Owner      Kind = iota + 1 // owner
	Kernel                     // kernel
	Connection                 // connection
	TimeWait                   // time_wait
	Unlisted                   // unlisted
	Privilege                  // privilege
	Forbidden                  // forbidden
	Excluded                   // excluded
	Address                    // address
	Family                     // family
	Picked                     // ephemeral
	Reserved                   // reserved
)

// Relation is how the address of a socket stands to the one that is wanted.
type Relation uint8

// The relations: the same; the socket has all addresses of the family, the wanted one is among them; the socket's address is
// among the wanted ones; it has all of IPv6 and takes IPv4 too; it does not stand in the way; with all of IPv6, because it is for
// IPv6 only (IPV6_V6ONLY).
const (
	Same      Relation = iota + 1 // same
	Covers                        // covers
	Within                        // within
	DualStack                     // dual_stack
	Apart                         // apart
	V6Only                        // v6only
)

// Cause is one reason why a port cannot be bound, or something that is good to know about it.
type Cause struct {
	Kind     Kind
	Hinders  bool
	Relation Relation          // Owner and Kernel
	Sockets  []*netstat.Socket // of Owner, Kernel, Connection and TimeWait
	Shared   bool              // Owner: others of the same user can join by SO_REUSEPORT
}

// Verdict is the answer.
type Verdict struct {
	Question
	Tests  []Test
	Causes []Cause
	// Bindable: by any program; ByReuse: by those only that set SO_REUSEADDR, as servers do.
	Bindable, ByReuse bool
}

// wanted are the ways that answer the question: in the strict form, without SO_REUSEADDR.
func (q *Question) wanted() []Bind {
	if q.Addr.IsValid() {
		return []Bind{{Proto: q.Proto, Addr: q.Addr}}
	}
	return []Bind{{Proto: q.Proto, Addr: any4}, {Proto: q.Proto, Addr: any6}}
}

// alternatives are other ways, which may be open where the wanted one is not.
func (q *Question) alternatives() []Bind {
	if q.Addr.IsValid() {
		return nil
	}
	return []Bind{{Proto: q.Proto, Addr: any6, V6Only: true}, {Proto: q.Proto, Addr: netip.AddrFrom4([4]byte{127, 0, 0, 1})},
		{Proto: q.Proto, Addr: netip.IPv6Loopback()}}
}

// Try tries all ways that matter to the question: strictly, and, where that fails for TCP, as servers do.
func (q *Question) Try() (tests []Test) {
	for _, b := range append(q.wanted(), q.alternatives()...) {
		err := b.Try(q.Port)
		tests = append(tests, Test{b, err})
		if TroubleOf(err) != InUse || q.Proto != netstat.TCP {
			continue
		}
		b.Reuse = true
		err = b.Try(q.Port)
		tests = append(tests, Test{b, err})
		if TroubleOf(err) == InUse {
			b.Reuse, b.Share = false, true
			tests = append(tests, Test{b, b.Try(q.Port)})
		}
	}
	return tests
}

// Explain says why. Sockets are those that have the port at their local end, of this protocol or others; the causes refer to
// them.
func Explain(q Question, tests []Test, sockets []netstat.Socket, p *Policy) *Verdict {
	v := &Verdict{Question: q, Tests: tests}
	v.judge()
	v.bySockets(sockets)
	v.byTroubles(p)
	v.byPolicy(p)
	slices.SortStableFunc(v.Causes, func(a, b Cause) int { return rank(a) - rank(b) })
	return v
}

func rank(c Cause) int {
	if c.Hinders {
		return int(c.Kind)
	}
	return 100 + int(c.Kind)
}

// judge needs a success in one of the wanted families at least, and no trouble but a missing family.
func (v *Verdict) judge() {
	v.Bindable = v.open(func(b Bind) bool { return !b.Reuse && !b.Share })
	v.ByReuse = !v.Bindable && v.open(func(b Bind) bool { return b.Reuse })
}

func (v *Verdict) open(form func(Bind) bool) bool {
	some := false
	for _, want := range v.wanted() {
		err, tried := v.result(want, form)
		if !tried { // with SO_REUSEADDR only what failed without
			err, tried = v.result(want, func(b Bind) bool { return !b.Reuse && !b.Share })
		}
		switch TroubleOf(err) {
		case 0:
			some = some || tried
		case NoFamily, NoAddress:
			if v.Addr.IsValid() || want.Addr.Is4() {
				return false
			}
		default:
			return false
		}
	}
	return some
}

// result is that of the test of an address in a certain form.
func (v *Verdict) result(want Bind, form func(Bind) bool) (err error, tried bool) {
	for _, t := range v.Tests {
		if t.Bind.Addr == want.Addr && t.Bind.V6Only == want.V6Only && form(t.Bind) {
			return t.Err, true
		}
	}
	return nil, false
}

// bySockets makes causes of those who have the port.
func (v *Verdict) bySockets(sockets []netstat.Socket) {
	listening := false
	for i := range sockets {
		s := &sockets[i]
		if s.Proto == v.Proto && s.Local.Port() == v.Port && holds(s) {
			v.addHolder(s)
			listening = true
		}
	}
	for i := range sockets {
		if s := &sockets[i]; s.Proto == v.Proto && s.Local.Port() == v.Port && !holds(s) {
			v.addConnection(s, listening)
		}
	}
}

// holds reports whether a socket has the port in its own right, and not as one end of a connection.
func holds(s *netstat.Socket) bool {
	switch s.State {
	case netstat.Listen, netstat.Bound, netstat.Unconnected:
		return true
	}
	return s.Proto == netstat.UDP
}

func (v *Verdict) addHolder(s *netstat.Socket) {
	c := Cause{Kind: Owner, Relation: v.relation(s), Sockets: []*netstat.Socket{s}}
	if len(s.Owners) == 0 && s.Missing == netstat.MissingNoHolder {
		c.Kind = Kernel
	}
	c.Hinders = !v.Bindable && c.Relation != Apart && (c.Relation != V6Only || !v.Addr.IsValid())
	c.Shared = c.Hinders && v.shared()
	v.Causes = append(v.Causes, c)
}

// shared reports whether what is wanted can be had by SO_REUSEPORT only.
func (v *Verdict) shared() bool {
	return slices.ContainsFunc(v.Tests, func(t Test) bool { return t.Bind.Share && t.Err == nil })
}

// relation compares addresses. Whether a socket on all addresses of IPv6 takes those of IPv4 too is not in the table: IPv4
// can be bound beside it if not.
func (v *Verdict) relation(s *netstat.Socket) Relation {
	at := s.Local.Addr().Unmap()
	switch want := v.Addr.Unmap(); {
	case !v.Addr.IsValid() && at == any6 && v.free(any4):
		return V6Only // who wants all addresses wants those of IPv6, too
	case !v.Addr.IsValid() && at.IsUnspecified():
		return Same
	case !v.Addr.IsValid():
		return Within
	case at == want:
		return Same
	case at == any6 && want.Is4() && v.free(want):
		return V6Only
	case at == any6 && want.Is4():
		return DualStack
	case want == any6 && at.Is4():
		return Within // unless it is to be bound for IPv6 alone
	case at.Is4() != want.Is4():
		return Apart
	case at.IsUnspecified():
		return Covers
	case want.IsUnspecified():
		return Within
	}
	return Apart
}

// free reports whether an address could be bound in some form.
func (v *Verdict) free(a netip.Addr) bool {
	return slices.ContainsFunc(v.Tests, func(t Test) bool { return t.Bind.Addr == a && !t.Bind.Share && t.Err == nil })
}

// addConnection gathers connections: those that are over, and the rest, which matter where no one listens.
func (v *Verdict) addConnection(s *netstat.Socket, listening bool) {
	kind := Connection
	if s.State == netstat.TimeWait {
		kind = TimeWait
	}
	hinders := !v.Bindable && v.near(s) && (!listening || kind == TimeWait && v.ByReuse)
	if listening && !hinders {
		return
	}
	for i := range v.Causes {
		if c := &v.Causes[i]; c.Kind == kind {
			c.Sockets, c.Hinders = append(c.Sockets, s), c.Hinders || hinders
			return
		}
	}
	v.Causes = append(v.Causes, Cause{Kind: kind, Hinders: hinders, Sockets: []*netstat.Socket{s}})
}

// near reports whether a connection's local address is among the wanted ones.
func (v *Verdict) near(s *netstat.Socket) bool {
	return !v.Addr.IsValid() || v.Addr.IsUnspecified() || v.Addr.Unmap() == s.Local.Addr().Unmap()
}

// byTroubles explains what was answered and is not explained by a socket.
func (v *Verdict) byTroubles(p *Policy) {
	seen := map[Kind]bool{}
	for _, want := range v.wanted() {
		err, _ := v.result(want, func(b Bind) bool { return !b.Reuse && !b.Share })
		kind := v.kindOf(TroubleOf(err), p)
		if kind == Family && !v.Addr.IsValid() || kind == Address && !v.Addr.IsValid() && want.Addr.Is6() {
			continue // a machine without IPv6
		}
		if kind != 0 && !seen[kind] {
			seen[kind] = true
			v.Causes = append(v.Causes, Cause{Kind: kind, Hinders: true})
		}
	}
}

func (v *Verdict) kindOf(t Trouble, p *Policy) Kind {
	explained := slices.ContainsFunc(v.Causes, func(c Cause) bool { return c.Hinders })
	switch t {
	case InUse:
		if !explained {
			return Unlisted
		}
	case NotPermitted:
		switch {
		case v.Port < p.Privilege:
			return Privilege
		case excludes && explained: // somebody has it for himself alone
		case excludes:
			return Excluded
		default:
			return Forbidden
		}
	case NoAddress:
		return Address
	case NoFamily:
		return Family
	}
	return 0
}

// byPolicy adds what does not hinder us now.
func (v *Verdict) byPolicy(p *Policy) {
	has := func(k Kind) bool { return slices.ContainsFunc(v.Causes, func(c Cause) bool { return c.Kind == k }) }
	if v.Port < p.Privilege && !has(Privilege) {
		v.Causes = append(v.Causes, Cause{Kind: Privilege})
	}
	if _, reserved := In(p.Reserved, v.Port); reserved {
		v.Causes = append(v.Causes, Cause{Kind: Reserved})
	}
	if p.Picked(v.Port) {
		v.Causes = append(v.Causes, Cause{Kind: Picked})
	}
}
