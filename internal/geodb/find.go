package geodb

import (
	"os"
	"path/filepath"
	"strings"
)

// Find returns the files in the usual folders that are named like databases, folder by folder, and by name in each. Whether
// they are databases is seen when they are opened.
func Find(getenv func(string) string) (files []string) {
	seen := make(map[string]bool)
	for _, p := range places(getenv) {
		for _, file := range p.files() {
			real, err := filepath.EvalSymlinks(file) // distributions link one folder to another
			if err != nil || seen[real] {
				continue
			}
			seen[real] = true
			files = append(files, file)
		}
	}
	return files
}

// files are those of one folder, or the file itself where the place is one.
func (p place) files() (files []string) {
	if isFile(p.path) {
		return []string{p.path}
	}
	entries, _ := os.ReadDir(p.path) // what may not be read is not there for us
	for _, e := range entries {
		path := filepath.Join(p.path, e.Name())
		if named(e.Name(), p.own) && isFile(path) {
			files = append(files, path)
		}
	}
	return files
}

// isFile follows links. Opening a fifo would wait for its writer.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// named tells whether a file is named like a database. Many other files end in .dat and .db.
func named(name string, own bool) bool {
	name = strings.ToLower(name)
	switch filepath.Ext(name) {
	case ".mmdb", ".xdb", ".ipdb":
		return true
	case ".dat":
		return own || strings.HasPrefix(name, "qqwry") || strings.HasPrefix(name, "geoip") || strings.HasPrefix(name, "geolite")
	case ".db":
		return strings.Contains(name, "ipv6wry")
	}
	return false
}
