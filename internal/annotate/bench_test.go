package annotate

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// BenchmarkWorst is what a text costs that comes near to an address at every byte.
func BenchmarkWorst(b *testing.B) {
	for s, in := range worst(1 << 20) {
		b.Run(fmt.Sprintf("%q", s), func(b *testing.B) { benchmark(b, in) })
	}
}

// BenchmarkLog is what an access log costs, but for the lookups of places.
func BenchmarkLog(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprintf("addresses=%d", n), func(b *testing.B) { benchmark(b, accessLog(n, 8<<20)) })
	}
}

// BenchmarkDense is what an address costs, when there is nothing else.
func BenchmarkDense(b *testing.B) {
	for _, n := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprintf("addresses=%d", n), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			var s strings.Builder
			for s.Len() < 4<<20 {
				n := uint32(r.IntN(n)) * 2654435761
				fmt.Fprintf(&s, "%d.%d.%d.%d ", byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
			}
			benchmark(b, []byte(s.String()))
		})
	}
}

func benchmark(b *testing.B, in []byte) {
	w := New(io.Discard, mark)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		w.Write(in)
	}
}

func accessLog(addresses, size int) []byte {
	r := rand.New(rand.NewPCG(1, 1))
	var s strings.Builder
	for s.Len() < size {
		n := uint32(r.IntN(addresses)) * 2654435761
		fmt.Fprintf(&s, "%d.%d.%d.%d - - [21/Nov/2026:14:%02d:%02d +0000] \"GET /page/%d.html HTTP/1.1\" 200 %d \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"\n",
			byte(n>>24), byte(n>>16), byte(n>>8), byte(n), r.IntN(60), r.IntN(60), r.IntN(1000), r.IntN(100000))
	}
	return []byte(s.String())
}
