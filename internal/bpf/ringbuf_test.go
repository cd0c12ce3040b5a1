package bpf

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

// ring builds the memory of a ring of 64 bytes, mapped twice, as the kernel fills it from the position at.
func ring(at uint64, records ...record) (data []byte, to uint64) {
	const size = 64
	data = make([]byte, 2*size)
	for _, r := range records {
		b := binary.NativeEndian.AppendUint32(nil, uint32(len(r.body))|r.flags)
		b = append(append(b, 0, 0, 0, 0), r.body...)
		for i, c := range b {
			p := (at + uint64(i)) % size
			data[p], data[p+size] = c, c
		}
		at += uint64(len(b)+7) &^ 7
	}
	return data, at
}

type record struct {
	body  string
	flags uint32
}

func TestWalkRing(t *testing.T) {
	for _, c := range []struct {
		name    string
		from    uint64
		records []record
		want    []string
		stop    uint64 // how far before the end
	}{
		{name: "empty"},
		{"one", 0, []record{{"hello", 0}}, []string{"hello"}, 0},
		{"over the edge", 48, []record{{"0123456789abcdef", 0}, {"next", 0}}, []string{"0123456789abcdef", "next"}, 0},
		{"far on", 1<<40 + 56, []record{{"x", 0}, {"y", 0}}, []string{"x", "y"}, 0},
		{"given up", 8, []record{{"a", 0}, {"b", ringDiscard}, {"c", 0}}, []string{"a", "c"}, 0},
		{"being written", 8, []record{{"a", 0}, {"b", ringBusy}, {"c", 0}}, []string{"a"}, 32},
		{"without a byte", 0, []record{{"", 0}, {"z", 0}}, []string{"", "z"}, 0},
	} {
		data, to := ring(c.from, c.records...)
		var got []string
		next, err := walkRing(data, c.from, to, func(b []byte) { got = append(got, string(b)) })
		if err != nil || next != to-c.stop || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q to %d, %v; want %q to %d", c.name, got, next, err, c.want, to-c.stop)
		}
	}
}

func TestWalkRingRefuses(t *testing.T) {
	data, to := ring(0, record{"good", 0}, record{"bad", 0})
	binary.NativeEndian.PutUint32(data[16:], 9)
	n := 0
	next, err := walkRing(data, 0, to, func([]byte) { n++ })
	if next != to || n != 1 || err == nil || !strings.Contains(err.Error(), "9 bytes at 16") {
		t.Errorf("%d records to %d of %d: %v", n, next, to, err)
	}
}

// FuzzWalkRing holds that whatever stands in the ring, what is handed over lies between the positions, and the walk ends
// there at the latest.
func FuzzWalkRing(f *testing.F) {
	for _, from := range []uint64{0, 40, 56} {
		data, to := ring(from, record{"abc", 0}, record{"0123456789", ringDiscard}, record{"d", 0})
		f.Add(data, uint8(from), uint8(to-from))
		data, to = ring(from, record{"abc", 0}, record{"d", ringBusy})
		f.Add(data, uint8(from), uint8(to-from))
	}
	f.Fuzz(func(t *testing.T, data []byte, at, length uint8) {
		if len(data) < 128 {
			return
		}
		data = append([]byte(nil), data[:128]...) // aligned
		from := uint64(at &^ 7)
		to := from + uint64(length&^7)%65
		total := uint64(0)
		next, _ := walkRing(data, from, to, func(b []byte) { total += uint64(len(b)) + ringHeader })
		if next < from || next > to || total > to-from {
			t.Errorf("from %d to %d: %d bytes, ends at %d", from, to, total, next)
		}
	})
}
