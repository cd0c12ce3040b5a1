package miblayout

import (
	"errors"
	"strings"
	"testing"
	"unsafe"
)

func raw[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

func TestEStats(t *testing.T) {
	data := dataRod{DataBytesOut: 1 << 40, DataSegsOut: 99, DataBytesIn: 2, DataSegsIn: 99, SegsIn: 99, SndMax: 99, ThruBytesAcked: 3 << 33, RcvNxt: 99, ThruBytesReceived: 4}
	if got, err := DecodeTCPData(raw(&data)); err != nil || got != (TCPData{1 << 40, 2, 3 << 33, 4}) {
		t.Errorf("%+v, %v", got, err)
	}
	path := pathRod{PktsRetrans: 1, BytesRetrans: 99, SampleRtt: 99, SmoothedRtt: 2, RttVar: 99, CurRto: 99, CurMss: 3, MaxMss: 99}
	if got, err := DecodeTCPPath(raw(&path)); err != nil || got != (TCPPath{1, 2, 3}) {
		t.Errorf("%+v, %v", got, err)
	}
	cong := sndCongRod{BytesSnd: 99, OtherReductions: 99, CurCwnd: 14600, MaxSsCwnd: 99}
	if got, err := DecodeTCPCwnd(raw(&cong), word); err != nil || got != 14600 {
		t.Errorf("%d, %v", got, err)
	}
	// The other architecture's structure: the same fields, with a SIZE_T of the other size.
	for word, at := range map[int]int{4: 48, 8: 60} {
		b := make([]byte, EStatsSndCong.Size(word))
		b[at] = 10
		if got, err := DecodeTCPCwnd(b, word); err != nil || got != 10 {
			t.Errorf("SIZE_T of %d: %d, %v", word, got, err)
		}
	}
}

func TestEStatsShort(t *testing.T) {
	for _, g := range []EStats{EStatsData, EStatsSndCong, EStatsPath} {
		for _, word := range []int{4, 8} {
			for n := range g.Size(word) {
				err := decodeEStats(g, make([]byte, n), word)
				var short *EStatsError
				if !errors.As(err, &short) || short.Len != n || short.Group != g || !strings.HasPrefix(err.Error(), g.String()) {
					t.Fatalf("%v of %d bytes: %v", g, n, err)
				}
			}
		}
	}
}

func decodeEStats(g EStats, b []byte, word int) (err error) {
	switch g {
	case EStatsData:
		_, err = DecodeTCPData(b)
	case EStatsPath:
		_, err = DecodeTCPPath(b)
	default:
		_, err = DecodeTCPCwnd(b, word)
	}
	return err
}

func FuzzEStats(f *testing.F) {
	for _, g := range []EStats{EStatsData, EStatsSndCong, EStatsPath} {
		f.Add(uint32(g), make([]byte, g.Size(8)), true)
		f.Add(uint32(g), make([]byte, g.Size(4)), false)
	}
	f.Fuzz(func(t *testing.T, group uint32, b []byte, long bool) {
		word := 4
		if long {
			word = 8
		}
		g := EStats(group)
		err := decodeEStats(g, b, word)
		if g.Size(word) > 0 && (err == nil) != (len(b) >= g.Size(word)) {
			t.Fatalf("%v of %d bytes: %v", g, len(b), err)
		}
	})
}
