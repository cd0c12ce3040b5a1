package history

import (
	"os"
	"path/filepath"
)

// fileName is that of a history in sockeye's folders.
const fileName = "history.db"

// Files are where a history may be, in the order in which they are looked for: the file that SOCKEYE_HISTORY names and no
// other, or else that of the user and that of the machine. A recorder writes to the first.
func Files(getenv func(string) string) (paths []string) {
	if path := getenv("SOCKEYE_HISTORY"); path != "" {
		return []string{path}
	}
	for _, dir := range folders(getenv) {
		paths = append(paths, filepath.Join(dir, fileName))
	}
	return paths
}

// Find is the first of Files that exists; false where none does.
func Find(getenv func(string) string) (string, bool) {
	for _, path := range Files(getenv) {
		if _, err := os.Stat(path); err == nil {
			return path, true
		}
	}
	return "", false
}
