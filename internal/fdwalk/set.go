package fdwalk

// Set is a set of socket inodes, made for many lookups and for being filled again without allocating. Reading it from
// several goroutines is safe. The zero value is the empty set.
type Set struct {
	slots []uint32 // open addressing, a power of two in length, at most half full; 0 is free
	n     int
}

// Len is the number of inodes in the set.
func (s *Set) Len() int { return s.n }

// Reset empties the set and keeps its memory.
func (s *Set) Reset() {
	clear(s.slots)
	s.n = 0
}

// Has reports whether the inode is in the set.
func (s *Set) Has(inode uint32) bool {
	if s.n == 0 || inode == 0 {
		return false
	}
	return s.slots[s.find(inode)] == inode
}

// Add puts an inode in and reports whether it was not there before. 0, which is no inode, is never in a set.
func (s *Set) Add(inode uint32) bool {
	if inode == 0 {
		return false
	}
	if 2*(s.n+1) > len(s.slots) {
		s.grow()
	}
	i := s.find(inode)
	if s.slots[i] == inode {
		return false
	}
	s.slots[i] = inode
	s.n++
	return true
}

// each calls f for every inode of the set, in no order.
func (s *Set) each(f func(inode uint32)) {
	if s.n == 0 {
		return
	}
	for _, inode := range s.slots {
		if inode != 0 {
			f(inode)
		}
	}
}

// find gives the slot of an inode, or the free one where it would go.
func (s *Set) find(inode uint32) uint32 {
	mask := uint32(len(s.slots) - 1)
	i := inode * 0x9e3779b1 >> 7 & mask
	for s.slots[i] != 0 && s.slots[i] != inode {
		i = (i + 1) & mask
	}
	return i
}

func (s *Set) grow() {
	old := s.slots
	s.slots = make([]uint32, max(64, 2*len(old)))
	for _, inode := range old {
		if inode != 0 {
			s.slots[s.find(inode)] = inode
		}
	}
}
