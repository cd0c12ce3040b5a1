package netstat

import (
	"fmt"

	"github.com/sockeye-net/sockeye/internal/sockiter"
)

const (
	defaultMaxSockets = 1 << 18
	// minMaxSockets is more than what a table that is opened asks for on a quiet machine (walkerRoom).
	minMaxSockets = 1 << 12
)

func pin(cfg PinConfig) error {
	n := cfg.MaxSockets
	if n == 0 {
		n = defaultMaxSockets
	}
	if n < minMaxSockets {
		return fmt.Errorf("room for %d sockets is too little: at least %d", n, minMaxSockets)
	}
	return sockiter.Pin(n, cfg.Everyone)
}

func unpin() error { return sockiter.Unpin() }
