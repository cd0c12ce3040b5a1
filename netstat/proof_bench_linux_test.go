package netstat_test

import (
	"errors"
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// BenchmarkWatch reads as a watcher does, while between two readings one connection in fifty is closed and another opened.
// cpu-ms is the processor time of a reading, that of the kernel included.
func BenchmarkWatch(b *testing.B) {
	const n, churn = 5000, 100
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	open := make([][2]net.Conn, 0, n)
	defer func() { closePairs(open) }()
	for range n {
		open = append(open, pairOf(b, l))
	}
	q := netstat.Query{Protos: netstat.QueryTCP, Owner: netstat.OwnerPID, Held: true, Info: true, Incremental: true, Cookies: true}
	for _, m := range methods[:3] {
		b.Run(m.String(), func(b *testing.B) {
			table, err := netstat.Open(&netstat.Config{Method: m})
			if err != nil {
				b.Skip(err)
			}
			defer table.Close()
			var s [2]netstat.Snapshot
			b.ReportAllocs()
			var spent time.Duration
			for i := 0; b.Loop(); i++ {
				b.StopTimer()
				closePairs(open[:churn])
				open = append(open[:0], open[churn:]...)
				for range churn {
					open = append(open, pairOf(b, l))
				}
				before := cpuTime(b)
				b.StartTimer()
				if err := table.Read(q, &s[i%2]); err != nil {
					b.Fatal(err)
				}
				spent += cpuTime(b) - before
			}
			b.ReportMetric(spent.Seconds()*1000/float64(b.N), "cpu-ms")
		})
	}
}

func pairOf(b *testing.B, l net.Listener) (p [2]net.Conn) {
	var err error
	if p[0], err = net.Dial("tcp4", l.Addr().String()); err != nil {
		b.Fatal(err)
	}
	if p[1], err = l.Accept(); err != nil {
		b.Fatal(err)
	}
	return p
}

// closePairs resets, so that nothing stays in TIME_WAIT.
func closePairs(pairs [][2]net.Conn) {
	for _, p := range pairs {
		_ = p[0].(*net.TCPConn).SetLinger(0)
		_ = errors.Join(p[0].Close(), p[1].Close())
	}
}

// cpuTime is what this process has used so far.
func cpuTime(b *testing.B) time.Duration {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
