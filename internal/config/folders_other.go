//go:build !windows

package config

import "path/filepath"

// folders are those of configurations: the user's by the XDG Base Directory Specification, then the system's.
func folders(getenv func(string) string) (dirs []string) {
	if dir := getenv("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		dirs = append(dirs, dir)
	} else if dir := home(getenv); dir != "" {
		dirs = append(dirs, filepath.Join(dir, ".config"))
	}
	return append(dirs, "/etc")
}

func home(getenv func(string) string) string { return getenv("HOME") }
