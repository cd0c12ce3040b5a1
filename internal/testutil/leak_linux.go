package testutil

import "os"

const fdDir = "/proc/self/fd"

// openFiles maps each open descriptor to what it refers to.
func openFiles() map[string]string {
	entries, err := os.ReadDir(fdDir)
	if err != nil {
		return nil
	}
	open := make(map[string]string, len(entries))
	for _, e := range entries {
		if to, err := os.Readlink(fdDir + "/" + e.Name()); err == nil { // the directory's own descriptor is closed by now
			open[e.Name()] = to
		}
	}
	return open
}
