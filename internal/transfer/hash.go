package transfer

import (
	"crypto/sha256"
	"hash"
)

// hasher hashes in a goroutine of its own what is read and written in another, so that on a machine with two processors
// the one does not wait for the other. Content that comes in one short piece is hashed on the spot.
type hasher struct {
	sum   hash.Hash
	work  chan func(hash.Hash)
	ended chan struct{}
}

const hashInline = 64 << 10

func newHasher() *hasher { return &hasher{sum: sha256.New()} }

// add has f run with the hash, after what was added before. What f reads must not change until done is closed.
func (h *hasher) add(f func(hash.Hash)) (done <-chan struct{}) {
	if h.work == nil {
		h.work, h.ended = make(chan func(hash.Hash), 1), make(chan struct{})
		go h.run(h.work, h.ended)
	}
	d := make(chan struct{})
	h.work <- func(s hash.Hash) { f(s); close(d) }
	return d
}

// bytes adds b. The channel is nil where b was hashed already.
func (h *hasher) bytes(b []byte) (done <-chan struct{}) {
	if h.work == nil && len(b) <= hashInline {
		h.sum.Write(b)
		return nil
	}
	return h.add(func(s hash.Hash) { s.Write(b) })
}

func (h *hasher) run(work <-chan func(hash.Hash), ended chan<- struct{}) {
	defer close(ended)
	for f := range work {
		f(h.sum)
	}
}

// stop ends the goroutine, once all is hashed. The hash can be added to afterwards.
func (h *hasher) stop() {
	if h.work != nil {
		close(h.work)
		<-h.ended
		h.work = nil
	}
}

// value is the hash of all that was added.
func (h *hasher) value() (v [hashSize]byte) {
	h.stop()
	h.sum.Sum(v[:0])
	return v
}

func (h *hasher) reset() {
	h.stop()
	h.sum.Reset()
}
