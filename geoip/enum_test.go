package geoip_test

import (
	"fmt"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
)

// The names are in output and in Location.Source, so they stay as they are.
func TestNames(t *testing.T) {
	got := fmt.Sprint(geoip.QQWry, geoip.IPv6Wry, geoip.MMDB, geoip.XDB, geoip.IPDB, geoip.GeoIPDat,
		geoip.Direct, geoip.Mapped, geoip.SixToFour, geoip.Teredo, geoip.NAT64)
	if want := "qqwry ipv6wry mmdb xdb ipdb geoip.dat direct mapped 6to4 teredo nat64"; got != want {
		t.Errorf("names are %s, want %s", got, want)
	}
}
