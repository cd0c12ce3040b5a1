package inetdiag

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// TestGoldenDestroyed: what each of six connections, and a datagram socket, had sent and received at their end. The
// sender of a FIN is told to have received 1 more by the peer that got it.
func TestGoldenDestroyed(t *testing.T) {
	type amount struct{ sent, received uint64 }
	want := map[amount]int{{0, 1}: 2, {64 << 10, 2}: 2, {3, 10<<20 + 1}: 2}
	udp := 0
	var d DestroyDecoder
	err := d.Decode(golden(t, "destroy"), func(s *Destroyed) {
		if s.Proto == rawsock.ProtoUDP {
			udp++
		}
		if s.HasPayload {
			want[amount{s.PayloadSent, s.Received}]--
		}
		if s.Cookie == 0 || s.State != rawsock.Close || s.HasInfo != (s.Proto == rawsock.ProtoTCP) {
			t.Errorf("%+v", *s)
		}
	})
	if err != nil || udp == 0 {
		t.Errorf("%d of UDP, error %v", udp, err)
	}
	for a, n := range want {
		if n > 0 {
			t.Errorf("%+v: %d times too few", a, n)
		}
	}
}

// info makes the attribute of a tcp_info of n bytes.
func info(n int, set map[int]uint64) []byte {
	b := appendAttr(nil, attrInfo, n)
	b = append(b, make([]byte, n)...)
	for at, v := range set {
		if at+8 <= n {
			binary.NativeEndian.PutUint64(b[sizeAttr+at:], v)
		}
	}
	return b
}

func TestDestroyedAttributes(t *testing.T) {
	proto := func(p byte) []byte { return []byte{5, 0, attrProtocol, 0, p, 0, 0, 0} }
	counts := map[int]uint64{infoBytesAcked: 7, infoBytesRecv: 9, infoBytesSent: 30, infoBytesRetrans: 10}
	for name, c := range map[string]struct {
		attrs                 []byte
		hasInfo, hasPayload   bool
		sent, acked, received uint64
		fails                 bool
	}{
		"TCP":                  {attrs: append(proto(6), info(216, counts)...), hasInfo: true, hasPayload: true, sent: 20, acked: 7, received: 9},
		"before 4.19":          {attrs: append(proto(6), info(208, counts)...), hasInfo: true, acked: 7, received: 9},
		"before 4.1":           {attrs: append(proto(6), info(104, counts)...)},
		"no info":              {attrs: proto(6)},
		"UDP":                  {attrs: append(proto(17), info(216, counts)...)},
		"more again than ever": {attrs: append(proto(6), info(216, map[int]uint64{infoBytesSent: 1, infoBytesRetrans: 2})...), hasInfo: true, hasPayload: true},
		"no protocol":          {attrs: info(216, counts), fails: true},
		"protocol cut":         {attrs: []byte{4, 0, attrProtocol, 0}, fails: true},
		"attribute cut":        {attrs: proto(6)[:3], fails: true},
	} {
		var d DestroyDecoder
		n := 0
		err := d.Decode(append(msg(typeNoop, 0, nil), msg(typeFamily, 0, row(2, c.attrs...))...), func(s *Destroyed) {
			n++
			if s.HasInfo != c.hasInfo || s.HasPayload != c.hasPayload || s.PayloadSent != c.sent || s.Sent != c.acked || s.Received != c.received {
				t.Errorf("%s: %+v", name, *s)
			}
		})
		var format *FormatError
		if errors.As(err, &format) != c.fails || (n == 1) == c.fails {
			t.Errorf("%s: %d notices, error %v", name, n, err)
		}
	}
}

// What comes before a broken message is told.
func TestDestroyedBroken(t *testing.T) {
	b := append(msg(typeFamily, 0, row(2, 5, 0, attrProtocol, 0, 17, 0, 0, 0)), 1, 2, 3)
	var d DestroyDecoder
	n := 0
	if err := d.Decode(b, func(*Destroyed) { n++ }); err == nil || n != 1 {
		t.Errorf("%d notices, error %v", n, err)
	}
}

func TestDestroyedAllocations(t *testing.T) {
	b := golden(t, "destroy")
	var d DestroyDecoder
	n := 0
	emit := func(*Destroyed) { n++ }
	if a := testing.AllocsPerRun(20, func() { _ = d.Decode(b, emit) }); a > 0 {
		t.Errorf("%v allocations a batch", a)
	}
}

func FuzzDestroyed(f *testing.F) {
	f.Add(golden(f, "destroy"))
	seeds(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var d DestroyDecoder
		_ = d.Decode(b, func(s *Destroyed) {
			if s.Family != rawsock.AFInet && s.Family != rawsock.AFInet6 || s.Proto == 0 || s.HasPayload && !s.HasInfo {
				t.Errorf("%+v", *s)
			}
		})
	})
}

func BenchmarkDestroyed(b *testing.B) {
	batch, n := golden(b, "destroy"), 0
	var d DestroyDecoder
	emit := func(*Destroyed) { n++ }
	b.ReportAllocs()
	for b.Loop() {
		_ = d.Decode(batch, emit)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/socket")
}
