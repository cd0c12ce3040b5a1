package history

import "path/filepath"

// folders are those of the user and of the machine, where a service records.
func folders(getenv func(string) string) (dirs []string) {
	for _, name := range []string{"LocalAppData", "ProgramData"} {
		if dir := getenv(name); dir != "" {
			dirs = append(dirs, filepath.Join(dir, "sockeye"))
		}
	}
	return dirs
}
