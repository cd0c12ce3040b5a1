package completion

import "golang.org/x/sys/windows"

const (
	errReset   = windows.WSAECONNRESET
	errRefused = windows.WSAECONNREFUSED
)
