package geoip

import (
	"errors"
	"net/netip"
)

// Set is several databases, the most trusted first, that are asked together. It may be used concurrently.
//
// What they say is merged by group. Each group is taken whole from the first database that knows any of it, so that
// the fields of one group always belong together:
//
//   - the place: Country, ISO, Region, City, District; its format is in Source. One that is a country and nothing else
//     gives way to the first that tells more of the country with the same ISO code: QQWry knows cities of China, but of
//     most other countries the name only.
//   - the position: Latitude, Longitude
//   - the provider: ISP
//   - the autonomous system: ASN, Org; its format is in NetworkSource
//
// So QQWry before an MMDB of autonomous systems gives a city of the one and a number of the other. First and Last bound
// the addresses for which all of the databases that were asked have the same answer; one is not asked any more once
// all groups are known, and one of IPv4 only does not count for IPv6. As with a single database, there may be special-purpose ranges between them.
//
// A Set of no databases knows the special-purpose ranges.
type Set struct{ dbs []*DB }

// NewSet makes a set of open databases. It does not take them over: whoever opened them closes them.
func NewSet(dbs ...*DB) *Set { return &Set{append([]*DB(nil), dbs...)} }

// Lookup asks the databases. A database that fails does not keep the others from answering: what they know comes with
// an error.
func (s *Set) Lookup(a netip.Addr) (loc Location, errs error) {
	if !loc.start(a) {
		return loc, nil
	}
	asked := false
	for _, db := range s.dbs {
		one := Location{Addr: loc.Addr}
		if err := db.lookup(&one); err != nil {
			errs = errors.Join(errs, err)
			continue
		}
		if !one.First.IsValid() { // it has no addresses of this family
			continue
		}
		loc.merge(&one)
		loc.narrow(&one, asked)
		if asked = true; loc.complete() {
			break
		}
	}
	return loc, errs
}

func (l *Location) complete() bool {
	return l.hasPlace() && !l.isCountry() && l.HasPosition && l.ISP != "" && l.hasSystem()
}

// isCountry tells that the place is a country, known by its code, and nothing else.
func (l *Location) isCountry() bool {
	return l.ISO != "" && l.Region == "" && l.City == "" && l.District == ""
}

// narrow keeps the addresses for which o has its answer too.
func (l *Location) narrow(o *Location, asked bool) {
	if !asked || o.First.Compare(l.First) > 0 {
		l.First = o.First
	}
	if !asked || o.Last.Compare(l.Last) < 0 {
		l.Last = o.Last
	}
}

// merge takes the groups that are not known yet from o.
func (l *Location) merge(o *Location) {
	if !l.hasPlace() && o.hasPlace() || l.isCountry() && o.ISO == l.ISO && !o.isCountry() {
		l.Country, l.ISO, l.Region, l.City, l.District = o.Country, o.ISO, o.Region, o.City, o.District
		l.Source = o.Source
	}
	if !l.HasPosition && o.HasPosition {
		if !l.Found() {
			l.Source = o.Source
		}
		l.Latitude, l.Longitude, l.HasPosition = o.Latitude, o.Longitude, true
	}
	if l.ISP == "" && o.ISP != "" {
		l.ISP = o.ISP
		if !l.hasSystem() {
			l.NetworkSource = o.NetworkSource
		}
	}
	if !l.hasSystem() && o.hasSystem() {
		l.ASN, l.Org, l.NetworkSource = o.ASN, o.Org, o.NetworkSource
	}
}
