package testdb

import (
	"encoding/binary"
	"net/netip"
	"strings"
)

// XDB writes rows of one family as an xdb file of structure 2 or 3; their texts are joined with bars. Ranges are split
// where the first two bytes of the address change, as ip2region's maker does.
func XDB(rows []Row, structure int) []byte {
	is6 := rows[0].First.Is6()
	out := make([]byte, 256+256*256*8)
	at := map[string]int{}
	for _, r := range rows {
		s := strings.Join(r.Text, "|")
		if _, ok := at[s]; !ok {
			at[s] = len(out)
			out = append(out, s...)
		}
	}
	first, last := len(out), 0
	for _, r := range rows {
		s := strings.Join(r.Text, "|")
		for _, piece := range splitXDB(r) {
			last = len(out)
			out = appendXDB(out, piece, is6)
			out = binary.LittleEndian.AppendUint16(out, uint16(len(s)))
			out = binary.LittleEndian.AppendUint32(out, uint32(at[s]))
			b := piece.First.AsSlice()
			cell := out[256+(int(b[0])<<8|int(b[1]))*8:]
			if binary.LittleEndian.Uint32(cell) == 0 {
				binary.LittleEndian.PutUint32(cell, uint32(last))
			}
			binary.LittleEndian.PutUint32(cell[4:], uint32(len(out)))
		}
	}
	xdbHeader(out, structure, first, last, is6)
	return out
}

func xdbHeader(out []byte, structure, first, last int, is6 bool) {
	binary.LittleEndian.PutUint16(out, uint16(structure))
	binary.LittleEndian.PutUint16(out[2:], 1)
	binary.LittleEndian.PutUint32(out[4:], 1757030400)
	binary.LittleEndian.PutUint32(out[8:], uint32(first))
	binary.LittleEndian.PutUint32(out[12:], uint32(last))
	if structure == 3 {
		version := uint16(4)
		if is6 {
			version = 6
		}
		binary.LittleEndian.PutUint16(out[16:], version)
		binary.LittleEndian.PutUint16(out[18:], 4)
	}
}

func appendXDB(out []byte, r Row, is6 bool) []byte {
	if is6 {
		return append(append(out, r.First.AsSlice()...), r.Last.AsSlice()...)
	}
	return append(append(out, reversed(r.First.AsSlice())...), reversed(r.Last.AsSlice())...)
}

func splitXDB(r Row) (pieces []Row) {
	for {
		end := lastOf(netip.PrefixFrom(r.First, 16))
		if end.Compare(r.Last) >= 0 {
			return append(pieces, r)
		}
		pieces = append(pieces, Row{r.First, end, r.Text})
		r.First = end.Next()
	}
}
