//go:build !windows

package cli

import (
	"os"

	"golang.org/x/sys/unix"
)

func brokenPipeSystem(error) bool { return false }

func enableANSI(*os.File) bool { return os.Getenv("TERM") != "dumb" }

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
}
