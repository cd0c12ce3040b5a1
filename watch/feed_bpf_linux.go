package watch

import (
	"fmt"
	"math/bits"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/internal/sockevent"
	"github.com/sockeye-net/sockeye/netstat"
)

// bpfFeed is the BPF programs' events.
type bpfFeed struct {
	events    *sockevent.Events
	w         *Watcher
	names     namer
	datagrams bool
}

func openBPF(w *Watcher) (feed, error) {
	cfg := sockevent.Config{States: w.cfg.States, Datagrams: w.cfg.Query.Protos.Has(netstat.UDP), Ring: ringSize(w.cfg.Queue)}
	if !w.cfg.Query.AllNetNS {
		cfg.NetNS = uint32(w.netns)
	}
	e, err := sockevent.Open(cfg)
	if err == nil {
		return &bpfFeed{e, w, namer{}, cfg.Datagrams}, nil
	}
	if !cfg.Datagrams {
		return nil, err
	}
	cfg.Datagrams = false
	e, err2 := sockevent.Open(cfg)
	if err2 != nil {
		return nil, err
	}
	w.partial = append(w.partial, fmt.Errorf("UDP bytes are not counted on this kernel: %w", err))
	return &bpfFeed{e, w, namer{}, false}, nil
}

// ringSize is a size that the kernel takes, a power of two and at least a page, of at least n bytes; 0 stays the default.
func ringSize(n int) int {
	if n == 0 {
		return 0
	}
	return 1 << bits.Len(uint(max(n, os.Getpagesize())-1))
}

func (f *bpfFeed) source() Source       { return FromBPF }
func (f *bpfFeed) complete() bool       { return true }
func (f *bpfFeed) counts() bool         { return f.datagrams }
func (f *bpfFeed) forget(cookie uint64) { _ = f.events.Forget(cookie) } // what stays is counted again, and forgotten again
func (f *bpfFeed) close() error         { return f.events.Close() }

func (f *bpfFeed) drain(take func(*notice)) (lost uint64, overflow bool, err error) {
	clock := readClock()
	var n notice
	lost, err = f.events.Drain(func(r *sockevent.Record) {
		f.convert(&n, r, &clock)
		take(&n)
	})
	return lost, lost > 0, err
}

func (f *bpfFeed) convert(n *notice, r *sockevent.Record, clock *kernelClock) {
	*n = notice{time: clock.time(r.Time), old: stateOf(r.OldState), socket: netstat.Socket{
		Proto: protoOf(r.Proto), State: stateOf(r.NewState), Cookie: r.Cookie, NetNS: uint64(r.NetNS), Interface: r.Interface,
		Local:  f.names.addrPort(r.Family, &r.Local, r.LocalPort, r.Interface),
		Remote: f.names.addrPort(r.Family, &r.Remote, r.RemotePort, r.Interface),
		UID:    r.UID, HasUID: true,
	}}
	if r.Owned {
		n.actor = f.process(r.PID, r.Name(), r.Start)
	}
	switch r.Kind {
	case sockevent.KindDestroy:
		n.kind = destroyed
		f.final(n, r)
	case sockevent.KindDatagram:
		n.kind = talked
		n.actor = f.process(r.PID, r.Name(), r.Start)
		n.socket.State = datagramState(&n.socket)
	case sockevent.KindState:
		if n.socket.State == netstat.Closed {
			f.final(n, r)
		}
	}
}

// final takes the counts that a connection's end tells.
func (f *bpfFeed) final(n *notice, r *sockevent.Record) {
	n.bytes = Bytes{Sent: r.PayloadSent, Received: r.PayloadReceived, Basis: FromTCPInfo}
	n.socket.Info = netstat.TCPInfo{Known: true, Sent: r.Acked, Received: r.Received, RTT: r.RTT, Retrans: r.Retrans}
}

func (f *bpfFeed) process(pid uint32, name []byte, start uint64) *netstat.Process {
	if pid == 0 {
		return nil
	}
	return f.w.table.Process(int(pid), string(name), time.Duration(start), f.w.cfg.Query.Owner)
}

func datagramState(s *netstat.Socket) netstat.State {
	if s.Remote.Port() != 0 {
		return netstat.Established
	}
	return netstat.Unconnected
}

func (f *bpfFeed) count(take func(*datagrams)) error {
	if !f.datagrams {
		return nil
	}
	clock := readClock()
	var out datagrams
	return f.events.Datagrams(func(d *sockevent.Datagram) {
		out = datagrams{
			socket: netstat.Socket{
				Proto: protoOf(d.Proto), Cookie: d.Cookie, NetNS: uint64(d.NetNS), Interface: d.Interface,
				Local:  f.names.addrPort(d.Family, &d.Local, d.LocalPort, d.Interface),
				Remote: f.names.addrPort(d.Family, &d.Remote, d.RemotePort, d.Interface),
				UID:    d.UID, HasUID: true,
			},
			actor: f.process(d.PID, d.Name(), d.Start),
			first: clock.time(d.First), last: clock.time(d.Last),
			bytes: Bytes{Sent: d.SentBytes, Received: d.ReceivedBytes, Basis: FromSocketBPF},
		}
		out.socket.State = datagramState(&out.socket)
		take(&out)
	})
}
