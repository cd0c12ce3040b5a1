package cli

import (
	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/pipe"
)

// mayControl reports whether who is at the other end is this user. An administrator whom the pipe lets in is not, unless this is
// a service of the system: that has no user who could ask.
func mayControl(peer pipe.Identity) bool {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil || peer.User == "" {
		return false
	}
	return peer.User == user.User.Sid.String() || user.User.Sid.IsWellKnown(windows.WinLocalSystemSid)
}
