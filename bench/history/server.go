package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// server is a source that is like a busy server: so many connections are open, and each second so many of them end and as many
// others begin. One in twenty stays open; of the rest a fifth moves bytes from one reading to the next. Half of them came in,
// from 200,000 clients of whom some are met often; one in fifty has a process of its own. Its clock is not waited for.
type server struct {
	random  *rand.Rand
	now     time.Time
	until   time.Time
	rate    int
	number  uint64
	pids    int
	report  watch.Report
	flows   []watch.Flow
	sockets []netstat.Socket
	seconds func(*server) error // after each
	ears    []netstat.Socket
	owners  [][]netstat.Owner
}

func newServer(seed uint64, begin time.Time, length time.Duration, open, rate int) *server {
	s := &server{random: rand.New(rand.NewPCG(seed, 9)), now: begin, until: begin.Add(length), rate: rate, pids: 5000,
		flows: make([]watch.Flow, open), sockets: make([]netstat.Socket, open)}
	for i := range 40 {
		s.owners = append(s.owners, s.owner(fmt.Sprint("p", i), 1000+i))
	}
	for _, port := range []uint16{443, 80, 22, 8443, 5432, 53, 25, 993} {
		s.number++
		s.ears = append(s.ears, netstat.Socket{Proto: netstat.TCP, State: netstat.Listen, Cookie: s.number, NetNS: 1, Owners: s.owners[len(s.ears)],
			Local: netip.AddrPortFrom(netip.IPv4Unspecified(), port), Remote: netip.AddrPortFrom(netip.IPv4Unspecified(), 0)})
	}
	for i := range s.flows {
		s.begin(i)
	}
	return s
}

func (s *server) owner(name string, pid int) []netstat.Owner {
	return []netstat.Owner{{Process: &netstat.Process{PID: pid, Name: name, Module: name + ".service", Started: s.now}}}
}

// begin puts a new connection in a place.
func (s *server) begin(i int) {
	s.number++
	host := int(math.Pow(s.random.Float64(), 3) * 200_000)
	remote := netip.AddrFrom4([4]byte{100, 64 + byte(host>>16), byte(host >> 8), byte(host)})
	local := netip.AddrFrom4([4]byte{10, 0, 0, 1})
	far := uint16(32768 + s.random.IntN(28000))
	socket := netstat.Socket{Proto: netstat.TCP, State: netstat.Established, Cookie: s.number, NetNS: 1, HasUID: true}
	if s.random.IntN(2) == 0 {
		ear := s.random.IntN(len(s.ears))
		socket.Local, socket.Remote, socket.Owners = netip.AddrPortFrom(local, s.ears[ear].Local.Port()), netip.AddrPortFrom(remote, far), s.owners[ear]
	} else {
		program := s.random.IntN(40)
		socket.Local, socket.Remote, socket.Owners = netip.AddrPortFrom(local, far), netip.AddrPortFrom(remote, 443), s.owners[program]
		if s.random.IntN(25) == 0 {
			s.pids++
			socket.Owners = s.owner(fmt.Sprint("p", program), s.pids)
		}
	}
	s.sockets[i] = socket
	s.flows[i] = watch.Flow{Socket: &s.sockets[i], Since: s.now, Total: watch.Bytes{Basis: watch.FromTCPInfo}}
}

// Next is a second.
func (s *server) Next(context.Context) (*watch.Report, error) {
	if s.seconds != nil {
		if err := s.seconds(s); err != nil {
			return nil, fmt.Errorf("%w: %w", watch.ErrClosed, err)
		}
	}
	if s.now = s.now.Add(time.Second); s.now.After(s.until) {
		return nil, watch.ErrClosed
	}
	s.report.Events, s.report.Time, s.report.Elapsed = s.report.Events[:0], s.now, time.Second
	for range s.rate {
		i := len(s.flows)/20 + s.random.IntN(len(s.flows)-len(s.flows)/20)
		f := &s.flows[i]
		s.report.Events = append(s.report.Events, watch.Event{Kind: watch.Closed, Source: watch.FromBPF, Time: s.now, Since: f.Since, Socket: *f.Socket,
			OwnerFrom: watch.OwnerActed, Bytes: f.Total})
		s.begin(i)
		s.report.Events = append(s.report.Events, watch.Event{Kind: watch.Opened, Source: watch.FromBPF, Time: s.now, Since: s.now, Socket: s.sockets[i], OwnerFrom: watch.OwnerActed})
	}
	for at := s.random.IntN(5); at < len(s.flows); at += 5 {
		f := &s.flows[at]
		f.Total.Sent, f.Total.Received = f.Total.Sent+uint64(s.random.IntN(1e4)), f.Total.Received+uint64(s.random.IntN(1e5))
	}
	return &s.report, nil
}

func (s *server) Flows(yield func(*watch.Flow) bool) {
	for i := range s.ears {
		if !yield(&watch.Flow{Socket: &s.ears[i], Since: s.until.AddDate(-1, 0, 0)}) {
			return
		}
	}
	for i := range s.flows {
		if !yield(&s.flows[i]) {
			return
		}
	}
}
