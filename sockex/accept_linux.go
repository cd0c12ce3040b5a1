package sockex

import (
	"context"
	"net"
	"time"
)

// acceptInto accepts a connection in the place of a socket, which has to be free for that.
func acceptInto(ctx context.Context, l *net.TCPListener, s *Socket, buf []byte, limit time.Duration) (*Accepted, error) {
	if err := s.take(); err != nil {
		return nil, err
	}
	c, err := nextConn(ctx, l)
	if err != nil {
		s.leave(vacant)
		return nil, err
	}
	_ = s.sys.close()
	s.leave(gone)
	return firstBlock(ctx, c, buf, limit)
}
