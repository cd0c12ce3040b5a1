//go:build !windows

package history

import (
	"os"
	"path/filepath"
)

const machineFolder = "/var/lib/sockeye"

// folders are that of the user's state by the XDG Base Directory Specification, and that of the machine; for root the
// machine's alone, since with sudo the home is another user's.
func folders(getenv func(string) string) (dirs []string) {
	if os.Geteuid() != 0 {
		state, home := getenv("XDG_STATE_HOME"), getenv("HOME")
		switch {
		case filepath.IsAbs(state): // others are to be ignored
			dirs = append(dirs, filepath.Join(state, "sockeye"))
		case home != "":
			dirs = append(dirs, filepath.Join(home, ".local", "state", "sockeye"))
		}
	}
	return append(dirs, machineFolder)
}
