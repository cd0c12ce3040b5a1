package ntlayout

import (
	"encoding/binary"
	"errors"
	"testing"
	"unicode/utf16"
)

const base = 0x7ff6_0000

// list writes a process list as the system does: names stand behind their entry.
func list(w Width, ps ...Process) (b []byte) {
	o := w.offsets()
	word := func(b []byte, v uint64) {
		if w == Width32 {
			binary.LittleEndian.PutUint32(b, uint32(v))
		} else {
			binary.LittleEndian.PutUint64(b, v)
		}
	}
	for i, p := range ps {
		e := make([]byte, int(o.end)+100)
		binary.LittleEndian.PutUint64(e[o.created:], uint64(p.Created))
		binary.LittleEndian.PutUint16(e[o.nameLen:], uint16(len(p.Name)))
		word(e[o.name:], base+uint64(len(b)+len(e)))
		word(e[o.pid:], uint64(p.PID))
		word(e[o.parent:], uint64(p.Parent))
		e = append(e, p.Name...)
		if i < len(ps)-1 {
			binary.LittleEndian.PutUint32(e, uint32(len(e)))
		}
		b = append(b, e...)
	}
	return b
}

func name(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	return b
}

var sample = []Process{
	{PID: 0},
	{PID: 4, Name: name("System"), Created: 133801632000000001},
	{PID: 4242, Parent: 4, Name: name("größe 𝄞.exe"), Created: 133801632000000002},
}

func TestProcesses(t *testing.T) {
	for _, w := range []Width{Width32, Width64} {
		i := 0
		for p, err := range Processes(list(w, sample...), base, w) {
			want := sample[i]
			if err != nil || p.PID != want.PID || p.Parent != want.Parent || p.Created != want.Created || p.Text() != want.Text() {
				t.Errorf("width %d: %+v, %v, want %+v", w, p, err, want)
			}
			i++
		}
		if i != len(sample) {
			t.Errorf("width %d: %d processes", w, i)
		}
	}
	if s := sample[2].Text(); s != "größe 𝄞.exe" {
		t.Errorf("%q", s)
	}
}

func TestBroken(t *testing.T) {
	for _, w := range []Width{Width32, Width64} {
		whole := list(w, sample...)
		for n := range whole {
			var last error
			for _, err := range Processes(whole[:n], base, w) {
				last = err
			}
			var e *Error
			if !errors.As(last, &e) || e.Len != n || e.Error() == "" {
				t.Fatalf("width %d cut to %d bytes: %v", w, n, last)
			}
		}
	}
}

func FuzzProcesses(f *testing.F) {
	f.Add(list(Width64, sample...), uint64(base), true)
	f.Add(list(Width32, sample...), uint64(base), false)
	f.Fuzz(func(t *testing.T, b []byte, base uint64, wide bool) {
		w := Width32
		if wide {
			w = Width64
		}
		n := 0
		for p := range Processes(b, base, w) {
			_ = p.Text()
			if n++; n > len(b)+1 {
				t.Fatal("it goes on for ever")
			}
		}
	})
}
