//go:build !windows

package relay

import (
	"os"
	"syscall"
)

const closeEndsReads = true

func terminate(p *os.Process) { p.Signal(syscall.SIGTERM) }
