package miblayout

import (
	"encoding/binary"
	"unicode/utf16"
)

// IfKind is which structure a table of interfaces or of their addresses is made of: those of <ifmib.h> and <netioapi.h>.
type IfKind uint8

// The structures, by the names of the headers.
const (
	IfTable1  IfKind = iota + 1 // MIB_IFTABLE
	IfTable2                    // MIB_IF_TABLE2
	IfUnicast                   // MIB_UNICASTIPADDRESS_TABLE
)

// ifLayout is where a table's first row begins, after NumEntries and what padding the rows need, and a row's size.
type ifLayout struct{ first, size int }

var ifLayouts = [...]ifLayout{IfTable1: {4, 860}, IfTable2: {8, 1352}, IfUnicast: {8, 80}}

// Size is how many bytes a table of n rows takes, padding and all; 0 for a kind that does not exist.
func (k IfKind) Size(n uint32) uint64 {
	if k == 0 || int(k) >= len(ifLayouts) {
		return 0
	}
	return uint64(ifLayouts[k].first) + uint64(n)*uint64(ifLayouts[k].size)
}

// Interfaces is a decoded MIB_IFTABLE or MIB_IF_TABLE2: a view of the bytes it was made from, which must not change while
// it is in use. It may be read from several goroutines.
type Interfaces struct {
	kind IfKind
	rows []byte
}

// ParseInterfaces checks that b holds the rows that its first word promises and returns them. The kind is IfTable1 or
// IfTable2. The error is a *SizeError or a KindError.
func ParseInterfaces(k IfKind, b []byte) (Interfaces, error) {
	if k != IfTable1 && k != IfTable2 {
		return Interfaces{}, KindError(k.String())
	}
	rows, err := ifRows(k, b)
	return Interfaces{k, rows}, err
}

// ifRows is the part of b that its rows fill.
func ifRows(k IfKind, b []byte) ([]byte, error) {
	if len(b) < 4 {
		return nil, sizeError(k, 0, b)
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 {
		return nil, nil
	}
	end := k.Size(n)
	if end > uint64(len(b)) {
		return nil, sizeError(k, n, b)
	}
	return b[ifLayouts[k].first:end], nil
}

// Len is the number of rows.
func (t Interfaces) Len() int {
	if len(t.rows) == 0 {
		return 0
	}
	return len(t.rows) / ifLayouts[t.kind].size
}

// Row decodes the i-th row. It panics unless 0 <= i < Len, as a slice does.
func (t Interfaces) Row(i int) IfRow {
	size := ifLayouts[t.kind].size
	b := t.rows[i*size:][:size:size]
	if t.kind == IfTable1 {
		return ifRow1(b)
	}
	return ifRow2(b)
}

// UTF16 is the text of a WCHAR array, up to its first zero.
func UTF16(b []byte) string {
	var buf [256]uint16
	units := buf[:0]
	for ; len(b) >= 2; b = b[2:] {
		u := binary.LittleEndian.Uint16(b)
		if u == 0 {
			break
		}
		units = append(units, u)
	}
	return string(utf16.Decode(units))
}
