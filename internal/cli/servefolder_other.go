//go:build !windows

package cli

import "os"

// privateFolder makes a folder for a history, if there is none: this user's alone, but root's is the machine's, which may have
// databases for all beside it.
func privateFolder(path string) error {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o755
	}
	return os.MkdirAll(path, mode)
}
