// Package geolegacy decodes the GeoIP.dat files that MaxMind made before MMDB, as Debian's geoip-database still does.
//
// The form is that of MaxMind's libGeoIP (GeoIP.c and GeoIP.h). A tree comes first: nodes of two numbers, where to go with
// bit 0 and with bit 1, little endian. A number below the number of segments is a node, others are data. The end of
// the file tells which edition it is: within its last 20 bytes are three bytes ff, then the edition's number, and where
// there is data behind the tree, the number of segments (3 bytes). Before it there may be a NUL and a text with the version.
//
// In a country edition a number less 16776960 (0xffff00) is the country's place in a fixed list. In others the data is
// number - segments bytes behind the tree. Texts are in ISO 8859-1.
package geolegacy

import (
	"bytes"
	"math"

	"github.com/sockeye-net/sockeye/internal/geodat"
)

// Edition says what the data is.
type Edition byte

// The editions that are read, by the numbers of GeoIPDBTypes in GeoIP.h.
const (
	Country        Edition = 1
	CityRev1       Edition = 2
	ISP            Edition = 4
	Org            Edition = 5
	CityRev0       Edition = 6
	ASNum          Edition = 9
	CountryV6      Edition = 12
	LargeCountry   Edition = 17
	LargeCountryV6 Edition = 18
	ASNumV6        Edition = 21
	ISPV6          Edition = 22
	OrgV6          Edition = 23
	CityRev1V6     Edition = 30
	CityRev0V6     Edition = 31
)

const (
	sizeInfo     = 20 // the end of the file, where the edition is told
	sizeVersion  = 100
	countryBegin = 0xffff00
	largeBegin   = 0xfc0000
	oldEditions  = 105 // files from before 2003 count from 106
	maxText      = 300
)

// kind is what has to be known of an edition.
type kind struct {
	name string
	size int // of a number in the tree, in bytes
	ipv6 bool
}

func (e Edition) kind() (kind, bool) {
	switch e {
	case Country, LargeCountry:
		return kind{"country", 3, false}, true
	case CountryV6, LargeCountryV6:
		return kind{"country", 3, true}, true
	case CityRev0, CityRev1:
		return kind{"city", 3, false}, true
	case CityRev0V6, CityRev1V6:
		return kind{"city", 3, true}, true
	case ASNum:
		return kind{"asnum", 3, false}, true
	case ASNumV6:
		return kind{"asnum", 3, true}, true
	case ISP:
		return kind{"isp", 4, false}, true
	case Org:
		return kind{"org", 4, false}, true
	case ISPV6:
		return kind{"isp", 4, true}, true
	case OrgV6:
		return kind{"org", 4, true}, true
	}
	return kind{}, false
}

// DB is a GeoIP.dat file. It is immutable and may be used concurrently.
type DB struct {
	b       geodat.Bytes
	edition Edition
	kind    kind
	tree    geodat.Tree
	info    int // where the end with the edition begins
}

// Looks tells whether a file can be one: it ends like one, and begins with a node that leads into the file.
func Looks(b []byte) bool {
	_, err := Open(b)
	return err == nil
}

// find looks for the edition from the end on.
func find(b []byte) (at int, e Edition, ok bool) {
	for at = len(b) - 4; at >= 0 && at > len(b)-4-sizeInfo; at-- {
		if b[at] == 0xff && b[at+1] == 0xff && b[at+2] == 0xff {
			e = Edition(b[at+3])
			if e > oldEditions {
				e -= oldEditions
			}
			return at, e, true
		}
	}
	return 0, 0, false
}

// Open finds the edition of a file and the size of its tree.
func Open(b []byte) (*DB, error) {
	at, e, ok := find(b)
	if !ok {
		return nil, geodat.Errorf(max(0, len(b)-sizeInfo), "no edition in the last %d bytes", sizeInfo)
	}
	k, ok := e.kind()
	if !ok {
		return nil, geodat.Errorf(at+3, "edition %d is not one that is read", e)
	}
	d := &DB{b: b, edition: e, kind: k, info: at}
	return d, d.open()
}

func (d *DB) open() error {
	nodes := uint64(countryBegin)
	switch d.edition {
	case Country, CountryV6:
	case LargeCountry, LargeCountryV6:
		nodes = largeBegin
	default:
		var err error
		if nodes, err = d.b.Uint(d.info+4, 3); err != nil {
			return err
		}
		if nodes*uint64(2*d.kind.size) > uint64(d.info) {
			return geodat.Errorf(d.info+4, "%d segments of %d bytes, the tree ends before %d", nodes, 2*d.kind.size, d.info)
		}
	}
	room := uint64(len(d.b) / (2 * d.kind.size))
	d.tree = geodat.Tree{Nodes: uint32(nodes), Limit: uint32(min(nodes, room, math.MaxUint32)), Child: d.child}
	return d.checkRoot()
}

// checkRoot tells a tree from other files, some of which have the four bytes of a country edition at their end by chance.
func (d *DB) checkRoot() error {
	for side := range byte(2) {
		v, err := d.child(0, side)
		if err != nil {
			return err
		}
		if v >= d.tree.Limit && v < d.tree.Nodes {
			return geodat.Errorf(int(side)*d.kind.size, "the root leads to node %d, the file has room for %d", v, d.tree.Limit)
		}
	}
	return nil
}

func (d *DB) child(node uint32, side byte) (uint32, error) {
	v, err := d.b.Uint((2*int(node)+int(side))*d.kind.size, d.kind.size)
	return uint32(v), err
}

// Name is "country", "city", "asnum", "isp" or "org".
func (d *DB) Name() string { return d.kind.name }

// IPv6 tells that the addresses are of IPv6; else they are of IPv4.
func (d *DB) IPv6() bool { return d.kind.ipv6 }

// Version is the text before the edition ("GEO-106FREE 20260704 Build"), or nothing.
func (d *DB) Version() []byte {
	s := d.b[max(0, d.info-sizeVersion):d.info]
	i := bytes.LastIndex(s, []byte{0, 0, 0})
	if i < 0 {
		return nil
	}
	s = s[i+3:]
	for _, c := range s {
		if c < ' ' || c > '~' {
			return nil
		}
	}
	return s
}

// Find returns the leaf that an address, of 4 or 16 bytes as the file has them, lies in.
func (d *DB) Find(addr []byte) (geodat.Leaf, error) { return d.tree.Find(0, addr) }

// Empty tells that there is nothing at a leaf.
func (d *DB) Empty(l geodat.Leaf) bool { return l.Value == d.tree.Nodes }

// Walk calls leaf for all leaves until it returns false.
func (d *DB) Walk(leaf func(at [16]byte, l geodat.Leaf) bool) (bool, error) {
	w := geodat.Walk{Tree: &d.tree, Bits: 32, Leaf: leaf}
	if d.kind.ipv6 {
		w.Bits = 128
	}
	return w.Run(0)
}
