package act

import (
	"errors"
	"fmt"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/netstat"
)

// closer needs nothing.
type closer struct{}

// errMidNotFound is ERROR_MR_MID_NOT_FOUND, which SetTcpEntry gives for a connection that is not there, and also for who is no
// Administrator.
const errMidNotFound = windows.Errno(317)

var errDatagram = errors.New("Windows closes TCP connections only")

func (*closer) close(c *Connection) error {
	if c.Proto != netstat.TCP {
		return c.error(Unsupported, errDatagram)
	}
	err := iphlpapi.CloseTCP(c.Local, c.Remote)
	reason := reasonOf(err)
	if errors.Is(err, errMidNotFound) || errors.Is(err, windows.ERROR_NOT_FOUND) || errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		if reason = Gone; !windows.GetCurrentProcessToken().IsElevated() {
			reason = Denied
		}
	}
	switch {
	case err == nil:
		return nil
	case reason == Denied:
		err = fmt.Errorf("only an Administrator may close connections: run it elevated: %w", err)
	case reason == Gone:
		err = fmt.Errorf("it is closed already: %w", err)
	case reason == Unsupported:
		err = fmt.Errorf("this Windows does not close it; end its owner instead: %w", err)
	}
	return c.error(reason, err)
}

func (*closer) release() error { return nil }
