// Package cpace is CPace, a password-authenticated key exchange: two who know the same passphrase get the same key, and
// whoever listens, or sits in between, learns nothing by which guesses could be tried without asking one of them again,
// one guess each time. It is the suite CPACE-X25519-SHA512 of draft-irtf-cfrg-cpace-21 for an initiator and a responder,
// with key confirmation as in the draft's section on that, by HMAC-SHA-512. The tests hold it against the draft's vectors.
//
// The curve is crypto/ecdh's; only the map from a hash to a point (Elligator 2, RFC 9380, 6.7.1) is done here, in
// constant time, on filippo.io/edwards25519/field.
package cpace

import (
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha512"
	"encoding/binary"
	"errors"

	"filippo.io/edwards25519/field"
)

// ShareSize and TagSize are the lengths of what is exchanged, in bytes.
const (
	ShareSize = 32
	TagSize   = sha512.Size
)

const dsi = "CPace255"

// ErrShare is the error of a share that is no point, or one of low order, as nobody sends by accident.
var ErrShare = errors.New("not a share of a key exchange")

// Session says what the key is for. Both ends have the same.
type Session struct {
	Passphrase []byte
	Context    []byte // CI: the roles, the protocol and its version
	ID         []byte // sid: unlike that of any other session
	A, B       []byte // ADa and ADb: what the initiator and the responder say about themselves
}

// Exchange is one end of a key exchange. It is for one use.
type Exchange struct {
	session *Session
	secret  *ecdh.PrivateKey
	share   []byte
}

// New begins an exchange with a secret of its own.
func New(s *Session) (*Exchange, error) {
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // never fails (crypto/rand)
	return begin(s, secret[:])
}

func begin(s *Session, secret []byte) (*Exchange, error) {
	g, err := ecdh.X25519().NewPublicKey(s.generator())
	if err != nil {
		return nil, err
	}
	key, err := ecdh.X25519().NewPrivateKey(secret)
	if err != nil {
		return nil, err
	}
	share, err := key.ECDH(g)
	if err != nil {
		return nil, err
	}
	return &Exchange{session: s, secret: key, share: share}, nil
}

// Share is what is sent to the other end.
func (x *Exchange) Share() []byte { return x.share }

// Keys are what both ends have when they know the same passphrase.
type Keys struct {
	key  []byte // ISK
	a, b []byte // the tags
}

// Finish takes the other end's share. Whether that end knows the passphrase is said by its tag only.
func (x *Exchange) Finish(share []byte, initiator bool) (*Keys, error) {
	point, err := ecdh.X25519().NewPublicKey(share)
	if err != nil {
		return nil, ErrShare
	}
	k, err := x.secret.ECDH(point)
	if err != nil { // the neutral element
		return nil, ErrShare
	}
	a, b := x.share, share
	if !initiator {
		a, b = b, a
	}
	s := x.session
	first, second := lengths(a, s.A), lengths(b, s.B)
	isk := sha512.Sum512(join(lengths([]byte(dsi+"_ISK"), s.ID, k), first, second))
	mac := sha512.Sum512(join([]byte("CPaceMac"), s.ID, isk[:]))
	return &Keys{key: isk[:], a: tag(mac[:], first), b: tag(mac[:], second)}, nil
}

// Key is the shared key, of 64 bytes.
func (k *Keys) Key() []byte { return k.key }

// Tag is what an end sends to prove that it has the key.
func (k *Keys) Tag(initiator bool) []byte {
	if initiator {
		return k.a
	}
	return k.b
}

// Check reports whether the tag is that of the initiator, or of the responder, in constant time.
func (k *Keys) Check(tag []byte, initiator bool) bool { return hmac.Equal(tag, k.Tag(initiator)) }

func tag(key, message []byte) []byte {
	m := hmac.New(sha512.New, key)
	m.Write(message)
	return m.Sum(nil)
}

// generator is the point that the passphrase and the session stand for.
func (s *Session) generator() []byte {
	h := sha512.Sum512(s.generatorString())
	return elligator(h[:32])
}

// generatorString fills the hash's first block with the passphrase and zeros, so that its length takes no time.
func (s *Session) generatorString() []byte {
	pad := max(0, sha512.BlockSize-len(lengths(s.Passphrase))-len(lengths([]byte(dsi)))-1)
	return lengths([]byte(dsi), s.Passphrase, make([]byte, pad), s.Context, s.ID)
}

// elligator maps a field element to a point's u coordinate: map_to_curve_elligator2_curve25519, with Z = 2.
func elligator(b []byte) []byte {
	var u, one, j, x1, x2, gx1, t field.Element
	if _, err := u.SetBytes(b); err != nil { // it is 32 bytes long
		return nil
	}
	one.One()
	j.Mult32(&one, 486662)
	t.Square(&u)
	t.Add(&t, &t)
	t.Add(&t, &one) // never 0: -1/2 is no square
	x1.Multiply(&j, t.Invert(&t))
	x1.Negate(&x1)
	x2.Add(&x1, &j)
	x2.Negate(&x2)
	gx1.Add(&x1, &j)
	gx1.Multiply(&gx1, &x1)
	gx1.Add(&gx1, &one)
	gx1.Multiply(&gx1, &x1)
	_, square := t.SqrtRatio(&gx1, &one)
	x1.Select(&x1, &x2, square)
	return x1.Bytes()
}

// lengths is the draft's lv_cat: each part with its length before it, in LEB128.
func lengths(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = binary.AppendUvarint(all, uint64(len(p)))
		all = append(all, p...)
	}
	return all
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
