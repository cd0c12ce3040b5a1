package config

// folders are those of configurations: the user's, then the system's.
func folders(getenv func(string) string) (dirs []string) {
	for _, name := range []string{"AppData", "ProgramData"} {
		if dir := getenv(name); dir != "" {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

func home(getenv func(string) string) string { return getenv("USERPROFILE") }
