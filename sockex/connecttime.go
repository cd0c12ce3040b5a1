package sockex

import (
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/completion"
)

// ConnectTime is how long ago a connection came about. On a socket without one the error is ErrNotConnected.
//
// Windows tells whole seconds (SO_CONNECT_TIME). Linux tells milliseconds as long as one of the two ends has not sent
// anything, which is what the time is asked for: to find clients that connect and are silent. Once data has gone both ways it
// does not tell, and the error is errors.ErrUnsupported; [Accepted] and [Socket.ConnectedAt] have the time that this package saw.
func ConnectTime(c syscall.Conn) (time.Duration, error) {
	rc, err := c.SyscallConn()
	if err != nil {
		return 0, wrap("ConnectTime", 0, err)
	}
	var d time.Duration
	err = control(rc, func(fd uintptr) (err error) {
		d, err = connectTime(fd)
		return err
	})
	return d, wrap("ConnectTime", 0, err)
}

// HandleConnectTime is that of a handle of a completion port.
func HandleConnectTime(h *completion.Handle) (time.Duration, error) {
	d, err := connectTime(h.FD())
	return d, wrap("ConnectTime", 0, err)
}
