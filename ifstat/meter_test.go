package ifstat

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// at makes a snapshot that was taken that long after the first.
func at(after time.Duration, list ...Interface) *Snapshot {
	return &Snapshot{Time: epoch.Add(after), Interfaces: list}
}

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// eth is a network card with these bytes and packets, the same in both directions.
func eth(bytes, packets uint64) Interface {
	return Interface{ID: 2, Index: 2, Name: "eth0", Kind: Ethernet, Type: arpEther, Physical: true, Up: true, State: Up, MTU: 1500,
		Speed: 1e9, Width: 64, Counters: Counters{RxBytes: bytes, RxPackets: packets, TxBytes: bytes, TxPackets: packets}}
}

func with(i Interface, f func(*Interface)) Interface {
	f(&i)
	return i
}

// rx replaces what was received.
func rx(i Interface, bytes, packets uint64) Interface {
	return with(i, func(i *Interface) { i.RxBytes, i.RxPackets = bytes, packets })
}

// The two readings of the source text: amount since the last reading, and its average per second.
func TestAmountAndRate(t *testing.T) {
	var m Meter
	r := m.Add(at(0, eth(1000, 10)))[0]
	if !r.First || r.Amount != (Counters{}) || r.Rate() != (Rate{}) || r.Elapsed != 0 || m.Total().Rate() != (Rate{}) {
		t.Errorf("the first reading is %+v", r)
	}
	r = m.Add(at(2*time.Second, eth(5000, 20)))[0]
	want := Counters{RxBytes: 4000, RxPackets: 10, TxBytes: 4000, TxPackets: 10}
	if r.First || r.Amount != want || r.Elapsed != 2*time.Second || r.Rate().RxBytes != 2000 || r.Rate().TxPackets != 5 {
		t.Errorf("reading %+v, rate %+v", r, r.Rate())
	}
	r = m.Add(at(2500*time.Millisecond, eth(6000, 21)))[0]
	if r.Amount.RxBytes != 1000 || r.Rate().RxBytes != 2000 || r.Sum.RxBytes != 5000 {
		t.Errorf("reading %+v, rate %+v", r, r.Rate())
	}
	if tot := m.Total(); tot.Sum.TxBytes != 5000 || tot.Amount.TxBytes != 1000 || len(tot.Counted) != 1 || tot.Counted[0].Name != "eth0" {
		t.Errorf("total %+v", tot)
	}
}

// TestMonotonic: setting the clock, and sleeping through a suspension, make no rate, since a snapshot's time has the monotonic
// clock's with it, all the way to the meter.
func TestMonotonic(t *testing.T) {
	s, err := List()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var m Meter
	m.Add(s)
	for what, at := range map[string]time.Time{"a snapshot": s.Time, "the meter": m.time} {
		if !strings.Contains(at.String(), " m=") {
			t.Errorf("the time of %s is of the wall clock only: %v", what, at)
		}
	}
}

func TestTwoReadings(t *testing.T) {
	const s = time.Second
	narrow := func(b, p uint64) Interface { return with(eth(b, p), func(i *Interface) { i.Width = 32 }) }
	fast := func(b, p uint64) Interface {
		return with(narrow(b, p), func(i *Interface) { i.Speed = 10e9 })
	}
	virtual := func(b, p uint64) Interface {
		return with(eth(b, p), func(i *Interface) { i.Physical, i.Kind, i.Speed = false, Tun, 10e6 })
	}
	const end = 1 << 32
	for name, c := range map[string]struct {
		old, now Interface
		elapsed  time.Duration
		rx       uint64 // bytes
		packets  uint64
		reset    bool
		wrapped  bool
		first    bool
		atLeast  bool
	}{
		"nothing":                      {old: eth(7, 7), now: eth(7, 7), elapsed: s},
		"beyond 32 bits":               {old: eth(end-5, 1), now: eth(end+5, 2), elapsed: s, rx: 10, packets: 1},
		"32 bits wrap":                 {old: narrow(end-1000, 5000), now: narrow(500, 5002), elapsed: s, rx: 1500, packets: 2, wrapped: true},
		"wrap to exactly 0":            {old: narrow(end-1, 5000), now: narrow(0, 5001), elapsed: s, rx: 1, packets: 1, wrapped: true},
		"32 in a field of 64":          {old: eth(end-1000, 5000), now: eth(500, 5002), elapsed: s, rx: 1500, packets: 2, wrapped: true},
		"nearly all around":            {old: fast(3e9, 4000000), now: fast(2.9e9, 7000000), elapsed: 4 * s, rx: end - 1e8, packets: 3e6, wrapped: true},
		"packets wrap":                 {old: narrow(3e9, end-10), now: narrow(3e9+1000, 5), elapsed: s, rx: 1000, packets: 15, wrapped: true},
		"too fast for a wrap":          {old: narrow(2e9, 5e6), now: narrow(1e9, 8e6), elapsed: s, reset: true},
		"too few packets for a wrap":   {old: fast(1e9, 1000), now: fast(1e6, 1500), elapsed: 10 * s, reset: true},
		"reset":                        {old: eth(1e12, 1e9), now: eth(1e5, 100), elapsed: s, reset: true},
		"reset to 0":                   {old: narrow(end-1000, 5000), now: narrow(0, 0), elapsed: s, reset: true},
		"64 bits do not wrap":          {old: eth(1e12, 1e9), now: eth(500, 1e9+1), elapsed: s, reset: true},
		"queues taken away":            {old: virtual(1e12, 1e9), now: virtual(9e11, 9e8), elapsed: s, reset: true},
		"reset in one direction only":  {old: eth(1e12, 1e9), now: rx(eth(1e12+5, 1e9+1), 10, 1), elapsed: s, reset: true},
		"low half of 64 is no wrap":    {old: eth(1e9, 1e6), now: eth(5e8, 1e7), elapsed: time.Hour, reset: true},
		"bursts, or a reset":           {old: narrow(1e9, 1000), now: narrow(9e8, 1e6), elapsed: time.Hour, reset: true},
		"bursts, and no reset":         {old: narrow(end-1e6, 1e9), now: narrow(1e6, 1e9+100), elapsed: s, rx: 2e6, packets: 100, wrapped: true},
		"speeds of tun are made up":    {old: virtual(1000, 10), now: virtual(1e9, 1e6), elapsed: s, rx: 1e9 - 1000, packets: 1e6 - 10},
		"may have wrapped twice":       {old: fast(1000, 10), now: fast(2000, 4e6), elapsed: 10 * s, rx: 1000, packets: 4e6 - 10, atLeast: true},
		"too few to have wrapped":      {old: fast(1000, 10), now: fast(2000, 11), elapsed: 10 * s, rx: 1000, packets: 1},
		"no time":                      {old: eth(0, 0), now: eth(100, 1), elapsed: 0, rx: 100, packets: 1},
		"time that goes back":          {old: eth(0, 0), now: eth(100, 1), elapsed: -s, rx: 100, packets: 1},
		"another identity, same name":  {old: eth(10, 1), now: with(eth(1e9, 1e6), func(i *Interface) { i.ID = 9 }), elapsed: s, first: true},
		"another kind":                 {old: eth(10, 1), now: with(virtual(1e9, 1e6), func(i *Interface) { i.Kind = Veth }), elapsed: s, first: true},
		"fewer changes of its carrier": {old: with(eth(10, 1), func(i *Interface) { i.HasChanges, i.Changes = true, 5 }), now: with(eth(1e6, 1e3), func(i *Interface) { i.HasChanges, i.Changes = true, 1 }), elapsed: s, first: true},
		"another namespace":            {old: eth(10, 1), now: with(eth(1e6, 1e3), func(i *Interface) { i.NetNS = 7 }), elapsed: s, first: true},
		"the other way of reading":     {old: eth(1e12, 1e9), now: narrow(1e6, 1e3), elapsed: s, first: true},
		"renamed":                      {old: eth(10, 1), now: with(eth(20, 2), func(i *Interface) { i.Name = "wan" }), elapsed: s, rx: 10, packets: 1},
		"another hardware address":     {old: eth(10, 1), now: with(eth(20, 2), func(i *Interface) { i.HardwareAddr = []byte{1} }), elapsed: s, rx: 10, packets: 1},
		"after a long sleep":           {old: eth(1e6, 1e3), now: eth(2e6, 2e3), elapsed: 1000 * time.Hour, rx: 1e6, packets: 1e3},
	} {
		t.Run(name, func(t *testing.T) {
			var m Meter
			m.Add(at(time.Hour, c.old))
			r := m.Add(at(time.Hour+c.elapsed, c.now))[0]
			if r.Amount.RxBytes != c.rx || r.Amount.RxPackets != c.packets {
				t.Errorf("%d bytes, %d packets, expected %d, %d", r.Amount.RxBytes, r.Amount.RxPackets, c.rx, c.packets)
			}
			if r.Reset != c.reset || r.Wrapped != c.wrapped || r.First != c.first || r.AtLeast != c.atLeast {
				t.Errorf("reset %v, wrapped %v, first %v, at least %v", r.Reset, r.Wrapped, r.First, r.AtLeast)
			}
			if v := r.Rate().RxBytes; math.IsNaN(v) || math.IsInf(v, 0) || v < 0 || c.elapsed <= 0 && v != 0 {
				t.Errorf("rate %v", v)
			}
			if tot := m.Total(); tot.Amount != r.Amount || tot.AtLeast != (r.Reset || r.AtLeast) {
				t.Errorf("total %+v", tot)
			}
		})
	}
}

// Errors and drops that go back do not say that the bytes did.
func TestErrorsGoBack(t *testing.T) {
	var m Meter
	m.Add(at(0, with(eth(10, 1), func(i *Interface) { i.RxErrors, i.TxDropped = 5, 5 })))
	r := m.Add(at(time.Second, with(eth(20, 2), func(i *Interface) { i.RxErrors, i.TxDropped = 3, 8 })))[0]
	if want := (Counters{RxBytes: 10, RxPackets: 1, TxBytes: 10, TxPackets: 1, TxDropped: 3}); r.Amount != want || r.Reset {
		t.Errorf("%+v", r)
	}
}

// Interfaces come, go, and come back with more on their counters: the first reading of each is none.
func TestComeAndGo(t *testing.T) {
	other := func(b uint64) Interface {
		return with(eth(b, b/100), func(i *Interface) { i.ID, i.Index, i.Name = 3, 3, "eth1" })
	}
	var m Meter
	m.Add(at(0, eth(100, 1)))
	for n, step := range []struct {
		list []Interface
		want []uint64 // bytes received, by interface
		sum  uint64   // of the total
	}{
		{[]Interface{eth(200, 2), other(1e12)}, []uint64{100, 0}, 100},
		{[]Interface{eth(300, 3), other(1e12 + 1000)}, []uint64{100, 1000}, 1200},
		{[]Interface{other(1e12 + 2000)}, []uint64{1000}, 2200},
		{[]Interface{eth(5e9, 5e6), other(1e12 + 2000)}, []uint64{0, 0}, 2200},
		{nil, nil, 2200},
		{[]Interface{eth(5e9+1, 5e6+1)}, []uint64{0}, 2200},
		{[]Interface{eth(5e9+3, 5e6+2)}, []uint64{2}, 2202},
	} {
		rs := m.Add(at(time.Duration(n+1)*time.Second, step.list...))
		for i, w := range step.want {
			if rs[i].Amount.RxBytes != w {
				t.Errorf("step %d: %s has %d, expected %d", n, rs[i].Interface.Name, rs[i].Amount.RxBytes, w)
			}
		}
		if m.Total().Sum.RxBytes != step.sum {
			t.Errorf("step %d: total %d, expected %d", n, m.Total().Sum.RxBytes, step.sum)
		}
	}
	if len(m.seen) != 1 {
		t.Errorf("%d interfaces are remembered", len(m.seen))
	}
}

// world is a network card that the test drives: what it truly moves, and what its counters show.
type world struct {
	r             *rand.Rand
	bytes, packet uint64 // as counted, unwrapped
	moved         uint64 // bytes since the first reading
	now           time.Duration
	narrow        bool // counters of 32 bits
	width         uint8
}

// step lets some traffic pass, at most what 1 Gbit/s allows, in frames of 60 to 1514 bytes; sometimes the counters begin anew.
func (w *world) step() {
	d := time.Duration(w.r.Int64N(int64(5 * time.Second)))
	w.now += d
	size := 60 + w.r.Uint64N(1455)
	n := w.r.Uint64N(uint64(d.Seconds()*125e6/float64(size)) + 1)
	if w.r.IntN(4) == 0 {
		n = w.r.Uint64N(n + 1)
	}
	if w.r.IntN(10) == 0 { // a reset, before or after the traffic
		before := w.r.Uint64N(n + 1)
		w.moved += before * size
		n -= before
		w.bytes, w.packet = 0, 0
	}
	w.bytes += n * size
	w.packet += n
	w.moved += n * size
}

func (w *world) snapshot() *Snapshot {
	i := eth(w.bytes, w.packet)
	if w.narrow {
		i = eth(w.bytes%(1<<32), w.packet%(1<<32))
	}
	i.Width = w.width
	return at(w.now, i)
}

// However traffic, resets and wraps come: the sum of amounts is never more than what was moved.
func checkWorld(t *testing.T, seed uint64, narrow, wide bool) {
	w := &world{r: rand.New(rand.NewPCG(seed, 1)), narrow: narrow, width: 32, bytes: seed % (1 << 33)}
	w.packet = w.bytes / 800
	if wide || !narrow {
		w.width = 64
	}
	var m Meter
	m.Add(w.snapshot())
	for range 200 {
		before := w.moved
		w.step()
		r := m.Add(w.snapshot())[0]
		moved := w.moved - before
		if r.Amount.RxBytes > moved {
			t.Fatalf("seed %d: %d bytes of %d: %+v", seed, r.Amount.RxBytes, moved, r)
		}
		if rate := r.Rate().RxBytes; rate < 0 || rate > 126e6*1.01 {
			t.Fatalf("seed %d: rate %g", seed, rate)
		}
	}
	if m.Total().Sum.RxBytes > w.moved {
		t.Fatalf("seed %d: a sum of %d, but %d moved", seed, m.Total().Sum.RxBytes, w.moved)
	}
}

func TestNeverMoreThanMoved(t *testing.T) {
	for seed := range uint64(300) {
		checkWorld(t, seed*0x9e3779b97f4a7c15, seed%3 > 0, seed%3 == 1)
	}
}

func FuzzNeverMoreThanMoved(f *testing.F) {
	f.Add(uint64(1), true, false)
	f.Add(uint64(1<<32-1), true, true)
	f.Add(uint64(5), false, true)
	f.Fuzz(checkWorld)
}

// Without resets nothing is lost, however often 32 bits wrap.
func TestWrapsLoseNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, width := range []uint8{32, 64} {
		var m Meter
		var bytes, packets uint64 = 1 << 31, 1 << 21
		var now time.Duration
		m.Add(at(0, with(eth(bytes, packets), func(i *Interface) { i.Width = width })))
		for range 2000 {
			d := time.Second/2 + time.Duration(r.Int64N(int64(time.Second)))
			n := r.Uint64N(uint64(d.Seconds() * 125e6 / 1514))
			now, bytes, packets = now+d, bytes+n*1514, packets+n
			got := m.Add(at(now, with(eth(bytes%wrap, packets%wrap), func(i *Interface) { i.Width = width })))[0]
			if got.Amount.RxBytes != n*1514 || got.Reset || got.AtLeast {
				t.Fatalf("width %d: %+v, expected %d", width, got, n*1514)
			}
		}
		if sum := m.Total().Sum.TxBytes; sum != bytes-1<<31 || sum < 10*wrap {
			t.Errorf("width %d: %d in all, expected %d", width, sum, bytes-1<<31)
		}
	}
}

// Any numbers at all: no panic, no negative or infinite rate.
func FuzzMeter(f *testing.F) {
	f.Add(uint64(1), uint64(2), uint64(3), uint64(4), int64(1e9), uint8(64), uint64(1e9), uint32(1500))
	f.Add(uint64(1<<63), uint64(2), uint64(1<<63), uint64(4), int64(-1), uint8(32), uint64(0), uint32(0))
	f.Fuzz(func(t *testing.T, b0, b1, p0, p1 uint64, elapsed int64, width uint8, speed uint64, mtu uint32) {
		shape := func(i Interface) Interface {
			i.Width, i.Speed, i.MTU = width, speed, mtu
			return i
		}
		var m Meter
		m.Add(at(0, shape(eth(b0, p0))))
		r := m.Add(at(time.Duration(elapsed), shape(eth(b1, p1))))[0]
		if !r.Wrapped && (r.Amount.RxBytes > max(b0, b1)-min(b0, b1) || r.Amount.RxPackets > max(p0, p1)-min(p0, p1)) {
			t.Errorf("%+v", r)
		}
		if r.Wrapped && (r.Amount.RxBytes >= wrap && b1 < b0 || r.Amount.RxPackets >= wrap && p1 < p0) {
			t.Errorf("%+v", r)
		}
		if v := r.Rate().RxBytes; math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
			t.Errorf("rate %v", v)
		}
	})
}

func TestAddDoesNotAllocate(t *testing.T) {
	var m Meter
	s := at(0, eth(1, 1), with(eth(5, 5), func(i *Interface) { i.ID, i.Index = 9, 9 }))
	if n := testing.AllocsPerRun(100, func() {
		s.Time = s.Time.Add(time.Second)
		s.Interfaces[0].RxBytes += 100
		m.Add(s)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkAdd(b *testing.B) {
	var m Meter
	s := at(0)
	for i := range 1000 {
		s.Interfaces = append(s.Interfaces, with(eth(1, 1), func(e *Interface) { e.ID, e.Index = uint64(i), uint32(i) }))
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Time = s.Time.Add(time.Second)
		m.Add(s)
	}
}
