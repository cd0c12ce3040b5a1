package netlink

import "golang.org/x/sys/unix"

// Lookup sends requests that are not dumps (see inetdiag.AppendLookup), as one message, and hands each answer to take. The
// kernel answers inside the call that asks, so that all answers are there afterwards; those for which the socket's buffer had
// no room are missing. 64 requests are not too many.
func (c *Conn) Lookup(reqs []byte, take func(answer []byte) error) error {
	if c.fd < 0 {
		return &OpError{Op: "lookup", Err: unix.EBADF}
	}
	if err := c.drain(); err != nil {
		return err
	}
	if err := c.send(reqs); err != nil {
		return err
	}
	c.stale = true // until all answers are taken
	for {
		n, err := receiveNow(c.fd, c.buf)
		switch err {
		case nil:
		case unix.EINTR, unix.ENOBUFS:
			continue
		case unix.EAGAIN:
			c.stale = false
			return nil
		default:
			return &OpError{Op: "receive", Err: err}
		}
		if err := take(c.buf[:n]); err != nil {
			return &OpError{Op: "lookup", Err: err}
		}
	}
}
