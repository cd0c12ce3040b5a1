package miblayout

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"
)

// table is a table of the kind with these rows, structs of ifstruct_test.go, and garbage where the padding is.
func table[T any](k IfKind, rows ...T) []byte {
	b := make([]byte, ifLayouts[k].first)
	for i := range b {
		b[i] = 0xee
	}
	binary.LittleEndian.PutUint32(b, uint32(len(rows)))
	for i := range rows {
		b = append(b, unsafe.Slice((*byte)(unsafe.Pointer(&rows[i])), unsafe.Sizeof(rows[i]))...)
	}
	return b
}

func wide(dst []uint16, s string) {
	for i, r := range s {
		dst[i] = uint16(r)
	}
}

func row1() (r mibIfRow) {
	wide(r.Name[:], `\DEVICE\TCPIP_{1}`)
	copy(r.PhysAddr[:], "\x02\x00\x00\x00\x00\x01\xee\xee")
	copy(r.Descr[:], "Adapter")
	r.Index, r.Type, r.Mtu, r.Speed, r.PhysAddrLen, r.AdminStatus, r.OperStatus, r.LastChange = 7, 6, 1500, 1e9, 6, 1, 5, 99
	r.InOctets, r.InUcast, r.InNUcast, r.InDiscards, r.InErrors, r.Unknown = math.MaxUint32, 2, 3, 4, 5, 6
	r.OutOctets, r.OutUcast, r.OutNUcast, r.OutDiscards, r.OutErrors, r.OutQLen = 11, 12, 13, 14, 15, 16
	r.DescrLen = 8
	return r
}

func row2() (r mibIfRow2) {
	wide(r.Alias[:], "Ethernet 2")
	wide(r.Description[:], "Adapter")
	copy(r.PhysAddr[:], "\x02\x00\x00\x00\x00\x01\xee")
	copy(r.PermanentPhysAddr[:], "\x02\x00\x00\x00\x00\x02\xee")
	r.Luid, r.Index, r.GUID, r.PhysAddrLen = 6<<48|5<<24, 7, [16]byte{1, 15: 16}, 6
	r.Mtu, r.Type, r.TunnelType, r.MediaType, r.PhysicalMediumType, r.AccessType, r.DirectionType = 1500, 6, 2, 3, 14, 4, 5
	r.Flags, r.OperStatus, r.AdminStatus, r.MediaConnectState = 5, 1, 1, 1
	r.TransmitLinkSpeed, r.ReceiveLinkSpeed = 1e10, math.MaxUint64
	r.InOctets, r.InUcast, r.InNUcast, r.InDiscards, r.InErrors = 1<<40, 2, 3, 4, 5
	r.OutOctets, r.OutUcast, r.OutNUcast, r.OutDiscards, r.OutErrors = 11, 12, 13, 14, 15
	r.InUnknown, r.InUcastOctets, r.OutUcastOctets, r.QueueLen = 99, 99, 99, 99
	return r
}

func unicast6() (r mibUnicast) {
	binary.LittleEndian.PutUint16(r.Address[:], 23)
	copy(r.Address[8:], netip.MustParseAddr("fe80::1").AsSlice())
	r.Address[24] = 7
	r.Luid, r.Index, r.OnLinkPrefixLength, r.DadState, r.ScopeID = 1<<48, 7, 64, 4, 99
	return r
}

func TestInterfaces1(t *testing.T) {
	tab, err := ParseInterfaces(IfTable1, append(table(IfTable1, mibIfRow{}, row1()), "more than it fills"...))
	if err != nil || tab.Len() != 2 {
		t.Fatalf("%d rows, %v", tab.Len(), err)
	}
	r := tab.Row(1)
	if UTF16(r.Name) != `\DEVICE\TCPIP_{1}` || string(r.Description) != "Adapter" || !bytes.Equal(r.Address, []byte{2, 0, 0, 0, 0, 1}) {
		t.Errorf("%+v", r)
	}
	if r.LUID != 0 || r.Index != 7 || r.Type != 6 || r.MTU != 1500 || !r.AdminUp || r.Oper != IfUp || r.TxSpeed != 1e9 || r.RxSpeed != 1e9 {
		t.Errorf("%+v", r)
	}
	if r.In != (IfCounters{math.MaxUint32, 2, 3, 4, 5}) || r.Out != (IfCounters{11, 12, 13, 14, 15}) {
		t.Errorf("%+v", r)
	}
	if r := tab.Row(0); r.AdminUp || r.Oper != IfDown || len(r.Address) != 0 || len(r.Description) != 0 || UTF16(r.Name) != "" {
		t.Errorf("%+v", r)
	}
}

// TestInterfaces1Odd takes no more than the arrays hold, whatever the lengths say, and tells a speed that does not fit.
func TestInterfaces1Odd(t *testing.T) {
	odd := row1()
	odd.PhysAddrLen, odd.DescrLen, odd.Speed, odd.OperStatus = 9, math.MaxUint32, math.MaxUint32, 6
	for i := range odd.Descr {
		odd.Descr[i] = 'x'
	}
	for i := range odd.Name {
		odd.Name[i] = 'y'
	}
	tab, err := ParseInterfaces(IfTable1, table(IfTable1, odd))
	if err != nil {
		t.Fatal(err)
	}
	r := tab.Row(0)
	if len(r.Address) != 8 || len(r.Description) != 256 || r.TxSpeed != 0 || r.RxSpeed != 0 || r.Oper != IfUnknown || UTF16(r.Name) != strings.Repeat("y", 256) {
		t.Errorf("%+v", r)
	}
}

func TestInterfaces2(t *testing.T) {
	odd := row2()
	odd.PhysAddrLen, odd.Flags, odd.AdminStatus, odd.OperStatus = math.MaxUint32, 1<<1, 2, 99
	tab, err := ParseInterfaces(IfTable2, table(IfTable2, odd, row2()))
	if err != nil || tab.Len() != 2 {
		t.Fatalf("%d rows, %v", tab.Len(), err)
	}
	r := tab.Row(1)
	if UTF16(r.Name) != "Ethernet 2" || UTF16(r.Description) != "Adapter" || r.Address[5] != 1 || r.Permanent[5] != 2 || len(r.Address) != 6 {
		t.Errorf("%+v", r)
	}
	if r.LUID != 6<<48|5<<24 || r.Index != 7 || r.GUID != [16]byte{1, 15: 16} || r.MTU != 1500 || r.Type != 6 || r.Tunnel != 2 || r.Medium != 14 {
		t.Errorf("%+v", r)
	}
	if r.Flags != IfHardware|IfConnector || r.Oper != IfUp || !r.AdminUp || r.TxSpeed != 1e10 || r.RxSpeed != 0 {
		t.Errorf("%+v", r)
	}
	if r.In != (IfCounters{1 << 40, 2, 3, 4, 5}) || r.Out != (IfCounters{11, 12, 13, 14, 15}) {
		t.Errorf("%+v", r)
	}
	if r := tab.Row(0); len(r.Address) != 32 || len(r.Permanent) != 32 || r.Flags != IfFilter || r.AdminUp || r.Oper != 99 {
		t.Errorf("%+v", r)
	}
}

// TestIfEnums holds the numbers of <netioapi.h> and <ifdef.h>.
func TestIfEnums(t *testing.T) {
	for i, f := range []IfFlags{IfHardware, IfFilter, IfConnector, IfNotAuthenticated, IfNotMediaConnected, IfPaused, IfLowPower, IfEndPoint} {
		if f != 1<<i {
			t.Errorf("flag %d is %d", i, f)
		}
	}
	for s, want := range map[IfOper]string{1: "up", 2: "down", 3: "testing", 4: "unknown", 5: "dormant", 6: "notPresent", 7: "lowerLayerDown"} {
		if s.String() != want {
			t.Errorf("%d is %v", s, s)
		}
	}
}

func TestAddresses(t *testing.T) {
	var v4, illegal, other mibUnicast
	binary.LittleEndian.PutUint16(v4.Address[:], 2)
	copy(v4.Address[2:], "\xee\xee\xc0\x00\x02\x01")
	v4.Index, v4.OnLinkPrefixLength = 3, 24
	illegal = v4
	illegal.OnLinkPrefixLength = 255
	other.Address[0] = 99
	tab, err := ParseAddresses(table(IfUnicast, v4, unicast6(), illegal, other))
	if err != nil || tab.Len() != 4 {
		t.Fatalf("%d rows, %v", tab.Len(), err)
	}
	for i, want := range []IfAddr{
		{Index: 3, Prefix: netip.MustParsePrefix("192.0.2.1/24")},
		{LUID: 1 << 48, Index: 7, Prefix: netip.MustParsePrefix("fe80::1/64"), Scope: 7, Dad: 4},
		{Index: 3, Prefix: netip.MustParsePrefix("192.0.2.1/32")},
		{},
	} {
		if got := tab.Row(i); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}

func TestIfShort(t *testing.T) {
	for k, whole := range map[IfKind][]byte{IfTable1: table(IfTable1, row1(), row1()), IfTable2: table(IfTable2, row2()), IfUnicast: table(IfUnicast, unicast6())} {
		if k.Size(binary.LittleEndian.Uint32(whole)) != uint64(len(whole)) {
			t.Errorf("%v: %d bytes of %d", k, k.Size(binary.LittleEndian.Uint32(whole)), len(whole))
		}
		for n := range len(whole) {
			_, err := parseIf(k, whole[:n])
			var size *SizeError
			if !errors.As(err, &size) || size.Len != n || size.Kind != k || !strings.HasPrefix(err.Error(), k.String()) {
				t.Fatalf("%v cut to %d bytes: %v", k, n, err)
			}
		}
		if n, err := parseIf(k, make([]byte, 4)); err != nil || n != 0 {
			t.Errorf("%v without rows: %d, %v", k, n, err)
		}
	}
	for _, k := range []IfKind{0, IfUnicast, IfUnicast + 1, 255} {
		if _, err := ParseInterfaces(k, make([]byte, 4)); err == nil || !strings.Contains(err.Error(), "no kind") {
			t.Errorf("%v: %v", k, err)
		}
	}
	if n := IfKind(255).Size(1); n != 0 || (Interfaces{}).Len() != 0 {
		t.Error(n)
	}
}

func parseIf(k IfKind, b []byte) (int, error) {
	if k == IfUnicast {
		tab, err := ParseAddresses(b)
		return tab.Len(), err
	}
	tab, err := ParseInterfaces(k, b)
	return tab.Len(), err
}

func TestUTF16(t *testing.T) {
	for s, b := range map[string]string{"": "", "a": "a\x00b", "\U0001f600": "\x3d\xd8\x00\xde\x00\x00x\x00", "\ufffd": "\x3d\xd8"} {
		if got := UTF16([]byte(b)); got != s {
			t.Errorf("% x: %q, want %q", b, got, s)
		}
	}
}

func capturedIf(t testing.TB) map[IfKind][]byte {
	all := map[IfKind][]byte{}
	for k := IfTable1; k <= IfUnicast; k++ {
		b, err := os.ReadFile(filepath.Join("testdata", k.String()+".bin"))
		if err != nil {
			t.Fatal(err)
		}
		all[k] = b
	}
	return all
}

// TestCapturedInterfaces reads the three tables as a system wrote them, one after the other: they tell of the same interfaces.
func TestCapturedInterfaces(t *testing.T) {
	raw := capturedIf(t)
	one, err1 := ParseInterfaces(IfTable1, raw[IfTable1])
	two, err2 := ParseInterfaces(IfTable2, raw[IfTable2])
	addrs, err3 := ParseAddresses(raw[IfUnicast])
	if err := errors.Join(err1, err2, err3); err != nil || one.Len() != two.Len() || one.Len() == 0 || addrs.Len() == 0 {
		t.Fatalf("%d, %d and %d rows, %v", one.Len(), two.Len(), addrs.Len(), err)
	}
	byIndex := map[uint32]IfRow{}
	for i := range two.Len() {
		byIndex[two.Row(i).Index] = two.Row(i)
	}
	for i := range one.Len() {
		a, b := one.Row(i), byIndex[one.Row(i).Index]
		if a.Type != b.Type || a.MTU != b.MTU || a.Oper != b.Oper || a.AdminUp != b.AdminUp || !bytes.Equal(a.Address, b.Address) {
			t.Errorf("%+v\n%+v", a, b)
		}
		if b.In.Octets < a.In.Octets || b.In.Octets-a.In.Octets > 1<<20 {
			t.Errorf("%d bytes, then %d", a.In.Octets, b.In.Octets)
		}
	}
	loopback := false
	for i := range addrs.Len() {
		a := addrs.Row(i)
		r, ok := byIndex[a.Index]
		if !ok || r.LUID != a.LUID {
			t.Errorf("%+v is of no interface", a)
		}
		loopback = loopback || a.Prefix == netip.MustParsePrefix("127.0.0.1/8") && r.Type == 24
	}
	if !loopback {
		t.Error("no 127.0.0.1/8")
	}
}

func FuzzInterfaces(f *testing.F) {
	for k, b := range capturedIf(f) {
		f.Add(uint8(k), b)
	}
	f.Add(uint8(IfTable1), table(IfTable1, row1()))
	f.Add(uint8(IfTable2), table(IfTable2, row2()))
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		tab, err := ParseInterfaces(IfKind(kind), b)
		if err != nil {
			_ = err.Error()
			return
		}
		for i := range tab.Len() {
			r := tab.Row(i)
			_, _, _ = UTF16(r.Name), UTF16(r.Description), r.Oper.String()
			if len(r.Address) > 32 || len(r.Permanent) > 32 {
				t.Fatalf("%+v", r)
			}
		}
	})
}

func FuzzAddresses(f *testing.F) {
	f.Add(capturedIf(f)[IfUnicast])
	f.Add(table(IfUnicast, unicast6()))
	f.Fuzz(func(t *testing.T, b []byte) {
		tab, err := ParseAddresses(b)
		if err != nil {
			_ = err.Error()
			return
		}
		for i := range tab.Len() {
			if r := tab.Row(i); r.Prefix != (netip.Prefix{}) && !r.Prefix.IsValid() {
				t.Fatalf("%+v", r)
			}
		}
	})
}
