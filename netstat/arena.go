package netstat

import (
	"cmp"
	"slices"
)

// arena keeps the owners of a snapshot in one slice, so that a socket costs no allocation.
type arena struct {
	owners []Owner
}

func (s *Snapshot) reset() {
	s.Sockets, s.Partial, s.arena.owners = s.Sockets[:0], s.Partial[:0], s.arena.owners[:0]
}

// forget drops the pointers to processes that an earlier reading, of so many sockets and owners, left behind those of this
// one. Clearing all of the memory before it is filled anew would take as long as filling it.
func (s *Snapshot) forget(sockets, owners int) {
	clearBehind(s.Sockets, sockets)
	clearBehind(s.arena.owners, owners)
}

func clearBehind[T any](s []T, end int) {
	if end = min(end, cap(s)); end > len(s) {
		clear(s[len(s):end])
	}
}

func (s *Snapshot) sort() { slices.SortStableFunc(s.Sockets, compareSockets) }

// compareSockets is the order of Query.Ordered.
func compareSockets(a, b Socket) int {
	return cmp.Or(
		cmp.Compare(a.Proto, b.Proto),
		cmp.Compare(a.Local.Addr().BitLen(), b.Local.Addr().BitLen()),
		a.Local.Compare(b.Local),
		a.Remote.Compare(b.Remote),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Inode, b.Inode),
	)
}
