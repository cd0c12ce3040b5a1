package cli

import (
	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/pipe"
)

// mayControl reports whether who is at the other end is this user. An administrator whom the pipe lets in is not.
func mayControl(peer pipe.Identity) bool {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	return err == nil && peer.User == user.User.Sid.String()
}
