package geoip

import (
	"math"
	"strconv"
	"strings"
)

// record is a map of an MMDB, of whatever layout.
type record map[string]any

// mmdbPlace takes what the layouts that are in use have:
//
//   - MaxMind's GeoIP2 and GeoLite2 City, Country, Enterprise, ISP and ASN; DB-IP and IP2Location follow them
//   - ipinfo: flat, with texts for numbers, country a code and country_name or country_code beside it
//   - ip-location-db and others: flat, country_code, state1, city
//   - sing-geoip: the country's code and nothing else
func mmdbPlace(v any, languages []string) (p place) {
	if code, ok := v.(string); ok && isISO(strings.ToUpper(code)) {
		p.country("", code)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return p
	}
	r := record(m)
	r.where(&p, languages)
	r.network(&p)
	loc := record(r.maps("location"))
	if !loc.at(&p, "latitude", "longitude") && !r.at(&p, "latitude", "longitude") {
		r.at(&p, "lat", "lng")
	}
	return p
}

// where takes the place. A country that is missing is the one where the range is registered, as in MaxMind's Country
// where it alone is known.
func (r record) where(p *place, languages []string) {
	c := record(r.maps("country"))
	if c == nil {
		c = record(r.maps("registered_country"))
	}
	p.Region = r.first("region", "state", "state1", "region_name", "stateprov")
	if subs, _ := r["subdivisions"].([]any); len(subs) > 0 {
		sub, _ := subs[0].(map[string]any)
		p.Region = record(sub).name(languages)
	}
	p.City, p.District = r.first("city", "city_name"), r.first("district")
	if city := record(r.maps("city")); city != nil {
		p.City = city.name(languages)
	}
	if c != nil {
		p.country(c.name(languages), c.first("iso_code"))
		return
	}
	name, iso := r.first("country_name", "country_long", "country"), r.first("country_code", "country_iso_code", "country_short")
	if short := r.first("country"); iso == "" && isISO(short) {
		iso = short
	}
	if isISO(name) {
		name = ""
	}
	p.country(name, iso)
}

// network takes provider and autonomous system, which MaxMind's Enterprise has under traits.
func (r record) network(p *place) {
	for _, m := range []record{r, record(r.maps("traits"))} {
		if p.ASN == 0 {
			p.ASN = m.asn("autonomous_system_number", "asn", "as_number")
		}
		if p.Org == "" {
			p.Org = m.first("autonomous_system_organization", "as_name", "as_organization", "organization", "org", "name")
		}
		if p.ISP == "" {
			p.ISP = m.first("isp", "isp_name")
		}
	}
}

func (r record) maps(key string) map[string]any {
	m, _ := r[key].(map[string]any)
	return m
}

// name is the name in the best of the languages, else in any.
func (r record) name(languages []string) string {
	names := record(r.maps("names"))
	if s := names.first(languages...); s != "" {
		return s
	}
	if s := r.first("name"); s != "" {
		return s
	}
	best := ""
	for k := range names {
		if best == "" || k < best {
			best = k
		}
	}
	return names.first(best)
}

// first is the first of the texts that is there. "-" is what IP2Location has for unknown.
func (r record) first(keys ...string) string {
	for _, k := range keys {
		if s, _ := r[k].(string); s != "" && s != "-" {
			return strings.Clone(s)
		}
	}
	return ""
}

// asn is the first of the numbers that is there: a number, or a text like "AS13335" or "13335".
func (r record) asn(keys ...string) uint32 {
	for _, k := range keys {
		switch v := r[k].(type) {
		case uint64:
			if v <= math.MaxUint32 {
				return uint32(v)
			}
		case int:
			if v >= 0 && uint64(v) <= math.MaxUint32 {
				return uint32(v)
			}
		case string:
			if n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(v), "AS"), 10, 32); err == nil {
				return uint32(n)
			}
		}
	}
	return 0
}

// at takes a position, of numbers or of texts, and tells whether there was one.
func (r record) at(p *place, latitude, longitude string) bool {
	lat, ok1 := degrees(r[latitude])
	lon, ok2 := degrees(r[longitude])
	p.setPosition(lat, lon, ok1 && ok2)
	return p.HasPosition
}

func degrees(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil
	}
	return 0, false
}
