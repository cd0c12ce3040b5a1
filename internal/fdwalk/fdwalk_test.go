package fdwalk

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestSet(t *testing.T) {
	var s Set
	if s.Has(1) || s.Has(0) || s.Add(0) || s.Len() != 0 {
		t.Error("the empty set is not empty")
	}
	r, model := rand.New(rand.NewPCG(1, 2)), map[uint32]bool{}
	for range 10_000 {
		i := r.Uint32N(8_000) + 1
		if s.Add(i) == model[i] {
			t.Fatalf("Add(%d)", i)
		}
		model[i] = true
	}
	for i := range uint32(9_000) {
		if s.Has(i) != model[i] {
			t.Fatalf("Has(%d) = %v", i, s.Has(i))
		}
	}
	if s.Len() != len(model) {
		t.Errorf("%d inodes, want %d", s.Len(), len(model))
	}
	s.Reset()
	if s.Len() != 0 || s.Has(1) {
		t.Error("Reset left something")
	}
}

func TestParseSocket(t *testing.T) {
	for in, want := range map[string]uint32{
		"socket:[1]": 1, "socket:[4294967295]": 1<<32 - 1, "socket:[4294967296]": 0, "socket:[]": 0, "socket:[12": 0,
		"pipe:[12]": 0, "/tmp/socket:[12]": 0, "socket:[1a]": 0, "": 0, "socket:[": 0, "socket:[-1]": 0,
	} {
		if got, ok := parseSocket([]byte(in)); got != want || ok != (want != 0) {
			t.Errorf("parseSocket(%q) = %d, %v", in, got, ok)
		}
	}
}

func FuzzNames(f *testing.F) {
	f.Add([]byte("\x01\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x18\x00\x0a42\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			name, rest, ok := nextName(b)
			if !ok {
				return
			}
			if bytes.IndexByte(name, 0) >= 0 || len(rest) >= len(b) {
				t.Fatalf("name %q, %d of %d bytes left", name, len(rest), len(b))
			}
			parseNumber(name)
			parseSocket(name)
			b = rest
		}
	})
}
