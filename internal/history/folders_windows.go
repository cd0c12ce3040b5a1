package history

import "path/filepath"

// folders are those of the user and of the machine, where a service records. That has one of its own, which only the system and
// administrators may enter: sockeye's folder in ProgramData has what every user may read.
func folders(getenv func(string) string) (dirs []string) {
	if dir := getenv("LocalAppData"); dir != "" {
		dirs = append(dirs, filepath.Join(dir, "sockeye"))
	}
	if dir := getenv("ProgramData"); dir != "" {
		dirs = append(dirs, filepath.Join(dir, "sockeye", "history"))
	}
	return dirs
}
