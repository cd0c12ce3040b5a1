//go:build !linux

package transfer

import (
	"bytes"
	"context"
	"io"
	"os"
	"time"
)

// transmit sends head, a part of a file and tail. Where the file is too short by now the error is errShrank.
func (s *sending) transmit(_ context.Context, f *os.File, front, tail []byte, at, n int64) (int64, error) {
	c := s.link.wire.TCPConn
	if err := c.SetWriteDeadline(time.Time{}); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < at+n {
		return 0, errShrank
	}
	return io.Copy(c, io.MultiReader(bytes.NewReader(front), io.NewSectionReader(f, at, n), bytes.NewReader(tail)))
}
