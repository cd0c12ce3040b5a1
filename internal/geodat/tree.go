package geodat

import "net/netip"

// Tree is a binary tree over the bits of an address, the first bit at the root.
type Tree struct {
	Nodes uint32 // values below are inner nodes
	Limit uint32 // how many nodes the file can have
	Child func(node uint32, side byte) (uint32, error)
}

// Leaf is where a path from the root ends.
type Leaf struct {
	Value uint32
	Bits  int // length of the path
}

// Find follows the first bits of addr from node until it meets a leaf.
func (t *Tree) Find(node uint32, addr []byte) (Leaf, error) {
	for i := range len(addr) * 8 {
		if node >= t.Nodes {
			return Leaf{node, i}, nil
		}
		var err error
		if node, err = t.Child(node, addr[i>>3]>>(7-i&7)&1); err != nil {
			return Leaf{}, err
		}
	}
	if node < t.Nodes {
		return Leaf{}, &Error{-1, "the tree is deeper than an address is long"}
	}
	return Leaf{node, len(addr) * 8}, nil
}

// Walk is one walk over all leaves of a tree, in the order of the addresses. It visits no more inner nodes than the tree
// has, so it ends in any file: in a tree each node has one way to it.
type Walk struct {
	Tree *Tree
	Bits int // 32 or 128

	// Skip, where it is set, leaves out what lies below a node: the aliases of IPv4 in a tree of IPv6.
	Skip func(node uint32, at [16]byte, depth int) bool
	// Leaf is called with each leaf's path, from the first bit of at on. It returns false to end the walk.
	Leaf func(at [16]byte, l Leaf) bool

	visited uint32
}

// Run walks from root. It returns whether the walk came to its end.
func (w *Walk) Run(root uint32) (bool, error) { return w.below(root, [16]byte{}, 0) }

func (w *Walk) below(node uint32, at [16]byte, depth int) (bool, error) {
	if node >= w.Tree.Nodes {
		return w.Leaf(at, Leaf{node, depth}), nil
	}
	if w.Skip != nil && w.Skip(node, at, depth) {
		return true, nil
	}
	if depth == w.Bits {
		return false, &Error{-1, "the tree is deeper than an address is long"}
	}
	if w.visited++; w.visited > w.Tree.Limit {
		return false, &Error{-1, "the tree has a node with two ways to it"}
	}
	for side := range byte(2) {
		next, err := w.Tree.Child(node, side)
		if err != nil {
			return false, err
		}
		at[depth>>3] |= side << (7 - depth&7)
		if more, err := w.below(next, at, depth+1); !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// Range4 is the range of the first bits of at, an IPv4 address.
func Range4(at [4]byte, bits int) (first, last netip.Addr) {
	hi := at
	for i := range at {
		m := byte(0xff >> min(8, max(0, bits-8*i)))
		at[i], hi[i] = at[i]&^m, hi[i]|m
	}
	return netip.AddrFrom4(at), netip.AddrFrom4(hi)
}

// Range6 is the range of the first bits of at.
func Range6(at [16]byte, bits int) (first, last netip.Addr) {
	hi := at
	for i := range at {
		m := byte(0xff >> min(8, max(0, bits-8*i)))
		at[i], hi[i] = at[i]&^m, hi[i]|m
	}
	return netip.AddrFrom16(at), netip.AddrFrom16(hi)
}
