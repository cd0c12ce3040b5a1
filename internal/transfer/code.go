package transfer

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MinPassphrase is how many characters a passphrase has at least.
const MinPassphrase = 8

// codeWords is how many words of 16 bits a code has: 48 bits, of which an attacker can try one a second (see guard).
const codeWords = 3

const (
	consonants = "bdfghjklmnprstvz"
	vowels     = "aiou"
)

// NewCode is a passphrase made of three words that can be spoken, with 16 bits in each ("lusab-babad-gutih": proquints,
// arXiv:0901.4016).
func NewCode() string {
	var b [2 * codeWords]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	words := make([]string, codeWords)
	for i := range words {
		words[i] = word(binary.BigEndian.Uint16(b[2*i:]))
	}
	return strings.Join(words, "-")
}

func word(n uint16) string {
	return string([]byte{consonants[n>>12], vowels[n>>10&3], consonants[n>>6&15], vowels[n>>4&3], consonants[n&15]})
}

// secret is what a passphrase is taken for: NFC, because keyboards differ in how they compose characters, and of a code
// neither case nor what stands between the words counts.
func secret(passphrase string) ([]byte, error) {
	passphrase = norm.NFC.String(passphrase)
	if code := strings.Join(strings.FieldsFunc(strings.ToLower(passphrase), func(r rune) bool { return r == ' ' || r == '-' }), "-"); isCode(code) {
		passphrase = code
	}
	if utf8.RuneCountInString(passphrase) < MinPassphrase {
		return nil, ErrWeak
	}
	return []byte(passphrase), nil
}

func isCode(s string) bool {
	words := strings.Split(s, "-")
	for _, w := range words {
		if len(w) != 5 {
			return false
		}
		for i := range len(w) {
			if set := [2]string{consonants, vowels}[i%2]; strings.IndexByte(set, w[i]) < 0 {
				return false
			}
		}
	}
	return len(words) == codeWords
}

// CheckPassphrase says beforehand what Send and Serve would: ErrWeak.
func CheckPassphrase(passphrase string) error {
	_, err := secret(passphrase)
	return err
}
