//go:build !linux

package relay

import (
	"errors"
	"sync/atomic"
	"syscall"
)

const splices = false

type pipes struct{}

func (*pipes) close() {}

func (j *joint) splice(_, _ *end, _ *atomic.Int64) error { return errors.ErrUnsupported }

func hungUp(syscall.RawConn) bool { return false }

func appends(syscall.RawConn) bool { return false }
