package watch

import (
	"net/netip"
	"runtime"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
)

// TestMemoryIsSteady lets an hour pass, of 200 connections a second with a new host each: what is remembered at its end is not more
// than what was in its first half.
func TestMemoryIsSteady(t *testing.T) {
	p := newPlay(t, &script{whole: true}, owned(tcp(1, 80, 0, listen), server))
	const perSecond, seconds = 200, 3600
	var early, late uint64 // the most of samples: idle accounts gather until they are folded
	for second := range seconds {
		p.report.reset()
		for i := range perSecond {
			n := second*perSecond + i
			s := tcp(uint64(n+10), 80, uint16(n), established)
			s.Remote = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), uint16(n)|1)
			p.late(becomes(second*1000+i, s, netstat.SynRecv, nil), ends(second*1000+i+3, s, 100, 200, worker))
		}
		p.read(owned(tcp(1, 80, 0, listen), server))
		switch {
		case second%7 != 0:
		case second < seconds/2:
			early = max(early, heap())
		case second > seconds*5/6:
			late = max(late, heap())
		}
	}
	if late > early+early/10 {
		t.Errorf("%d bytes in the first half of the hour, %d at its end", early, late)
	}
	if c := p.report.Counts; c.Opened != perSecond*seconds || c.Closed != perSecond*seconds {
		t.Errorf("%+v", c)
	}
	runtime.KeepAlive(p)
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkReading is what comparing two readings of 20,000 sockets costs, with 400 that are new, 400
// that are gone and 500 that moved bytes.
func BenchmarkReading(b *testing.B) {
	make20000 := func(from int) (list []netstat.Socket) {
		for i := range 20_000 {
			n := i
			if i%50 == 0 {
				n = i + from*1_000_000
			}
			moved := uint64(0)
			if i%40 == 1 {
				moved = uint64(from)
			}
			list = append(list, counted(owned(tcp(uint64(n+1), uint16(i), 80, established), server), moved, 0))
		}
		return list
	}
	var readings [4][]netstat.Socket
	for i := range readings {
		readings[i] = make20000(i)
	}
	p := newPlay(&testing.T{}, nil, readings[0]...)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		p.report.reset()
		p.before.Sockets, p.before.Time = readings[i%4], p.now.Time.Add(1)
		p.compare(&netstat.Query{}, false)
	}
}

// BenchmarkConnection is what a connection costs whose both ends live between two readings: seven notices, four events.
func BenchmarkConnection(b *testing.B) {
	p := newPlay(&testing.T{}, &script{whole: true}, owned(tcp(1, 80, 0, listen), server))
	p.cfg.States = false
	b.ReportAllocs()
	n := uint64(10)
	for b.Loop() {
		n += 2
		c, s := tcp(n, 10, 80, established), tcp(n+1, 80, 10, established)
		p.hear(
			becomes(0, tcp(n, 0, 80, synSent), closed, client),
			becomes(0, c, synSent, nil), becomes(0, s, netstat.SynRecv, nil),
			becomes(0, with(c, func(s *netstat.Socket) { s.State = netstat.FinWait1 }), established, client),
			becomes(0, with(s, func(s *netstat.Socket) { s.State = netstat.LastAck }), netstat.CloseWait, server),
			ends(1, c, 100, 200, nil), ends(1, s, 200, 100, server))
		if n%1000 == 0 {
			p.read(owned(tcp(1, 80, 0, listen), server))
		}
	}
}
