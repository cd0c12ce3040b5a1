package ifstat

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// snapshotOf is what a table makes of rows.
func snapshotOf(tab *table, at time.Duration, rows ...miblayout.IfRow) *Snapshot {
	s := &Snapshot{Time: time.Unix(1e9, 0).Add(at), Method: IfTable2}
	tab.round++
	for i := range rows {
		s.Interfaces = append(s.Interfaces, tab.describe(&rows[i], miblayout.Addresses{}))
	}
	tab.forget()
	return s
}

// TestWindowsTotal counts a packet once that an adapter, the copies of it by filter drivers, a virtual switch on it and a
// VPN through it have all counted.
func TestWindowsTotal(t *testing.T) {
	row := func(luid uint64, name string, typ uint32, flags miblayout.IfFlags, bytes uint64) miblayout.IfRow {
		return miblayout.IfRow{LUID: luid, Index: uint32(luid), Name: wideText(name), Type: typ, Flags: flags, AdminUp: true, Oper: miblayout.IfUp,
			Address: []byte{2, 0, 0, 0, 0, 1}, In: miblayout.IfCounters{Octets: bytes}}
	}
	rows := func(n uint64) []miblayout.IfRow {
		return []miblayout.IfRow{
			row(1, "Loopback Pseudo-Interface 1", 24, 0, n),
			row(2, "Ethernet", 6, miblayout.IfHardware|miblayout.IfConnector, n),
			row(3, "Ethernet-WFP Native MAC Layer LightWeight Filter-0000", 6, miblayout.IfFilter, n),
			row(4, "Ethernet-QoS Packet Scheduler-0000", 6, miblayout.IfFilter, n),
			row(5, "vEthernet (Default Switch)", 6, 0, n),
			row(6, "wg0", 53, 0, n),
			row(7, "Teredo Tunneling Pseudo-Interface", 131, 0, n),
		}
	}
	tab, m := bareTable(), new(Meter)
	m.Add(snapshotOf(tab, 0, rows(1000)...))
	readings := m.Add(snapshotOf(tab, time.Second, rows(4000)...))
	var excluded []Exclusion
	for _, r := range readings {
		excluded = append(excluded, r.Excluded)
		if r.Amount.RxBytes != 3000 {
			t.Errorf("%s: %+v", r.Interface.Name, r)
		}
	}
	if want := []Exclusion{IsLoopback, Counted, IsCopy, IsCopy, IsInner, IsInner, IsTunnel}; !slices.Equal(excluded, want) {
		t.Errorf("%v, want %v", excluded, want)
	}
	if total := m.Total(); total.Amount.RxBytes != 3000 || total.Rate().RxBytes != 3000 || len(total.Counted) != 1 || total.Counted[0].Name != "Ethernet" {
		t.Errorf("%+v", total)
	}
}

// TestWindowsWrap undoes the end of 32 bits, of bytes and of packets, whose counter is the sum of two that wrap apart.
func TestWindowsWrap(t *testing.T) {
	row := func(octets, unicast, other uint32) miblayout.IfRow {
		return miblayout.IfRow{Index: 2, Name: wideText("{1}"), Description: []byte("Adapter"), Type: 6, AdminUp: true, Oper: miblayout.IfUp, Address: []byte{2},
			TxSpeed: 1e9, RxSpeed: 1e9, In: miblayout.IfCounters{Octets: uint64(octets), Unicast: uint64(unicast), NonUnicast: uint64(other)}}
	}
	tab, m := bareTable(), new(Meter)
	m.Add(snapshotOf(tab, 0, row(math.MaxUint32-99, math.MaxUint32-9, 5)))
	for i, c := range []struct {
		row   miblayout.IfRow
		bytes uint64
		pkts  uint64
	}{
		{row(900, math.MaxUint32-6, 5), 1000, 3}, // the bytes wrap
		{row(1900, math.MaxUint32, 8), 1000, 9},  // the sum of packets wraps, and neither of its parts
		{row(2900, 9, 8), 1000, 10},              // one of the parts wraps, and the sum does not
	} {
		r := m.Add(snapshotOf(tab, time.Duration(i+1)*time.Second, c.row))[0]
		if r.Amount.RxBytes != c.bytes || r.Amount.RxPackets != c.pkts || r.Reset || r.First || r.AtLeast {
			t.Errorf("reading %d: %+v, want %d bytes, %d packets", i, r, c.bytes, c.pkts)
		}
	}
	if sum := m.Total().Sum; sum.RxBytes != 3000 || sum.RxPackets != 22 {
		t.Errorf("%+v", sum)
	}
}
