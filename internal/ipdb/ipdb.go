// Package ipdb decodes the ipdb files of ipip.net.
//
// Its maker has published readers, no description (github.com/ipipdotnet/ipdb-go). The form they read:
//
//	length of the description (4 bytes, big endian)
//	description in JSON: build, ip_version (1 IPv4, 2 IPv6, 3 both), languages, node_count, total_size (of what follows), fields
//	nodes: two numbers each (4 bytes, big endian), where to go with bit 0 and with bit 1
//	data: length (2 bytes, big endian) and values with tabs between, the fields of each language one after the other
//
// A number below node_count is a node, node_count itself is nothing, and what is above it is data: at number - node_count
// behind the nodes. The root takes IPv6 addresses; IPv4 is at ::ffff:0:0/96.
package ipdb

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/internal/geodat"
)

const (
	sizeLength = 4
	sizeNode   = 8

	bitsIPv4 = 1
	bitsIPv6 = 2

	// maxDescription bounds the description, which has a few hundred bytes.
	maxDescription = 1 << 20
)

// description is the JSON at the start.
type description struct {
	Build     int64          `json:"build"`
	IPVersion uint16         `json:"ip_version"`
	Languages map[string]int `json:"languages"`
	NodeCount uint32         `json:"node_count"`
	TotalSize int64          `json:"total_size"`
	Fields    []string       `json:"fields"`
}

// DB is an ipdb file. It is immutable and may be used concurrently.
type DB struct {
	b     geodat.Bytes // all of the file
	at    int          // where the nodes are
	about description
	tree  geodat.Tree
	root4 uint32
}

// Looks tells whether a file can be one: its description begins where it should.
func Looks(b []byte) bool {
	return len(b) > sizeLength && b[0] == 0 && b[sizeLength] == '{' && bytes.Contains(b[:min(len(b), 4096)], []byte(`"node_count"`))
}

// Open reads the description of a file and finds the root of IPv4.
func Open(b []byte) (*DB, error) {
	if len(b) < sizeLength {
		return nil, geodat.Errorf(0, "the length of the description has 4 bytes, the file ends at %d", len(b))
	}
	n := binary.BigEndian.Uint32(b)
	if n > maxDescription || int(n) > len(b)-sizeLength {
		return nil, geodat.Errorf(0, "a description of %d bytes, the file ends at %d", n, len(b))
	}
	d := &DB{b: b, at: sizeLength + int(n)}
	if err := json.Unmarshal(b[sizeLength:d.at], &d.about); err != nil {
		return nil, geodat.Errorf(sizeLength, "description: %v", err)
	}
	return d, d.open()
}

func (d *DB) open() error {
	n := d.about.NodeCount
	switch {
	case len(d.about.Fields) == 0 || len(d.about.Languages) == 0:
		return geodat.Errorf(sizeLength, "the description names no fields or no languages")
	case d.about.TotalSize > int64(len(d.b)-d.at):
		return geodat.Errorf(len(d.b), "the file ends here, %d bytes were to follow the description at %d", d.about.TotalSize, d.at)
	case int64(n)*sizeNode > int64(len(d.b)-d.at):
		return geodat.Errorf(d.at, "%d nodes, the file ends at %d", n, len(d.b))
	}
	for name, at := range d.about.Languages {
		if at < 0 || at > 1<<16 {
			return geodat.Errorf(sizeLength, "language %q begins at field %d", name, at)
		}
	}
	d.tree = geodat.Tree{Nodes: n, Limit: n, Child: d.child}
	return d.findIPv4()
}

func (d *DB) child(node uint32, side byte) (uint32, error) {
	p := d.at + int(node)*sizeNode + int(side)*4
	s, err := d.b.Slice(p, 4)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint32(s), nil
}

// findIPv4 follows ::ffff:0:0/96. Where the way ends before, IPv4 is what it ends at.
func (d *DB) findIPv4() error {
	node := uint32(0)
	for i := 0; i < 96 && node < d.tree.Nodes; i++ {
		side := byte(0)
		if i >= 80 {
			side = 1
		}
		var err error
		if node, err = d.child(node, side); err != nil {
			return err
		}
	}
	d.root4 = node
	return nil
}

// IPv4 and IPv6 tell which addresses the file says it has.
func (d *DB) IPv4() bool { return d.about.IPVersion&bitsIPv4 != 0 }
func (d *DB) IPv6() bool { return d.about.IPVersion&bitsIPv6 != 0 }

// Built is when the file was made.
func (d *DB) Built() time.Time { return time.Unix(d.about.Build, 0).UTC() }

// Fields are the names of the values.
func (d *DB) Fields() []string { return d.about.Fields }

// Languages are those that values are in, in the order of their names.
func (d *DB) Languages() []string { return slices.Sorted(maps.Keys(d.about.Languages)) }

// Find4 and Find6 return the leaf that an address lies in. Bits is the length of the prefix.
func (d *DB) Find4(a [4]byte) (geodat.Leaf, error)  { return d.tree.Find(d.root4, a[:]) }
func (d *DB) Find6(a [16]byte) (geodat.Leaf, error) { return d.tree.Find(0, a[:]) }

// Empty tells that there is nothing at a leaf.
func (d *DB) Empty(l geodat.Leaf) bool { return l.Value == d.tree.Nodes }

// Walk4 and Walk6 call leaf for all leaves of one family until it returns false.
func (d *DB) Walk4(leaf func(at [16]byte, l geodat.Leaf) bool) (bool, error) {
	return (&geodat.Walk{Tree: &d.tree, Bits: 32, Leaf: leaf}).Run(d.root4)
}

func (d *DB) Walk6(leaf func(at [16]byte, l geodat.Leaf) bool) (bool, error) {
	w := geodat.Walk{Tree: &d.tree, Bits: 128, Leaf: leaf}
	w.Skip = func(node uint32, _ [16]byte, depth int) bool { return depth == 96 && node == d.root4 }
	return w.Run(0)
}

// Values returns the values of the data at a leaf's value in one language, in the order of Fields. They are views of the
// file.
func (d *DB) Values(value uint32, language string) ([][]byte, error) {
	p := d.at + int(value) + int(d.tree.Nodes)*(sizeNode-1)
	s, err := d.b.Slice(p, 2)
	if err != nil {
		return nil, err
	}
	if s, err = d.b.Slice(p+2, int(binary.BigEndian.Uint16(s))); err != nil {
		return nil, err
	}
	all, from := bytes.Split(s, []byte("\t")), d.about.Languages[language]
	if from+len(d.about.Fields) > len(all) {
		return nil, geodat.Errorf(p, "%d values, from number %d on %d are wanted", len(all), from, len(d.about.Fields))
	}
	return all[from : from+len(d.about.Fields)], nil
}
