package qqwry_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/sockeye-net/sockeye/internal/geodat"
	"github.com/sockeye-net/sockeye/internal/qqwry"
)

// file6 is an ipv6wry.db of two records: the one at 40 has its country there and its area at 60, the one at 50 is all at 40.
func file6(version, offSize, addrSize, fields int, first [2]uint64) []byte {
	number := func(v uint64, n int) []byte { return binary.LittleEndian.AppendUint64(nil, v)[:n] }
	b := make([]byte, 80)
	copy(b, qqwry.Magic6)
	b[4], b[6], b[7], b[8], b[16], b[24], b[32] = byte(version), byte(offSize), byte(addrSize), 2, 80, byte(fields), 70
	copy(b[40:], append([]byte("near\x00\x02"), number(60, offSize)...))
	copy(b[50:], append([]byte{1}, number(40, offSize)...))
	copy(b[60:], "far\x00")
	copy(b[70:], "20210511\x00")
	return slices.Concat(b, number(first[0], addrSize), number(40, offSize), number(first[1], addrSize), number(50, offSize))
}

// The sizes and versions that the description has, of which files in use have one only.
func TestDB6(t *testing.T) {
	for name, c := range map[string]struct {
		version, offSize, addrSize, fields int
		area, text                         string
	}{
		"as in use":         {2, 3, 8, 2, "far", "20210511"},
		"version 1":         {1, 3, 8, 9, "far", ""},
		"IPv4":              {2, 4, 4, 2, "far", "20210511"},
		"short offsets":     {2, 2, 8, 2, "far", "20210511"},
		"one text a record": {2, 3, 8, 1, "", "20210511"},
		"three texts":       {2, 3, 8, 3, "far", "20210511"},
	} {
		d, err := qqwry.Open6(file6(c.version, c.offSize, c.addrSize, c.fields, [2]uint64{5, 10}))
		if err != nil {
			t.Fatal(name, err)
		}
		if d.Len() != 2 || d.IPv4() != (c.addrSize == 4) || string(d.Version()) != c.text {
			t.Errorf("%s: %d records, IPv4 %v, version %q", name, d.Len(), d.IPv4(), d.Version())
		}
		for ip, want := range map[uint64]int{4: -1, 5: 0, 9: 0, 10: 1, 1 << 31: 1} {
			if i := d.Search(ip); i != want {
				t.Errorf("%s: %d is in record %d, want %d", name, ip, i, want)
			}
		}
		for i := range 2 {
			off, err := d.Record(i)
			if err != nil {
				t.Fatal(name, err)
			}
			text, err := d.Text(off)
			country, _ := d.Bytes(text.Country)
			area, _ := d.Bytes(text.Area)
			if err != nil || string(country) != "near" || string(area) != c.area {
				t.Errorf("%s: record %d is %q %q, %v", name, i, country, area, err)
			}
		}
	}
}

func TestOpen6Errors(t *testing.T) {
	with := func(at int, v byte) []byte {
		b := file6(2, 3, 8, 2, [2]uint64{5, 10})
		b[at] = v
		return b
	}
	whole := file6(2, 3, 8, 2, [2]uint64{5, 10})
	for name, b := range map[string][]byte{
		"no header": whole[:23], "another magic": with(0, 'X'), "offsets of 1 byte": with(6, 1), "offsets of 9 bytes": with(6, 9), "addresses of 16": with(7, 16),
		"no records": with(8, 0), "a record more": with(8, 3), "as many as can be told": with(15, 0xff), "an index in the header": with(16, 23),
		"an index past the end": with(17, 1), "a byte less": whole[:len(whole)-1],
	} {
		var e *geodat.Error
		if _, err := qqwry.Open6(b); !errors.As(err, &e) || e.Offset < 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
