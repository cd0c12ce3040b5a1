package relay

import (
	"errors"

	"golang.org/x/sys/windows"
)

func goneSystem(err error) bool {
	return errors.Is(err, windows.WSAECONNRESET) || errors.Is(err, windows.WSAECONNABORTED) || errors.Is(err, windows.WSAESHUTDOWN) ||
		errors.Is(err, windows.ERROR_BROKEN_PIPE) || errors.Is(err, windows.ERROR_NO_DATA)
}

func refusedSystem(err error) bool { return errors.Is(err, windows.WSAECONNREFUSED) }

// pipeBacklog is how many clients may wait to be accepted. Each takes an instance, which is made beforehand.
const pipeBacklog = 32
