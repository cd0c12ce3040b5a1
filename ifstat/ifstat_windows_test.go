package ifstat

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/internal/miblayout"
)

func onWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

func openMethod(t *testing.T, m Method) *Table {
	t.Helper()
	tab, err := Open(&Config{Method: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tab.Close() })
	return tab
}

func readMethod(t *testing.T, tab *Table, want Method) *Snapshot {
	t.Helper()
	s := new(Snapshot)
	if err := tab.Read(s); err != nil {
		t.Fatal(err)
	}
	if s.Method != want || len(s.Interfaces) == 0 {
		t.Fatalf("%d interfaces by %v", len(s.Interfaces), s.Method)
	}
	return s
}

func loopbackOf(t *testing.T, s *Snapshot) *Interface {
	t.Helper()
	for i := range s.Interfaces {
		if s.Interfaces[i].Kind == Loopback {
			return &s.Interfaces[i]
		}
	}
	t.Fatal("no loopback interface")
	return nil
}

// TestWindowsMethods holds what GetIfTable tells against what GetIfTable2 tells before and after it.
func TestWindowsMethods(t *testing.T) {
	two, one := openMethod(t, IfTable2), openMethod(t, IfTable)
	before, narrow, after := readMethod(t, two, IfTable2), readMethod(t, one, IfTable), readMethod(t, two, IfTable2)
	if len(narrow.Interfaces) != len(before.Interfaces) || len(before.Partial)+len(after.Partial) > 0 {
		t.Fatalf("%d interfaces, then %d; %v, %v", len(before.Interfaces), len(narrow.Interfaces), before.Partial, after.Partial)
	}
	for i := range narrow.Interfaces {
		w, n, last := before.Interfaces[i], narrow.Interfaces[i], after.Interfaces[i]
		t.Logf("%d %q %q %v %v physical %v, %d bit/s, %v: %+v", w.Index, w.Name, w.Description, w.Kind, w.State, w.Physical, w.Speed, w.Addrs, w.Counters)
		if n.Width != 32 || w.Width != 64 || n.ID == w.ID || w.ID != last.ID {
			t.Errorf("identity and width: %+v\n%+v", n, w)
		}
		for _, f := range []struct{ low, mid, high uint64 }{
			{w.RxBytes, n.RxBytes, last.RxBytes}, {w.TxBytes, n.TxBytes, last.TxBytes},
			{w.RxPackets, n.RxPackets, last.RxPackets}, {w.TxPackets, n.TxPackets, last.TxPackets},
			{w.RxErrors, n.RxErrors, last.RxErrors}, {w.TxDropped, n.TxDropped, last.TxDropped},
		} {
			if f.mid > math.MaxUint32 || uint32(f.mid)-uint32(f.low) > uint32(f.high-f.low) {
				t.Errorf("%s: %d between %d and %d", w.Name, f.mid, f.low, f.high)
			}
		}
		same := func(i Interface) Interface {
			i.ID, i.Width, i.Counters, i.Name, i.Description, i.Physical, i.Speed, i.RxSpeed = 0, 0, Counters{}, "", "", false, 0, 0
			return i
		}
		if w.Kind != Filter && !reflect.DeepEqual(same(n), same(w)) {
			t.Errorf("GetIfTable: %+v\nGetIfTable2: %+v", n, w)
		}
		if i > 0 && before.Interfaces[i-1].Index > w.Index || w.Name == "" || n.Name == "" {
			t.Errorf("order or name: %+v, %+v", w, n)
		}
	}
	if lo := loopbackOf(t, before); !lo.Works() || len(lo.Addrs) == 0 || lo.Addrs[0].Addr() != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("%+v", lo)
	}
}

// loopbackTransfer sends n bytes over a connection to itself.
func loopbackTransfer(t *testing.T, n int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return
		}
		defer c.Close()
		io.CopyN(c, zeroBytes{}, n)
	}()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := io.Copy(io.Discard, c); got != n || err != nil {
		t.Fatalf("%d bytes, %v", got, err)
	}
}

type zeroBytes struct{}

func (zeroBytes) Read(b []byte) (int, error) { return len(b), nil }

// TestWindowsKnownTraffic sends 20 MB over the loopback interface, and both methods count it, both ways. Others may use the
// interface meanwhile, so it counts the least of three.
func TestWindowsKnownTraffic(t *testing.T) {
	if !onWine() {
		t.Skip("Windows does not count the loopback interface")
	}
	const size = 20_000_000
	for _, m := range []Method{IfTable2, IfTable} {
		tab := openMethod(t, m)
		least := Counters{RxBytes: math.MaxUint64}
		for range 3 {
			before := loopbackOf(t, readMethod(t, tab, m)).Counters
			loopbackTransfer(t, size)
			after := loopbackOf(t, readMethod(t, tab, m))
			diff := func(a, b uint64) uint64 { return (a - b) << (64 - after.Width) >> (64 - after.Width) }
			if rx := diff(after.RxBytes, before.RxBytes); rx < least.RxBytes {
				least = Counters{RxBytes: rx, TxBytes: diff(after.TxBytes, before.TxBytes),
					RxPackets: diff(after.RxPackets, before.RxPackets), TxPackets: diff(after.TxPackets, before.TxPackets)}
			}
		}
		t.Logf("%v: %+v", m, least)
		if least.RxBytes < size || least.RxBytes > size*105/100 || least.TxBytes < size || least.RxPackets == 0 || least.TxPackets == 0 {
			t.Errorf("%v: %+v of %d bytes", m, least, size)
		}
	}
}

// TestWindowsProcNetDev holds Wine's figures against those of the kernel beneath it.
func TestWindowsProcNetDev(t *testing.T) {
	if !onWine() {
		t.Skip("Windows has no /proc")
	}
	tab := openMethod(t, Auto)
	before := readMethod(t, tab, IfTable2)
	text, err := os.ReadFile(`Z:\proc\net\dev`)
	if err != nil {
		t.Skip("drive Z: does not show /proc: ", err)
	}
	after, found := readMethod(t, tab, IfTable2), 0
	for i := range before.Interfaces {
		a, b := before.Interfaces[i], after.Interfaces[i]
		for line := range strings.Lines(string(text)) {
			name, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
			if !ok || name != a.Name {
				continue
			}
			found++
			var c Counters
			var x uint64
			if _, err := fmt.Sscan(rest, &c.RxBytes, &c.RxPackets, &c.RxErrors, &c.RxDropped, &x, &x, &x, &x, &c.TxBytes, &c.TxPackets, &c.TxErrors, &c.TxDropped); err != nil {
				t.Fatal(err)
			}
			for _, f := range []struct{ low, mid, high uint64 }{{a.RxBytes, c.RxBytes, b.RxBytes}, {a.TxBytes, c.TxBytes, b.TxBytes},
				{a.RxPackets, c.RxPackets, b.RxPackets}, {a.TxPackets, c.TxPackets, b.TxPackets}, {a.RxErrors, c.RxErrors, b.RxErrors},
				{a.TxErrors, c.TxErrors, b.TxErrors}} {
				if f.mid < f.low || f.mid > f.high {
					t.Errorf("%s: the kernel says %d, Wine %d and %d", name, f.mid, f.low, f.high)
				}
			}
		}
	}
	if found == 0 || found != len(before.Interfaces) {
		t.Errorf("%d of %d interfaces are in /proc/net/dev", found, len(before.Interfaces))
	}
}

// TestWindowsFallback breaks GetIfTable2 for a table: with Auto, GetIfTable serves from then on and the reason is said; alone, it
// is an error.
func TestWindowsFallback(t *testing.T) {
	broken := func(*iphlpapi.Memory) error {
		return &iphlpapi.CallError{Func: "GetIfTable2", Err: windows.ERROR_NOT_SUPPORTED}
	}
	tab := openMethod(t, Auto)
	first := readMethod(t, tab, IfTable2)
	tab.impl.interfaces2 = broken
	for range 2 {
		s := readMethod(t, tab, IfTable)
		if len(s.Partial) == 0 || !errors.Is(s.Partial[0], windows.ERROR_NOT_SUPPORTED) || len(s.Interfaces) != len(first.Interfaces) {
			t.Errorf("%d interfaces, %v", len(s.Interfaces), s.Partial)
		}
		for _, i := range s.Interfaces {
			for _, j := range first.Interfaces {
				if i.ID == j.ID {
					t.Errorf("counters of 32 and 64 bits under one identity: %+v, %+v", i, j)
				}
			}
		}
		tab.impl.interfaces2 = (*iphlpapi.Memory).Interfaces2 // which is not taken up again
	}
	alone := openMethod(t, IfTable2)
	alone.impl.interfaces2 = broken
	var op *OpError
	if err := alone.Read(new(Snapshot)); !errors.Is(err, windows.ERROR_NOT_SUPPORTED) || !errors.As(err, &op) {
		t.Error(err)
	}
}

func TestWindowsUnsupported(t *testing.T) {
	for _, cfg := range []Config{{Method: RTNetlink}, {Method: ProcNetDev}, {AllNetNS: true}, {NetNS: "x"}} {
		if _, err := Open(&cfg); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	tab := openMethod(t, Auto)
	if changed, err := tab.Changed(); !changed || err != nil {
		t.Errorf("%v, %v", changed, err)
	}
}

// TestWindowsReadAgain holds that a table that is read again allocates nothing for an interface, and holds no handle. GetIfTable
// takes its size, which is allocated for the call.
func TestWindowsReadAgain(t *testing.T) {
	for m, most := range map[Method]float64{IfTable2: 0, IfTable: 1} {
		tab, s := openMethod(t, m), new(Snapshot)
		read := func() {
			if err := tab.Read(s); err != nil {
				t.Fatal(err)
			}
		}
		read()
		before := handles(t)
		if n := testing.AllocsPerRun(50, read); n > most {
			t.Errorf("%v: %v allocations a reading", m, n)
		}
		if after := handles(t); after > before+5 {
			t.Errorf("%d handles, then %d", before, after)
		}
	}
}

func handles(t *testing.T) (n uint32) {
	t.Helper()
	p := windows.NewLazySystemDLL("kernel32.dll").NewProc("GetProcessHandleCount")
	if ok, _, err := p.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&n))); ok == 0 {
		t.Fatal(err)
	}
	return n
}

func BenchmarkWindowsRead(b *testing.B) {
	for _, m := range []Method{IfTable2, IfTable} {
		b.Run(m.String(), func(b *testing.B) {
			tab, err := Open(&Config{Method: m})
			if err != nil {
				b.Fatal(err)
			}
			defer tab.Close()
			var s Snapshot
			b.ReportAllocs()
			for b.Loop() {
				if err := tab.Read(&s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func bareTable() *table { return &table{known: map[uint64]*known{}, made: map[uint32]*made{}} }

func wideText(s string) (b []byte) {
	for _, r := range s {
		b = append(b, byte(r), byte(r>>8))
	}
	return append(b, 0, 0)
}

// TestWindowsDescribe makes interfaces of rows that no machine here has.
func TestWindowsDescribe(t *testing.T) {
	eth := miblayout.IfRow{LUID: 6 << 48, Index: 7, Name: wideText("Ethernet"), Description: wideText("Adapter"), Type: 6, AdminUp: true,
		Oper: miblayout.IfUp, Flags: miblayout.IfHardware | miblayout.IfConnector, TxSpeed: 1e9, RxSpeed: 1e9, Address: []byte{1, 2, 3, 4, 5, 6},
		In: miblayout.IfCounters{Octets: 1 << 40, Unicast: 1 << 33, NonUnicast: 2, Discards: 3, Errors: 4}}
	for _, c := range []struct {
		name string
		edit func(*miblayout.IfRow)
		want func(*Interface) bool
	}{
		{"adapter", func(*miblayout.IfRow) {}, func(i *Interface) bool {
			return i.ID == 6<<48 && i.Name == "Ethernet" && i.Description == "Adapter" && i.Kind == Ethernet && i.Physical && i.Works() && i.State == Up &&
				i.Speed == 1e9 && i.RxSpeed == 0 && i.Width == 64 && i.RxBytes == 1<<40 && i.RxPackets == 1<<33+2 && i.RxDropped == 3 && i.RxErrors == 4
		}},
		{"filter", func(r *miblayout.IfRow) { r.Flags = miblayout.IfFilter }, func(i *Interface) bool { return i.Kind == Filter && !i.Physical }},
		{"named like a filter", func(r *miblayout.IfRow) { r.Name = wideText("Ethernet-WFP LightWeight Filter-0000") }, func(i *Interface) bool { return i.Kind == Ethernet && i.Physical }},
		{"switch port", func(r *miblayout.IfRow) { r.Flags = 0 }, func(i *Interface) bool { return i.Kind == Ethernet && !i.Physical }},
		{"asymmetric", func(r *miblayout.IfRow) { r.RxSpeed = 2e9 }, func(i *Interface) bool { return i.Speed == 1e9 && i.RxSpeed == 2e9 }},
		{"old wireless", func(r *miblayout.IfRow) { r.Medium = 9 }, func(i *Interface) bool { return i.Kind == WiFi }},
		{"teredo", func(r *miblayout.IfRow) { r.Tunnel = 14 }, func(i *Interface) bool { return i.Kind == Tunnel }},
		{"cable out", func(r *miblayout.IfRow) { r.Oper = miblayout.IfDown }, func(i *Interface) bool { return i.State == Down && i.Up && !i.Works() }},
		{"odd state", func(r *miblayout.IfRow) { r.Oper = 99 }, func(i *Interface) bool { return i.State == Unknown }},
		{"disabled", func(r *miblayout.IfRow) { r.AdminUp = false }, func(i *Interface) bool { return !i.Up }},
		{"no name", func(r *miblayout.IfRow) { r.Name = nil }, func(i *Interface) bool { return i.Name == "Adapter" }},
		{"32 bits", func(r *miblayout.IfRow) {
			r.LUID, r.Flags, r.Description = 0, 0, []byte("Old")
			r.In = miblayout.IfCounters{Octets: 5, Unicast: math.MaxUint32, NonUnicast: 2}
		}, func(i *Interface) bool {
			return i.ID == 7 && i.Name == "Old" && i.Width == 32 && i.Physical && i.RxPackets == 1 && i.RxBytes == 5
		}},
	} {
		r := eth
		c.edit(&r)
		if i := bareTable().describe(&r, miblayout.Addresses{}); !c.want(&i) {
			t.Errorf("%s: %+v", c.name, i)
		}
	}
}

func TestWindowsKinds(t *testing.T) {
	for typ, want := range map[uint32]Kind{1: Other, 6: Ethernet, 23: PPP, 24: Loopback, 53: Tun, 71: WiFi, 131: Tunnel, 135: VLAN, 136: VLAN,
		161: Bond, 199: InfiniBand, 209: Bridge, 243: Mobile, 244: Mobile, math.MaxUint32: Other} {
		if got := rowKind(&miblayout.IfRow{Type: typ}); got != want {
			t.Errorf("ifType %d is %v, want %v", typ, got, want)
		}
	}
}

// TestWindowsIdentity holds that an index given to another device is another interface, that a new name is not, and that what was
// handed out is not changed by either.
func TestWindowsIdentity(t *testing.T) {
	tab := bareTable()
	reading := func(r miblayout.IfRow) Interface {
		tab.round++
		defer tab.forget()
		return tab.describe(&r, miblayout.Addresses{})
	}
	row := miblayout.IfRow{Index: 7, Name: wideText("{1}"), Description: []byte("one"), Address: []byte{1}}
	first := reading(row)
	row.Description, row.Address = []byte("renamed"), []byte{2}
	renamed := reading(row)
	row.Name = wideText("{2}")
	other := reading(row)
	if renamed.ID != first.ID || other.ID == first.ID || first.Name != "one" || first.HardwareAddr[0] != 1 || renamed.Name != "renamed" || renamed.HardwareAddr[0] != 2 {
		t.Errorf("%+v\n%+v\n%+v", first, renamed, other)
	}
	if len(tab.known) != 1 {
		t.Errorf("%d interfaces are remembered", len(tab.known))
	}
}

// TestWindowsAmbiguous says that copies may be among the interfaces of GetIfTable, and only then.
func TestWindowsAmbiguous(t *testing.T) {
	a, b, lo := Interface{HardwareAddr: net.HardwareAddr{1}}, Interface{HardwareAddr: net.HardwareAddr{2}}, Interface{}
	if ambiguous([]Interface{a, b, lo, lo}) || !ambiguous([]Interface{a, lo, b, a}) {
		t.Error("one hardware address, and two")
	}
}

// TestWindowsANSI keeps what the code page has: letters of ASCII in any of them.
func TestWindowsANSI(t *testing.T) {
	for in, want := range map[string]string{"": "", "Adapter #2": "Adapter #2", strings.Repeat("x", 256): strings.Repeat("x", 256)} {
		if got := ansi([]byte(in)); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}
