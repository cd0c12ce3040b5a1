package iphlpapi

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

func saveIf(t *testing.T, k miblayout.IfKind, raw []byte, rows int) {
	if *capture == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(*capture, k.String()+".bin"), raw[:k.Size(uint32(rows))], 0o644); err != nil {
		t.Error(err)
	}
}

func interfaces1(t *testing.T, b *Buffer) (miblayout.Interfaces, []byte) {
	t.Helper()
	raw, err := b.Interfaces(true)
	if err != nil {
		t.Fatal(err)
	}
	tab, err := miblayout.ParseInterfaces(miblayout.IfTable1, raw)
	if err != nil || tab.Len() == 0 {
		t.Fatalf("%d rows, %v", tab.Len(), err)
	}
	return tab, raw
}

func interfaces2(t *testing.T) miblayout.Interfaces {
	t.Helper()
	m := new(Memory)
	t.Cleanup(m.Free)
	if err := m.Interfaces2(); err != nil {
		t.Fatal(err)
	}
	tab, err := miblayout.ParseInterfaces(miblayout.IfTable2, m.Bytes())
	if err != nil || tab.Len() == 0 {
		t.Fatalf("%d rows, %v", tab.Len(), err)
	}
	saveIf(t, miblayout.IfTable2, m.Bytes(), tab.Len())
	return tab
}

// TestInterfaces holds the two tables against each other: what they tell of an interface is the same.
func TestInterfaces(t *testing.T) {
	var b Buffer
	one, raw := interfaces1(t, &b)
	saveIf(t, miblayout.IfTable1, raw, one.Len())
	two := interfaces2(t)
	byIndex := map[uint32]miblayout.IfRow{}
	for i := range two.Len() {
		r := two.Row(i)
		byIndex[r.Index] = r
		if r.LUID == 0 || r.Index == 0 || r.Type == 0 || miblayout.UTF16(r.Name) == "" {
			t.Errorf("%+v", r)
		}
	}
	loopbacks := 0
	for i := range one.Len() {
		r := one.Row(i)
		w, ok := byIndex[r.Index]
		if !ok || r.Type != w.Type || r.MTU != w.MTU || r.Oper != w.Oper || r.AdminUp != w.AdminUp || !bytes.Equal(r.Address, w.Address) {
			t.Errorf("GetIfTable: %+v\nGetIfTable2: %+v", r, w)
		}
		if i > 0 && one.Row(i-1).Index >= r.Index {
			t.Error("not ordered")
		}
		if r.Type == windows.IF_TYPE_SOFTWARE_LOOPBACK {
			loopbacks++
		}
		t.Logf("%d %q %q %v: %d and %d bytes in, %d out", r.Index, miblayout.UTF16(w.Name), r.Description, w.Oper, r.In.Octets, w.In.Octets, w.Out.Octets)
	}
	if loopbacks == 0 {
		t.Error("no loopback interface")
	}
}

// TestInterfacesGrow reads GetIfTable's table out of the smallest buffer.
func TestInterfacesGrow(t *testing.T) {
	b := Buffer{b: make([]byte, 4)}
	interfaces1(t, &b)
}

func TestAddresses(t *testing.T) {
	var m Memory
	defer m.Free()
	if err := m.Addresses(); err != nil {
		t.Fatal(err)
	}
	tab, err := miblayout.ParseAddresses(m.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	saveIf(t, miblayout.IfUnicast, m.Bytes(), tab.Len())
	two, found := interfaces2(t), false
	for i := range tab.Len() {
		a := tab.Row(i)
		found = found || a.Prefix == netip.MustParsePrefix("127.0.0.1/8")
		known := false
		for j := range two.Len() {
			known = known || two.Row(j).Index == a.Index && two.Row(j).LUID == a.LUID
		}
		if !known || !a.Prefix.IsValid() {
			t.Errorf("%+v", a)
		}
	}
	if !found {
		t.Errorf("127.0.0.1/8 is not among %d addresses", tab.Len())
	}
}

// TestMemory takes what the system answers for what it is, and gives it back once.
func TestMemory(t *testing.T) {
	var m Memory
	err := m.read("f", miblayout.IfTable2, func(**byte) error { return windows.ERROR_NOT_SUPPORTED })
	var call *CallError
	if !errors.As(err, &call) || call.Func != "f" || !errors.Is(err, windows.ERROR_NOT_SUPPORTED) {
		t.Error(err)
	}
	if err := m.read("f", miblayout.IfTable2, func(**byte) error { return nil }); !errors.Is(err, windows.ERROR_INVALID_DATA) {
		t.Error(err)
	}
	none := uint32(0)
	err = m.read("f", miblayout.IfTable2, func(p **byte) error { *p = (*byte)(unsafe.Pointer(&none)); return nil })
	if err != nil || len(m.Bytes()) != 4 {
		t.Errorf("%d bytes, %v", len(m.Bytes()), err)
	}
	m = Memory{} // that one was not the system's to free
	for range 3 {
		if err := m.Interfaces2(); err != nil || len(m.Bytes()) < 8+1352 {
			t.Fatalf("%d bytes, %v", len(m.Bytes()), err)
		}
	}
	m.Free()
	m.Free()
	if len(m.Bytes()) != 0 {
		t.Error("freed memory is still shown")
	}
}

func TestMemoryAgainCostsNothing(t *testing.T) {
	m := new(Memory)
	defer m.Free()
	if n := testing.AllocsPerRun(20, func() {
		if err := errors.Join(m.Interfaces2(), m.Addresses()); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
