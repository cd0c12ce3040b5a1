//go:build !windows

package geodb

import "path/filepath"

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
	for _, dir := range []string{"/usr/local/share/sockeye", "/usr/share/sockeye", "/var/lib/sockeye"} {
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
