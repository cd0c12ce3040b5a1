package transfer

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/sockex"
)

// transmit sends head, a part of a file and tail. Where the file is too short by now the error is errShrank.
func (s *sending) transmit(ctx context.Context, f *os.File, front, tail []byte, at, n int64) (int64, error) {
	c := s.link.wire.TCPConn
	if err := c.SetWriteDeadline(time.Time{}); err != nil {
		return 0, err
	}
	went, err := sockex.TransmitFile(ctx, c, f, &sockex.FileOptions{Head: front, Tail: tail, Offset: at, Count: n})
	var e *sockex.Error
	switch {
	case errors.Is(err, sockex.ErrShortFile), errors.Is(err, sockex.ErrRange):
		return went, errShrank
	case errors.As(err, &e):
		return went, e.Err
	}
	return went, err
}
