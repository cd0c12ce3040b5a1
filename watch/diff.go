package watch

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/netstat"
)

// Diff says what changed from one reading of the table to a later one: it calls emit with an event of kind Opened, Closed,
// StateChanged, ListenerAppeared or ListenerVanished for each socket that did, those that went first. It is a pure
// function; the events share the owners' slices of the snapshots.
//
// A socket is the same in both when it has the same identity: its cookie, else its inode, both in one network namespace;
// where a system has neither (Windows), protocol, addresses, owner and time of creation. So a port or process id that is
// used again does not make two connections one.
func Diff(old, new *netstat.Snapshot, emit func(*Event)) {
	var m matcher
	m.match(old.Sockets, new.Sockets)
	for _, i := range m.gone {
		if s := &old.Sockets[i]; watched(s) {
			emit(&Event{Kind: goneKind(s), Source: FromReading, Time: new.Time, Socket: *s, OwnerFrom: holds(s), Bytes: bytesOf(s)})
		}
	}
	for j, i := range m.of {
		s := &new.Sockets[j]
		if i == none {
			if watched(s) {
				emit(&Event{Kind: newKind(s), Source: FromReading, Time: new.Time, Socket: *s, OwnerFrom: holds(s), Since: new.Time})
			}
			continue
		}
		if e, changed := changeOf(&old.Sockets[i], s); changed {
			e.Time = new.Time
			emit(&e)
		}
	}
}

// changeOf compares two readings of one socket.
func changeOf(old, new *netstat.Socket) (Event, bool) {
	e := Event{Source: FromReading, Socket: *new, OldState: old.State, OwnerFrom: holds(new)}
	was, is := watched(old), watched(new)
	switch {
	case old.State == new.State || !was && !is:
		return e, false
	case was && is:
		e.Kind = StateChanged
		if new.State == netstat.Listen {
			e.Kind = ListenerAppeared
		}
	case is:
		e.Kind = newKind(new)
	default: // connected no more: its last counters are those of now, the rest is what it was
		e.Kind, e.Socket, e.Bytes = goneKind(old), *old, bytesOf(new)
		if !e.Socket.Remote.IsValid() || new.Info.Known {
			e.Socket.Info = new.Info
		}
	}
	return e, true
}

// watched reports whether a socket is one that events tell of. Half-open connections are not yet, connections in TIME_WAIT
// and sockets that merely have a port are not.
func watched(s *netstat.Socket) bool {
	switch s.State {
	case netstat.TimeWait, netstat.SynRecv, netstat.Bound, netstat.Closed, netstat.DeleteTCB:
		return false
	}
	return true
}

func newKind(s *netstat.Socket) Kind {
	if s.State == netstat.Listen {
		return ListenerAppeared
	}
	return Opened
}

func goneKind(s *netstat.Socket) Kind {
	if s.State == netstat.Listen {
		return ListenerVanished
	}
	return Closed
}

func holds(s *netstat.Socket) OwnerFrom {
	if len(s.Owners) == 0 {
		return OwnerNotKnown
	}
	return OwnerHolds
}

// bytesOf is what a reading tells of a socket's bytes.
func bytesOf(s *netstat.Socket) Bytes {
	if !s.Info.Known {
		return Bytes{}
	}
	return Bytes{Sent: s.Info.Sent, Received: s.Info.Received, Basis: infoBasis}
}

// none stands for no index.
const none = int32(-1)

// matcher finds the sockets of one reading in another. Its memory is used again.
type matcher struct {
	of    []int32 // for each new socket the index of the old one, or none
	still []bool  // for each new socket: nothing happened to it, see unchanged
	ears  []int32 // new sockets that listen
	gone  []int32 // old sockets that are in no new one
	rest  []int32 // new sockets that the first pass did not find
	index map[identity]int32
}

// window is how far the first pass looks ahead: a reading lists sockets in nearly the order of the one before, so most are
// found without a hash.
const window = 8

func (m *matcher) match(old, new []netstat.Socket) {
	m.of, m.still = grow(m.of, len(new)), grow(m.still, len(new))
	m.gone, m.rest, m.ears = m.gone[:0], m.rest[:0], m.ears[:0]
	at := 0
	for j := range new {
		i := ahead(old, at, &new[j])
		m.of[j], m.still[j] = i, i != none && unchanged(&old[i], &new[j])
		if new[j].State == netstat.Listen {
			m.ears = append(m.ears, int32(j))
		}
		if i == none {
			m.rest = append(m.rest, int32(j))
			continue
		}
		for ; at < int(i); at++ {
			m.gone = append(m.gone, int32(at))
		}
		at++
	}
	for ; at < len(old); at++ {
		m.gone = append(m.gone, int32(at))
	}
	m.search(old, new)
}

// unchanged reports whether nothing happened to a socket that the book has to know of: so it is with most, in most readings.
// It is found out while both rows are at hand, which is what comparing large tables takes its time for.
func unchanged(old, s *netstat.Socket) bool {
	if old.State != s.State || old.Cookie != s.Cookie || old.Info.Sent != s.Info.Sent || old.Info.Received != s.Info.Received ||
		old.Info.Known != s.Info.Known || old.Remote != s.Remote || len(old.Owners) != len(s.Owners) {
		return false
	}
	for i := range s.Owners {
		if old.Owners[i].Process != s.Owners[i].Process {
			return false
		}
	}
	return true
}

// ahead looks for s among the next few old sockets.
func ahead(old []netstat.Socket, at int, s *netstat.Socket) int32 {
	for i := at; i < min(at+window, len(old)); i++ {
		if same(&old[i], s) {
			return int32(i)
		}
	}
	return none
}

// search finds the rest by their identities. A socket may have got its cookie or its inode since the old reading.
func (m *matcher) search(old, new []netstat.Socket) {
	if len(m.gone) == 0 || len(m.rest) == 0 {
		return
	}
	m.learn(old)
	for _, j := range m.rest {
		i := m.find(old, &new[j])
		if i == none {
			continue
		}
		m.of[j] = i
		m.forget(&old[i])
	}
	left := m.gone[:0]
	for _, i := range m.gone {
		if m.index[identify(&old[i])] == i+1 {
			left = append(left, i)
		}
	}
	m.gone = left
}

// learn indexes the old sockets that were not found, each by all that it is known by. Of two with one identity, which only
// systems without cookies show, the first stays.
func (m *matcher) learn(old []netstat.Socket) {
	if m.index == nil {
		m.index = make(map[identity]int32)
	}
	clear(m.index)
	kept := m.gone[:0]
	for _, i := range m.gone {
		id := identify(&old[i])
		if m.index[id] != 0 {
			continue
		}
		m.index[id] = i + 1
		if id, ok := byInode(&old[i]); ok {
			m.index[id] = i + 1
		}
		kept = append(kept, i)
	}
	m.gone = kept
}

func (m *matcher) find(old []netstat.Socket, s *netstat.Socket) int32 {
	if i := m.index[identify(s)]; i != 0 {
		return i - 1
	}
	if id, ok := byInode(s); ok {
		if i := m.index[id]; i != 0 && same(&old[i-1], s) {
			return i - 1
		}
	}
	return none
}

func (m *matcher) forget(s *netstat.Socket) {
	delete(m.index, identify(s))
	if id, ok := byInode(s); ok {
		delete(m.index, id)
	}
}

// identity tells one socket from every other. Which fields are filled depends on what the system tells.
type identity struct {
	netns, cookie, inode uint64
	proto                netstat.Proto
	pid                  int
	local, remote        netip.AddrPort
	created              int64
}

func identify(s *netstat.Socket) identity {
	if s.Cookie != 0 {
		return identity{netns: s.NetNS, cookie: s.Cookie}
	}
	if id, ok := byInode(s); ok {
		return id
	}
	id := identity{netns: s.NetNS, proto: s.Proto, local: s.Local, remote: s.Remote}
	if !s.Created.IsZero() {
		id.created = s.Created.UnixNano()
	}
	if len(s.Owners) > 0 {
		id.pid = s.Owners[0].Process.PID
	}
	return id
}

func byInode(s *netstat.Socket) (identity, bool) {
	return identity{netns: s.NetNS, inode: s.Inode, proto: s.Proto}, s.Inode != 0
}

// same reports whether two rows are of one socket.
func same(a, b *netstat.Socket) bool {
	switch {
	case a.NetNS != b.NetNS || a.Proto != b.Proto:
		return false
	case a.Cookie != 0 && b.Cookie != 0:
		return a.Cookie == b.Cookie
	case a.Inode != 0 && b.Inode != 0:
		return a.Inode == b.Inode
	case a.Cookie != b.Cookie || a.Inode != b.Inode:
		return false
	}
	return identify(a) == identify(b)
}

// grow returns a slice of n, used again where it is large enough.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/8)
	}
	return s[:n]
}
