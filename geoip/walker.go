package geoip

import "github.com/sockeye-net/sockeye/internal/geodat"

// walker makes hits of a tree's leaves.
type walker struct {
	empty func(geodat.Leaf) bool
	place func(value uint32) (*place, error)
	yield func(hit) bool
	err   error // of place; it ends the walk
}

// leaf4 and leaf6 take a leaf of one family, and tell whether the walk goes on.
func (w *walker) leaf4(at [16]byte, l geodat.Leaf) bool {
	first, last := geodat.Range4([4]byte(at[:4]), l.Bits)
	return w.empty(l) || w.hit(hit{first: first, last: last}, l.Value)
}

func (w *walker) leaf6(at [16]byte, l geodat.Leaf) bool {
	first, last := geodat.Range6(at, l.Bits)
	return w.empty(l) || w.hit(hit{first: first, last: last}, l.Value)
}

func (w *walker) hit(h hit, value uint32) bool {
	h.place, w.err = w.place(value)
	return w.err == nil && w.yield(h)
}

// end is the end of a walk: the error of the tree, or else that of a place.
func (w *walker) end(more bool, err error) (bool, error) {
	if err == nil {
		err = w.err
	}
	return more, err
}
