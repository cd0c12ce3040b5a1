package main

import (
	"time"

	"golang.org/x/sys/windows"
)

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user) != nil {
		return 0
	}
	ticks := func(f windows.Filetime) time.Duration {
		return time.Duration(uint64(f.HighDateTime)<<32 | uint64(f.LowDateTime))
	}
	return 100 * (ticks(kernel) + ticks(user))
}
