package geoip

// place is what a record says, without the range that it is for. It is made once and not changed then.
type place struct {
	Country, ISO, Region, City, District string
	ISP, Org                             string
	ASN                                  uint32
	number                               uint32 // in the cache; 0 is none
	Latitude, Longitude                  float64
	HasPosition                          bool
}

// sourceIANA is the source of what is known without a database.
const sourceIANA = "iana"

// size is that of its texts, in bytes.
func (p *place) size() int64 {
	return int64(len(p.Country) + len(p.ISO) + len(p.Region) + len(p.City) + len(p.District) + len(p.ISP) + len(p.Org))
}

// fill copies what the place says. The source is named for what it told only.
func (p *place) fill(l *Location, source string) {
	l.Country, l.ISO, l.Region, l.City, l.District = p.Country, p.ISO, p.Region, p.City, p.District
	l.ISP, l.Org, l.ASN = p.ISP, p.Org, p.ASN
	l.Latitude, l.Longitude, l.HasPosition = p.Latitude, p.Longitude, p.HasPosition
	if l.hasPlace() || l.HasPosition {
		l.Source = source
	}
	if l.hasNetwork() {
		l.NetworkSource = source
	}
}
