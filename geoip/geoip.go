// Package geoip tells where an address is: country, region, city, provider and autonomous system, from a database file
// of any usual format.
//
//	db, err := geoip.Open("qqwry.dat")
//	...
//	loc, err := db.Lookup(netip.MustParseAddr("202.96.128.86"))
//	fmt.Println(loc.Country, loc.Region, loc.City, loc.ISP)
//
// [Open] finds the format by looking at the file: QQWry.dat, ipv6wry.db, MaxMind's MMDB (and what others publish in it),
// ip2region's xdb, ipip.net's ipdb, and the GeoIP.dat that came before MMDB. A [Set] asks several databases and merges
// what they say. [Special] names addresses that are nowhere (private, loopback, documentation) without any database.
//
// A database is mapped into memory where the system can do that without harm, else read. Looking up takes no lock, and
// costs no allocation for a place that was seen before: each place of a file is decoded once and then shared. Strings are
// copies, never views of the file, so a [Location] may be kept for as long as one likes.
//
// A file must be replaced, not written to: rename(2) a new one over it and call [DB.Reload]. A file that is cut short
// while it is open makes lookups fail with an error. One that is overwritten in place makes them answer nonsense, or fail,
// until Reload.
package geoip

import (
	"net/netip"
	"strings"
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=Format,Via -linecomment -output=zstring.go

// Format is the format of a database file.
type Format uint8

// The formats.
const (
	QQWry    Format = iota + 1 // qqwry
	IPv6Wry                    // ipv6wry
	MMDB                       // mmdb
	XDB                        // xdb
	IPDB                       // ipdb
	GeoIPDat                   // geoip.dat
)

// Via says how the address that was looked up lies in the one that was asked for.
type Via uint8

// The ways. In all but the first, the answer is that of the IPv4 address inside, which is in [Location.Addr].
const (
	Direct    Via = iota // direct
	Mapped               // mapped
	SixToFour            // 6to4
	Teredo               // teredo
	NAT64                // nat64
)

// Location is where an address is, as a value. What the database does not tell is empty or 0.
type Location struct {
	// Country, Region, City and District are names, in the database's language or in the one asked for with
	// [Languages]. ISO is the country's code of ISO 3166-1, two capital letters: what the file says, or where it only has a
	// name, the code of that name. Hong Kong, Macao and Taiwan have codes of their own (HK, MO, TW), whatever country the
	// file names.
	Country, ISO, Region, City, District string

	// ISP is who connects the address, Org who holds it or runs its autonomous system. QQWry does not keep the provider
	// apart from other remarks, such as a school or a cloud; all of them are in ISP.
	ISP, Org string
	ASN      uint32 // the autonomous system's number; 0 is unknown

	// Latitude and Longitude are in degrees, north and east positive (WGS 84). HasPosition tells whether they are known.
	Latitude, Longitude float64
	HasPosition         bool

	// First and Last bound the addresses around Addr for which the database has this answer. Where nothing was found
	// they are those for which nothing is found, or Addr itself where the file does not tell more. Special-purpose ranges
	// between them have answers of their own: who keeps an answer for its range must ask [Special] first.
	First, Last netip.Addr

	// Addr is the address that was looked up: without zone, and the IPv4 address inside where Via says so.
	Addr netip.Addr
	Via  Via

	// Special is the name of the special-purpose range that Addr is in, see [Special]. The database is not asked for
	// addresses that are not globally reachable.
	Special string

	// Source says who told the place: the format of the database, or "iana" where Special is all there is.
	// NetworkSource is the same for ASN and Org, or for ISP where those are unknown. Both are empty where nothing is known.
	Source, NetworkSource string
}

// Found tells whether anything is known about the address.
func (l *Location) Found() bool { return l.Source != "" || l.NetworkSource != "" }

// Prefix returns the range from First to Last as a prefix, where it is one.
func (l *Location) Prefix() (netip.Prefix, bool) { return prefixOf(l.First, l.Last) }

// String is the place and the provider in one line, from the large to the small: "中国 浙江 杭州 电信".
// What repeats what is before it is left out; so is the position.
func (l *Location) String() string {
	var b strings.Builder
	last := ""
	for _, s := range []string{l.Special, l.Country, l.Region, l.City, l.District, l.ISP, l.Org} {
		if s == "" || s == last {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(s)
		last = s
	}
	return b.String()
}

func (l *Location) hasPlace() bool {
	return l.Country != "" || l.ISO != "" || l.Region != "" || l.City != "" || l.District != ""
}

func (l *Location) hasSystem() bool  { return l.ASN != 0 || l.Org != "" }
func (l *Location) hasNetwork() bool { return l.hasSystem() || l.ISP != "" }
