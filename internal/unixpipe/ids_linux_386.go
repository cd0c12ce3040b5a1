package unixpipe

import "golang.org/x/sys/unix"

// The calls without these numbers are those of ids of 16 bits.
const (
	sysSetresuid = unix.SYS_SETRESUID32
	sysSetresgid = unix.SYS_SETRESGID32
	sysSetgroups = unix.SYS_SETGROUPS32
)
