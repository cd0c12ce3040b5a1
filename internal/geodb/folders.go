// Package geodb finds the databases of addresses that a machine has, and opens them.
package geodb

import (
	"cmp"
	"path/filepath"
)

// place is a folder that may hold databases.
type place struct {
	path string
	own  bool // it is sockeye's: everything in it that is named like a database is meant
}

// Folders are those in which databases are looked for, in this order. They need not exist.
//
//   - those that SOCKEYE_GEO_PATH names, separated as in PATH; a file may be named too
//   - the user's: $XDG_DATA_HOME/sockeye (~/.local/share/sockeye), %LocalAppData%\sockeye on Windows
//   - the machine's: /usr/local/share/sockeye, /usr/share/sockeye, /var/lib/sockeye; %ProgramData%\sockeye
//   - those of other programs: /usr/share/GeoIP and /var/lib/GeoIP (Debian's geoip-database, geoipupdate),
//     /usr/local/share/GeoIP; %ProgramData%\MaxMind\GeoIPUpdate\GeoIP; nali's, which many users of QQWry.dat and
//     ip2region have
func Folders(getenv func(string) string) (paths []string) {
	for _, p := range places(getenv) {
		paths = append(paths, p.path)
	}
	return paths
}

// UpdateFolder is the folder that fetched databases are written to, which is one of sockeye's own in Folders: the first
// that SOCKEYE_GEO_PATH names; else for root /var/lib/sockeye, which every user sees; else the user's, or that of the machine
// for a user who has none; empty where there is not even that.
func UpdateFolder(getenv func(string) string) string {
	if dir := firstFolder(namedPlaces(getenv)); dir != "" {
		return dir
	}
	return cmp.Or(rootFolder(), firstFolder(systemPlaces(getenv)))
}

func firstFolder(all []place) string {
	for _, p := range all {
		if p.own && !isFile(p.path) {
			return p.path
		}
	}
	return ""
}

func places(getenv func(string) string) []place {
	return append(namedPlaces(getenv), systemPlaces(getenv)...)
}

func namedPlaces(getenv func(string) string) (all []place) {
	for _, dir := range filepath.SplitList(getenv("SOCKEYE_GEO_PATH")) {
		if dir != "" {
			all = append(all, place{dir, true})
		}
	}
	return all
}
