//go:build !linux

package sockex

import (
	"context"
	"net"
	"net/netip"
)

// letters sends datagrams one by one.
func (t *transfer) letters(ctx context.Context, c *net.UDPConn, to netip.AddrPort) error {
	wait := cutOff(ctx, c.SetWriteDeadline)
	err := t.writeLetters(ctx, c, to)
	if wait.ended() {
		return ctx.Err()
	}
	return err
}

func (t *transfer) writeLetters(ctx context.Context, c *net.UDPConn, to netip.AddrPort) (err error) {
	buf := make([]byte, 0, 2048)
	for t.first < len(t.pieces) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if buf, err = t.letter(buf[:0]); err != nil {
			return err
		}
		var n int
		if to.IsValid() {
			n, err = c.WriteToUDPAddrPort(buf, to)
		} else {
			n, err = c.Write(buf)
		}
		t.sent += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// letter puts the pieces of the next datagram into b.
func (t *transfer) letter(b []byte) ([]byte, error) {
	for t.first < len(t.pieces) {
		p := &t.pieces[t.first]
		k := p.n
		if t.chunk > 0 {
			k = min(k, t.chunk-int64(len(b)))
		}
		if p.source == nil {
			b = append(b, p.mem[:k]...)
		} else {
			n := len(b)
			b = append(b, make([]byte, k)...)
			if err := readPart(p.source.f, b[n:], p.offset); err != nil {
				return nil, err
			}
		}
		if t.took(k) || int64(len(b)) == t.chunk {
			break
		}
	}
	return b, nil
}
