//go:build !windows

package completion

import "syscall"

const (
	errReset   = syscall.ECONNRESET
	errRefused = syscall.ECONNREFUSED
)

func onWine() bool { return false }
