package sockex

import (
	"time"

	"golang.org/x/sys/windows"
)

const soConnectTime = 0x700c // SO_CONNECT_TIME

func connectTime(fd uintptr) (time.Duration, error) {
	n, err := windows.GetsockoptInt(windows.Handle(fd), windows.SOL_SOCKET, soConnectTime)
	switch {
	case err != nil:
		return 0, err
	case uint32(n) == 0xffffffff:
		return 0, ErrNotConnected
	}
	return time.Duration(uint32(n)) * time.Second, nil
}
