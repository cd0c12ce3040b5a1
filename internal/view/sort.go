package view

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/netstat"
)

type compareFunc = func(n *Names, a, b *netstat.Socket) int

// Order is what rows are sorted by.
type Order struct {
	names  *Names
	keys   []orderKey
	places bool // among the keys is a place
}

type orderKey struct {
	compare compareFunc
	byPlace placeOrder // nil, or compare of places that are known
	down    bool
}

// ParseOrder reads names of columns with commas between them; a '-' before one reverses it. A column that stands there again
// decides nothing. It also says what the rows must have been asked for.
func ParseOrder(list string, names *Names) (*Order, Needs, error) {
	o, needs := &Order{names: names}, Needs{}
	var had []*Column
	for name := range strings.SplitSeq(list, ",") {
		name, down := strings.CutPrefix(strings.TrimSpace(name), "-")
		cols, err := ParseColumns(name)
		if err != nil {
			return nil, needs, err
		}
		if slices.Contains(had, cols[0]) {
			continue
		}
		had = append(had, cols[0])
		needs.add(cols[0].Needs)
		o.places = needs.Geo
		o.keys = append(o.keys, orderKey{cols[0].compare, cols[0].byPlace, down})
	}
	return o, needs, nil
}

// DefaultOrder is what a person wants to see first: by protocol, listeners first, by port.
func DefaultOrder(names *Names) *Order {
	return &Order{names: names, keys: []orderKey{{compare: columnByName("proto").compare}, {compare: byState}, {compare: byNumber(localPort)}, {compare: byLocal}, {compare: byRemote}}}
}

// Compare orders two sockets.
func (o *Order) Compare(a, b *netstat.Socket) int {
	for _, k := range o.keys {
		if c := k.compare(o.names, a, b); c != 0 {
			if k.down {
				return -c
			}
			return c
		}
	}
	return 0
}

// Sort is the sockets in order, without moving them. Equal ones keep theirs.
func (o *Order) Sort(sockets []netstat.Socket) []*netstat.Socket {
	sorted := make([]*netstat.Socket, len(sockets))
	if o.places {
		return o.sortPlaces(sorted, sockets)
	}
	for i := range sockets {
		sorted[i] = &sockets[i]
	}
	slices.SortStableFunc(sorted, o.Compare)
	return sorted
}

// atPlace is a socket and its place, which is looked up once, and not for each comparison.
type atPlace struct {
	*netstat.Socket
	place
}

func (o *Order) sortPlaces(sorted []*netstat.Socket, sockets []netstat.Socket) []*netstat.Socket {
	all, order := make([]atPlace, len(sockets)), make([]*atPlace, len(sockets))
	for i := range sockets {
		all[i] = atPlace{&sockets[i], *o.names.placeOf(&sockets[i]).orNowhere()}
		order[i] = &all[i]
	}
	slices.SortStableFunc(order, o.comparePlaces)
	for i, at := range order {
		sorted[i] = at.Socket
	}
	return sorted
}

// comparePlaces is Compare for sockets whose places are known.
func (o *Order) comparePlaces(a, b *atPlace) int {
	for _, k := range o.keys {
		c := 0
		if k.byPlace != nil {
			c = k.byPlace(&a.place, &b.place)
		} else {
			c = k.compare(o.names, a.Socket, b.Socket)
		}
		if c != 0 {
			if k.down {
				return -c
			}
			return c
		}
	}
	return 0
}

// byNumber puts sockets without the number first.
func byNumber(get value) compareFunc {
	return func(_ *Names, a, b *netstat.Socket) int {
		va, oka := get(a)
		vb, okb := get(b)
		if oka != okb {
			return compareBool(oka, okb)
		}
		return cmp.Compare(va, vb)
	}
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// byState puts listeners first, then unconnected and bound sockets, then connections.
func byState(_ *Names, a, b *netstat.Socket) int {
	return cmp.Compare(stateRank(a.State), stateRank(b.State))
}

func stateRank(st netstat.State) int {
	switch st {
	case netstat.Listen:
		return -3
	case netstat.Unconnected:
		return -2
	case netstat.Bound:
		return -1
	}
	return int(st)
}

func byLocal(_ *Names, a, b *netstat.Socket) int {
	return cmp.Or(a.Local.Compare(b.Local), cmp.Compare(a.Path, b.Path))
}

func byRemote(_ *Names, a, b *netstat.Socket) int {
	return cmp.Or(a.Remote.Compare(b.Remote), cmp.Compare(a.Peer, b.Peer))
}

func byUser(n *Names, a, b *netstat.Socket) int { return cmp.Compare(userOf(n, a), userOf(n, b)) }

func byInterface(n *Names, a, b *netstat.Socket) int {
	return cmp.Compare(n.Interface(a), n.Interface(b))
}

func byModule(_ *Names, a, b *netstat.Socket) int { return cmp.Compare(moduleOf(a), moduleOf(b)) }

func byProcess(_ *Names, a, b *netstat.Socket) int {
	pa, pb := firstProcess(a), firstProcess(b)
	return cmp.Or(compareBool(pa == nil, pb == nil), cmp.Compare(nameOf(pa), nameOf(pb)), cmp.Compare(pidOf(pa), pidOf(pb)))
}

func byPID(_ *Names, a, b *netstat.Socket) int {
	return cmp.Compare(pidOf(firstProcess(a)), pidOf(firstProcess(b)))
}

func byFD(_ *Names, a, b *netstat.Socket) int {
	return slices.CompareFunc(a.Owners, b.Owners, func(x, y netstat.Owner) int { return cmp.Compare(x.FD, y.FD) })
}

func firstProcess(s *netstat.Socket) *netstat.Process {
	if len(s.Owners) == 0 {
		return nil
	}
	return s.Owners[0].Process
}

func nameOf(p *netstat.Process) string {
	if p == nil {
		return ""
	}
	return p.Name
}

func pidOf(p *netstat.Process) int {
	if p == nil {
		return -1
	}
	return p.PID
}
