package history

import (
	"context"
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
}

// bound forgets seconds that would be deleted soon: a file that cannot be written does not fill the memory.
func (t *traffic) bound(now time.Time) {
	for key := range t.slots {
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

// Traffic is what an interface moved in a slot of time.
type Traffic struct {
	Time      time.Time     // the slot's beginning
	Length    time.Duration // a second, a minute or an hour
	Covered   time.Duration // how much of it was measured: rates are of that
	Interface string        // empty for the machine's total, see ifstat.Total
	NetNS     uint64
	Kind      string

	RxBytes, TxBytes, RxPackets, TxPackets uint64
	Bad                                    uint64 // errors and drops, both ways
}

// Traffic calls yield with the slots of a length (a second, a minute or an hour) that begin in a time, by time and interface,
// until it returns an error.
func (r *Reader) Traffic(ctx context.Context, length time.Duration, from, to time.Time, yield func(*Traffic) error) error {
	low, high := int64(0), int64(1)<<60
	if !from.IsZero() {
		low = from.Unix()
	}
	if !to.IsZero() {
		high = to.Unix()
	}
	rows, err := r.db.QueryContext(ctx, `SELECT t.time, t.covered, i.name, i.netns, i.kind, t.rx_bytes, t.tx_bytes, t.rx_packets, t.tx_packets, t.bad
		FROM interface i CROSS JOIN traffic t ON t.interface = i.id WHERE t.grain = ? AND t.time >= ? AND t.time < ? ORDER BY t.time, i.name, i.id`,
		int64(length/time.Second), low, high)
	if err != nil {
		return wrap("read", r.path, err)
	}
	defer rows.Close()
	for rows.Next() {
		x := Traffic{Length: length}
		var at, covered, netns, rx, tx, rxp, txp, bad int64
		if err := rows.Scan(&at, &covered, &x.Interface, &netns, &x.Kind, &rx, &tx, &rxp, &txp, &bad); err != nil {
			return wrap("read", r.path, err)
		}
		x.Time, x.Covered, x.NetNS = time.Unix(at, 0), time.Duration(covered)*time.Microsecond, uint64(netns)
		x.RxBytes, x.TxBytes, x.RxPackets, x.TxPackets, x.Bad = uint64(rx), uint64(tx), uint64(rxp), uint64(txp), uint64(bad)
		if err := yield(&x); err != nil {
			return err
		}
	}
	return wrap("read", r.path, rows.Err())
}
