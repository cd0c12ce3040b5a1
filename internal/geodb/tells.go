package geodb

import (
	"cmp"
	"strings"

	"github.com/sockeye-net/sockeye/geoip"
)

// Parts are what a database may tell of an address.
type Parts uint8

// The parts.
const (
	Country  Parts = 1 << iota
	City           // or the region
	Provider       // or who holds the address
	System         // its autonomous system

	allParts = Country | City | Provider | System
)

// String names the parts: "cities, providers".
func (p Parts) String() string {
	var names []string
	for i, name := range []string{"countries", "cities", "providers", "autonomous systems"} {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Tells is what the databases may tell together. One of which neither the format nor the type says it may tell all.
func (d *Databases) Tells() (p Parts) {
	for _, db := range d.Open {
		p |= tells(db.Info())
	}
	return p
}

func tells(i geoip.Info) Parts {
	switch i.Format {
	case geoip.QQWry, geoip.IPv6Wry, geoip.XDB:
		return allParts &^ System
	case geoip.GeoIPDat:
		return cmp.Or(editionParts[i.Type], allParts)
	case geoip.MMDB:
		return cmp.Or(typeParts[i.Type], allParts)
	}
	return allParts
}

// editionParts are those of GeoIP.dat, by the names that internal/geolegacy gives them.
var editionParts = map[string]Parts{"country": Country, "city": Country | City, "asnum": Provider | System, "isp": Provider, "org": Provider}

// typeParts are MaxMind's (https://dev.maxmind.com/geoip/docs/databases); what others put into a type means little.
var typeParts = map[string]Parts{
	"GeoLite2-Country": Country, "GeoIP2-Country": Country, "GeoLite2-City": Country | City, "GeoIP2-City": Country | City,
	"GeoLite2-ASN": Provider | System,
}
