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
	clear(s.Sockets) // drop pointers to processes that are gone
	clear(s.arena.owners)
	s.Sockets, s.Partial, s.arena.owners = s.Sockets[:0], s.Partial[:0], s.arena.owners[:0]
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
