// Package annotate copies text and puts something behind each address in it.
//
//	w := annotate.New(os.Stdout, func(dst []byte, a netip.Addr) []byte {
//		return append(dst, " ["+whereIs(a)+"]"...)
//	})
//	_, err := w.ReadFrom(os.Stdin)
//	...
//	err = w.Close()
//
// The text may be of any kind and length, with lines of any length or none: every byte passes as it is and in order, and
// something is only added between them. What is added is what the caller's function appends; if that is nothing, the
// address is left alone.
//
// # What an address is
//
// An IPv4 address is four decimal numbers up to 255 without leading zeros, an IPv6 address what RFC 4291, section 2.2, has,
// with two exceptions. It must have a decimal digit in it, so that "::" and abc::def are none; and eight groups of two
// digits each are none, because that is how EUI-64 identifiers and dumps of bytes are written.
//
// Neither may be a part of a longer word or number. A letter, a digit or an underscore just before or behind is a part of it;
// so are a period behind with one of them after it (1.2.3.4.5, 4.3.2.1.in-addr.arpa), a period or a percent sign before, and a
// hyphen between it and a letter (libfoo-1.2.3.4, 1.2.3.4-rc1). A word with a colon before an address is a label (src:1.2.3.4).
// An IPv4 address behind a word and a slash is a version (Chrome/120.0.0.0) or a mask, unless a port follows it
// (localhost/127.0.0.1:80). Bytes that are not ASCII belong to no word, as Chinese is written without spaces. Neither do an
// escaped line end or tab (\n in JSON) and a colour of a terminal (ESC [ 3 5 m) before an address.
//
// What belongs to the address stays with it, and the addition goes behind that: a zone (fe80::1%eth0), the length of a prefix
// (10.0.0.0/8), brackets just around it, a port ([2001:db8::1]:443).
package annotate

import (
	"errors"
	"io"
	"net/netip"
)

// Place appends to dst what is to stand behind a, with the space before it if there is to be one, and returns the longer
// slice. It may not keep dst, nor change what is in it. The address has no zone; ::ffff:1.2.3.4 is a v4-mapped one. What was
// appended is remembered for up to 131,072 addresses, so Place is not called for each occurrence. A Writer calls it from
// the goroutine that writes.
type Place = func(dst []byte, a netip.Addr) []byte

const (
	chunk = 128 << 10 // bytes that are read at once

	// context is how many bytes before the one at hand are kept: more than any rule looks back.
	context = 128
)

// Writer writes what is written to it with additions. It has to be closed, or the end may be missing. It may not be used
// by several goroutines at once.
//
// What came by a Write, or by a Read of [Writer.ReadFrom], is passed on before the next one, in pieces of about 64 KiB.
// Only what may belong to an address at the very end waits for the bytes behind it: a port or zone that is not complete, and
// the like, at most 64 bytes, and nothing behind which there is a line end. So whoever reads along sees an address at once,
// and what is added to it with the next byte.
type Writer struct {
	w     io.Writer
	cache cache
	err   error

	buf  []byte // what was read: at most context bytes that are done with, then the rest
	next int    // where the search for addresses goes on
	sent int    // how much of buf was put in out; next may be before or behind it
	out  []byte
}

// New returns a Writer that writes to w and asks place what to add.
func New(w io.Writer, place Place) *Writer {
	return &Writer{w: w, cache: newCache(place), buf: make([]byte, 0, 2*context+chunk)}
}

// ErrClosed is returned when a closed Writer is written to.
var ErrClosed = errors.New("annotate: the writer is closed")

// Write passes text on. The error is that of the Writer beneath; after one, no more is written.
func (w *Writer) Write(p []byte) (n int, err error) {
	for n < len(p) && w.err == nil {
		room := w.room()
		k := copy(room, p[n:])
		n += k
		w.take(k)
	}
	return n, w.err
}

// emptyReads is how often in turn a Read may bring nothing.
const emptyReads = 100

// ReadFrom passes on what is read from r until its end, each time as soon as it has come. It does not close w: more may
// follow. It returns how many bytes were read.
func (w *Writer) ReadFrom(r io.Reader) (n int64, err error) {
	for empty := 0; w.err == nil; {
		k, err := r.Read(w.room())
		n += int64(k)
		w.take(k)
		switch {
		case w.err != nil:
		case err == io.EOF:
			return n, nil
		case err != nil:
			return n, err
		case k > 0:
			empty = 0
		default:
			if empty++; empty == emptyReads {
				return n, io.ErrNoProgress
			}
		}
	}
	return n, w.err
}

// Close says that the text ends, and passes on what was waiting. It does not close the Writer beneath.
func (w *Writer) Close() error {
	if errors.Is(w.err, ErrClosed) {
		return nil
	}
	w.pass(true)
	err := w.err
	w.err = ErrClosed
	return err
}

// room is where the next bytes go.
func (w *Writer) room() []byte { return w.buf[len(w.buf):cap(w.buf)] }

// take goes on with n bytes that were put in room.
func (w *Writer) take(n int) {
	w.buf = w.buf[:len(w.buf)+n]
	if n > 0 {
		w.pass(false)
	}
}

// pass puts out all that is decided, and forgets what is not looked back at.
func (w *Writer) pass(end bool) {
	w.search(end)
	w.flush()
	if drop := min(w.next, w.sent) - context; drop > 0 {
		w.buf = w.buf[:copy(w.buf, w.buf[drop:])]
		w.next -= drop
		w.sent -= drop
	}
}

func (w *Writer) flush() {
	if len(w.out) > 0 && w.err == nil {
		_, w.err = w.w.Write(w.out)
	}
	w.out = w.out[:0]
}
