package ifstat

import (
	"slices"
	"strings"
	"testing"
)

// topology is written as lines: name, kind, and words: up (all are, unless "down"), hw (hardware), master=NAME, link=NAME,
// elsewhere (its link is), ns=N. The last word after => is what is expected: counted, or the reason.
func topology(t *testing.T, text string) (s *Snapshot, want []Exclusion) {
	t.Helper()
	s = &Snapshot{}
	index := map[string]uint32{}
	var lines [][]string
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 {
			lines = append(lines, f)
			index[f[0]] = uint32(len(lines))
		}
	}
	for _, f := range lines {
		i := Interface{Name: f[0], Index: index[f[0]], ID: uint64(index[f[0]]), Kind: parseKind(t, f[1]), Up: true}
		for n, w := range f[2:] {
			k, v, _ := strings.Cut(w, "=")
			switch k {
			case "hw":
				i.Physical = true
			case "down":
				i.Up = false
			case "master":
				i.Master = index[v]
			case "link":
				i.Link = index[v]
			case "elsewhere":
				i.Link, i.LinkElsewhere = 77, true
			case "ns":
				i.NetNS = uint64(v[0])
			case "":
				want = append(want, parseExclusion(t, f[2+n+1]))
			}
			if w == "=>" {
				break
			}
		}
		s.Interfaces = append(s.Interfaces, i)
	}
	return s, want
}

func parseKind(t *testing.T, name string) Kind {
	t.Helper()
	for k := Other; k <= Filter; k++ {
		if k.String() == name {
			return k
		}
	}
	t.Fatalf("kind %q", name)
	return 0
}

func parseExclusion(t *testing.T, name string) Exclusion {
	t.Helper()
	for e := Counted; e <= IsInner; e++ {
		if e.String() == name {
			return e
		}
	}
	t.Fatalf("exclusion %q", name)
	return 0
}

var topologies = map[string]string{
	"laptop": `
		lo     loopback    => loopback
		eth0   ethernet hw down => counted
		wlan0  wifi     hw => counted
		tun0   tun         => inside_the_machine
		wg0    wireguard   => inside_other_packets`,
	"nothing but lo": `
		lo     loopback    => loopback`,
	"docker host": `
		lo      loopback    => loopback
		eth0    ethernet hw => counted
		docker0 bridge      => its_ports_count
		veth1   veth elsewhere master=docker0 => inside_the_machine
		veth2   veth elsewhere master=docker0 => inside_the_machine`,
	"kubernetes node without a bridge": `
		eth0    ethernet hw => counted
		cali1   veth elsewhere => inside_the_machine
		vxlan0  tunnel      => inside_other_packets`,
	"host of virtual machines": `
		br0     bridge      => its_ports_count
		eno1    ethernet hw master=br0 => counted
		tap0    tun master=br0 => inside_the_machine
		tap1    tun master=br0 => inside_the_machine`,
	"bond with VLANs": `
		eno1    ethernet hw master=bond0 => counted
		eno2    ethernet hw master=bond0 => counted
		bond0   bond        => its_ports_count
		vlan5   vlan link=bond0 => its_link_counts
		br5     bridge      => its_ports_count
		vlan6   vlan link=bond0 master=br5 => its_link_counts
		mac6    macvlan link=vlan6 => its_link_counts`,
	"team": `
		team0   team        => its_ports_count
		eno1    ethernet hw master=team0 => counted`,
	"bond whose ports are not shown": `
		bond0   bond        => its_ports_count
		eth0    ethernet hw => counted`,
	"VRF": `
		red     vrf         => its_ports_count
		eth0    ethernet hw master=red => counted
		eth1    ethernet hw => counted`,
	"some other master": `
		hsr0    other       => its_ports_count
		eth0    ethernet hw master=hsr0 => counted
		eth1    ethernet hw master=hsr0 => counted`,
	"virtual function behind netvsc": `
		eth0    ethernet hw => counted
		enP1s1  ethernet hw master=eth0 => its_master_counts`,
	"container": `
		lo      loopback    => loopback
		eth0    veth elsewhere => counted
		tunl0   tunnel down => inside_other_packets`,
	"container on a macvlan": `
		lo      loopback    => loopback
		eth0    macvlan elsewhere => counted`,
	"container with a VLAN that stands on the host's card, and a pair": `
		eth0    veth elsewhere => inside_the_machine
		net1    vlan elsewhere => counted`,
	"container with a function of the hardware": `
		eth0    veth elsewhere => inside_the_machine
		net1    ethernet hw => counted`,
	"container whose hardware is not up": `
		eth0    veth elsewhere => counted
		net1    ethernet hw down => counted`,
	"containers in a container": `
		eth0    veth elsewhere => counted
		docker0 bridge      => its_ports_count
		veth1   veth elsewhere master=docker0 => inside_the_machine`,
	"a switch of its own": `
		br0     bridge      => its_ports_count
		p1      veth elsewhere master=br0 => counted
		p2      veth elsewhere master=br0 => counted`,
	"both ends here": `
		lo      loopback    => loopback
		v0      veth link=v1 => both_ends_here
		v1      veth link=v0 => both_ends_here`,
	"both ends here, one in a bridge, next to hardware": `
		eth0    ethernet hw master=br0 => counted
		br0     bridge      => its_ports_count
		v0      veth link=v1 master=br0 => both_ends_here
		v1      veth link=v0 => both_ends_here`,
	"only a tap (slirp, pasta, a sandbox)": `
		lo      loopback    => loopback
		tap0    tun         => counted`,
	"only a tunnel whose bottom is elsewhere": `
		lo      loopback    => loopback
		wg0     wireguard   => counted`,
	"a tunnel that moved here, next to a pair": `
		eth0    veth elsewhere => inside_the_machine
		gre1    tunnel elsewhere => counted`,
	"tunnels over a link": `
		eth0    ethernet hw => counted
		ipip1   tunnel      => inside_other_packets
		gre1    tunnel link=eth0 => inside_other_packets
		ppp0    ppp         => inside_other_packets`,
	"modem only": `
		lo      loopback    => loopback
		ppp0    ppp         => counted`,
	"mirrors and dummies": `
		eth0    ethernet hw => counted
		ifb0    ifb         => copy
		nlmon0  monitor     => copy
		dummy0  dummy       => goes_nowhere`,
	"a dummy alone": `
		dummy0  dummy       => goes_nowhere`,
	"Windows": `
		Ethernet  ethernet hw => counted
		Ethernet-WFP-0000 filter hw => copy
		Ethernet-QoS-0000 filter    => copy
		vEthernet ethernet  => inside_the_machine
		Loopback  loopback  => loopback
		Teredo    tunnel    => inside_other_packets`,
	"InfiniBand and its partition": `
		ib0       infiniband hw => counted
		ib0.8001  infiniband hw link=ib0 => counted`,
	"a switch chip": `
		eth0      ethernet hw => counted
		lan1      vlan link=eth0 master=br0 => its_link_counts
		br0       bridge    => its_ports_count`,
	"all namespaces": `
		eth0      ethernet hw ns=a => counted
		docker0   bridge ns=a => its_ports_count
		veth1     veth elsewhere master=docker0 ns=a => both_ends_here
		lo        loopback ns=b => loopback
		ceth0     veth elsewhere ns=b => both_ends_here
		mac0      macvlan elsewhere ns=b => its_link_counts`,
}

func TestExclusions(t *testing.T) {
	for name, text := range topologies {
		t.Run(name, func(t *testing.T) {
			s, want := topology(t, text)
			if len(want) != len(s.Interfaces) {
				t.Fatalf("%d expectations of %d", len(want), len(s.Interfaces))
			}
			got := Exclusions(nil, s)
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%s: %v, expected %v", s.Interfaces[i].Name, got[i], want[i])
				}
			}
		})
	}
}

// The order of the interfaces decides nothing.
func TestExclusionsInAnyOrder(t *testing.T) {
	for name, text := range topologies {
		s, want := topology(t, text)
		slices.Reverse(s.Interfaces)
		slices.Reverse(want)
		if got := Exclusions(nil, s); !slices.Equal(got, want) {
			t.Errorf("%s: %v, expected %v", name, got, want)
		}
	}
}

// The total of a meter is the sum of those that count.
func TestTotalIsOfThoseThatCount(t *testing.T) {
	s, _ := topology(t, topologies["docker host"])
	var m Meter
	m.Add(s)
	next := &Snapshot{Time: s.Time.Add(1e9), Interfaces: slices.Clone(s.Interfaces)}
	for i := range next.Interfaces {
		next.Interfaces[i].RxBytes = 1000
	}
	for i, r := range m.Add(next) {
		if r.Amount.RxBytes != 1000 || (r.Excluded == Counted) != (i == 1) {
			t.Errorf("%s: %+v", r.Interface.Name, r)
		}
	}
	if tot := m.Total(); tot.Amount.RxBytes != 1000 || tot.Rate().RxBytes != 1000 || len(tot.Counted) != 1 || tot.Counted[0].Name != "eth0" {
		t.Errorf("total %+v", tot)
	}
}

// What points at itself, at what is not there, or in a circle must not be followed.
func FuzzExclusions(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
	f.Fuzz(func(t *testing.T, b []byte) {
		s := &Snapshot{}
		for ; len(b) >= 5; b = b[5:] {
			s.Interfaces = append(s.Interfaces, Interface{Index: uint32(b[0] % 16), Kind: Kind(b[1] % 24), Master: uint32(b[2] % 16),
				Link: uint32(b[3] % 16), Physical: b[4]&1 != 0, Up: b[4]&2 != 0, LinkElsewhere: b[4]&4 != 0, NetNS: uint64(b[4] >> 7)})
		}
		got := Exclusions(nil, s)
		if len(got) != len(s.Interfaces) {
			t.Fatalf("%d of %d", len(got), len(s.Interfaces))
		}
		for i, e := range got {
			if s.Interfaces[i].Kind == Loopback && e == Counted {
				t.Error("loopback counts")
			}
		}
	})
}
