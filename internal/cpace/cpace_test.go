package cpace

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// draftSession is that of the test vectors of draft-irtf-cfrg-cpace-21 for X25519 and SHA-512.
func draftSession(t *testing.T) *Session {
	return &Session{Passphrase: []byte("Password"), Context: []byte("\x0bA_initiator\x0bB_responder"),
		ID: unhex(t, "7e4b4791d6a8ef019b936c79fb7f2c57"), A: []byte("ADa"), B: []byte("ADb")}
}

func TestGenerator(t *testing.T) {
	s := draftSession(t)
	if text := s.generatorString(); len(text) != 170 || !bytes.HasPrefix(text, []byte("\x08CPace255\x08Password\x6d\x00")) {
		t.Errorf("generator string %x", text)
	}
	want := unhex(t, "d04bf6d41f6a289632a2e929fa29bebd51092512a7829fdde7d314b62f05a73f")
	if g := s.generator(); !bytes.Equal(g, want) {
		t.Errorf("generator %x, want %x", g, want)
	}
}

func TestVectors(t *testing.T) {
	s := draftSession(t)
	a, err := begin(s, unhex(t, "21b4f4bd9e64ed355c3eb676a28ebedaf6d8f17bdc365995b319097153044080"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := begin(s, unhex(t, "848b0779ff415f0af4ea14df9dd1d3c29ac41d836c7808896c4eba19c51ac40a"))
	if err != nil {
		t.Fatal(err)
	}
	if want := unhex(t, "1d13c89278cdadd826f6d8d7f887701430f8380ddc17611cdd6dc989ce0c9f32"); !bytes.Equal(a.Share(), want) {
		t.Errorf("Ya %x, want %x", a.Share(), want)
	}
	if want := unhex(t, "248cccf6d5cdc3646f0ad593f9e6cef4e69d4945f8372e623512ecea32185623"); !bytes.Equal(b.Share(), want) {
		t.Errorf("Yb %x, want %x", b.Share(), want)
	}
	isk := unhex(t, `6e19b875f7a561d6b3ca3dbb9ef42ac55de3e717881018204b8922b4d5e53bb2
		aa82c300bea7b65d2b671da71922ddf6472301b79bc270adfa8bf413285f2263`)
	ka, kb := finish(t, a, b)
	if !bytes.Equal(ka.Key(), isk) || !bytes.Equal(kb.Key(), isk) {
		t.Errorf("ISK %x and %x, want %x", ka.Key(), kb.Key(), isk)
	}
}

func finish(t *testing.T, a, b *Exchange) (ka, kb *Keys) {
	t.Helper()
	ka, err := a.Finish(b.Share(), true)
	if err != nil {
		t.Fatal(err)
	}
	kb, err = b.Finish(a.Share(), false)
	if err != nil {
		t.Fatal(err)
	}
	return ka, kb
}

// Points of low order, on the curve and on its twist, canonical or not, must end the exchange; others that only look
// like them must be multiplied as RFC 7748 says.
func TestLowOrder(t *testing.T) {
	vectors := []struct{ u, q string }{
		{"0000000000000000000000000000000000000000000000000000000000000000", ""},
		{"0100000000000000000000000000000000000000000000000000000000000000", ""},
		{"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", ""},
		{"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", ""},
		{"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157", ""},
		{"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", ""},
		{"daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "d8e2c776bbacd510d09fd9278b7edcd25fc5ae9adfba3b6e040e8d3b71b21806"},
		{"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", ""},
		{"dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "c85c655ebe8be44ba9c0ffde69f2fe10194458d137f09bbff725ce58803cdb38"},
		{"d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "db64dafa9b8fdd136914e61461935fe92aa372cb056314e1231bc4ec12417456"},
		{"cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880", "e062dcd5376d58297be2618c7498f55baa07d7e03184e8aada20bca28888bf7a"},
		{"4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7", "993c6ad11c4c29da9a56f7691fd0ff8d732e49de6250b6c2e80003ff4629a175"},
	}
	x, err := begin(draftSession(t), unhex(t, "af46e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449aff"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		u := unhex(t, v.u)
		_, err := x.Finish(u, true)
		if (v.q == "") != errors.Is(err, ErrShare) {
			t.Errorf("%s: %v", v.u, err)
		}
		if v.q == "" {
			continue
		}
		p, err := x.secret.Curve().NewPublicKey(u)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := x.secret.ECDH(p); err != nil || !bytes.Equal(q, unhex(t, v.q)) {
			t.Errorf("%s: %x, %v", v.u, q, err)
		}
	}
	for _, n := range []int{0, 31, 33} {
		if _, err := x.Finish(make([]byte, n), true); !errors.Is(err, ErrShare) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// What differs on one side only must give another key, and no tag may be taken for the other end's.
func TestDiffers(t *testing.T) {
	base := draftSession(t)
	change := map[string]func(*Session){
		"nothing":    func(*Session) {},
		"passphrase": func(s *Session) { s.Passphrase = []byte("password") },
		"context":    func(s *Session) { s.Context = s.Context[1:] },
		"id":         func(s *Session) { s.ID = append([]byte{0}, s.ID...) },
		"A":          func(s *Session) { s.A = nil },
		"B":          func(s *Session) { s.B = []byte("B") },
	}
	for name, f := range change {
		other := *base
		f(&other)
		a, err := New(base)
		if err != nil {
			t.Fatal(err)
		}
		b, err := New(&other)
		if err != nil {
			t.Fatal(err)
		}
		ka, kb := finish(t, a, b)
		same := name == "nothing"
		if bytes.Equal(ka.Key(), kb.Key()) != same || ka.Check(kb.Tag(false), false) != same || kb.Check(ka.Tag(true), true) != same {
			t.Errorf("%s differs: keys are the same: %v", name, !same)
		}
		if ka.Check(ka.Tag(true), false) {
			t.Errorf("%s: an initiator's tag passes for the responder's", name)
		}
		if a2, _ := New(base); bytes.Equal(a2.Share(), a.Share()) {
			t.Error("two exchanges have one secret")
		}
	}
}

// A long passphrase leaves no room for padding.
func TestLongPassphrase(t *testing.T) {
	s := &Session{Passphrase: bytes.Repeat([]byte("x"), 300)}
	if n := len(s.generatorString()); n != 1+len(dsi)+2+300+1+1+1 {
		t.Errorf("%d bytes", n)
	}
}
