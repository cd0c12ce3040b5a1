package ifstat

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/testutil"
)

// Interfaces come and go, mostly under the same index, while several goroutines read: a snapshot is in order and without
// doubles, an interface with the same identity is never another, and its counters never go back.
func TestReadingDuringChurn(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	tb := open(t, nil)
	end := time.Now().Add(2 * time.Second)
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() { watchChurn(t, tb, end) })
	}
	for n := 0; time.Now().Before(end); n++ {
		ip(t, "link add x0 index 100 type veth peer name x1 index 101\nlink set x0 up\nlink set x1 up")
		if n%2 == 0 {
			frames(t, 100, 5, 100)
		}
		ip(t, "link del x0")
	}
	readers.Wait()
}

func watchChurn(t *testing.T, tb *Table, end time.Time) {
	type known struct {
		name string
		Counters
	}
	seen := map[uint64]known{}
	var s Snapshot
	var m Meter
	for time.Now().Before(end) && !t.Failed() {
		if err := tb.Read(&s); err != nil {
			t.Error(err)
			return
		}
		if f := newFinder(s.Interfaces); !f.sorted {
			t.Errorf("out of order: %+v", s.Interfaces)
		}
		for _, i := range s.Interfaces {
			k, ok := seen[i.ID]
			if ok && (k.name != i.Name || i.TxBytes < k.TxBytes || i.RxPackets < k.RxPackets) {
				t.Errorf("%+v was %+v", i, k)
			}
			seen[i.ID] = known{i.Name, i.Counters}
		}
		for _, r := range m.Add(&s) {
			if r.Reset || r.Wrapped || r.Amount.TxBytes > 1000 && r.Interface.Kind == Veth {
				t.Errorf("%s: %+v", r.Interface.Name, r)
			}
		}
		if _, err := tb.Changed(); err != nil {
			t.Error(err)
		}
	}
	if len(seen) < 5 {
		t.Errorf("%d interfaces were seen", len(seen))
	}
}

// What /proc/net/dev, ioctl and sysfs tell of interfaces is what rtnetlink tells, as far as they do.
func TestWaysAgree(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{NetNS: true, MountNS: true}) {
		return
	}
	testutil.NeedTool(t, "ip")
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil {
		t.Skip("sysfs of this namespace: ", err)
	}
	pid := guest(t)
	cable(t, pid)
	ip(t, `link add br0 type bridge
		link add mv0 link v0 type macvlan
		link add vx0 type vxlan id 7 dstport 4789
		link add a0 type veth peer name a1
		link set a0 up
		link set a1 up
		tuntap add tap0 mode tap`)
	tb := open(t, nil)
	works(t, tb, "v0", "a0", "a1")
	want, got := read(t, tb), read(t, open(t, &Config{Method: ProcNetDev}))
	wantEx, gotEx := Exclusions(nil, want), Exclusions(nil, got)
	for n := range want.Interfaces {
		w := &want.Interfaces[n]
		g := named(t, got, w.Name)
		if g.Index != w.Index || g.Kind != w.Kind && w.Name != "mv0" || g.Type != w.Type || g.Physical != w.Physical || g.MTU != w.MTU || g.Up != w.Up ||
			g.Speed != w.Speed || g.Works() != w.Works() || g.HardwareAddr.String() != w.HardwareAddr.String() {
			t.Errorf("%+v\nrtnetlink: %+v", *g, *w)
		}
		if w.Kind == Veth && (g.Link != w.Link || g.LinkElsewhere != w.LinkElsewhere) {
			t.Errorf("%s: link %d (elsewhere: %v), rtnetlink: %d, %v", g.Name, g.Link, g.LinkElsewhere, w.Link, w.LinkElsewhere)
		}
		if gotEx[n] != wantEx[n] {
			t.Errorf("%s: %v, by rtnetlink %v", g.Name, gotEx[n], wantEx[n])
		}
	}
}

// Hardware is known by its parent device, in this machine's own namespace.
func TestHardware(t *testing.T) {
	s := read(t, open(t, nil))
	for _, i := range s.Interfaces {
		if dev := exists(sysNet + i.Name + "/device"); number(sysNet+i.Name+"/ifindex") == i.Index && i.KindName == "" && dev != i.Physical {
			t.Errorf("%s is physical: %v; it has a device in sysfs: %v", i.Name, i.Physical, dev)
		}
	}
}
