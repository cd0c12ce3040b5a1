package rtlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sockeye-net/sockeye/internal/nlmsg"
)

// keeper keeps copies of what it is given.
type keeper struct {
	links map[string]Link
	gone  []string
	addrs []Addr
	stats map[uint32]Stats
	n     int
}

func newKeeper() *keeper { return &keeper{links: map[string]Link{}, stats: map[uint32]Stats{}} }

func (k *keeper) Link(l *Link) {
	k.n++
	if l.Gone {
		k.gone = append(k.gone, string(l.Name))
		return
	}
	k.links[string(l.Name)] = *l
}
func (k *keeper) Addr(a *Addr)                 { k.n++; k.addrs = append(k.addrs, *a) }
func (k *keeper) Stats(index uint32, s *Stats) { k.n++; k.stats[index] = *s }

func golden(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the golden files are from a little-endian machine")
	}
	return b
}

func decode(t *testing.T, name string) *keeper {
	t.Helper()
	k := newKeeper()
	done, interrupted, err := new(Decoder).Decode(golden(t, name), k)
	if done == (name == "notices") || interrupted || err != nil {
		t.Fatalf("done %v, interrupted %v, error %v", done, interrupted, err)
	}
	return k
}

func TestLinks(t *testing.T) {
	k := decode(t, "links")
	index := func(name string) uint32 { return k.links[name].Index }
	for name, want := range map[string]struct {
		kind, slaveKind, alias, master, link string
		typ                                  uint16
		mtu                                  uint32
		elsewhere                            bool
	}{
		"lo":   {typ: 772, mtu: 65536},
		"br0":  {kind: "bridge", typ: 1, mtu: 1500},
		"p0":   {kind: "veth", slaveKind: "bridge", master: "br0", link: "p1", typ: 1, mtu: 1500},
		"p1":   {kind: "veth", alias: "uplink", link: "p0", typ: 1, mtu: 1400},
		"mv0":  {kind: "macvlan", link: "p1", typ: 1, mtu: 1400},
		"vx0":  {kind: "vxlan", typ: 1, mtu: 1350},
		"tap0": {kind: "tun", typ: 1, mtu: 1500},
		"q0":   {kind: "veth", elsewhere: true, typ: 1, mtu: 1500},
	} {
		l, ok := k.links[name]
		if !ok {
			t.Errorf("%s is missing", name)
			continue
		}
		if string(l.Kind) != want.kind || string(l.SlaveKind) != want.slaveKind || string(l.Alias) != want.alias ||
			l.Master != index(want.master) || !want.elsewhere && l.Link != index(want.link) || l.Type != want.typ ||
			l.MTU != want.mtu || l.LinkElsewhere != want.elsewhere {
			t.Errorf("%s: kind %q of %q, alias %q, master %d, link %d (elsewhere: %v), type %d, mtu %d",
				name, l.Kind, l.SlaveKind, l.Alias, l.Master, l.Link, l.LinkElsewhere, l.Type, l.MTU)
		}
		if l.Width != 64 || !l.HasCarrierChanges || len(l.Address) != 6 || l.Index == 0 || l.Gone {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if lo := k.links["lo"]; lo.Flags&(FlagUp|FlagLoopback) != FlagUp|FlagLoopback || lo.OperState != 0 {
		t.Errorf("lo: flags %#x, state %d", lo.Flags, lo.OperState)
	}
	if l := k.links["p1"]; l.OperState != 6 || l.Flags&FlagUp == 0 || l.Stats.TxPackets == 0 || l.Stats.TxBytes < l.Stats.TxPackets*14 {
		t.Errorf("p1: %+v", l)
	}
	if l := k.links["tap0"]; l.OperState != 2 || l.Flags&FlagUp != 0 {
		t.Errorf("tap0: %+v", l)
	}
}

// The counters of the two requests are of the same interfaces, a moment apart.
func TestStats(t *testing.T) {
	links, stats := decode(t, "links"), decode(t, "stats")
	if len(stats.stats) != len(links.links) {
		t.Errorf("%d interfaces, counters of %d", len(links.links), len(stats.stats))
	}
	if l, s := links.links["p1"], stats.stats[links.links["p1"].Index]; s.TxPackets == 0 || s.TxBytes/2 > l.Stats.TxBytes || l.Stats.TxBytes/2 > s.TxBytes {
		t.Errorf("%+v and %+v", l.Stats, s)
	}
}

func TestAddrs(t *testing.T) {
	p1 := decode(t, "links").links["p1"].Index
	var got []string
	for _, a := range decode(t, "addrs").addrs {
		if a.Index == p1 && !a.Prefix.Addr().IsLinkLocalUnicast() {
			got = append(got, a.Prefix.String())
		}
	}
	want := []string{"192.0.2.1/24", "198.51.100.1/32", "2001:db8::1/64"} // its own address, not its peer's
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("addresses %q", got)
	}
}

// Notices: the bridge's about its port must not look like a port that came or went.
func TestNotices(t *testing.T) {
	k := decode(t, "notices")
	if len(k.gone) != 2 || k.gone[0] != "q1" || k.gone[1] != "gone0" {
		t.Errorf("gone: %q", k.gone)
	}
	for _, name := range []string{"br0", "p0", "p1", "tap0", "gone0"} {
		if _, ok := k.links[name]; !ok {
			t.Errorf("no notice about %s", name)
		}
	}
	if len(k.addrs) < 3 {
		t.Errorf("addresses %v", k.addrs)
	}
}

// Built messages, for what no kernel here says.

func netlinkMessage(typ, flags uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(sizeHeader+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = binary.NativeEndian.AppendUint16(b, flags)
	b = append(b, make([]byte, 8)...)
	b = append(b, body...)
	return append(b, make([]byte, nlmsg.Align(len(b))-len(b))...)
}

func nlattr(typ uint16, body []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(sizeAttr+len(body)))
	b = binary.NativeEndian.AppendUint16(b, typ)
	b = append(b, body...)
	return append(b, make([]byte, nlmsg.Align(len(b))-len(b))...)
}

func words(n int) (b []byte) {
	for i := range n {
		b = binary.NativeEndian.AppendUint32(b, uint32(i+1))
	}
	return b
}

func wideWords(n int) (b []byte) {
	for i := range n {
		b = binary.NativeEndian.AppendUint64(b, uint64(i+1)<<33)
	}
	return b
}

func TestCounterWidths(t *testing.T) {
	narrow := Stats{RxPackets: 1, TxPackets: 2, RxBytes: 3, TxBytes: 4, RxErrors: 5, TxErrors: 6, RxDropped: 7 + 16, TxDropped: 8}
	wide := Stats{RxPackets: 1 << 33, TxPackets: 2 << 33, RxBytes: 3 << 33, TxBytes: 4 << 33, RxErrors: 5 << 33, TxErrors: 6 << 33,
		RxDropped: (7 + 16) << 33, TxDropped: 8 << 33}
	a32, a64 := nlattr(attrStats, words(24)), nlattr(attrStats64, wideWords(25))
	for name, c := range map[string]struct {
		attrs []byte
		want  Stats
		width uint8
	}{
		"32":            {a32, narrow, 32},
		"64":            {a64, wide, 64},
		"32 then 64":    {slices.Concat(a32, a64), wide, 64},
		"64 then 32":    {slices.Concat(a64, a32), wide, 64},
		"none":          {nil, Stats{}, 0},
		"short, old 64": {nlattr(attrStats64, wideWords(8)), Stats{1 << 33, 2 << 33, 3 << 33, 4 << 33, 5 << 33, 6 << 33, 7 << 33, 8 << 33}, 64},
	} {
		k := newKeeper()
		body := slices.Concat(make([]byte, sizeLink), c.attrs)
		if _, _, err := new(Decoder).Decode(netlinkMessage(typeNewLink, 0, body), k); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if l := k.links[""]; l.Stats != c.want || l.Width != c.width {
			t.Errorf("%s: %+v of %d bits", name, l.Stats, l.Width)
		}
	}
}

func TestPassedOver(t *testing.T) {
	bridge := make([]byte, sizeLink)
	bridge[0] = 7 // AF_BRIDGE
	mpls := make([]byte, sizeAddr)
	mpls[0] = 28
	for name, b := range map[string][]byte{
		"bridge port":     netlinkMessage(typeDelLink, 0, bridge),
		"strange address": netlinkMessage(typeNewAddr, 0, mpls),
		"unknown message": netlinkMessage(999, 0, []byte{1}),
		"no counters":     netlinkMessage(typeNewStats, 0, make([]byte, sizeStats)),
	} {
		k := newKeeper()
		if done, _, err := new(Decoder).Decode(b, k); done || err != nil || k.n != 0 {
			t.Errorf("%s: done %v, error %v, %d things", name, done, err, k.n)
		}
	}
}

func TestEnds(t *testing.T) {
	perm := binary.NativeEndian.AppendUint32(nil, uint32(0xffffffff)) // -1: EPERM
	for name, c := range map[string]struct {
		b           []byte
		interrupted bool
		err         error
	}{
		"done":        {netlinkMessage(typeDone, 0, make([]byte, 4)), false, nil},
		"interrupted": {netlinkMessage(typeDone, flagInterrupted, make([]byte, 4)), true, nil},
		"refused":     {netlinkMessage(typeError, 0, perm), false, syscall.Errno(1)},
		"fails late":  {netlinkMessage(typeDone, 0, perm), false, syscall.Errno(1)},
	} {
		done, interrupted, err := new(Decoder).Decode(c.b, newKeeper())
		if !done || interrupted != c.interrupted || !errors.Is(err, c.err) {
			t.Errorf("%s: done %v, interrupted %v, error %v", name, done, interrupted, err)
		}
	}
}

func TestBroken(t *testing.T) {
	link := make([]byte, sizeLink)
	v4 := []byte{afInet, 33, 0, 0, 1, 0, 0, 0}
	for name, b := range map[string][]byte{
		"header":            {1, 2, 3},
		"length too small":  netlinkMessage(typeNewLink, 0, nil)[:4:4],
		"link cut":          netlinkMessage(typeNewLink, 0, link[:8]),
		"address cut":       netlinkMessage(typeNewAddr, 0, v4[:4]),
		"stats cut":         netlinkMessage(typeNewStats, 0, link[:4]),
		"attribute header":  netlinkMessage(typeNewLink, 0, append(slices.Clone(link), 1, 0)),
		"attribute length":  netlinkMessage(typeNewLink, 0, append(slices.Clone(link), 99, 0, 3, 0)),
		"short mtu":         netlinkMessage(typeNewLink, 0, append(slices.Clone(link), nlattr(attrMTU, []byte{1})...)),
		"no state":          netlinkMessage(typeNewLink, 0, append(slices.Clone(link), nlattr(attrOperState, nil)...)),
		"short counters":    netlinkMessage(typeNewLink, 0, append(slices.Clone(link), nlattr(attrStats64, make([]byte, 60))...)),
		"bad kind":          netlinkMessage(typeNewLink, 0, append(slices.Clone(link), nlattr(attrLinkInfo, []byte{200, 0, 1, 0})...)),
		"prefix of 33 bits": netlinkMessage(typeNewAddr, 0, append(v4, nlattr(attrAddrLocal, []byte{1, 2, 3, 4})...)),
		"address of 5":      netlinkMessage(typeNewAddr, 0, append([]byte{afInet, 8, 0, 0, 1, 0, 0, 0}, nlattr(attrAddrLocal, make([]byte, 5))...)),
		"no address":        netlinkMessage(typeNewAddr, 0, []byte{afInet, 8, 0, 0, 1, 0, 0, 0}),
		"wrong family":      netlinkMessage(typeNewAddr, 0, append([]byte{afInet6, 8, 0, 0, 1, 0, 0, 0}, nlattr(attrAddrLocal, make([]byte, 4))...)),
		"overrun":           netlinkMessage(typeOverrun, 0, nil),
		"error cut":         netlinkMessage(typeError, 0, []byte{1}),
	} {
		var format *FormatError
		if _, _, err := new(Decoder).Decode(b, newKeeper()); !errors.As(err, &format) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestTextEnds(t *testing.T) {
	for in, want := range map[string]string{"eth0\x00": "eth0", "eth0": "eth0", "": "", "\x00x": ""} {
		a := attr{Body: []byte(in)}
		if got := string(text(&a)); got != want {
			t.Errorf("%q gives %q", in, got)
		}
	}
}

func TestRequests(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		typ  uint16
		size int
	}{
		"links": {AppendLinkRequest(nil), typeGetLink, 32},
		"addrs": {AppendAddrRequest(nil), typeGetAddr, 24},
		"stats": {AppendStatsRequest([]byte{})[:28], typeGetStats, 28},
	} {
		if len(c.b) != c.size || int(binary.NativeEndian.Uint32(c.b)) != c.size || binary.NativeEndian.Uint16(c.b[4:]) != c.typ {
			t.Errorf("%s: % x", name, c.b)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	b, d := golden(t, "links"), new(Decoder)
	h := Handler(nothing{})
	if n := testing.AllocsPerRun(50, func() {
		if _, _, err := d.Decode(b, h); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

type nothing struct{}

func (nothing) Link(*Link)           {}
func (nothing) Addr(*Addr)           {}
func (nothing) Stats(uint32, *Stats) {}

func FuzzDecode(f *testing.F) {
	for _, name := range []string{"links", "addrs", "stats", "notices"} {
		b, err := os.ReadFile("testdata/" + name + ".bin")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		for len(b) >= 4 { // and each message for itself
			n := min(nlmsg.Align(int(binary.NativeEndian.Uint32(b))), len(b))
			if n < sizeHeader {
				break
			}
			f.Add(b[:n])
			b = b[n:]
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		orig := bytes.Clone(b)
		k := &checker{t: t, b: b}
		_, _, err := new(Decoder).Decode(b, k)
		var format *FormatError
		var kernel *Error
		if err != nil && !errors.As(err, &format) && !errors.As(err, &kernel) {
			t.Errorf("error %v", err)
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
		if !bytes.Equal(b, orig) {
			t.Error("the input was changed")
		}
	})
}

type checker struct {
	t *testing.T
	b []byte
}

func (c *checker) Link(l *Link) {
	if len(l.Name)+len(l.Alias)+len(l.Kind)+len(l.Address) > 4*len(c.b) {
		c.t.Error("more than there is")
	}
	if l.Width != 0 && l.Width != 32 && l.Width != 64 {
		c.t.Errorf("%d bits", l.Width)
	}
}
func (c *checker) Addr(a *Addr) {
	if !a.Prefix.IsValid() {
		c.t.Errorf("prefix %v", a.Prefix)
	}
}
func (c *checker) Stats(uint32, *Stats) {}

func BenchmarkDecode(b *testing.B) {
	msg, d := golden(b, "links"), new(Decoder)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Decode(msg, nothing{}); err != nil {
			b.Fatal(err)
		}
	}
}
