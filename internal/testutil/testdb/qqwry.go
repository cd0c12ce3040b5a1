package testdb

import (
	"encoding/binary"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// QQWry writes rows of IPv4, each with country and area, as a QQWry.dat. It uses each way to refer to texts that were
// written before: the first mode to what may itself use the second, the second for country and area, the first for the area.
// A missing area is at times a redirection to 0. The file ends at the index's last byte.
func QQWry(rows []Row) []byte {
	w := qqwryWriter{out: make([]byte, 8), at: map[string]int{}}
	var index []byte
	for i, r := range rows {
		index = append(index, reversed(r.First.AsSlice())...)
		index = append(index, w.offset(len(w.out))...)
		w.out = append(w.out, reversed(r.Last.AsSlice())...)
		w.record(i, r.Text[0], r.Text[1])
	}
	binary.LittleEndian.PutUint32(w.out, uint32(len(w.out)))
	binary.LittleEndian.PutUint32(w.out[4:], uint32(len(w.out)+len(index)-7))
	return append(w.out, index...)
}

type qqwryWriter struct {
	out []byte
	at  map[string]int // of texts, and of whole records under country NUL area
}

func (w *qqwryWriter) record(i int, country, area string) {
	both := country + "\x00" + area
	if at, ok := w.at[both]; ok && i%3 == 0 {
		w.redirect(1, at)
		return
	}
	w.at[both] = len(w.out)
	if at, ok := w.at[country]; ok && i%5 != 0 {
		w.redirect(2, at)
	} else {
		w.text(country)
	}
	at, ok := w.at[area]
	switch {
	case area == "" && i%2 == 0:
		w.redirect(2, 0)
	case ok && i%4 != 0:
		w.redirect(byte(1+i%2), at)
	default:
		w.text(area)
	}
}

func (w *qqwryWriter) redirect(mode byte, at int) {
	w.out = append(append(w.out, mode), w.offset(at)...)
}

func (w *qqwryWriter) text(s string) {
	if _, ok := w.at[s]; !ok {
		w.at[s] = len(w.out)
	}
	b, err := simplifiedchinese.GBK.NewEncoder().Bytes([]byte(s))
	if err != nil {
		panic(err) // the tests' own texts are in GBK
	}
	w.out = append(append(w.out, b...), 0)
}

func (w *qqwryWriter) offset(at int) []byte {
	if at >= 1<<24 {
		panic("testdb: QQWry.dat ends at 16 MiB")
	}
	return []byte{byte(at), byte(at >> 8), byte(at >> 16)}
}

func reversed(b []byte) []byte {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return b
}

// IPv6Wry writes rows of IPv6, each of whole /64, as an ipv6wry.db of version 2 with offsets of 3 bytes.
func IPv6Wry(rows []Row, version string) []byte {
	out := make([]byte, 40)
	copy(out, "IPDB\x02\x00\x03\x08")
	out[24] = 2
	at := map[string]int{}
	text := func(s string) {
		if p, ok := at[s]; ok {
			out = append(out, 2, byte(p), byte(p>>8), byte(p>>16))
			return
		}
		at[s] = len(out)
		out = append(append(out, s...), 0)
	}
	binary.LittleEndian.PutUint64(out[32:], uint64(len(out)))
	text(version)
	var index []byte
	for _, r := range rows {
		a := r.First.As16()
		index = binary.LittleEndian.AppendUint64(index, binary.BigEndian.Uint64(a[:8]))
		index = append(index, byte(len(out)), byte(len(out)>>8), byte(len(out)>>16))
		text(r.Text[0])
		text(r.Text[1])
	}
	binary.LittleEndian.PutUint64(out[8:], uint64(len(rows)))
	binary.LittleEndian.PutUint64(out[16:], uint64(len(out)))
	return append(out, index...)
}
