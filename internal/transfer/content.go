package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"time"
)

const (
	chunkSize  = 256 << 10 // of content that is read, hashed and written
	firstSpan  = 1 << 20   // of what is handed to TransmitFile at once, at the beginning
	minSpan    = 64 << 10
	maxSpan    = 16 << 20
	tooQuick   = 100 * time.Millisecond // a span that took less is followed by a larger one
	tooSlow    = time.Second
	checkEvery = 16 << 20 // bytes that are hashed between two looks at the context
)

var (
	errChanged = errors.New("it changed while it was sent; send it again")
	errShrank  = errors.New("it became shorter while it was sent; send it again")
	errOther   = errors.New("another content is there")
)

// chunks are buffers in turns: one is filled while the one before it is still hashed.
type chunks struct {
	bufs [2][]byte
	done [2]<-chan struct{}
	turn int
}

// next is a buffer of chunkSize with room for a head before it, which nobody uses any more.
func (c *chunks) next() []byte {
	c.turn ^= 1
	if c.bufs[c.turn] == nil {
		c.bufs[c.turn] = make([]byte, headSize+chunkSize)
	}
	if d := c.done[c.turn]; d != nil {
		<-d
		c.done[c.turn] = nil
	}
	return c.bufs[c.turn]
}

// hash adds a part of the buffer that next returned last.
func (c *chunks) hash(h *hasher, b []byte) { c.done[c.turn] = h.bytes(b) }

// hashPart hashes a part of a file. It ends early, with io.EOF, where the file does.
func hashPart(ctx context.Context, f io.ReaderAt, from, to int64, sum hash.Hash, buf []byte, told func(at int64)) error {
	for looked := from; from < to; {
		if from-looked >= checkEvery {
			looked = from
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		n, err := f.ReadAt(buf[:min(int64(len(buf)), to-from)], from)
		sum.Write(buf[:n])
		from += int64(n)
		if n == 0 && err != nil {
			return err
		}
		if told != nil {
			told(from)
		}
	}
	return nil
}

// large sends a file whose receiver is asked first what it has of it.
func (s *sending) large(ctx context.Context, o *outgoing, offer *Offer, f *os.File, info os.FileInfo) error {
	if err := s.offer(o, offer.put(nil)); err != nil {
		return err
	}
	h := newHasher()
	defer h.stop()
	wanted, err := s.agree(ctx, o, f, h)
	if err != nil || !wanted {
		return err
	}
	check := func() error { return s.unchanged(o, f, info) }
	if s.cfg.Plain {
		err = s.plain(ctx, o, f, h, check)
	} else {
		err = s.sealed(ctx, o, f, h, check)
	}
	if ours := new(fileError); errors.As(err, &ours) {
		o.failure = ours.err
		return s.link.send(putAbort(nil, ours.err.Error()))
	}
	return err
}

// fileError is one of our file, which does not end the connection.
type fileError struct{ err error }

func (e *fileError) Error() string { return e.err.Error() }

// agree finds out where the content begins (o.Offset), with what comes before it in the hash. It is false where the
// receiver does not want the file.
func (s *sending) agree(ctx context.Context, o *outgoing, f *os.File, h *hasher) (bool, error) {
	var has held
	select {
	case has = <-o.held:
	case <-o.decided:
		return false, nil
	case <-s.dead:
		return false, s.gone()
	}
	if has.size == 0 {
		return true, nil
	}
	if has.size > o.Size {
		return false, fmt.Errorf("%w: it has more of a file than there is", errProtocol)
	}
	told := func(at int64) {
		s.report(&Progress{Peer: s.peer, Name: o.Name, Checking: true, Done: at, Size: has.size, Moved: s.moved})
	}
	err := hashPart(ctx, f, 0, has.size, h.sum, s.bufs.next(), told)
	if err != nil {
		o.failure = errors.New(reason(err))
		return false, errors.Join(ctx.Err(), s.link.send(putAbort(nil, reason(err))))
	}
	return s.compare(o, has, h)
}

func (s *sending) compare(o *outgoing, has held, h *hasher) (bool, error) {
	select {
	case theirs := <-o.proof:
		if theirs == h.value() {
			o.Offset = has.size
			return true, nil
		}
	case <-o.decided:
		return false, nil
	case <-s.dead:
		return false, s.gone()
	}
	h.reset()
	if has.exact {
		return false, s.link.send(putAbort(nil, errOther.Error()))
	}
	return true, nil
}

// unchanged looks whether the file is what was offered, once all of it was read. One that only grew, as logs do, is sent
// as far as it was offered.
func (s *sending) unchanged(o *outgoing, f *os.File, was os.FileInfo) error {
	is, err := f.Stat()
	switch {
	case err != nil:
		return &fileError{errors.New(reason(err))}
	case is.Size() < was.Size():
		return &fileError{errShrank}
	case is.Size() > was.Size():
		o.Grew = true
	case !is.ModTime().Equal(was.ModTime()):
		return &fileError{errChanged}
	}
	return nil
}

// unwanted reports whether the receiver has decided without waiting for the end, or is gone.
func (s *sending) unwanted(o *outgoing) (bool, error) {
	select {
	case <-o.decided:
		return true, s.link.send(putAbort(nil, ""))
	case <-s.dead:
		return true, s.gone()
	default:
		return false, nil
	}
}

// sealed sends content through TLS. Each chunk is in memory before its frame begins, so a file that shrinks breaks no frame.
func (s *sending) sealed(ctx context.Context, o *outgoing, f *os.File, h *hasher, check func() error) error {
	if err := s.link.send(putBegin(nil, o.Offset)); err != nil {
		return err
	}
	for at := o.Offset; at < o.Size; {
		if stop, err := s.unwanted(o); stop {
			return err
		}
		buf := s.bufs.next()
		n, err := f.ReadAt(buf[headSize:headSize+min(chunkSize, o.Size-at)], at)
		if n == 0 {
			return unread(err)
		}
		s.bufs.hash(h, buf[headSize:headSize+n])
		head{data, uint32(n)}.put(buf[:0])
		if err := s.link.send(buf[:headSize+n]); err != nil {
			return err
		}
		at += int64(n)
		s.moved, o.Sent = s.moved+int64(n), o.Sent+int64(n)
		s.progress(o, at)
	}
	if err := check(); err != nil {
		return err
	}
	o.Hash, o.Hashed = h.value(), true
	return s.link.send(putHash(nil, end, o.Hash))
}

func unread(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return &fileError{errShrank}
	}
	return &fileError{errors.New(reason(err))}
}

// plain sends content by TransmitFile, in spans that are hashed at the same time. The first has what is before the content
// as its head, the last the end with the hash as its tail.
func (s *sending) plain(ctx context.Context, o *outgoing, f *os.File, h *hasher, check func() error) error {
	front, span := putBegin(nil, o.Offset), int64(firstSpan)
	buf := make([]byte, chunkSize)
	for at := o.Offset; at < o.Size; {
		if stop, err := s.unwanted(o); stop {
			return err
		}
		n := min(span, o.Size-at)
		from := at
		h.add(func(sum hash.Hash) { _ = hashPart(ctx, f, from, from+n, sum, buf, nil) }) // what cannot be read cannot be sent
		var tail []byte
		if at+n == o.Size {
			if err := check(); err != nil {
				return err
			}
			o.Hash, o.Hashed = h.value(), true
			tail = putHash(nil, end, o.Hash)
		}
		began := time.Now()
		if err := s.span(ctx, f, head{data, uint32(n)}.put(front), at, n, tail); err != nil {
			o.Hashed = false
			return err
		}
		switch took := time.Since(began); {
		case took < tooQuick:
			span = min(2*span, maxSpan)
		case took > tooSlow:
			span = max(span/2, minSpan)
		}
		front, at = nil, at+n
		s.moved, o.Sent = s.moved+n, o.Sent+n
		s.progress(o, at)
	}
	if o.Offset < o.Size {
		return nil
	}
	o.Hash, o.Hashed = h.value(), true
	return s.link.send(putHash(front, end, o.Hash))
}

// span is one TransmitFile. Where the file has become too short, what the frame promised is filled up with zeros: the
// receiver is told afterwards that they are none of the file's.
func (s *sending) span(ctx context.Context, f *os.File, front []byte, at, n int64, tail []byte) error {
	s.link.mu.Lock()
	defer s.link.mu.Unlock()
	went, err := s.transmit(ctx, f, front, tail, at, n)
	if err == nil {
		return nil
	}
	if !errors.Is(err, errShrank) {
		return broken(cause(err))
	}
	missing := io.MultiReader(bytes.NewReader(front), io.LimitReader(zeros{}, n))
	if _, err := io.CopyN(io.Discard, missing, went); err != nil {
		return fmt.Errorf("%d bytes went of %d: %w", went, int64(len(front))+n, err)
	}
	if _, err := io.Copy(s.link.wire, missing); err != nil {
		return broken(err)
	}
	return &fileError{errShrank}
}

// zeros is as long as one likes.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// readUpTo reads a small file, and of one that grew as much as was offered.
func readUpTo(f *os.File, size int64) ([]byte, error) {
	b := make([]byte, size)
	n, err := io.ReadFull(f, b)
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return b[:n], nil
	}
	return nil, err
}
