package history

import (
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
)

// traffic is what interfaces moved since the last write, in slots of a second, a minute and an hour. A slot has amounts and
// how much of its time they cover: the rate is their quotient.
type traffic struct {
	snap  ifstat.Snapshot
	meter ifstat.Meter
	slots map[slotKey]*slot
}

// grains are the lengths of slots in seconds, and how long they are kept.
var grains = [...]struct {
	seconds int64
	kept    time.Duration // 0: as Limits.Months says
}{{1, time.Hour}, {60, 31 * day}, {3600, 0}}

type slotKey struct {
	iface
	seconds, time int64
}

type slot struct {
	covered int64 // microseconds
	ifstat.Counters
}

func (t *traffic) read(from Interfaces, now time.Time) error {
	if err := from.Read(&t.snap); err != nil {
		return err
	}
	for _, g := range t.meter.Add(&t.snap) {
		if g.Elapsed > 0 {
			t.add(iface{g.Interface.Name, g.Interface.NetNS, g.Interface.Kind.String()}, now, g.Elapsed, &g.Amount)
		}
	}
	if all := t.meter.Total(); all.Elapsed > 0 {
		t.add(iface{name: "", kind: "total"}, now, all.Elapsed, &all.Amount)
	}
	return nil
}

// add puts an amount into the slots in which its time ended.
func (t *traffic) add(i iface, now time.Time, elapsed time.Duration, amount *ifstat.Counters) {
	if t.slots == nil {
		t.slots = make(map[slotKey]*slot)
	}
	for _, g := range grains {
		key := slotKey{i, g.seconds, (now.UnixMicro() - 1) / 1e6 / g.seconds * g.seconds}
		s := t.slots[key]
		if s == nil {
			s = new(slot)
			t.slots[key] = s
		}
		s.covered += elapsed.Microseconds()
		s.RxBytes, s.TxBytes = s.RxBytes+amount.RxBytes, s.TxBytes+amount.TxBytes
		s.RxPackets, s.TxPackets = s.RxPackets+amount.RxPackets, s.TxPackets+amount.TxPackets
		s.RxErrors += amount.RxErrors + amount.TxErrors + amount.RxDropped + amount.TxDropped
	}
	for key := range t.slots { // a file that cannot be written does not fill the memory
		if key.seconds == 1 && key.time < now.Unix()-3600 {
			delete(t.slots, key)
		}
	}
}

func (t *traffic) put(b *batch) error {
	for key, s := range t.slots {
		id, err := b.iface(key.iface)
		if err != nil {
			return err
		}
		_, err = b.exec(`INSERT INTO traffic(grain, interface, time, covered, rx_bytes, tx_bytes, rx_packets, tx_packets, bad) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET covered = covered + excluded.covered, rx_bytes = rx_bytes + excluded.rx_bytes, tx_bytes = tx_bytes + excluded.tx_bytes,
			rx_packets = rx_packets + excluded.rx_packets, tx_packets = tx_packets + excluded.tx_packets, bad = bad + excluded.bad`,
			key.seconds, id, key.time, s.covered, int64(s.RxBytes), int64(s.TxBytes), int64(s.RxPackets), int64(s.TxPackets), int64(s.RxErrors))
		if err != nil {
			return err
		}
	}
	return nil
}

func (t *traffic) written() { clear(t.slots) }
