package geoip_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// systems is an MMDB of autonomous systems, as GeoLite2-ASN.
func systems(t testing.TB) *geoip.DB {
	return open(t, write(t, "asn.mmdb", testdb.MMDB([]testdb.Row{
		row("1.0.0.0", "1.0.0.127", "ALIBABA"), row("8.8.8.0", "8.8.8.255", "GOOGLE"), row("2400:3200::", "2400:3200:ffff:ffff:ffff:ffff:ffff:ffff", "ALIBABA"),
	}, 24, true, "GeoLite2-ASN", func(r testdb.Row) any {
		return map[string]any{"autonomous_system_number": uint32(37963), "autonomous_system_organization": r.Text[0]}
	})))
}

func TestSet(t *testing.T) {
	places := open(t, write(t, "city.mmdb", testdb.MMDB([]testdb.Row{row("1.0.0.64", "1.0.255.255", "x")}, 24, true, "GeoLite2-City", func(testdb.Row) any {
		return map[string]any{"country": map[string]any{"iso_code": "AU"}, "location": map[string]any{"latitude": -33.5, "longitude": 151.0}}
	})))
	set := geoip.NewSet(small(t), systems(t), places)
	for addr, want := range map[string]geoip.Location{
		"1.0.0.70": {Country: "中国", ISO: "CN", Region: "浙江", City: "杭州", ISP: "阿里云", Source: "qqwry",
			ASN: 37963, Org: "ALIBABA", NetworkSource: "mmdb", Latitude: -33.5, Longitude: 151, HasPosition: true,
			First: netip.MustParseAddr("1.0.0.64"), Last: netip.MustParseAddr("1.0.0.127")},
		"1.0.2.1": {Country: "美国", ISO: "US", Source: "qqwry", Latitude: -33.5, Longitude: 151, HasPosition: true,
			First: netip.MustParseAddr("1.0.2.0"), Last: netip.MustParseAddr("1.0.2.255")},
		"2400:3200::9": {ASN: 37963, Org: "ALIBABA", NetworkSource: "mmdb",
			First: netip.MustParseAddr("2400:3200::"), Last: netip.MustParseAddr("2400:3200:ffff:ffff:ffff:ffff:ffff:ffff")},
		"10.0.0.1": {Special: "Private-Use", Source: "iana", First: netip.MustParseAddr("10.0.0.0"), Last: netip.MustParseAddr("10.255.255.255")},
	} {
		got, err := set.Lookup(netip.MustParseAddr(addr))
		if want.Addr = netip.MustParseAddr(addr); err != nil || got != want {
			t.Errorf("%s is\n%+v, want\n%+v, %v", addr, got, want, err)
		}
	}
}

// A country and nothing else gives way to a database that knows more of the same country, and to no other.
func TestSetRefines(t *testing.T) {
	cities := func(iso, city string) *geoip.DB {
		return open(t, write(t, iso+".mmdb", testdb.MMDB([]testdb.Row{row("1.0.0.0", "1.0.255.255", city)}, 24, false, "x", func(r testdb.Row) any {
			return map[string]any{"country_code": iso, "city": r.Text[0]}
		})))
	}
	near, far, none := cities("US", "Chicago"), cities("CA", "Toronto"), cities("US", "")
	for name, c := range map[string]struct {
		set                   *geoip.Set
		addr, country, city   string
		source, networkSource string
	}{
		"more of the same country":     {geoip.NewSet(small(t), none, far, near), "1.0.2.1", "United States", "Chicago", "mmdb", ""},
		"another country":              {geoip.NewSet(small(t), far), "1.0.2.1", "美国", "", "qqwry", ""},
		"no more of the same":          {geoip.NewSet(small(t), none), "1.0.2.1", "美国", "", "qqwry", ""},
		"a city is not replaced":       {geoip.NewSet(near, small(t)), "1.0.0.1", "United States", "Chicago", "mmdb", "qqwry"},
		"a first that has the city":    {geoip.NewSet(small(t), near), "1.0.0.1", "中国", "杭州", "qqwry", "qqwry"},
		"the same from the other side": {geoip.NewSet(near, small(t)), "1.0.2.1", "United States", "Chicago", "mmdb", ""},
	} {
		got, err := c.set.Lookup(netip.MustParseAddr(c.addr))
		if err != nil || got.Country != c.country || got.City != c.city || got.Source != c.source || got.NetworkSource != c.networkSource {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// What the other databases know comes with the error of one that fails.
func TestSetPartial(t *testing.T) {
	a, b := small(t), systems(t)
	set := geoip.NewSet(a, b)
	a.Close()
	loc, err := set.Lookup(netip.MustParseAddr("8.8.8.8"))
	if !errors.Is(err, geoip.ErrClosed) || loc.Org != "GOOGLE" || loc.First != netip.MustParseAddr("8.8.8.0") {
		t.Errorf("%+v, %v", loc, err)
	}
}

func TestSetOfNone(t *testing.T) {
	var set geoip.Set
	if loc, err := set.Lookup(netip.MustParseAddr("192.168.1.1")); err != nil || loc.Special != "Private-Use" {
		t.Errorf("%+v, %v", loc, err)
	}
	if loc, err := set.Lookup(netip.MustParseAddr("8.8.8.8")); err != nil || loc.Found() {
		t.Errorf("%+v, %v", loc, err)
	}
}
