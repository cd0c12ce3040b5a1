package cli

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isRefused knows the sockets' own number: syscall.ECONNREFUSED is none that Windows returns.
func isRefused(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }
