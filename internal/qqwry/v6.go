package qqwry

import (
	"bytes"

	"github.com/sockeye-net/sockeye/internal/geodat"
)

// Magic6 begins an ipv6wry.db.
const Magic6 = "IPDB"

const (
	sizeHeader6 = 24
	fieldsAt6   = 24 // number of texts of a record, from version 2 on
	versionAt6  = 32 // offset of a text with the version, likewise
)

// DB6 is an ipv6wry.db. It is immutable and may be used concurrently.
//
// The form is that of its maker's description (ip.zxinc.org): a header with the magic, a version (2 bytes), the length of
// an offset and that of an address in the index (1 byte each), the number of records and the offset of the index (8 bytes
// each); from version 2 on the number of texts of a record (1 byte, at 24) and the offset of the version's text (8
// bytes, at 32). Records are like those of QQWry.dat without a last address, their texts in UTF-8. The index has the
// first 8 bytes of an IPv6 address, or all 4 of an IPv4 one, as a little-endian number.
type DB6 struct {
	b        geodat.Bytes
	index    []byte
	first    int
	size     int // of an index entry
	addrSize int // 4 or 8
	offSize  int
	fields   int
	version  int
}

// Open6 checks header and index of a file, as [Open] does.
func Open6(b []byte) (*DB6, error) {
	if len(b) < sizeHeader6 || !bytes.HasPrefix(b, []byte(Magic6)) {
		return nil, geodat.Errorf(0, "no header of 24 bytes that begins with %q", Magic6)
	}
	d := &DB6{b: b, offSize: int(b[6]), addrSize: int(b[7]), fields: 2}
	if d.offSize < 2 || d.offSize > 8 || d.addrSize != 4 && d.addrSize != 8 {
		return nil, geodat.Errorf(6, "offsets of %d bytes and addresses of %d", d.offSize, d.addrSize)
	}
	d.size = d.addrSize + d.offSize
	return d, d.openIndex()
}

func (d *DB6) openIndex() error {
	count, first, size := geodat.Uint(d.b[8:16]), geodat.Uint(d.b[16:24]), uint64(len(d.b))
	if first < sizeHeader6 || first > size || count == 0 || count > (size-first)/uint64(d.size) {
		return geodat.Errorf(8, "an index of %d entries at %d, the file ends at %d", count, first, size)
	}
	d.first = int(first)
	d.index = d.b[first : first+count*uint64(d.size)]
	if geodat.Uint(d.b[4:6]) >= 2 && len(d.b) >= versionAt6+8 {
		d.fields = max(1, int(d.b[fieldsAt6]))
		d.version = int(min(size, geodat.Uint(d.b[versionAt6:versionAt6+8])))
	}
	return nil
}

// Len is the number of records.
func (d *DB6) Len() int { return len(d.index) / d.size }

// IPv4 tells that the addresses are 4 bytes of IPv4; else they are the first 8 of IPv6.
func (d *DB6) IPv4() bool { return d.addrSize == 4 }

// First returns the first address of a record.
func (d *DB6) First(i int) uint64 {
	e := i * d.size
	return geodat.Uint(d.index[e : e+d.addrSize])
}

// EntryOffset is where in the file the index has the record.
func (d *DB6) EntryOffset(i int) int { return d.first + i*d.size }

// Search returns the last record that begins at ip or before, or -1.
func (d *DB6) Search(ip uint64) int {
	lo, hi := 0, d.Len()
	for lo < hi {
		m := int(uint(lo+hi) >> 1)
		if d.First(m) <= ip {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo - 1
}

// Record returns where a record is.
func (d *DB6) Record(i int) (off int, err error) {
	return d.b.Offset(d.EntryOffset(i)+d.addrSize, d.offSize)
}

// Text follows the redirections of the record at off. Of more than two texts, the first two count.
func (d *DB6) Text(off int) (t Text, err error) {
	f := follower{d.b, d.offSize, maxRedirects}
	p, err := f.whole(off)
	if err != nil || p == 0 {
		return Text{}, err
	}
	if t.Country, p, err = f.field(p); err != nil || d.fields < 2 {
		return t, err
	}
	t.Area, _, err = f.field(p)
	return t, err
}

// Bytes returns the text at off, as [DB.Bytes] does.
func (d *DB6) Bytes(off int) ([]byte, error) {
	if off == 0 {
		return nil, nil
	}
	return d.b.String(off, maxText)
}

// Version returns the text that names the version, or nothing where the file has none.
func (d *DB6) Version() []byte {
	if d.version < sizeHeader6 {
		return nil
	}
	s, err := d.b.String(d.version, maxText)
	if err != nil {
		return nil
	}
	return s
}
