package geodb

import "path/filepath"

func systemPlaces(getenv func(string) string) (all []place) {
	user, machine, home := getenv("LocalAppData"), getenv("ProgramData"), getenv("USERPROFILE")
	for _, p := range []struct {
		under, rest string
		own         bool
	}{
		{user, "sockeye", true}, {machine, "sockeye", true}, {machine, `MaxMind\GeoIPUpdate\GeoIP`, false},
		{user, "nali", false}, {home, ".nali", false},
	} {
		if p.under != "" {
			all = append(all, place{filepath.Join(p.under, p.rest), p.own})
		}
	}
	return all
}

// rootFolder is none: an administrator's programs run for the same user as any other.
func rootFolder() string { return "" }
