package tui

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// script is a watcher whose sockets a test says. Real ones are in cmd/sockeye's tests; here time and bytes have to be known.
type script struct {
	flows  []watch.Flow
	usage  map[watch.By][]watch.Usage
	source watch.Source
	closed bool
}

func (s *script) Next(ctx context.Context) (*watch.Report, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}
func (s *script) Partial() []error        { return nil }
func (s *script) Source() watch.Source    { return s.source }
func (s *script) Interval() time.Duration { return time.Second }
func (s *script) Close() error            { s.closed = true; return nil }
func (s *script) Usage(by watch.By, dst []watch.Usage) []watch.Usage {
	return append(dst, s.usage[by]...)
}

func (s *script) Flows(yield func(*watch.Flow) bool) {
	for i := range s.flows {
		f := s.flows[i] // what is lent is not valid afterwards
		sock := *f.Socket
		sock.Owners = append([]netstat.Owner(nil), sock.Owners...)
		f.Socket = &sock
		if !yield(&f) {
			return
		}
		clear(sock.Owners)
		sock = netstat.Socket{}
	}
}

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	curl  = &netstat.Process{PID: 4242, Name: "curl", Started: noon.Add(-time.Minute)}
	nginx = &netstat.Process{PID: 80, Name: "nginx", Started: noon.Add(-time.Hour)}
)

// clock is a time that a test moves on.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func options(c *clock) Options {
	return Options{Names: new(view.Names), Now: c.now, Host: "host", Theme: PlainTheme, Width: 100, Height: 20}
}

func newModel(t testing.TB, change func(*Options)) (*Model, *clock) {
	t.Helper()
	c := &clock{noon}
	opt := options(c)
	if change != nil {
		change(&opt)
	}
	m, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return m, c
}

// tcp is a flow of a connection, which has moved so much.
func tcp(cookie uint64, local, remote string, p *netstat.Process, rx, tx uint64) watch.Flow {
	s := &netstat.Socket{Proto: netstat.TCP, State: netstat.Established, Local: netip.MustParseAddrPort(local), Remote: netip.MustParseAddrPort(remote),
		Cookie: cookie, NetNS: 1}
	if p != nil {
		s.Owners = []netstat.Owner{{Process: p, FD: 3}}
	}
	b := watch.Bytes{Received: rx, Sent: tx, Basis: watch.FromTCPInfo}
	return watch.Flow{Socket: s, Total: b, Delta: b}
}

func listener(cookie uint64, local string, p *netstat.Process) watch.Flow {
	f := tcp(cookie, local, "0.0.0.0:0", p, 0, 0)
	f.Socket.State = netstat.Listen
	return f
}

// reading is a report of a reading.
func reading() *watch.Report { return &watch.Report{Elapsed: time.Second} }

// crowd is so many connections, of which some move bytes.
func crowd(n, busy int) *script {
	s := &script{source: watch.FromBPF}
	for i := range n {
		p := &netstat.Process{PID: 1000 + i%50, Name: fmt.Sprintf("worker%d", i%50), Started: noon}
		var ip [4]byte
		binary.BigEndian.PutUint32(ip[:], 0x0a000000+uint32(i/7))
		f := tcp(uint64(i+1), "192.0.2.1:443", netip.AddrPortFrom(netip.AddrFrom4(ip), uint16(20000+i%7)).String(), p, uint64(i), 2*uint64(i))
		if i >= busy {
			f.Delta = watch.Bytes{Basis: watch.FromTCPInfo}
		}
		s.flows = append(s.flows, f)
	}
	return s
}

func links(counts ...uint64) *ifstat.Snapshot {
	return &ifstat.Snapshot{Time: noon, Interfaces: []ifstat.Interface{{ID: 2, Index: 2, Name: "eth0", Physical: true, Up: true, State: ifstat.Up,
		Width: 64, Counters: ifstat.Counters{RxBytes: counts[0], TxBytes: counts[1], RxPackets: 1, TxPackets: 1}}}}
}
