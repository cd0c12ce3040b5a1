package ifstat

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// table reads GetIfTable2, or GetIfTable, and GetUnicastIpAddressTable. Between readings it holds memory only, no handle.
type table struct {
	method Method
	why    error // that GetIfTable2 did not work, with Auto

	rows2, addrs iphlpapi.Memory
	rows1        iphlpapi.Buffer
	known        map[uint64]*known
	made         map[uint32]*made // GetIfTable only
	round        uint64
	own          []netip.Prefix
	interfaces2  func(*iphlpapi.Memory) error // (*iphlpapi.Memory).Interfaces2
}

func openTable(cfg *Config) (*table, error) {
	if cfg.NetNS != "" || cfg.AllNetNS {
		return nil, fmt.Errorf("network namespaces: %w on Windows", errors.ErrUnsupported)
	}
	t := &table{method: cfg.Method, known: map[uint64]*known{}, made: map[uint32]*made{}, interfaces2: (*iphlpapi.Memory).Interfaces2}
	switch cfg.Method {
	case Auto, IfTable:
		return t, nil
	case IfTable2:
		defer t.rows2.Free()
		if err := t.interfaces2(&t.rows2); err != nil {
			return nil, err
		}
		return t, nil
	}
	return nil, fmt.Errorf("method %v on Windows: %w", cfg.Method, errors.ErrUnsupported)
}

func (*table) close() error { return nil }

// changed asks for a reading: the notices that Windows has of this (NotifyIpInterfaceChange) come in threads of its own.
func (*table) changed() (bool, error) { return true, nil }

func (t *table) read(s *Snapshot) error {
	defer t.rows2.Free()
	defer t.addrs.Free()
	tab, err := t.load(s)
	if err != nil {
		return err
	}
	addrs := t.addresses(s)
	t.round++
	for i := range tab.Len() {
		r := tab.Row(i)
		s.Interfaces = append(s.Interfaces, t.describe(&r, addrs))
	}
	t.forget()
	slices.SortFunc(s.Interfaces, func(a, b Interface) int { return int(int64(a.Index) - int64(b.Index)) })
	if s.Method == IfTable && ambiguous(s.Interfaces) {
		s.Partial = append(s.Partial, errCopies)
	}
	return nil
}

// errCopies is said where only names would tell a filter driver's copy of an adapter from the adapter.
var errCopies = errors.New("GetIfTable does not tell the copies that filter drivers make of an adapter: a total may hold their packets more than once")

// ambiguous reports whether two interfaces have the same hardware address, as an adapter and its copies do.
func ambiguous(all []Interface) bool {
	for i := range all {
		for j := range i {
			if len(all[i].HardwareAddr) > 0 && slices.Equal(all[i].HardwareAddr, all[j].HardwareAddr) {
				return true
			}
		}
	}
	return false
}

// load reads the interfaces by GetIfTable2. With Auto, once that has failed, it reads them by GetIfTable for good: going
// back and forth would make every interface another each time.
func (t *table) load(s *Snapshot) (miblayout.Interfaces, error) {
	if t.method != IfTable && t.why == nil {
		tab, err := t.load2()
		if err == nil || t.method == IfTable2 {
			s.Method = IfTable2
			return tab, err
		}
		t.why = fmt.Errorf("counters have 32 bits: %w", err)
	}
	s.Method = IfTable
	raw, err := t.rows1.Interfaces(false)
	if err != nil {
		return miblayout.Interfaces{}, errors.Join(t.why, err)
	}
	if t.why != nil {
		s.Partial = append(s.Partial, t.why)
	}
	return miblayout.ParseInterfaces(miblayout.IfTable1, raw)
}

func (t *table) load2() (miblayout.Interfaces, error) {
	if err := t.interfaces2(&t.rows2); err != nil {
		return miblayout.Interfaces{}, err
	}
	return miblayout.ParseInterfaces(miblayout.IfTable2, t.rows2.Bytes())
}

// addresses reads the addresses of all interfaces; none, and why, where that fails.
func (t *table) addresses(s *Snapshot) (a miblayout.Addresses) {
	err := t.addrs.Addresses()
	if err == nil {
		a, err = miblayout.ParseAddresses(t.addrs.Bytes())
	}
	if err != nil {
		s.Partial = append(s.Partial, fmt.Errorf("addresses: %w", err))
	}
	return a
}

// describe makes an Interface of a row.
func (t *table) describe(r *miblayout.IfRow, addrs miblayout.Addresses) Interface {
	id, width := r.LUID, uint8(64)
	if id == 0 {
		id, width = t.identity(r), 32
	}
	k := t.lookup(id, r, width)
	k.address(t.gather(r, addrs))
	i := Interface{ID: id, Index: r.Index, Name: k.name, Description: k.description, Kind: rowKind(r), Type: r.Type,
		Physical: rowPhysical(r), Up: r.AdminUp, State: rowState(r.Oper), MTU: r.MTU, Speed: r.TxSpeed, HardwareAddr: k.hardware,
		Addrs: k.addrs, Width: width, Counters: countersOf(r, width)}
	if r.RxSpeed != r.TxSpeed {
		i.RxSpeed = r.RxSpeed
	}
	return i
}

// countersOf adds up what Windows counts apart. A sum of counters that begin again at 2^32 does so too, when it is cut there.
func countersOf(r *miblayout.IfRow, width uint8) Counters {
	packets := func(c *miblayout.IfCounters) uint64 {
		return (c.Unicast + c.NonUnicast) << (64 - width) >> (64 - width)
	}
	return Counters{RxBytes: r.In.Octets, RxPackets: packets(&r.In), RxErrors: r.In.Errors, RxDropped: r.In.Discards,
		TxBytes: r.Out.Octets, TxPackets: packets(&r.Out), TxErrors: r.Out.Errors, TxDropped: r.Out.Discards}
}
