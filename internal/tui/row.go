package tui

import (
	"encoding/binary"
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// key tells a row from every other of its view, from reading to reading.
type key struct{ a, b uint64 }

// row is a line of any view. Rows of sockets, processes and hosts are a view.UsageRow; those of interfaces a view.TrafficRow.
type row struct {
	view.UsageRow
	key  key
	at   int        // in store.all
	link *linkState // of an interface

	sock   netstat.Socket  // UsageRow.Socket points to it; of a host only its remote address is set
	owners []netstat.Owner // sock.Owners, in memory of the row
	first  [1]netstat.Owner

	since      time.Time // when it was opened; zero is before the watch
	born, died time.Time // when it was first seen, and seen to be gone; zero is not at all
	seen       uint32    // the last reading that had it
	listed     bool      // it is among the rows of its page
	dropped    bool      // it is gone for good

	tree *treeState // of a process; nil of other rows
}

// bare reports whether a process has no sockets, and is here for its children only.
func (r *row) bare() bool { return r.tree != nil && r.tree.bare }

// glow is how long what came or went is marked.
const glow = 2 * time.Second

// fresh reports whether the row is new, and gone whether it is about to leave.
func (r *row) fresh(now time.Time) bool {
	return !r.gone() && !r.born.IsZero() && now.Sub(r.born) < glow
}
func (r *row) gone() bool { return !r.died.IsZero() }

func (r *row) rxRate() float64 { return r.perSecond(r.Delta.Received) }
func (r *row) txRate() float64 { return r.perSecond(r.Delta.Sent) }

func (r *row) perSecond(bytes uint64) float64 {
	if r.Interval <= 0 || r.gone() {
		return 0
	}
	return float64(bytes) / r.Interval.Seconds()
}

// setSocket copies a socket, since that of a reading is only lent.
func (r *row) setSocket(s *netstat.Socket) {
	if r.owners == nil {
		r.owners = r.first[:0]
	}
	r.owners = append(r.owners[:0], s.Owners...)
	r.sock = *s
	r.sock.Owners = r.owners
	r.Socket = &r.sock
}

// setEvent copies the socket of an event. That there may be more owners than the one who acted need not be said in a row that
// lasts for a moment.
func (r *row) setEvent(s *netstat.Socket) {
	if r.setSocket(s); len(s.Owners) > 0 {
		r.sock.Missing = netstat.NotMissing
	}
}

// process is the first of the row's processes; nil is none.
func (r *row) process() *netstat.Process {
	switch {
	case r.Process != nil:
		return r.Process
	case r.Socket != nil && len(r.sock.Owners) > 0:
		return r.sock.Owners[0].Process
	}
	return nil
}

// remote is the row's remote address; the zero Addr is none.
func (r *row) remote() netip.Addr {
	a := r.sock.Remote.Addr()
	if !a.IsValid() || a.Unmap().IsUnspecified() {
		return netip.Addr{}
	}
	return a
}

var seed = maphash.MakeSeed()

// socketKey is the socket's identity: its cookie, else its inode, both in one network namespace, else what it looks like.
func socketKey(s *netstat.Socket) key {
	const byInode, byLook = 1 << 62, 1 << 63
	switch {
	case s.Cookie != 0:
		return key{s.Cookie, s.NetNS}
	case s.Inode != 0:
		return key{s.Inode | byInode, s.NetNS}
	}
	pid := 0
	if len(s.Owners) > 0 {
		pid = s.Owners[0].Process.PID
	}
	look := struct {
		proto         netstat.Proto
		local, remote netip.AddrPort
		path          string
		pid           int
		created       int64
	}{s.Proto, s.Local, s.Remote, s.Path, pid, s.Created.UnixNano()}
	return key{maphash.Comparable(seed, look) | byLook, s.NetNS}
}

func processKey(p *netstat.Process) key {
	if p == nil {
		return key{}
	}
	return key{uint64(p.PID), uint64(p.Started.UnixNano())}
}

func hostKey(a netip.Addr) key {
	if !a.IsValid() {
		return key{}
	}
	b := a.As16()
	k := key{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
	if z := a.Zone(); z != "" {
		k.a ^= maphash.String(seed, z)
	}
	return k
}
