package sockex

import (
	"fmt"
	"os"
	"sync"
)

// transfer is a TransmitFile or TransmitPackets under way: what is left to be sent, and how.
type transfer struct {
	name   string
	pieces []piece // of first and those after it nothing has been taken
	first  int
	chunk  int64 // the largest send; 0 is no limit
	flags  Flags
	sent   int64
	file   source // TransmitFile's
	three  [3]piece
	sys    sysTransfer
}

// source is a file that is sent.
type source struct {
	f         *os.File
	size      int64
	unchecked bool // its size was not asked for
	sys       sysSource
}

// errClosedSource is that of a file that is closed.
var errClosedSource = fmt.Errorf("%w: %w", ErrSource, os.ErrClosed)

// transfers are kept for their memory: a small file costs no allocation.
var transfers = sync.Pool{New: func() any { return new(transfer) }}

func newTransfer(name string) *transfer {
	t := transfers.Get().(*transfer)
	t.name = name
	t.pieces = t.three[:0]
	return t
}

// release gives everything back. Nothing may be under way.
func (t *transfer) release() {
	t.reset()
	transfers.Put(t)
}

// reset forgets the caller's memory and files.
func (t *transfer) reset() {
	t.dropBuffers()
	clear(t.pieces)
	t.pieces, t.first, t.chunk, t.flags, t.sent = nil, 0, 0, 0, 0
	t.file = source{}
	clear(t.three[:])
}

// left is what is still to be taken.
func (t *transfer) left() []piece { return t.pieces[t.first:] }

// took counts k bytes of the first piece as taken, and reports whether a segment or datagram ends with them.
func (t *transfer) took(k int64) (end bool) {
	p := &t.pieces[t.first]
	if p.skip(k); p.n > 0 {
		return false
	}
	t.first++
	return p.end
}

// fail makes the error that the caller sees.
func (t *transfer) fail(err error) error {
	return wrap(t.name, t.sent, err)
}
