package transfer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"
	"unicode/utf8"
)

// kind is what a frame is.
type kind uint8

// The frames. Those marked S are the sender's, those marked R the receiver's.
const (
	offer   kind = iota + 1 // S: a file
	answer                  // R: what of it is here already
	proof                   // R: the hash of that
	begin                   // S: where the content that follows begins
	data                    // S: content
	end                     // S: the hash of the whole
	abort                   // S: this file ends here, with the reason
	result                  // R: what became of a file, or of the connection
	still                   // both: nothing to say, but here
	bye                     // S: there are no more files; R: understood
	share                   // both: of the key exchange
	confirm                 // both: the tag of the key exchange
)

const (
	headSize  = 8
	hashSize  = 32
	maxName   = 4096      // bytes
	maxText   = 1024      // bytes of a reason
	maxFrame  = 8192      // bytes of any frame but data
	maxData   = 1 << 30   // bytes of a data frame, which are never in memory at once
	offerSize = 24        // without the name
	maxSize   = 1<<63 - 1 // of a file
)

// head is what every frame begins with: its kind, three zeros, and the length of what follows.
type head struct {
	kind kind
	size uint32
}

func (h head) put(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(append(dst, byte(h.kind), 0, 0, 0), h.size)
}

var errProtocol = errors.New("the other end does not keep to the protocol")

// parseHead reads a head, and refuses lengths that the kind cannot have, so that nobody makes room for them.
func parseHead(b []byte) (head, error) {
	if len(b) < headSize {
		return head{}, fmt.Errorf("%w: a head of %d bytes", errProtocol, len(b))
	}
	h := head{kind: kind(b[0]), size: binary.BigEndian.Uint32(b[4:])}
	least, most := h.kind.sizes()
	if b[1] != 0 || b[2] != 0 || b[3] != 0 || most < 0 || int64(h.size) < least || int64(h.size) > most {
		return head{}, fmt.Errorf("%w: a frame that begins with % x", errProtocol, b[:headSize])
	}
	return h, nil
}

// sizes are the least and the most bytes that may follow; the most is negative for what is no kind.
func (k kind) sizes() (least, most int64) {
	switch k {
	case offer:
		return offerSize + 1, offerSize + maxName
	case answer:
		return 9, 9
	case proof, end:
		return hashSize, hashSize
	case begin:
		return 8, 8
	case data:
		return 1, maxData
	case abort:
		return 0, maxText
	case result:
		return 1, 1 + maxText
	case still, bye:
		return 0, 0
	case share:
		return 32, 32
	case confirm:
		return 64, 64
	}
	return 0, -1
}

// Offer is a file as the sender describes it.
type Offer struct {
	Name string // with slashes
	Dir  bool
	Size int64
	Mode fs.FileMode // permission bits; 0 is not known
	Time time.Time   // of its last change; zero is not known

	eager bool // the content follows at once, from the beginning
}

const (
	flagDir   = 1 << 0
	flagEager = 1 << 1
)

func (o *Offer) put(dst []byte) []byte {
	dst = head{offer, uint32(offerSize + len(o.Name))}.put(dst)
	flags := uint16(0)
	if o.Dir {
		flags |= flagDir
	}
	if o.eager {
		flags |= flagEager
	}
	dst = binary.BigEndian.AppendUint16(dst, flags)
	dst = binary.BigEndian.AppendUint16(dst, uint16(o.Mode.Perm()))
	dst = binary.BigEndian.AppendUint64(dst, uint64(o.Size))
	sec, nsec := int64(0), uint32(0)
	if !o.Time.IsZero() {
		sec, nsec = o.Time.Unix(), uint32(o.Time.Nanosecond())
	}
	dst = binary.BigEndian.AppendUint64(dst, uint64(sec))
	dst = binary.BigEndian.AppendUint32(dst, nsec)
	return append(dst, o.Name...)
}

// parseOffer does not judge the name: see checkName.
func parseOffer(b []byte) (Offer, error) {
	if len(b) <= offerSize || len(b) > offerSize+maxName {
		return Offer{}, fmt.Errorf("%w: an offer of %d bytes", errProtocol, len(b))
	}
	flags, mode := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	size, sec, nsec := binary.BigEndian.Uint64(b[4:]), int64(binary.BigEndian.Uint64(b[12:])), binary.BigEndian.Uint32(b[20:])
	o := Offer{Name: string(b[offerSize:]), Dir: flags&flagDir != 0, eager: flags&flagEager != 0, Size: int64(size), Mode: fs.FileMode(mode)}
	if flags&^(flagDir|flagEager) != 0 || mode > 0o777 || size > maxSize || nsec >= 1e9 || o.Dir && (size != 0 || o.eager) || o.eager && size > eagerSize {
		return Offer{}, fmt.Errorf("%w: an offer that begins with % x", errProtocol, b[:offerSize])
	}
	if sec != 0 || nsec != 0 {
		o.Time = time.Unix(sec, int64(nsec))
	}
	return o, nil
}

// held is an answer: how many bytes of the file the receiver has. With all of them it is a file that is there already,
// and exact says that one that differs is not replaced.
type held struct {
	size  int64
	exact bool
}

func (h held) put(dst []byte) []byte {
	flags := byte(0)
	if h.exact {
		flags = 1
	}
	return binary.BigEndian.AppendUint64(append(head{answer, 9}.put(dst), flags), uint64(h.size))
}

func parseHeld(b []byte) (held, error) {
	if len(b) != 9 || b[0] > 1 || binary.BigEndian.Uint64(b[1:]) > maxSize {
		return held{}, fmt.Errorf("%w: an answer of % x", errProtocol, b)
	}
	return held{int64(binary.BigEndian.Uint64(b[1:])), b[0] == 1}, nil
}

func putBegin(dst []byte, at int64) []byte {
	return binary.BigEndian.AppendUint64(head{begin, 8}.put(dst), uint64(at))
}

func putHash(dst []byte, k kind, hash [hashSize]byte) []byte {
	return append(head{k, hashSize}.put(dst), hash[:]...)
}

func putAbort(dst []byte, text string) []byte {
	text = shorten(text)
	return append(head{abort, uint32(len(text))}.put(dst), text...)
}

// verdict is what became of a file: its Status, and why.
type verdict struct {
	status Status
	text   string
}

func (v verdict) put(dst []byte) []byte {
	text := shorten(v.text)
	return append(append(head{result, uint32(1 + len(text))}.put(dst), byte(v.status)), text...)
}

func parseVerdict(b []byte) (verdict, error) {
	if len(b) == 0 || Status(b[0]) < Received || Status(b[0]) > Unwelcome {
		return verdict{}, fmt.Errorf("%w: a result of % x", errProtocol, b[:min(len(b), 8)])
	}
	return verdict{Status(b[0]), string(b[1:])}, nil
}

// shorten cuts a reason to what a frame may hold, between two characters.
func shorten(text string) string {
	if len(text) <= maxText {
		return text
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// The greeting of both ends is not encrypted: 8 bytes that nothing else begins with, the version, the mode, two zeros.
const (
	greetingSize = 12
	magic        = "\x89sockeye"
	version      = 1

	modeSecret = 1
	modePlain  = 2
)

func greeting(plain bool) []byte {
	mode := byte(modeSecret)
	if plain {
		mode = modePlain
	}
	return append([]byte(magic), version, mode, 0, 0)
}

// checkGreeting says what is wrong with the other end's.
func checkGreeting(b []byte, plain, sender bool) error {
	who := map[bool]string{true: "receiver", false: "sender"}[sender] // the other one
	switch {
	case len(b) != greetingSize || string(b[:8]) != magic:
		return fmt.Errorf("%w; it begins with %q", ErrStranger, b[:min(len(b), greetingSize)])
	case b[8] != version:
		return &VersionError{Theirs: int(b[8]), Ours: version}
	case b[9] != modePlain && b[9] != modeSecret || b[10] != 0 || b[11] != 0:
		return fmt.Errorf("%w: a greeting that ends with % x", errProtocol, b[9:])
	case b[9] == modePlain && !plain:
		return fmt.Errorf("the %s has --plain and this end has not: %w", who, ErrMode)
	case b[9] != modePlain && plain:
		return fmt.Errorf("the %s wants a passphrase and this end has --plain: %w", who, ErrMode)
	}
	return nil
}
