//go:build unix

package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
