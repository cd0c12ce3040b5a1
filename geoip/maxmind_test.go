package geoip_test

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
)

// MaxMind publishes databases for tests with the data that they were made of (github.com/maxmind/MaxMind-DB, Apache or MIT
// licence). With SOCKEYE_MAXMIND_DB naming a copy of it, each network there must be told as its source has it.
func TestMaxMindFiles(t *testing.T) {
	dir := os.Getenv("SOCKEYE_MAXMIND_DB")
	if dir == "" {
		t.Skip("SOCKEYE_MAXMIND_DB does not name a copy of github.com/maxmind/MaxMind-DB")
	}
	sources, err := filepath.Glob(filepath.Join(dir, "source-data", "*.json"))
	if err != nil || len(sources) == 0 {
		t.Fatal("no source-data: ", err)
	}
	for _, source := range sources {
		name := strings.TrimSuffix(filepath.Base(source), ".json")
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "test-data", name+".mmdb")
			if _, err := os.Stat(path); err != nil {
				t.Skip(err)
			}
			db := open(t, path)
			checkAll(t, db, 1)
			t.Logf("%d networks", compareMaxMind(t, db, source))
		})
	}
}

// Broken files of theirs are told to be, and no more.
func TestMaxMindBadFiles(t *testing.T) {
	dir := os.Getenv("SOCKEYE_MAXMIND_DB")
	if dir == "" {
		t.Skip("SOCKEYE_MAXMIND_DB does not name a copy of github.com/maxmind/MaxMind-DB")
	}
	for _, pattern := range []string{"bad-data/*/*.mmdb", "test-data/*roken*.mmdb", "test-data/*Invalid*.mmdb"} {
		paths, _ := filepath.Glob(filepath.Join(dir, filepath.FromSlash(pattern)))
		if len(paths) == 0 {
			t.Error("nothing is ", pattern)
		}
		for _, path := range paths {
			use(t, path, geoip.MMDB)
		}
	}
}

type maxmindSource struct {
	Country, City struct {
		ISO   string `json:"iso_code"`
		Names map[string]string
	}
	Location struct{ Latitude, Longitude float64 }
	ASN      uint32 `json:"autonomous_system_number"`
	Traits   struct {
		ASN uint32 `json:"autonomous_system_number"`
	}
}

func compareMaxMind(t *testing.T, db *geoip.DB, source string) (n int) {
	t.Helper()
	b, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]maxmindSource
	if err := json.Unmarshal(b, &rows); err != nil {
		t.Skip("of another form: ", err)
	}
	for _, row := range rows {
		for prefix, want := range row {
			p := netip.MustParsePrefix(prefix)
			got, err := db.Lookup(p.Addr())
			if err != nil {
				t.Error(prefix, err)
			}
			if got.Via != geoip.Direct || got.Special != "" {
				continue
			}
			if got.City != want.City.Names["en"] || want.Country.ISO != "" && got.ISO != want.Country.ISO ||
				got.Latitude != want.Location.Latitude || got.Longitude != want.Location.Longitude || got.ASN != want.ASN+want.Traits.ASN {
				t.Errorf("%s is %+v, the source has %+v", prefix, got, want)
			}
			n++
		}
	}
	return n
}
