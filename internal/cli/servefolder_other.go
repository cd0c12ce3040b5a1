//go:build !windows

package cli

import "os"

// privateFolder makes a folder that is this user's alone, if there is none.
func privateFolder(path string) error { return os.MkdirAll(path, 0o700) }
