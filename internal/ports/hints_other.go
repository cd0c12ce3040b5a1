//go:build !linux

package ports

import (
	"context"
	"time"
)

type hints struct{}

func (*hints) open()        {}
func (*hints) events() bool { return false }
func (*hints) close() error { return nil }

func (*hints) wait(ctx context.Context, _ []uint16, while time.Duration) error {
	return sleep(ctx, while)
}
