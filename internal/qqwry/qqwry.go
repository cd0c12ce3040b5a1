// Package qqwry decodes QQWry.dat, the "pure" IP database of cz88.net, and ipv6wry.db, its relative for IPv6 of
// ip.zxinc.org. It finds records and the bytes of their texts; what these mean is for the caller to know.
//
// There is no document by their maker of QQWry.dat. The form is the one that its readers agree on: all numbers are little
// endian, offsets have 3 bytes.
//
//	header  offset of the first index entry (4 bytes), of the last one (4 bytes)
//	record  last address (4 bytes), then the country, then the area
//	index   entries of 7 bytes in ascending order: first address (4 bytes), offset of the record (3 bytes)
//
// A text ends with a NUL and is in GBK. In the place of the country, 01 and an offset say that country and area are
// elsewhere, 02 and an offset that the country is, and the area follows. In the place of the area, either says that the
// area is elsewhere; offset 0 says that there is none. What is elsewhere may be a redirection again.
package qqwry

import (
	"encoding/binary"

	"github.com/sockeye-net/sockeye/internal/geodat"
)

const (
	sizeHeader = 8
	sizeEntry  = 7
	sizeOffset = 3

	redirectAll  = 1
	redirectOnly = 2

	// maxRedirects is how many redirections in a row are followed; files have two.
	maxRedirects = 8
	// maxText bounds a text, in bytes; the longest one in files has about 100.
	maxText = 4096
)

// DB is a QQWry.dat. It is immutable and may be used concurrently.
type DB struct {
	b     geodat.Bytes
	index []byte // the entries, nothing else
	first int    // their offset in b
}

// Open checks header and index of a file: that they are there, not that they are in order.
func Open(b []byte) (*DB, error) {
	if len(b) < sizeHeader {
		return nil, geodat.Errorf(0, "the header has 8 bytes, the file ends at %d", len(b))
	}
	first, last := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	switch end := int64(last) + sizeEntry; {
	case first < sizeHeader || last < first || (last-first)%sizeEntry != 0:
		return nil, geodat.Errorf(0, "the index cannot go from %d to %d", first, last)
	case end > int64(len(b)):
		return nil, geodat.Errorf(4, "the index ends at %d, the file at %d", end, len(b))
	}
	return &DB{b, b[first : last+sizeEntry], int(first)}, nil
}

// Len is the number of records.
func (d *DB) Len() int { return len(d.index) / sizeEntry }

// First returns the first address of a record, which is 0 or more and less than Len.
func (d *DB) First(i int) uint32 { return binary.LittleEndian.Uint32(d.index[i*sizeEntry:]) }

// EntryOffset is where in the file the index has the record.
func (d *DB) EntryOffset(i int) int { return d.first + i*sizeEntry }

// Search returns the last record in [lo, hi) that begins at ip or before, or lo-1 if there is none.
func (d *DB) Search(ip uint32, lo, hi int) int {
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if binary.LittleEndian.Uint32(d.index[m*sizeEntry:]) <= ip {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo - 1
}

// Record returns where a record is, and its last address.
func (d *DB) Record(i int) (off int, last uint32, err error) {
	e := d.index[i*sizeEntry:]
	off = int(e[4]) | int(e[5])<<8 | int(e[6])<<16
	if off > len(d.b)-4 {
		return 0, 0, geodat.Errorf(d.EntryOffset(i)+4, "refers to offset %d, the file ends at %d", off, len(d.b))
	}
	return off, binary.LittleEndian.Uint32(d.b[off:]), nil
}

// Text is where the texts of a record are: offsets in the file, 0 for none. Records with the same Text have the same texts.
type Text struct{ Country, Area int }

// Text follows the redirections of the record at off.
func (d *DB) Text(off int) (t Text, err error) {
	f := follower{d.b, sizeOffset, maxRedirects}
	p, err := f.whole(off + 4)
	if err != nil || p == 0 {
		return Text{}, err
	}
	var after int
	if t.Country, after, err = f.field(p); err != nil {
		return Text{}, err
	}
	t.Area, _, err = f.field(after)
	return t, err
}

// Bytes returns the text at off; it is a view of the file, and empty for off 0.
func (d *DB) Bytes(off int) ([]byte, error) {
	if off == 0 {
		return nil, nil
	}
	return d.b.String(off, maxText)
}
