package epoll

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Bell is an eventfd: what one thread rings to end the wait of another, through a poll that an epoll or an io_uring holds.
type Bell struct{ fd int }

// NewBell makes one.
func NewBell() (*Bell, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &Bell{fd}, nil
}

// FD is the descriptor, to be polled for reading.
func (b *Bell) FD() int { return b.fd }

// Ring rings. It may be called from any thread.
func (b *Bell) Ring() {
	one := [8]byte{1, 1} // any number but 0, in any order of bytes
	_, _ = unix.Write(b.fd, one[:])
}

// Silence makes it ready to be rung again.
func (b *Bell) Silence() {
	var n [8]byte
	_, _ = unix.Read(b.fd, n[:])
}

// Close releases it.
func (b *Bell) Close() error { return unix.Close(b.fd) }
