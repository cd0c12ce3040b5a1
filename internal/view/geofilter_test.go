package view

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/netstat"
)

func TestGeoFilter(t *testing.T) {
	sockets := sampleSockets()
	for expr, want := range map[string][]int{
		"country = CN": {1}, "country = cn": {1}, "country = 中国": {1}, "iso = de": {3}, "country = germany": {3}, "country = C": nil,
		"country ~ ^(CN|DE)$": {1, 3}, "country ~ ^Ger": {3}, "country ~ .": {1, 3}, "region = 浙江": {1}, "city ~ 杭州": {1},
		"isp = 电信": {1}, "isp = \"china telecom\"": {1}, "org ~ Net": {3}, "asn = 4134": {1}, "asn = AS4134": {1}, "asn = as4134": {1},
		"asn > 5000": {3}, "asn <= 4134": {1}, "asn >= 0": {1, 3}, "asn != 4134": {0, 2, 3, 4, 5, 6, 7, 8},
		"country != CN": {0, 2, 3, 4, 5, 6, 7, 8}, "not country = CN and state established": {3, 5}, "country !~ CN and family = 6 and proto = tcp": {2, 3},
		"special = loopback": {2}, "special = Loopback": {2}, "special = link_local": {5}, "special = \"Link-Local Unicast\"": {5}, "special = link": {5},
		"special = lin": nil, "special = private": nil, "special ~ .": {2, 5}, "special ~ ^Link": {5}, "geo_country = CN or geo_asn = 64500": {1, 3},
	} {
		f, err := ParseFilter(expr, sampleNames())
		if err != nil {
			t.Fatalf("%q: %v", expr, err)
		}
		if got := matching(f, sockets); !slices.Equal(got, want) {
			t.Errorf("%q matches %v, want %v", expr, got, want)
		}
	}
}

func TestGeoFilterErrors(t *testing.T) {
	for expr, want := range map[string]string{
		"asn = x":        `filter: expected the number of an autonomous system at "asn = »x«"`,
		"asn = AS":       `filter: expected the number of an autonomous system at "asn = »AS«"`,
		"asn = 1.10":     `filter: expected the number of an autonomous system at "asn = »1.10«"`,
		"asn = 1e9":      `filter: expected the number of an autonomous system at "asn = »1e9«"`,
		"asn ~ 5":        `filter: asn cannot be compared with ~ at "»asn ~« 5"`,
		"country < CN":   `filter: country cannot be compared with < at "»country <« CN"`,
		"country = ":     `filter: expected a name at "country = »«"`,
		"special ~ (":    "filter: expected a pattern (missing closing ): `(`) at \"special ~ »(«\"",
		"asn 4294967296": `filter: expected the number of an autonomous system at "asn »4294967296«"`,
	} {
		if _, err := ParseFilter(expr, nil); err == nil || err.Error() != want {
			t.Errorf("%q: %v\nwant %s", expr, err, want)
		}
	}
}

func TestIsSpecial(t *testing.T) {
	for _, c := range []struct {
		name, word string
		want       bool
	}{
		{"Private-Use", "private", true}, {"Private-Use", "PRIVATE_USE", true}, {"Unique-Local", "private", true}, {"Unique-Local", "unique_local", true},
		{"Loopback Address", "loopback", true}, {"Loopback", "loopback address", false}, {"Shared Address Space", "cgnat", true},
		{"Documentation (TEST-NET-1)", "documentation", true}, {"NAT64/DNS64 Discovery", "nat64", true}, {"6to4", "6to4", true},
		{"Multicast", "multi", false}, {"Multicast", "", false}, {"", "", false}, {"", "private", false}, {"Private-Use", "unique-local", false},
	} {
		if got := isSpecial(c.name, c.word); got != c.want {
			t.Errorf("%q is %q: %v", c.name, c.word, got)
		}
	}
	for _, word := range SpecialWords() { // each of them is of some use
		names := []string{"10.1.1.1", "127.0.0.1", "169.254.1.1", "100.64.1.1", "224.0.0.1", "192.0.2.1", "198.18.0.1", "250.0.0.1"}
		if !slices.ContainsFunc(names, func(a string) bool {
			r, ok := geoip.Special(netip.MustParseAddr(a))
			return ok && isSpecial(r.Name, word)
		}) {
			t.Errorf("nothing is %s", word)
		}
	}
}

func TestGeoNeeds(t *testing.T) {
	for expr, want := range map[string]Needs{
		"country = CN":         {Geo: true, GeoDB: geodb.Country},
		"not asn > 5":          {Geo: true, GeoDB: geodb.System},
		"special = private":    {Geo: true},
		"sport = 1 or city x":  {Geo: true, GeoDB: geodb.City},
		"process = x city = y": {Owners: true, Geo: true, GeoDB: geodb.City},
		"region = x isp = y":   {Geo: true, GeoDB: geodb.City | geodb.Provider},
	} {
		f, err := ParseFilter(expr, nil)
		if err != nil || f.Needs() != want {
			t.Errorf("%q needs %+v, %v, want %+v", expr, f.Needs(), err, want)
		}
	}
	for _, c := range append(geoColumns(), Columns("geo", "place")...) {
		if !c.Needs.Geo || c.Needs.GeoDB != 0 {
			t.Errorf("%s needs %+v", c.Name, c.Needs)
		}
	}
	var q netstat.Query
	if f, _ := ParseFilter("country = CN and sport = 443", nil); !f.Narrow(&q) || !reflect.DeepEqual(q, netstat.Query{Protos: inetProto, LocalPorts: []uint16{443}}) {
		t.Errorf("%+v", q)
	}
	if f, _ := ParseFilter("country = CN and proto = unix", nil); f.Narrow(&q) {
		t.Error("Unix sockets are thought to be somewhere")
	}
	q = netstat.Query{Protos: anyProto}
	if f, _ := ParseFilter("country != CN", nil); !f.Narrow(&q) || q.Protos != anyProto {
		t.Errorf("%+v", q)
	}
}

// TestPlacesAreAskedLast: what the rest of a filter refuses is not looked up, wherever the place stands in it, and an address
// that is asked for again is not either.
func TestPlacesAreAskedLast(t *testing.T) {
	asked := 0
	names := sampleNames()
	names.Place = func(a netip.Addr) *geoip.Location { asked++; return samplePlace(a) }
	f, err := ParseFilter("not country = DE and ( asn > 1 or dport = 443 ) and dport = 51000", names)
	if err != nil {
		t.Fatal(err)
	}
	sockets := sampleSockets()
	for range 3 {
		if got := matching(f, sockets); !slices.Equal(got, []int{1}) {
			t.Fatalf("%v", got)
		}
	}
	if asked != 1 {
		t.Errorf("%d lookups", asked)
	}
	if got := f.String(); got != "not country = DE and (asn > 1 or dport = 443) and dport = 51000" {
		t.Errorf("the filter is written as %s", got)
	}
}
