package sockevent

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// The programs write to these offsets, and in one piece from Start to Remote port of a Datagram to those of a Record.
func TestLayouts(t *testing.T) {
	var r Record
	var d Datagram
	for _, f := range []struct {
		name      string
		got, want uintptr
	}{
		{"Time", unsafe.Offsetof(r.Time), 0}, {"Cookie", unsafe.Offsetof(r.Cookie), 8}, {"Start", unsafe.Offsetof(r.Start), 16},
		{"Local", unsafe.Offsetof(r.Local), 24}, {"Remote", unsafe.Offsetof(r.Remote), 40}, {"Comm", unsafe.Offsetof(r.Comm), 56},
		{"NetNS", unsafe.Offsetof(r.NetNS), 72}, {"Interface", unsafe.Offsetof(r.Interface), 76}, {"PID", unsafe.Offsetof(r.PID), 80},
		{"UID", unsafe.Offsetof(r.UID), 84}, {"LocalPort", unsafe.Offsetof(r.LocalPort), 88}, {"RemotePort", unsafe.Offsetof(r.RemotePort), 90},
		{"Proto", unsafe.Offsetof(r.Proto), 92}, {"Kind", unsafe.Offsetof(r.Kind), 94}, {"Family", unsafe.Offsetof(r.Family), 95},
		{"OldState", unsafe.Offsetof(r.OldState), 96}, {"NewState", unsafe.Offsetof(r.NewState), 97}, {"Owned", unsafe.Offsetof(r.Owned), 98},
		{"Kernel", unsafe.Offsetof(r.Kernel), 99}, {"Acked", unsafe.Offsetof(r.Acked), 104}, {"Received", unsafe.Offsetof(r.Received), 112},
		{"PayloadSent", unsafe.Offsetof(r.PayloadSent), 120}, {"PayloadReceived", unsafe.Offsetof(r.PayloadReceived), 128},
		{"RTT", unsafe.Offsetof(r.RTT), 136}, {"Retrans", unsafe.Offsetof(r.Retrans), 140}, {"size of a Record", unsafe.Sizeof(r), 144},

		{"Datagram.Cookie", unsafe.Offsetof(d.Cookie), 0}, {"SentBytes", unsafe.Offsetof(d.SentBytes), 8},
		{"ReceivedBytes", unsafe.Offsetof(d.ReceivedBytes), 16}, {"SentPackets", unsafe.Offsetof(d.SentPackets), 24},
		{"ReceivedPackets", unsafe.Offsetof(d.ReceivedPackets), 32}, {"First", unsafe.Offsetof(d.First), 40}, {"Last", unsafe.Offsetof(d.Last), 48},
		{"Datagram.Start", unsafe.Offsetof(d.Start), 40 + 16}, {"Datagram.Local", unsafe.Offsetof(d.Local), 40 + 24},
		{"Datagram.Remote", unsafe.Offsetof(d.Remote), 40 + 40}, {"Datagram.Comm", unsafe.Offsetof(d.Comm), 40 + 56},
		{"Datagram.NetNS", unsafe.Offsetof(d.NetNS), 40 + 72}, {"Datagram.Interface", unsafe.Offsetof(d.Interface), 40 + 76},
		{"Datagram.PID", unsafe.Offsetof(d.PID), 40 + 80}, {"Datagram.UID", unsafe.Offsetof(d.UID), 40 + 84},
		{"Datagram.LocalPort", unsafe.Offsetof(d.LocalPort), 40 + 88}, {"Datagram.RemotePort", unsafe.Offsetof(d.RemotePort), 40 + 90},
		{"Datagram.Proto", unsafe.Offsetof(d.Proto), 40 + 92}, {"Datagram.Family", unsafe.Offsetof(d.Family), 134},
		{"size of a Datagram", unsafe.Sizeof(d), 136},
	} {
		if f.got != f.want {
			t.Errorf("%s at %d, want %d", f.name, f.got, f.want)
		}
	}
}

// bytesOf is a value as the kernel would write it.
func bytesOf[T any](v *T) []byte {
	return slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)))
}

func sampleRecord(kind Kind, newState uint8) *Record {
	return &Record{Time: 1, Cookie: 2, Start: 3, Local: [16]byte{4}, Remote: [16]byte{15: 5}, Comm: [16]byte{'c', 'a', 't'}, NetNS: 4026531840,
		Interface: 6, PID: 7, UID: 8, LocalPort: 9, RemotePort: 10, Proto: 6, Kind: kind, Family: 2, OldState: 1, NewState: newState, Owned: true}
}

func TestDecode(t *testing.T) {
	for _, want := range []*Record{sampleRecord(KindState, rawsock.Established), sampleRecord(KindDatagram, 0)} {
		var got Record
		if err := got.decode(bytesOf(want)[:shortRecord]); err != nil || got != *want || string(got.Name()) != "cat" {
			t.Errorf("%+v, %v; want %+v", got, err, *want)
		}
	}
	for _, want := range []*Record{sampleRecord(KindState, rawsock.Close), sampleRecord(KindDestroy, 0)} {
		want.Acked, want.Received, want.PayloadSent, want.PayloadReceived, want.RTT, want.Retrans = 11, 12, 13, 14, 15, 16
		got := Record{Kernel: true}
		if err := got.decode(bytesOf(want)); err != nil || got != *want {
			t.Errorf("%+v, %v; want %+v", got, err, *want)
		}
	}
	want := Datagram{Cookie: 1, SentBytes: 2, ReceivedBytes: 3, SentPackets: 4, ReceivedPackets: 5, First: 6, Last: 7, Start: 8, Local: [16]byte{9},
		Remote: [16]byte{10}, Comm: [16]byte{15: 'x'}, NetNS: 11, Interface: 12, PID: 13, UID: 14, LocalPort: 15, RemotePort: 16, Proto: 17, Family: 10}
	var got Datagram
	if err := got.decode(bytesOf(&want)); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":        nil,
		"cut":            bytesOf(sampleRecord(KindDestroy, 0))[:longRecord-1],
		"without counts": bytesOf(sampleRecord(KindDestroy, 0))[:shortRecord],
		"with counts":    bytesOf(sampleRecord(KindState, rawsock.Listen)),
		"no kind":        bytesOf(sampleRecord(0, 0))[:shortRecord],
		"another kind":   bytesOf(sampleRecord(4, 0))[:shortRecord],
	} {
		if err := new(Record).decode(b); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := new(Datagram).decode(make([]byte, datSize-8)); err == nil {
		t.Error("a short entry: no error")
	}
}

// A record that is decoded is what stands there: written again it is the same, but for the bytes that mean nothing.
func FuzzDecode(f *testing.F) {
	f.Add(bytesOf(sampleRecord(KindState, rawsock.SynSent))[:shortRecord])
	f.Add(bytesOf(sampleRecord(KindState, rawsock.Close)))
	f.Add(bytesOf(sampleRecord(KindDestroy, 0)))
	f.Add(bytesOf(&Datagram{Cookie: 1, PID: 2}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Record
		if r.decode(b) == nil {
			var again Record
			if err := again.decode(bytesOf(&r)[:len(b)]); err != nil || again != r {
				t.Errorf("%+v, %v; was %+v", again, err, r)
			}
		}
		var d, again Datagram
		if d.decode(b) == nil && (again.decode(bytesOf(&d)) != nil || again != d) {
			t.Errorf("%+v was %+v", again, d)
		}
	})
}

func TestResolveRefuses(t *testing.T) {
	if l, err := resolveLayout(nil); err == nil {
		t.Errorf("%+v of nothing", l)
	}
}
