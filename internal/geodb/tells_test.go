package geodb

import (
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
)

// TestTells: what is not known of a database it may tell.
func TestTells(t *testing.T) {
	for _, c := range []struct {
		geoip.Info
		want string
	}{
		{geoip.Info{Format: geoip.QQWry}, "countries, cities, providers"},
		{geoip.Info{Format: geoip.IPv6Wry}, "countries, cities, providers"},
		{geoip.Info{Format: geoip.XDB, Type: "structure 3"}, "countries, cities, providers"},
		{geoip.Info{Format: geoip.GeoIPDat, Type: "country"}, "countries"},
		{geoip.Info{Format: geoip.GeoIPDat, Type: "asnum"}, "providers, autonomous systems"},
		{geoip.Info{Format: geoip.GeoIPDat, Type: "another"}, "countries, cities, providers, autonomous systems"},
		{geoip.Info{Format: geoip.MMDB, Type: "GeoLite2-ASN"}, "providers, autonomous systems"},
		{geoip.Info{Format: geoip.MMDB, Type: "GeoIP2-City"}, "countries, cities"},
		{geoip.Info{Format: geoip.MMDB, Type: "country"}, "countries, cities, providers, autonomous systems"},
		{geoip.Info{Format: geoip.MMDB, Type: "ipinfo generic_country.mmdb"}, "countries, cities, providers, autonomous systems"},
		{geoip.Info{Format: geoip.IPDB, Type: "country"}, "countries, cities, providers, autonomous systems"},
		{geoip.Info{}, "countries, cities, providers, autonomous systems"},
	} {
		if got := tells(c.Info).String(); got != c.want {
			t.Errorf("%v %q: %s, want %s", c.Format, c.Type, got, c.want)
		}
	}
}
