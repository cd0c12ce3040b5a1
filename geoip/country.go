package geoip

import (
	"sort"
	"strings"
)

// codeOf returns the ISO code of a country's name, Chinese or English, or nothing.
func codeOf(name string) string {
	i := sort.Search(len(countryCodes), func(i int) bool { return countryCodes[i][0] >= name })
	if i < len(countryCodes) && countryCodes[i][0] == name {
		return countryCodes[i][1]
	}
	return ""
}

// nameOf returns the English name of the country with an ISO code, or nothing.
func nameOf(iso string) string {
	i := sort.Search(len(countryNames), func(i int) bool { return countryNames[i][0] >= iso })
	if i < len(countryNames) && countryNames[i][0] == iso {
		return countryNames[i][1]
	}
	return ""
}

// cutCountry splits s after the longest country's name that it begins with.
func cutCountry(s string) (name, iso, rest string) {
	for i := range s {
		if c := codeOf(s[:i]); c != "" {
			name, iso, rest = s[:i], c, s[i:]
		}
	}
	if c := codeOf(s); c != "" {
		return s, c, ""
	}
	return name, iso, rest
}

// isISO tells whether s has the form of a code of ISO 3166-1 alpha-2.
func isISO(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// country fills in what is missing of name and code.
func (p *place) country(name, iso string) {
	name = strings.TrimSpace(name)
	if isISO(name) && iso == "" {
		name, iso = "", name
	}
	if iso = strings.ToUpper(iso); !isISO(iso) {
		iso = codeOf(name)
	}
	if name == "" {
		name = nameOf(iso)
	}
	p.Country, p.ISO = name, iso
	if iso == "CN" {
		p.territory()
	}
}

// territory corrects the code where the file has a territory with a code of its own as a region of China.
func (p *place) territory() {
	switch c := codeOf(p.Region); c {
	case "HK", "MO", "TW":
		p.ISO = c
	}
}
