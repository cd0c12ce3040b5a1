//go:build !linux

package sockex

import (
	"context"
	"io"
	"net"
	"os"
)

// sysSource is nothing here: files are read by package os.
type sysSource struct{}

// readsFirst is that no part is read before its file was looked at.
func (t *transfer) readsFirst(*FileOptions) bool { return false }

func (t *transfer) attach(*source) error { return nil }

// open finds the file's size. Only a regular file is one.
func (t *transfer) open(s *source) error {
	st, err := s.f.Stat()
	switch {
	case err != nil && closedFile(err):
		return errClosedSource
	case err != nil:
		return err
	case !st.Mode().IsRegular():
		return ErrSource
	}
	s.size = st.Size()
	return nil
}

// block is how much of a file is read at once.
const block = 256 << 10

// portable sends a stream without the system's own function: blocks are read and written.
func (t *transfer) portable(ctx context.Context, c net.Conn) error {
	wait := cutOff(ctx, c.SetWriteDeadline)
	err := t.copyTo(ctx, c)
	if wait.ended() {
		return ctx.Err()
	}
	return err
}

func (t *transfer) copyTo(ctx context.Context, c net.Conn) error {
	var buf []byte
	for t.first < len(t.pieces) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if buf == nil {
			buf = make([]byte, min(t.fileBytes(), block))
		}
		bufs, err := t.take(buf)
		if err != nil {
			return err
		}
		n, err := bufs.WriteTo(c)
		t.sent += n
		if err != nil {
			return err
		}
	}
	return nil
}

// fileBytes is how many bytes of files are left.
func (t *transfer) fileBytes() (n int64) {
	for _, p := range t.left() {
		if p.source != nil {
			n += p.n
		}
	}
	return n
}

// take takes the next pieces for one send: up to the end of a segment, or as much of files as buf holds.
func (t *transfer) take(buf []byte) (bufs net.Buffers, err error) {
	room := int64(1 << 30)
	if t.chunk > 0 {
		room = t.chunk
	}
	for t.first < len(t.pieces) && room > 0 && len(bufs) < 1024 {
		p := &t.pieces[t.first]
		k := min(p.n, room)
		b := p.mem
		if p.source != nil {
			if k = min(k, int64(len(buf))); k == 0 {
				break
			}
			b, buf = buf[:k], buf[k:]
			if err := readPart(p.source.f, b, p.offset); err != nil {
				return nil, err
			}
		}
		bufs = append(bufs, b[:k])
		room -= k
		if t.took(k) {
			break
		}
	}
	return bufs, nil
}

func readPart(f *os.File, b []byte, at int64) error {
	switch _, err := f.ReadAt(b, at); {
	case err == io.EOF:
		return ErrShortFile
	case err != nil && closedFile(err):
		return errClosedSource
	default:
		return err
	}
}
