package ifstat

import "sort"

// Exclusion says why an interface is left out of the total, in which no packet may count twice.
//
// The total is of what crosses the border of the machine (or of a network namespace). A packet may pass several
// interfaces on its way: a VLAN and its parent; a bridge, the port it came by, and the one it leaves by. It is counted
// where it crosses the border, which is at the bottom:
//
//   - Hardware counts. So does what stands on an interface of another namespace (a container's macvlan), since here
//     nothing lies beneath it. Ports of bridges, bonds and teams count like any other; the bridge, bond or team does not.
//   - Where none of these is up, as in most containers, the ends of pairs (veth, netkit) count whose other end is in
//     another namespace; if some of them are ports of a bridge and others are not, only the others: the ports lead to
//     guests.
//   - Where there are none of these either, what leads to a program or hides its own bottom counts: tun and tap, tunnels,
//     PPP, and what is unknown.
//
// So on a host with hardware what containers and virtual machines send counts if it leaves the machine, and once; what
// they send to one another does not. The Delphi original took the first interface with a counter other than 0.
type Exclusion uint8

// The reasons. [Counted] is the opposite of one.
const (
	Counted     Exclusion = iota // counted
	IsLoopback                   // loopback
	HasPorts                     // its_ports_count
	IsPort                       // its_master_counts
	OverLink                     // its_link_counts
	PeerHere                     // both_ends_here
	GoesNowhere                  // goes_nowhere
	IsCopy                       // copy
	IsTunnel                     // inside_other_packets
	IsInner                      // inside_the_machine
)

// What the reasons mean, where the name does not say all: HasPorts is a bridge, bond, team, VRF or whatever else has ports;
// IsPort a port of hardware which counts for it (a virtual function behind a paravirtual adapter); OverLink a VLAN,
// macvlan or the like on an interface of this snapshot; PeerHere a pair that never leaves it; GoesNowhere a dummy; IsCopy
// what shows the packets of others once more (ifb, nlmon, Windows' filter clones); IsTunnel what packs its packets into
// others; IsInner what leads to a guest or a program.

// rank is how near to the border an interface stands.
type rank uint8

const (
	bottom rank = 1 + iota // hardware, or over something in another namespace
	end                    // of a pair whose other end is elsewhere
	port                   // such an end that is a port of a bridge
	loose                  // anything else
)

// Exclusions appends to dst, for each interface of s in turn, why it is left out of the total, or [Counted].
func Exclusions(dst []Exclusion, s *Snapshot) []Exclusion {
	base := len(dst)
	for range s.Interfaces {
		dst = append(dst, Counted)
	}
	f := newFinder(s.Interfaces)
	ex := dst[base:]
	f.ports(ex)
	best := loose
	for i := range f.list {
		if ex[i] == Counted {
			ex[i] = f.structural(&f.list[i])
		}
		if ex[i] == Counted && f.list[i].Up {
			best = min(best, f.rank(&f.list[i]))
		}
	}
	for i := range f.list {
		if ex[i] == Counted && f.rank(&f.list[i]) > best {
			ex[i] = inner(&f.list[i])
		}
	}
	return dst
}

// finder finds interfaces of a snapshot by their index.
type finder struct {
	list   []Interface
	sorted bool
	many   bool // it is of more than one namespace: then what is elsewhere for one is here for another
}

func newFinder(list []Interface) finder {
	f := finder{list: list, sorted: true}
	for i := 1; i < len(list); i++ {
		f.sorted = f.sorted && before(&list[i-1], list[i].NetNS, list[i].Index)
		f.many = f.many || list[i-1].NetNS != list[i].NetNS
	}
	return f
}

// before reports whether an interface stands before the one with that index of that namespace.
func before(i *Interface, netns uint64, index uint32) bool {
	return i.NetNS < netns || i.NetNS == netns && i.Index < index
}

// find gives the position, or -1. Snapshots that a Table read are sorted.
func (f *finder) find(netns uint64, index uint32) int {
	at := 0
	if f.sorted {
		at = sort.Search(len(f.list), func(i int) bool { return !before(&f.list[i], netns, index) })
	}
	for ; at < len(f.list); at++ {
		switch i := &f.list[at]; {
		case i.NetNS == netns && i.Index == index:
			return at
		case f.sorted:
			return -1
		}
	}
	return -1
}

// ports decides between ports and what they are ports of. Hardware that is the master of other hardware counts what
// passes its ports among its own packets (netvsc and its virtual function, failover); any other master does not count.
func (f *finder) ports(ex []Exclusion) {
	for i := range f.list {
		p := &f.list[i]
		if p.Master == 0 {
			continue
		}
		switch m := f.find(p.NetNS, p.Master); {
		case m < 0 || m == i:
		case f.list[m].Physical:
			ex[i] = IsPort
		default:
			ex[m] = HasPorts
		}
	}
}

// structural is why an interface never counts, whatever else there is.
func (f *finder) structural(i *Interface) Exclusion {
	switch i.Kind {
	case Loopback:
		return IsLoopback
	case Filter, IFB, Monitor:
		return IsCopy
	case Dummy:
		return GoesNowhere
	case Bridge, Bond, Team, VRF:
		return HasPorts
	}
	if i.Physical || !f.linkHere(i) {
		return Counted
	}
	switch i.Kind {
	case Veth:
		return PeerHere
	case Tunnel, WireGuard, PPP:
		return IsTunnel
	}
	return OverLink
}

// linkHere reports whether what the interface stands on, or its peer, is in the snapshot.
func (f *finder) linkHere(i *Interface) bool {
	switch {
	case i.LinkElsewhere:
		return f.many
	case i.Link == 0 || i.Link == i.Index:
		return false
	}
	return f.find(i.NetNS, i.Link) >= 0
}

func (f *finder) rank(i *Interface) rank {
	switch {
	case i.Physical, i.LinkElsewhere && i.Kind != Veth:
		return bottom
	case i.Kind != Veth:
		return loose
	}
	if m := f.find(i.NetNS, i.Master); i.Master != 0 && m >= 0 && f.list[m].Kind == Bridge {
		return port
	}
	return end
}

// inner is why an interface does not count next to others that stand nearer to the border.
func inner(i *Interface) Exclusion {
	switch i.Kind {
	case Tunnel, WireGuard, PPP:
		return IsTunnel
	}
	return IsInner
}
