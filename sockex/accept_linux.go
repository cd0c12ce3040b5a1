package sockex

import (
	"context"
	"net"
	"time"
)

func acceptInto(ctx context.Context, l *net.TCPListener, s *Socket, buf []byte, limit time.Duration) (*Accepted, error) {
	return acceptInstead(ctx, l, s, buf, limit)
}
