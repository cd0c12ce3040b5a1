package geodat_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/sockeye-net/sockeye/internal/geodat"
)

func TestBytes(t *testing.T) {
	b := geodat.Bytes("\x01\x02\x03\x00abc\x00de")
	if v, err := b.Uint(0, 3); v != 0x030201 || err != nil {
		t.Errorf("%#x, %v", v, err)
	}
	if s, err := b.String(4, 3); string(s) != "abc" || err != nil {
		t.Errorf("%q, %v", s, err)
	}
	if v, err := b.Offset(0, 1); v != 1 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
	for name, c := range map[string]struct {
		at  int64
		err error
	}{
		"slice past the end":  {8, second(b.Slice(8, 3))},
		"slice before":        {-1, second(b.Slice(-1, 1))},
		"slice that wraps":    {1, second(b.Slice(1, int(^uint(0)>>1)))},
		"byte past the end":   {10, second(b.Byte(10))},
		"number past the end": {7, second(b.Uint(7, 4))},
		"offset too large":    {0, second(b.Offset(0, 2))},
		"text too long":       {4, second(b.String(4, 2))},
		"text without end":    {8, second(b.String(8, 99))},
		"text past the end":   {10, second(b.String(10, 99))},
	} {
		var e *geodat.Error
		if !errors.As(c.err, &e) || e.Offset != c.at || e.What == "" {
			t.Errorf("%s: %v", name, c.err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestUint(t *testing.T) {
	b := []byte{0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8}
	for n, want := range []uint64{0, 0xf1, 0xf2f1, 0xf3f2f1, 0xf4f3f2f1, 0xf5f4f3f2f1, 0xf6f5f4f3f2f1, 0xf7f6f5f4f3f2f1, 0xf8f7f6f5f4f3f2f1} {
		if v := geodat.Uint(b[:n]); v != want {
			t.Errorf("%d bytes are %#x, want %#x", n, v, want)
		}
	}
}

func TestRange(t *testing.T) {
	for _, c := range []struct{ prefix, first, last string }{
		{"1.2.3.4/0", "0.0.0.0", "255.255.255.255"}, {"1.2.3.4/8", "1.0.0.0", "1.255.255.255"},
		{"1.2.3.4/31", "1.2.3.4", "1.2.3.5"}, {"1.2.3.5/32", "1.2.3.5", "1.2.3.5"},
		{"2400:1::5/33", "2400:1::", "2400:1:7fff:ffff:ffff:ffff:ffff:ffff"}, {"::1/128", "::1", "::1"},
	} {
		p := netip.MustParsePrefix(c.prefix)
		first, last := netip.Addr{}, netip.Addr{}
		if p.Addr().Is4() {
			first, last = geodat.Range4(p.Addr().As4(), p.Bits())
		} else {
			first, last = geodat.Range6(p.Addr().As16(), p.Bits())
		}
		if first.String() != c.first || last.String() != c.last {
			t.Errorf("%s is %v-%v", c.prefix, first, last)
		}
	}
}

// tree makes one of nodes, each two values.
func tree(nodes ...[2]uint32) *geodat.Tree {
	n := uint32(len(nodes))
	return &geodat.Tree{Nodes: n, Limit: n, Child: func(node uint32, side byte) (uint32, error) { return nodes[node][side], nil }}
}

func TestTree(t *testing.T) {
	tr := tree([2]uint32{1, 12}, [2]uint32{10, 11})
	for a, want := range map[byte]geodat.Leaf{0x00: {Value: 10, Bits: 2}, 0x40: {Value: 11, Bits: 2}, 0x80: {Value: 12, Bits: 1}} {
		if l, err := tr.Find(0, []byte{a, 0, 0, 0}); l != want || err != nil {
			t.Errorf("%#x is %v, %v", a, l, err)
		}
	}
	var got []geodat.Leaf
	w := geodat.Walk{Tree: tr, Bits: 32, Leaf: func(_ [16]byte, l geodat.Leaf) bool { got = append(got, l); return l.Value != 11 }}
	if more, err := w.Run(0); more || err != nil || len(got) != 2 || got[0].Value != 10 {
		t.Errorf("%v, %v, %v", got, more, err)
	}
}

// Neither a loop nor a node that many ways lead to keeps a walk from its end.
func TestBrokenTree(t *testing.T) {
	loop, wide := tree([2]uint32{0, 0}), tree([2]uint32{1, 1}, [2]uint32{2, 2}, [2]uint32{3, 3})
	if _, err := loop.Find(0, []byte{0, 0, 0, 0}); err == nil {
		t.Error("a loop is found its way through")
	}
	for _, tr := range []*geodat.Tree{loop, wide} {
		w := geodat.Walk{Tree: tr, Bits: 32, Leaf: func([16]byte, geodat.Leaf) bool { return true }}
		if _, err := w.Run(0); err == nil {
			t.Error("a broken tree is walked over")
		}
	}
}
