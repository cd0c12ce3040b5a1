package testdb

import "net/netip"

// tree is a binary tree over addresses, in memory. Values are numbers of rows; none is -1.
type tree struct {
	nodes [][2]link
}

// link is where a bit leads: to a node, or to a value.
type link struct {
	node  int // 0 is none: nothing leads to the root
	value int
}

func newTree() *tree { return &tree{[][2]link{{{0, -1}, {0, -1}}}} }

// add says what the addresses of a prefix lead to. skip bits of zero come before those of IPv4 in a tree of IPv6.
func (t *tree) add(p netip.Prefix, zeros int, ones int, value int) {
	var path []byte
	for range zeros {
		path = append(path, 0)
	}
	for range ones {
		path = append(path, 1)
	}
	b := p.Addr().AsSlice()
	for i := range p.Bits() {
		path = append(path, b[i/8]>>(7-i%8)&1)
	}
	n := 0
	for _, side := range path[:len(path)-1] {
		l := &t.nodes[n][side]
		if l.node == 0 {
			t.nodes = append(t.nodes, [2]link{{0, l.value}, {0, l.value}})
			l = &t.nodes[n][side]
			l.node = len(t.nodes) - 1
		}
		n = l.node
	}
	t.nodes[n][path[len(path)-1]] = link{0, value}
}

// treeOf makes the tree of rows. mapped puts IPv4 at ::ffff:0:0/96, else it is at ::/96; in a tree of IPv4 alone, at the root.
func treeOf(rows []Row, with6, mapped bool) *tree {
	t := newTree()
	for i, r := range rows {
		for _, p := range Prefixes(r.First, r.Last) {
			switch {
			case !with6 || p.Addr().Is6():
				t.add(p, 0, 0, i)
			case mapped:
				t.add(p, 80, 16, i)
			default:
				t.add(p, 96, 0, i)
			}
		}
	}
	return t
}
