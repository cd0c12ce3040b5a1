package ifstat

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	made := func(id uint64, name string, f ...func(*Interface)) Interface {
		i := with(eth(1, 1), func(i *Interface) { i.ID, i.Index, i.Name, i.HasChanges = id, uint32(id), name, true })
		for _, f := range f {
			f(&i)
		}
		return i
	}
	down := func(i *Interface) { i.State, i.Changes = Down, 1 }
	flap := func(i *Interface) { i.Changes = 2 }
	off := func(i *Interface) { i.Up, i.State = false, Down }
	mtu := func(i *Interface) { i.MTU = 9000 }
	addr := func(i *Interface) { i.Addrs = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")} }
	moved := func(i *Interface) { i.RxBytes = 1e9 }
	dormant := func(i *Interface) { i.State = Dormant }
	for name, c := range map[string]struct {
		older, newer []Interface
		want         string
	}{
		"nothing":             {[]Interface{made(1, "a")}, []Interface{made(1, "a")}, ""},
		"empty":               {nil, nil, ""},
		"counters only":       {[]Interface{made(1, "a")}, []Interface{made(1, "a", moved)}, ""},
		"appeared":            {[]Interface{made(1, "a")}, []Interface{made(1, "a"), made(2, "b")}, "appeared b"},
		"all appeared":        {nil, []Interface{made(1, "a"), made(2, "b")}, "appeared a; appeared b"},
		"vanished":            {[]Interface{made(1, "a"), made(2, "b"), made(3, "c")}, []Interface{made(1, "a"), made(3, "c")}, "vanished b"},
		"all vanished":        {[]Interface{made(1, "a"), made(2, "b")}, nil, "vanished a; vanished b"},
		"replaced, same name": {[]Interface{made(1, "a")}, []Interface{made(1|1<<32, "a")}, "vanished a; appeared a"},
		"replaced, same id":   {[]Interface{made(1, "a")}, []Interface{made(1, "a", func(i *Interface) { i.Kind = Veth })}, "vanished a; appeared a"},
		"renamed":             {[]Interface{made(1, "a")}, []Interface{made(1, "b")}, "renamed b [name]"},
		"names swapped":       {[]Interface{made(1, "a"), made(2, "b")}, []Interface{made(1, "b"), made(2, "a")}, "renamed b [name]; renamed a [name]"},
		"down":                {[]Interface{made(1, "a")}, []Interface{made(1, "a", down)}, "down a [state]"},
		"up":                  {[]Interface{made(1, "a", down)}, []Interface{made(1, "a", flap)}, "up a [state]"},
		"switched off":        {[]Interface{made(1, "a")}, []Interface{made(1, "a", off)}, "down a [up state]"},
		"flapped":             {[]Interface{made(1, "a")}, []Interface{made(1, "a", flap)}, "flapped a []"},
		"off while down":      {[]Interface{made(1, "a", down)}, []Interface{made(1, "a", down, off)}, "changed a [up]"},
		"dormant while down":  {[]Interface{made(1, "a", off)}, []Interface{made(1, "a", off, dormant)}, "changed a [state]"},
		"mtu and addresses":   {[]Interface{made(1, "a")}, []Interface{made(1, "a", mtu, addr)}, "changed a [mtu addrs]"},
		"several":             {[]Interface{made(1, "a")}, []Interface{made(1, "b", off, mtu)}, "renamed b [name up state mtu]; down b [name up state mtu]; changed b [name up state mtu]"},
		"other namespace":     {[]Interface{made(1, "a")}, []Interface{made(1, "a", func(i *Interface) { i.NetNS = 4 })}, "vanished a; appeared a"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, d := range Diff(nil, &Snapshot{Interfaces: c.older}, &Snapshot{Interfaces: c.newer}) {
				switch {
				case d.New == nil:
					got = append(got, fmt.Sprintf("%v %s", d.Event, d.Old.Name))
				case d.Old == nil:
					got = append(got, fmt.Sprintf("%v %s", d.Event, d.New.Name))
				default:
					got = append(got, fmt.Sprintf("%v %s %v", d.Event, d.New.Name, d.Fields.Names()))
				}
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("%q, expected %q", s, c.want)
			}
		})
	}
}

// In whatever order the interfaces are listed, the changes are the same.
func TestDiffInAnyOrder(t *testing.T) {
	var older, newer Snapshot
	for i := range uint64(50) {
		older.Interfaces = append(older.Interfaces, with(eth(i, i), func(e *Interface) { e.ID = i }))
		newer.Interfaces = append(newer.Interfaces, with(eth(i, i), func(e *Interface) { e.ID = i + 5 }))
	}
	slices.Reverse(newer.Interfaces)
	count := map[Event]int{}
	for _, c := range Diff(nil, &older, &newer) {
		count[c.Event]++
	}
	if count[Appeared] != 5 || count[Vanished] != 5 || len(count) != 2 {
		t.Errorf("%v", count)
	}
}

func TestDiffDoesNotAllocate(t *testing.T) {
	a, b := at(0, eth(1, 1)), at(1, with(eth(2, 2), func(i *Interface) { i.MTU = 9000 }))
	var buf []Change
	if n := testing.AllocsPerRun(100, func() { buf = Diff(buf[:0], a, b) }); n > 0 || len(buf) != 1 {
		t.Errorf("%v allocations, %d changes", n, len(buf))
	}
}
