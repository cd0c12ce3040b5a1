package tui

import (
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

func BenchmarkTake(b *testing.B) {
	for _, n := range []int{1, 10_000, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			m, c := newModel(b, func(o *Options) { o.Width, o.Height = 200, 60 })
			s := crowd(n, n/20)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.at = c.at.Add(time.Second)
				f := &s.flows[i%n]
				f.Delta.Received += 1000
				m.Take(reading(), s, nil)
			}
		})
	}
}

func BenchmarkDraw(b *testing.B) {
	m, _ := newModel(b, func(o *Options) { o.Width, o.Height, o.Theme = 200, 60, DarkTheme })
	m.Take(reading(), crowd(10_000, 500), nil)
	b.ReportAllocs()
	for b.Loop() {
		if s, _, _, _ := m.Draw(); s == "" {
			b.Fatal("nothing was drawn")
		}
	}
}

// BenchmarkFirst is the first reading: every row is new, and none is in order.
func BenchmarkFirst(b *testing.B) {
	s := crowd(20_000, 0)
	snap := new(netstat.Snapshot)
	for i := range s.flows {
		snap.Sockets = append(snap.Sockets, *s.flows[i*7919%len(s.flows)].Socket)
	}
	b.ReportAllocs()
	for b.Loop() {
		m, _ := newModel(b, nil)
		m.First(snap)
	}
}
