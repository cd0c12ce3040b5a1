package miblayout

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kinds is every kind there is.
func kinds() (all []Kind) {
	for k := TCP4Basic; k <= UDP6Module; k++ {
		all = append(all, k)
	}
	return all
}

// put writes a table of rows made by the test: what a system would write, with garbage wherever it may stand.
func put(k Kind, rows ...Row) []byte {
	l, _ := k.Layout()
	b := make([]byte, int(l.First)+len(rows)*int(l.Size))
	for i := range b {
		b[i] = 0xee
	}
	binary.LittleEndian.PutUint32(b, uint32(len(rows)))
	for i, r := range rows {
		putRow(l, b[int(l.First)+i*int(l.Size):], r)
	}
	return b
}

func putRow(l Layout, b []byte, r Row) {
	u32 := func(at uint8, v uint32) {
		if Has(at) {
			binary.LittleEndian.PutUint32(b[at:], v)
		}
	}
	u64 := func(at uint8, v uint64) {
		if Has(at) {
			binary.LittleEndian.PutUint64(b[at:], v)
		}
	}
	ap := func(addr, port uint8, v netip.AddrPort) {
		if Has(addr) {
			copy(b[addr:], v.Addr().AsSlice())
			binary.BigEndian.PutUint16(b[port:], v.Port()) // the upper two bytes keep their garbage
		}
	}
	ap(l.Local, l.LocalPort, r.Local)
	ap(l.Remote, l.RemotePort, r.Remote)
	u32(l.LocalScope, r.LocalScope)
	u32(l.RemoteScope, r.RemoteScope)
	u32(l.State, uint32(r.State))
	u32(l.PID, r.PID)
	u32(l.Flags, r.Flags)
	u64(l.Created, uint64(r.Created))
	u64(l.Module, r.Module)
}

// sample is a row with a value in every field that the kind has.
func sample(k Kind, i int) Row {
	l, _ := k.Layout()
	local, remote := "192.0.2.1", "198.51.100.7"
	if l.V6 {
		local, remote = "fe80::1", "2001:db8::7"
	}
	r := Row{Local: netip.AddrPortFrom(netip.MustParseAddr(local), uint16(1000+i))}
	if Has(l.Remote) {
		r.Remote, r.State = netip.AddrPortFrom(netip.MustParseAddr(remote), 0xfffe), TimeWait
	}
	if Has(l.LocalScope) {
		r.LocalScope = 12
	}
	if Has(l.RemoteScope) {
		r.RemoteScope = 13
	}
	if Has(l.PID) {
		r.PID = 4242
	}
	if Has(l.Created) {
		r.Created, r.Module = 133801632000000001, 0x1122334455667788
	}
	if Has(l.Flags) {
		r.Flags = 1
	}
	return r
}

func TestParse(t *testing.T) {
	for _, k := range kinds() {
		want := []Row{sample(k, 0), sample(k, 1), sample(k, 2)}
		tab, err := Parse(k, append(put(k, want...), "the system asks for more than it fills"...))
		if err != nil || tab.Len() != len(want) {
			t.Errorf("%v: %d rows, %v", k, tab.Len(), err)
			continue
		}
		for i := range want {
			if got := tab.Row(i); got != want[i] {
				t.Errorf("%v row %d: %+v\nwant %+v", k, i, got, want[i])
			}
			if p := tab.LocalPort(i); p != want[i].Local.Port() {
				t.Errorf("%v row %d: port %d", k, i, p)
			}
		}
	}
}

func TestParseEmpty(t *testing.T) {
	for _, k := range kinds() {
		// Without rows the padding behind the count need not be there.
		if tab, err := Parse(k, make([]byte, 4)); err != nil || tab.Len() != 0 {
			t.Errorf("%v: %d rows, %v", k, tab.Len(), err)
		}
	}
	if n := (Table{}).Len(); n != 0 {
		t.Errorf("the zero table has %d rows", n)
	}
}

func TestParseShort(t *testing.T) {
	for _, k := range kinds() {
		whole := put(k, sample(k, 0), sample(k, 1))
		for n := range len(whole) {
			_, err := Parse(k, whole[:n])
			var size *SizeError
			if !errors.As(err, &size) || size.Len != n || size.Kind != k {
				t.Fatalf("%v cut to %d bytes: %v", k, n, err)
			}
		}
	}
}

func TestErrorsQuote(t *testing.T) {
	_, err := Parse(TCP4Module, []byte{0xff, 0xff, 0xff, 0xff, 1, 2, 3})
	want := "MIB_TCPTABLE_OWNER_MODULE of 7 bytes claims 4294967295 rows: begins ff ff ff ff 01 02 03"
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	for _, k := range []Kind{0, UDP6Module + 1, 255} {
		if _, err := Parse(k, make([]byte, 64)); err == nil || !strings.Contains(err.Error(), "no kind") {
			t.Errorf("kind %d: %v", k, err)
		}
	}
}

func TestTime(t *testing.T) {
	for ft, want := range map[int64]time.Time{
		0:                  {},
		-1:                 {},
		unixEpoch:          time.Unix(0, 0),
		unixEpoch - 1:      time.Unix(0, -100),
		133801632000000001: time.Date(2025, 1, 1, 0, 0, 0, 100, time.UTC),
	} {
		if got := Time(ft); !got.Equal(want) {
			t.Errorf("%d: %v, want %v", ft, got, want)
		}
	}
	if got := Time(1<<63 - 1).Year(); got != 30828 { // the last FILETIME
		t.Errorf("the last year is %d", got)
	}
}

// TestStates holds the numbers of MIB_TCP_STATE, <tcpmib.h>.
func TestStates(t *testing.T) {
	for s, want := range map[State]uint32{Closed: 1, Listen: 2, SynSent: 3, SynRcvd: 4, Estab: 5, FinWait1: 6, FinWait2: 7,
		CloseWait: 8, Closing: 9, LastAck: 10, TimeWait: 11, DeleteTCB: 12} {
		if uint32(s) != want {
			t.Errorf("%v is %d, want %d", s, uint32(s), want)
		}
	}
}

// captured returns the tables in testdata, which iphlpapi's test wrote under Wine, by the number of their kind.
func captured(t testing.TB) map[Kind][]byte {
	all := map[Kind][]byte{}
	for _, k := range kinds() {
		b, err := os.ReadFile(filepath.Join("testdata", k.String()+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		all[k] = b
	}
	return all
}

// TestCaptured reads tables as a system wrote them. Each was taken with a listener, both ends of a connection and a UDP
// socket of one process open on the loopback address of its family.
func TestCaptured(t *testing.T) {
	for k, b := range captured(t) {
		tab, err := Parse(k, b)
		if err != nil {
			t.Error(err)
			continue
		}
		l, _ := k.Layout()
		loopback, states := 0, map[State]int{}
		for i := range tab.Len() {
			r := tab.Row(i)
			if r.Local.Addr().IsLoopback() {
				loopback++
			}
			states[r.State]++
			if Has(l.PID) && r.PID == 0 && r.State != TimeWait {
				t.Errorf("%v: no owner: %+v", k, r)
			}
		}
		if loopback == 0 || Has(l.State) && (states[Listen] == 0 || states[Estab] < 2) {
			t.Errorf("%v: %d rows of loopback, states %v", k, loopback, states)
		}
	}
}

func FuzzParse(f *testing.F) {
	for k, b := range captured(f) {
		f.Add(uint8(k), b)
	}
	for _, k := range kinds() {
		f.Add(uint8(k), put(k, sample(k, 0)))
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		k := Kind(kind)
		tab, err := Parse(k, b)
		if err != nil {
			_ = err.Error()
			return
		}
		l, _ := k.Layout()
		for i := range tab.Len() {
			r := tab.Row(i)
			if len(tab.Raw(i)) != int(l.Size) || tab.LocalPort(i) != r.Local.Port() {
				t.Fatalf("row %d: %+v", i, r)
			}
			_ = Time(r.Created).String()
		}
	})
}

func BenchmarkRow(b *testing.B) {
	rows := make([]Row, 1000)
	for i := range rows {
		rows[i] = sample(TCP4PID, i)
	}
	tab, err := Parse(TCP4PID, put(TCP4PID, rows...))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for i := range tab.Len() {
			_ = tab.Row(i)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/row")
}
