package netstat_test

import (
	"net"
	"testing"

	"github.com/sockeye-net/sockeye/netstat"
)

// pairsHere opens n connections in this process; both ends are its own.
func pairsHere(b *testing.B, n int) (port uint16) {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	for range n {
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		s, err := l.Accept()
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close(); s.Close() })
	}
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// BenchmarkRead reads a table again, with owners and counters, on top of what the machine has.
func BenchmarkRead(b *testing.B) {
	pairsHere(b, 1000)
	for _, m := range methods {
		b.Run(m.String(), func(b *testing.B) {
			table, err := netstat.Open(&netstat.Config{Method: m})
			if err != nil {
				b.Skip(err)
			}
			defer table.Close()
			var s netstat.Snapshot
			b.ReportAllocs()
			for b.Loop() {
				if err := table.Read(netstat.Query{Owner: netstat.OwnerPID, Info: true}, &s); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(s.Sockets)), "ns/socket")
		})
	}
}

// BenchmarkList opens, reads once and closes: what a command does.
func BenchmarkList(b *testing.B) {
	pairsHere(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := netstat.List(netstat.Query{Owner: netstat.OwnerPID}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFindPIDsByTCPPort asks for one port of many.
func BenchmarkFindPIDsByTCPPort(b *testing.B) {
	port := pairsHere(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if pids, err := netstat.FindPIDsByTCPPort(port); len(pids) == 0 {
			b.Fatal(err)
		}
	}
}
