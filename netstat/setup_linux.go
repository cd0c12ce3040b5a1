package netstat

import "github.com/sockeye-net/sockeye/internal/sockiter"

const defaultMaxSockets = 1 << 18

func pin(cfg PinConfig) error {
	n := cfg.MaxSockets
	if n <= 0 {
		n = defaultMaxSockets
	}
	return sockiter.Pin(n, cfg.Everyone)
}

func unpin() error { return sockiter.Unpin() }
