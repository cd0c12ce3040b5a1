package geoip

import (
	"net/netip"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/sockeye-net/sockeye/internal/geodat"
)

// mmdbEngine finds addresses of an MMDB by the maxminddb library; the walk over all ranges is ours, because the library's
// does not end in a tree whose nodes refer to one another without end.
type mmdbEngine struct {
	r      *maxminddb.Reader
	b      geodat.Bytes
	places *cache
	tree   geodat.Tree
	data   int // where the data begins
	root4  uint32
	names  []string // keys of names, the best first
}

const (
	mmdbSeparator = 16 // bytes between tree and data
	mmdbBits4     = 96 // where IPv4 begins in a tree of IPv6: ::/96
)

func openMMDB(b []byte, opt options) (engine, error) {
	if !endsMMDB(b) {
		return nil, geodat.Errorf(max(0, len(b)-mmdbEnd), "no metadata from here to the end of the file, at %d", len(b))
	}
	r, err := maxminddb.OpenBytes(b)
	if err != nil {
		return nil, mmdbError(-1, err)
	}
	m := r.Metadata
	e := &mmdbEngine{r: r, b: b, places: newCache(len(b)), names: append(opt.languages[:len(opt.languages):len(opt.languages)], "en")}
	e.data = int(m.NodeCount*(m.RecordSize/4)) + mmdbSeparator
	e.tree = geodat.Tree{Nodes: uint32(m.NodeCount), Limit: uint32(m.NodeCount), Child: e.child}
	switch {
	case m.NodeCount > 1<<31 || m.RecordSize != 24 && m.RecordSize != 28 && m.RecordSize != 32:
		return nil, &geodat.Error{Offset: -1, What: "metadata: strange number of nodes or size of a record"}
	case m.IPVersion != 4 && m.IPVersion != 6:
		return nil, &geodat.Error{Offset: -1, What: "metadata: strange IP version"}
	case m.IPVersion == 6:
		return e, e.findIPv4()
	}
	return e, nil
}

// mmdbError says what the library said.
func mmdbError(off int, err error) error { return &geodat.Error{Offset: int64(off), What: err.Error()} }

// child reads a node of two records of 24, 28 or 32 bits (MaxMind DB File Format Specification, "Binary Search Tree
// Section").
func (e *mmdbEngine) child(node uint32, side byte) (uint32, error) {
	size := int(e.r.Metadata.RecordSize / 4)
	p := int(node) * size
	b, err := e.b.Slice(p, size)
	if err != nil {
		return 0, err
	}
	s := int(side)
	switch size {
	case 6:
		b = b[3*s:]
		return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]), nil
	case 7:
		high := uint32(b[3]>>(4-4*s)) & 0xf
		b = b[4*s:]
		return high<<24 | uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2]), nil
	}
	b = b[4*s:]
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), nil
}

func (e *mmdbEngine) findIPv4() (err error) {
	for i := 0; i < mmdbBits4 && e.root4 < e.tree.Nodes && err == nil; i++ {
		e.root4, err = e.child(e.root4, 0)
	}
	return err
}

func (e *mmdbEngine) lookup(a netip.Addr) (h hit, err error) {
	if a.Is6() && e.r.Metadata.IPVersion == 4 {
		return noFamily, nil
	}
	r := e.r.Lookup(a)
	if err := r.Err(); err != nil {
		return h, mmdbError(-1, err)
	}
	if p := r.Prefix(); p.IsValid() && p.Addr().Is4() == a.Is4() {
		h.first, h.last = mmdbRange(p)
	}
	if r.Found() {
		h.place, err = e.place(int(r.Offset()))
	}
	return h, err
}

func mmdbRange(p netip.Prefix) (first, last netip.Addr) {
	if p.Addr().Is4() {
		return geodat.Range4(p.Addr().As4(), p.Bits())
	}
	return geodat.Range6(p.Addr().As16(), p.Bits())
}

// place returns the place of the record at off in the data.
func (e *mmdbEngine) place(off int) (*place, error) {
	if p := e.places.get(uint64(off)); p != nil {
		return p, nil
	}
	var v any
	if err := e.r.LookupOffset(uintptr(off)).Decode(&v); err != nil {
		return nil, mmdbError(e.data+off, err)
	}
	return e.places.put(uint64(off), mmdbPlace(v, e.names)), nil
}

func (e *mmdbEngine) each(yield func(hit) bool) error {
	w := walker{empty: e.empty, place: e.placeAt, yield: yield}
	walk := geodat.Walk{Tree: &e.tree, Bits: 32, Leaf: w.leaf4}
	if e.r.Metadata.IPVersion == 6 {
		walk.Bits, walk.Skip = 128, e.alias
		walk.Leaf = func(at [16]byte, l geodat.Leaf) bool {
			if l.Bits < mmdbBits4 || [12]byte(at[:12]) != [12]byte{} {
				return w.leaf6(at, l)
			}
			l.Bits -= mmdbBits4
			return w.leaf4([16]byte{at[12], at[13], at[14], at[15]}, l)
		}
	}
	_, err := w.end(walk.Run(0))
	return err
}

func (e *mmdbEngine) empty(l geodat.Leaf) bool { return l.Value == e.tree.Nodes }

// placeAt returns the place of a leaf.
func (e *mmdbEngine) placeAt(value uint32) (*place, error) {
	off := int(value-e.tree.Nodes) - mmdbSeparator
	if off < 0 || off >= len(e.b)-e.data {
		return nil, geodat.Errorf(e.data+off, "a leaf refers to it, the data goes from %d to %d", e.data, len(e.b))
	}
	return e.place(off)
}

// alias tells that a node is the tree of IPv4 once more, as in 2002::/16 and ::ffff:0:0/96.
func (e *mmdbEngine) alias(node uint32, at [16]byte, depth int) bool {
	return node == e.root4 && (depth != mmdbBits4 || at != [16]byte{})
}

func (e *mmdbEngine) describe(i *Info) {
	m := e.r.Metadata
	i.Type, i.Built, i.Languages = m.DatabaseType, m.BuildTime().UTC(), m.Languages
	i.HasIPv4, i.HasIPv6 = m.IPVersion == 4 || e.root4 != e.tree.Nodes, m.IPVersion == 6
	i.Version = m.Description["en"]
}
