package ifstat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/testutil"
)

// ipLink is what "ip -s -j -d link" says.
type ipLink struct {
	Index   uint32   `json:"ifindex"`
	Name    string   `json:"ifname"`
	Flags   []string `json:"flags"`
	MTU     uint32   `json:"mtu"`
	State   string   `json:"operstate"`
	Address string   `json:"address"`
	Master  string   `json:"master"`
	Link    string   `json:"link"`
	Peer    int      `json:"link_index"`
	Alias   string   `json:"ifalias"`
	Info    struct {
		Kind string `json:"info_kind"`
	} `json:"linkinfo"`
	Stats struct{ Rx, Tx ipStats } `json:"stats64"`
	Addrs []struct {
		Local  string `json:"local"`
		Length int    `json:"prefixlen"`
	} `json:"addr_info"`
}

type ipStats struct{ Bytes, Packets, Errors, Dropped, Missed uint64 }

func ipLinks(t *testing.T) (list []ipLink) {
	t.Helper()
	out := testutil.Command(t, "ip", "-s", "-d", "-j", "addr")
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return list
}

// Everything that ip(8) knows too, in a namespace where nothing moves.
func TestAgainstIP(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	pid := guest(t)
	cable(t, pid)
	ip(t, `link add br0 type bridge mcast_snooping 0
		link set v0 master br0
		link set v0 alias uplink
		link set br0 up
		link set br0 mtu 1400
		addr add 192.0.2.1/24 dev br0
		addr add 198.51.100.1 peer 198.51.100.2/32 dev br0
		link add mv0 link br0 type macvlan
		link add a0 type veth peer name a1
		link set a0 up`)
	quiet(t, open(t, nil))
	for _, method := range []Method{RTNetlink, ProcNetDev} {
		t.Run(method.String(), func(t *testing.T) {
			tb := open(t, &Config{Method: method})
			for range 2 { // once from all messages, once from counters alone
				s, want := readStill(t, tb)
				if s.Method != method || method == RTNetlink && len(s.Partial) > 0 || method == ProcNetDev && len(s.Partial) != 1 {
					t.Errorf("method %v, partial %v", s.Method, s.Partial)
				}
				compareIP(t, s, want, method == RTNetlink)
			}
		})
	}
}

// readStill reads between two looks of ip(8) that are the same: now and then the kernel sends something by itself (IGMP).
func readStill(t *testing.T, tb *Table) (*Snapshot, []ipLink) {
	t.Helper()
	for range 50 {
		before, s, after := ipLinks(t), read(t, tb), ipLinks(t)
		if reflect.DeepEqual(before, after) {
			return s, after
		}
	}
	t.Fatal("it never stands still")
	return nil, nil
}

func compareIP(t *testing.T, s *Snapshot, want []ipLink, all bool) {
	t.Helper()
	if len(s.Interfaces) != len(want) {
		t.Errorf("%d interfaces, ip knows %d", len(s.Interfaces), len(want))
	}
	for _, w := range want {
		i := named(t, s, w.Name)
		c := Counters{w.Stats.Rx.Bytes, w.Stats.Rx.Packets, w.Stats.Rx.Errors, w.Stats.Rx.Dropped + w.Stats.Rx.Missed,
			w.Stats.Tx.Bytes, w.Stats.Tx.Packets, w.Stats.Tx.Errors, w.Stats.Tx.Dropped}
		if i.Counters != c || i.Index != w.Index || i.MTU != w.MTU || i.Up != slices.Contains(w.Flags, "UP") || i.Width != 64 {
			t.Errorf("%+v\nip: %+v", *i, w)
		}
		if mac := i.HardwareAddr.String(); mac != w.Address && w.Address != "00:00:00:00:00:00" {
			t.Errorf("%s: hardware address %q, ip: %q", i.Name, mac, w.Address)
		}
		if all {
			compareDetails(t, s, i, &w)
		}
	}
}

func compareDetails(t *testing.T, s *Snapshot, i *Interface, w *ipLink) {
	t.Helper()
	name := func(index uint32) string {
		for n := range s.Interfaces {
			if s.Interfaces[n].Index == index && index != 0 {
				return s.Interfaces[n].Name
			}
		}
		return ""
	}
	if state := strings.ToUpper(strings.ReplaceAll(i.State.String(), "_", "")); state != strings.ReplaceAll(w.State, "_", "") {
		t.Errorf("%s: state %v, ip: %s", i.Name, i.State, w.State)
	}
	if i.KindName != w.Info.Kind || i.Alias != w.Alias || name(i.Master) != w.Master {
		t.Errorf("%+v\nip: %+v", *i, *w)
	}
	if i.LinkElsewhere != (w.Peer != 0) || !i.LinkElsewhere && name(i.Link) != w.Link {
		t.Errorf("%s: link %d (elsewhere: %v), ip: %q, %d", i.Name, i.Link, i.LinkElsewhere, w.Link, w.Peer)
	}
	var addrs []netip.Prefix
	for _, a := range w.Addrs {
		addrs = append(addrs, netip.PrefixFrom(netip.MustParseAddr(a.Local), a.Length))
	}
	if !slices.Equal(addrs, i.Addrs) {
		t.Errorf("%s: addresses %v, ip: %v", i.Name, i.Addrs, addrs)
	}
}

// The kinds of virtual interfaces, as far as this kernel can make them.
func TestKinds(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	ip(t, "link add base type veth peer name other")
	want := map[string]Kind{"lo": Loopback, "base": Veth}
	for name, c := range map[string]struct {
		kind Kind
		args string
	}{
		"k-br": {Bridge, "type bridge"}, "k-bond": {Bond, "type bond"}, "k-team": {Team, "type team"}, "k-dummy": {Dummy, "type dummy"},
		"k-ifb": {IFB, "type ifb"}, "k-vlan": {VLAN, "link base type vlan id 5"}, "k-mv": {Macvlan, "link base type macvlan"},
		"k-iv": {Macvlan, "link base type ipvlan"}, "k-mvt": {Macvlan, "link base type macvtap"}, "k-ipip": {Tunnel, "type ipip remote 192.0.2.1"},
		"k-gre": {Tunnel, "type gre remote 192.0.2.1"}, "k-vx": {Tunnel, "type vxlan id 1 dstport 4789"}, "k-wg": {WireGuard, "type wireguard"},
		"k-vrf": {VRF, "type vrf table 10"}, "k-gnv": {Tunnel, "type geneve id 1 remote 192.0.2.1"}, "k-nlmon": {Monitor, "type nlmon"},
	} {
		if err := try("ip", "link add "+name+" "+c.args); err != nil {
			t.Logf("not here: %s (%v)", c.kind, err)
			continue
		}
		want[name] = c.kind
	}
	if try("ip", "tuntap add k-tap mode tap") == nil {
		want["k-tap"] = Tun
	}
	s := read(t, open(t, nil))
	for name, kind := range want {
		if i := named(t, s, name); i.Kind != kind || i.Physical {
			t.Errorf("%s is a %v (%q), physical %v, expected %v", name, i.Kind, i.KindName, i.Physical, kind)
		}
	}
	if i := named(t, s, "base"); i.Speed != 10e9 { // what every veth says
		t.Errorf("a veth of %d bit/s", i.Speed)
	}
	for n, e := range Exclusions(nil, s) {
		if e == Counted && s.Interfaces[n].Kind != Tun && s.Interfaces[n].Kind != Tunnel && s.Interfaces[n].Kind != WireGuard {
			t.Errorf("%s counts", s.Interfaces[n].Name)
		}
	}
}

// An interface that is removed and made anew under the same name and index is another, and one that is renamed is not.
func TestReplacedAndRenamed(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	ip(t, "link add x0 index 77 type veth peer name x1 index 78")
	tb := open(t, nil)
	before := read(t, tb)
	var m Meter
	m.Add(before)
	for range 3 {
		ip(t, `link del x0
			link add x0 index 77 type veth peer name x1 index 78`)
		after := read(t, tb)
		if a, b := named(t, before, "x0"), named(t, after, "x0"); a.ID == b.ID || b.Index != 77 {
			t.Errorf("both have the identity %#x, index %d", a.ID, b.Index)
		}
		got := events(before, after)
		if len(got) != 4 || !slices.Contains(got, "vanished x0") || !slices.Contains(got, "appeared x0") {
			t.Errorf("%q", got)
		}
		for _, r := range m.Add(after) {
			if r.First != (r.Interface.Name != "lo") {
				t.Errorf("%s: %+v", r.Interface.Name, r)
			}
		}
		before = after
	}
	ip(t, "link set x0 name y0")
	after := read(t, tb)
	if got := events(before, after); !slices.Equal(got, []string{"renamed y0"}) {
		t.Errorf("%q", got)
	}
	if named(t, after, "y0").ID != named(t, before, "x0").ID {
		t.Error("renamed, and another identity")
	}
}

func TestUpDownFlapped(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	ip(t, `link add x0 type veth peer name x1
		link set x0 up
		link set x1 up`)
	tb := open(t, nil)
	works(t, tb, "x0", "x1")
	before := read(t, tb)
	for _, step := range []struct{ do, want string }{
		{"link set x1 down", "down x0; down x1"},
		{"link set x1 up", "up x0; up x1"},
		{"link set x1 down\nlink set x1 up", "flapped x0; flapped x1"},
		{"link set x0 alias wan", "changed x0"},
		{"link set x0 down", "down x0; down x1"},
		{"link set x0 mtu 1400", "changed x0"},
		{"addr add 192.0.2.1/24 dev x0", "changed x0"},
		{"addr del 192.0.2.1/24 dev x0", "changed x0"},
		{"link add br0 type bridge", "appeared br0"},
		{"link set x0 master br0", "changed br0; changed x0"}, // a bridge takes the address and MTU of its port
		{"link set x0 nomaster", "changed br0; changed x0"},
		{"link set x0 address 02:00:00:00:00:09", "changed x0"},
		{"link del x0", "vanished x0; vanished x1"},
	} {
		ip(t, step.do)
		testutil.Eventually(t, 10*time.Second, func() error { // the state follows the carrier a little later
			after := read(t, tb)
			got := events(before, after)
			slices.Sort(got)
			if s := strings.Join(got, "; "); s != step.want {
				return fmt.Errorf("%q: %q, expected %q", step.do, s, step.want)
			}
			before = after
			return nil
		})
	}
}

func TestChanged(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	tb := open(t, nil)
	changed := func() bool {
		t.Helper()
		c, err := tb.Changed()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if !changed() {
		t.Error("nothing was read yet, and nothing changed")
	}
	read(t, tb)
	if changed() {
		t.Error("changed")
	}
	for _, line := range []string{"link add x0 type veth peer name x1", "link set x0 mtu 1300", "addr add 192.0.2.1/24 dev x0", "link del x0"} {
		ip(t, line)
		for range 2 {
			if !changed() {
				t.Errorf("not changed by %q", line)
			}
		}
		read(t, tb)
		if changed() {
			t.Errorf("still changed after %q and a reading", line)
		}
	}
}

// When notices are lost, what is read is right all the same.
func TestNoticesOverflow(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	tb := open(t, nil)
	r := tb.impl.spaces[0].(*route)
	r.notices.Close()
	var err error
	if r.notices, err = netlink.Subscribe(netlink.Route, 4<<10, netlink.GroupLink, netlink.GroupAddr4); err != nil {
		t.Fatal(err)
	}
	ip(t, "link add x0 index 50 type veth peer name x1")
	read(t, tb)
	for range 10 {
		ip(t, "link set x0 mtu 1300\nlink set x0 mtu 1400")
	}
	ip(t, "link del x0\nlink add y0 index 50 type bridge\naddr add 192.0.2.7/24 dev y0")
	if c, err := tb.Changed(); !c || err != nil {
		t.Errorf("changed %v, error %v", c, err)
	}
	s := read(t, tb)
	compareIP(t, s, ipLinks(t), true)
	if named(t, s, "y0").ID == 50 {
		t.Error("a bridge has the identity of a veth")
	}
}

// A kernel without notices, or without the request for counters alone: everything is read every time.
func TestWithoutNoticesAndStats(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	ip(t, "link add x0 type veth peer name x1\nlink set x0 up\nlink set x1 up")
	tb := open(t, nil)
	r := tb.impl.spaces[0].(*route)
	r.notices.Close()
	r.notices, r.noStats = nil, true
	works(t, tb, "x0", "x1")
	for range 2 {
		s, want := readStill(t, tb)
		compareIP(t, s, want, true)
	}
	ip(t, "link set x0 name y0\naddr add 192.0.2.7/24 dev y0")
	s, want := readStill(t, tb)
	compareIP(t, s, want, true)
	if c, err := tb.Changed(); !c || err != nil {
		t.Errorf("changed %v, error %v", c, err)
	}
}

// Of an alias of an interface that is down the kernel sends no notice.
func TestWhatNoNoticeTells(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	ip(t, "link add x0 type veth peer name x1")
	tb := open(t, nil)
	read(t, tb)
	ip(t, "link set x0 alias wan")
	r := tb.impl.spaces[0].(*route)
	r.whole = r.whole.Add(-rereadAfter)
	if i := named(t, read(t, tb), "x0"); i.Alias != "wan" {
		t.Errorf("%+v", *i)
	}
}

func TestOtherNamespaces(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	testutil.CheckLeaks(t)
	pid := guest(t)
	cable(t, pid)
	inGuest(t, pid, "ip addr add 192.0.2.2/24 dev v1")
	tb, err := Open(&Config{NetNS: "/proc/" + pid + "/ns/net"})
	if err != nil {
		t.Fatal(err)
	}
	defer tb.Close()
	s := read(t, tb)
	v1 := named(t, s, "v1")
	if len(s.Interfaces) != 2 || !v1.LinkElsewhere || v1.NetNS == 0 || len(v1.Addrs) != 1 {
		t.Errorf("%+v", s.Interfaces)
	}
	inGuest(t, pid, "ip link set v1 name w1")
	if c, err := tb.Changed(); !c || err != nil {
		t.Errorf("changed %v, error %v", c, err)
	}
	named(t, read(t, tb), "w1")

	all, err := Open(&Config{AllNetNS: true})
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	s = read(t, all)
	here, there := named(t, s, "v0"), named(t, s, "w1")
	if here.NetNS == there.NetNS || there.NetNS != v1.NetNS {
		t.Errorf("namespaces %d, %d, %d", here.NetNS, there.NetNS, v1.NetNS)
	}
	if !slices.IsSortedFunc(s.Interfaces, func(a, b Interface) int {
		if before(&a, b.NetNS, b.Index) {
			return -1
		}
		return 1
	}) {
		t.Error("not in order")
	}
	late := guest(t)
	n := len(all.impl.spaces)
	if read(t, all); len(all.impl.spaces) != n+1 {
		t.Errorf("%d namespaces, were %d, and %s is new", len(all.impl.spaces), n, late)
	}
}

func TestErrors(t *testing.T) {
	testutil.CheckLeaks(t)
	for name, c := range map[string]struct {
		cfg  Config
		want error
	}{
		"no such path":     {Config{NetNS: "/nonexistent"}, unix.ENOENT},
		"method of others": {Config{Method: IfTable2}, errors.ErrUnsupported},
		"no namespace":     {Config{NetNS: "/proc/self/ns/uts"}, unix.EINVAL},
	} {
		_, err := Open(&c.cfg)
		var op *OpError
		if !errors.As(err, &op) || !errors.Is(err, c.want) && os.Getuid() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	tb, err := Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(tb.Close(), tb.Close()); err != nil {
		t.Error(err)
	}
	_, cerr := tb.Changed()
	if err := tb.Read(new(Snapshot)); !errors.Is(err, ErrClosed) || !errors.Is(cerr, ErrClosed) {
		t.Errorf("after Close: %v, %v", err, cerr)
	}
}

// A sandbox that refuses netlink sockets: counters come from /proc/net/dev, and what is missing is said.
func TestWithoutNetlink(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	pid := guest(t)
	cable(t, pid)
	ip(t, "link add br0 type bridge\nlink add a0 type veth peer name a1\nlink set a0 up\nlink set a1 up")
	for i := range 40 { // more than one page of /proc/net/dev
		ip(t, fmt.Sprintf("link add many%d type bridge", i))
	}
	tb := open(t, nil)
	works(t, tb, "v0", "a0", "a1")
	quiet(t, tb)
	want := ipLinks(t)
	if runtime.GOARCH == "386" {
		t.Skip("there all calls on sockets are one, whose first argument is not the family")
	}
	testutil.Refuse(t, unix.SYS_SOCKET, unix.AF_NETLINK)
	s := read(t, open(t, nil))
	if s.Method != ProcNetDev || len(s.Partial) == 0 {
		t.Fatalf("method %v, partial %v", s.Method, s.Partial)
	}
	compareIP(t, s, want, false)
	if _, err := Open(&Config{Method: RTNetlink}); !errors.Is(err, unix.EPERM) {
		t.Errorf("with rtnetlink alone: %v", err)
	}
	if lo := named(t, s, "lo"); lo.Kind != Loopback || !lo.Up {
		t.Errorf("%+v", *lo)
	}
}

// A sandbox may let the socket be made and refuse to send.
func TestNetlinkRefusedLater(t *testing.T) {
	if !isolated(t, 0) {
		return
	}
	tb := open(t, nil)
	read(t, tb)
	testutil.Refuse(t, unix.SYS_WRITE, tb.impl.spaces[0].(*route).conn.FD())
	s := read(t, tb)
	if s.Method != ProcNetDev || len(s.Interfaces) == 0 {
		t.Errorf("method %v, %d interfaces", s.Method, len(s.Interfaces))
	}
}

func TestAsAnyUser(t *testing.T) {
	if !testutil.Isolated(t, testutil.Child{UID: 65534}) {
		return
	}
	s := read(t, open(t, nil))
	if s.Method != RTNetlink || len(s.Partial) > 0 || named(t, s, "lo").Kind != Loopback {
		t.Errorf("method %v, partial %v", s.Method, s.Partial)
	}
}

func TestReadDoesNotAllocate(t *testing.T) {
	tb := open(t, nil)
	if tb.impl.spaces[0].method() != RTNetlink {
		t.Skip("not rtnetlink")
	}
	s := read(t, tb)
	if n := testing.AllocsPerRun(50, func() {
		if err := tb.Read(s); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
	r := tb.impl.spaces[0].(*route)
	if n := testing.AllocsPerRun(50, func() {
		r.staleLinks, r.staleAddrs = true, true
		if err := tb.Read(s); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations when everything is read", n)
	}
}

// The numbers of the header.
func TestStates(t *testing.T) {
	// enum { IF_OPER_UNKNOWN, ... } of linux/if.h, from 0.
	for n, name := range []string{"unknown", "not_present", "down", "lower_layer_down", "testing", "dormant", "up"} {
		if State(n).String() != name {
			t.Errorf("%d is %v, in the header %s", n, State(n), name)
		}
	}
	for got, want := range map[int]int{arpEther: unix.ARPHRD_ETHER, arpInfiniBand: unix.ARPHRD_INFINIBAND, arpPPP: unix.ARPHRD_PPP,
		arpRawIP: unix.ARPHRD_RAWIP, arpLoopback: unix.ARPHRD_LOOPBACK, arpSIT: unix.ARPHRD_SIT} {
		if got != want {
			t.Errorf("%d, in the header %d", got, want)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	tb := open(b, nil)
	s := read(b, tb)
	b.ReportAllocs()
	for b.Loop() {
		if err := tb.Read(s); err != nil {
			b.Fatal(err)
		}
	}
}

// Everything anew, as after a change.
func BenchmarkReadAll(b *testing.B) {
	tb := open(b, nil)
	r, ok := tb.impl.spaces[0].(*route)
	if !ok {
		b.Skip("not rtnetlink")
	}
	s := read(b, tb)
	b.ReportAllocs()
	for b.Loop() {
		r.staleLinks, r.staleAddrs = true, true
		if err := tb.Read(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkChanged(b *testing.B) {
	tb := open(b, nil)
	read(b, tb)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tb.Changed(); err != nil {
			b.Fatal(err)
		}
	}
}
