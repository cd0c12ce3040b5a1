//go:build !windows

package geodb

import (
	"os"
	"path/filepath"
)

const machineFolder = "/var/lib/sockeye"

// rootFolder is where root writes, not into a home: with sudo that may be another user's, and others may not read it.
func rootFolder() string {
	if os.Geteuid() == 0 {
		return machineFolder
	}
	return ""
}

func systemPlaces(getenv func(string) string) (all []place) {
	home, data := getenv("HOME"), getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(data) { // the XDG Base Directory Specification has others ignored
		data = ""
	}
	if data == "" && home != "" {
		data = filepath.Join(home, ".local", "share")
	}
	if data != "" {
		all = append(all, place{filepath.Join(data, "sockeye"), true})
	}
	for _, dir := range []string{"/usr/local/share/sockeye", "/usr/share/sockeye", machineFolder} {
		all = append(all, place{dir, true})
	}
	for _, dir := range []string{"/usr/share/GeoIP", "/var/lib/GeoIP", "/usr/local/share/GeoIP"} {
		all = append(all, place{dir, false})
	}
	if data != "" {
		all = append(all, place{filepath.Join(data, "nali"), false})
	}
	if home != "" {
		all = append(all, place{filepath.Join(home, ".nali"), false})
	}
	return all
}
