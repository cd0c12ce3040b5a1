// Package xdb decodes the xdb files of ip2region, in the structures 2 (IPv4 only) and 3 (IPv4 or IPv6).
//
// The form is described in the project's maker (github.com/lionsoul2014/ip2region, maker/golang/xdb/maker.go). Numbers are
// little endian.
//
//	header  256 bytes: structure (2), index policy (2), time of making (4), offsets of the first and the last index
//	        entry (4 each); from structure 3 on: IP version, 4 or 6 (2), bytes of a pointer (2)
//	vector  256 x 256 cells by the first two bytes of the address: offset of the first entry (4), of the one behind
//	        the last (4); both 0 where there is none
//	data    texts in UTF-8
//	index   first address, last address, length of the text (2), offset of the text (4)
//
// Addresses of the index are little endian for IPv4 and in network order for IPv6.
package xdb

import (
	"bytes"
	"encoding/binary"
	"time"

	"github.com/sockeye-net/sockeye/internal/geodat"
)

const (
	sizeHeader = 256
	sizeCell   = 8
	sizeVector = 256 * 256 * sizeCell
	dataAt     = sizeHeader + sizeVector
	sizeText   = 2 + 4
)

// DB is an xdb file. It is immutable and may be used concurrently.
type DB struct {
	b           geodat.Bytes
	structure   int
	size        int // of an address, 4 or 16
	entry       int // size of an index entry
	first, last int // offsets of the first and the last entry
}

// Open checks the header of a file, and that the index is there.
func Open(b []byte) (*DB, error) {
	if len(b) < dataAt {
		return nil, geodat.Errorf(0, "header and vector index have %d bytes, the file ends at %d", dataAt, len(b))
	}
	d := &DB{b: b, structure: int(binary.LittleEndian.Uint16(b)), size: 4}
	d.first, d.last = int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:]))
	switch version := binary.LittleEndian.Uint16(b[16:]); {
	case d.structure != 2 && d.structure != 3:
		return nil, geodat.Errorf(0, "structure %d; 2 and 3 are known", d.structure)
	case d.structure == 3 && version == 6:
		d.size = 16
	case d.structure == 3 && version != 4:
		return nil, geodat.Errorf(16, "IP version %d", version)
	}
	d.entry = 2*d.size + sizeText
	if d.first < dataAt || d.last < d.first || (d.last-d.first)%d.entry != 0 || d.last > len(b)-d.entry {
		return nil, geodat.Errorf(8, "an index from %d to %d with entries of %d bytes, the file ends at %d", d.first, d.last, d.entry, len(b))
	}
	return d, nil
}

// Structure is 2 or 3.
func (d *DB) Structure() int { return d.structure }

// IPv6 tells that the addresses are of IPv6; else they are of IPv4.
func (d *DB) IPv6() bool { return d.size == 16 }

// Built is when the file was made.
func (d *DB) Built() time.Time { return time.Unix(int64(binary.LittleEndian.Uint32(d.b[4:])), 0).UTC() }

// Len is the number of index entries.
func (d *DB) Len() int { return (d.last-d.first)/d.entry + 1 }

// Entry is an entry of the index. First and Last are addresses of 4 or 16 bytes in network order.
type Entry struct {
	First, Last [16]byte
	Text, Size  int // offset and length of the text
}

// At returns entry number i, which is 0 or more and less than Len.
func (d *DB) At(i int) Entry { return d.decode(d.first + i*d.entry) }

// EntryOffset is where in the file entry i is.
func (d *DB) EntryOffset(i int) int { return d.first + i*d.entry }

func (d *DB) decode(p int) (e Entry) {
	b := d.b[p : p+d.entry]
	if d.size == 4 {
		binary.BigEndian.PutUint32(e.First[:], binary.LittleEndian.Uint32(b))
		binary.BigEndian.PutUint32(e.Last[:], binary.LittleEndian.Uint32(b[4:]))
	} else {
		copy(e.First[:], b)
		copy(e.Last[:], b[16:])
	}
	b = b[2*d.size:]
	e.Size, e.Text = int(binary.LittleEndian.Uint16(b)), int(binary.LittleEndian.Uint32(b[2:]))
	return e
}

// Find returns the entry that addr, of 4 or 16 bytes as the file has them, lies in.
func (d *DB) Find(addr []byte) (e Entry, found bool, err error) {
	lo, hi, err := d.cell(addr)
	if err != nil {
		return e, false, err
	}
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		p := d.first + m*d.entry
		switch {
		case d.compare(addr, p) < 0:
			hi = m
		case d.compare(addr, p+d.size) > 0:
			lo = m + 1
		default:
			return d.decode(p), true, nil
		}
	}
	return e, false, nil
}

// cell returns the entries that the vector index has for addr, as numbers.
func (d *DB) cell(addr []byte) (lo, hi int, err error) {
	at := sizeHeader + (int(addr[0])<<8|int(addr[1]))*sizeCell
	c := d.b[at : at+sizeCell]
	from, to := int(binary.LittleEndian.Uint32(c)), int(binary.LittleEndian.Uint32(c[4:]))
	if from == 0 || to == 0 {
		return 0, 0, nil
	}
	if from < d.first || to < from || to > d.last+d.entry || (from-d.first)%d.entry != 0 || (to-from)%d.entry != 0 {
		return 0, 0, geodat.Errorf(at, "index entries from %d to %d; they are from %d to %d", from, to, d.first, d.last+d.entry)
	}
	return (from - d.first) / d.entry, (to - d.first) / d.entry, nil
}

func (d *DB) compare(addr []byte, p int) int {
	if d.size == 16 {
		return bytes.Compare(addr, d.b[p:p+16])
	}
	a, b := binary.BigEndian.Uint32(addr), binary.LittleEndian.Uint32(d.b[p:])
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// Text returns an entry's text; it is a view of the file.
func (d *DB) Text(off, size int) ([]byte, error) { return d.b.Slice(off, size) }
