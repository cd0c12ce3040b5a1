package geoip

import "strings"

// dash is what newer files of cz88.net have between country, province, city and district.
const dash = "–"

// placeholder is what the files of cz88.net have where they know nothing.
const placeholder = "CZ88.NET"

// provinces are the divisions of China, each name followed by the word for its kind where the undivided form has one. The
// first four are cities themselves.
var provinces = [...]struct{ name, kind string }{
	{"北京", "市"}, {"天津", "市"}, {"上海", "市"}, {"重庆", "市"},
	{"河北", "省"}, {"山西", "省"}, {"辽宁", "省"}, {"吉林", "省"}, {"黑龙江", "省"}, {"江苏", "省"}, {"浙江", "省"},
	{"安徽", "省"}, {"福建", "省"}, {"江西", "省"}, {"山东", "省"}, {"河南", "省"}, {"湖北", "省"}, {"湖南", "省"},
	{"广东", "省"}, {"海南", "省"}, {"四川", "省"}, {"贵州", "省"}, {"云南", "省"}, {"陕西", "省"}, {"甘肃", "省"},
	{"青海", "省"}, {"台湾", "省"}, {"内蒙古", "自治区"}, {"广西", "壮族自治区"}, {"西藏", "自治区"},
	{"宁夏", "回族自治区"}, {"新疆", "维吾尔自治区"}, {"香港", "特别行政区"}, {"澳门", "特别行政区"},
}

// cityProvinces is how many of provinces are cities.
const cityProvinces = 4

// clean takes a text as the files of cz88.net and zxinc.org have it.
func clean(s string) string {
	return strings.TrimSpace(strings.ReplaceAll(s, placeholder, ""))
}

// chinese splits the two texts of a record: the place, which may be divided ("中国–浙江–杭州–西湖区", or by tabs) or not
// ("浙江省杭州市"), and the rest, which mostly is the provider.
//
// Both forms give the same names: country "中国", region "浙江", city "杭州". What the undivided form says of other
// countries is country and, without a guess at what kind of place it is, region. A text that begins with no known
// country or province is a country without a code: "欧洲", "局域网"; but for the universities of China, which old files have
// in the place of a country.
func chinese(where, rest string) (p place) {
	where, p.ISP = clean(where), clean(rest)
	where = strings.ReplaceAll(where, "\t", dash)
	if strings.Contains(where, dash) {
		p.divided(strings.Split(where, dash))
		return p
	}
	if p.province(where) {
		return p
	}
	name, iso, more := cutCountry(where)
	more = strings.TrimSpace(more)
	switch {
	case name == "" && isSchool(where):
		p.Country, p.ISO = "中国", "CN"
		p.school(where)
		return p
	case name == "":
		p.Country = where
		return p
	case iso == "CN" && more != "":
		if !p.province(more) && p.ISP == "" {
			p.ISP = more
		}
		p.Country = name
		if p.ISO == "" {
			p.ISO = iso
		}
		return p
	}
	p.Region = more
	p.country(name, iso)
	return p
}

// divided takes the parts in their order. More than four are kept together.
func (p *place) divided(parts []string) {
	fields := []*string{nil, &p.Region, &p.City, &p.District}
	for i, s := range parts[1:] {
		s = strings.TrimSpace(s)
		switch {
		case i+1 < len(fields):
			*fields[i+1] = s
		case s != "":
			p.District += dash + s
		}
	}
	p.country(parts[0], "")
}

// province takes an undivided text that begins with a division of China, and tells whether it does.
func (p *place) province(s string) bool {
	for i, v := range provinces {
		rest, ok := strings.CutPrefix(s, v.name)
		if !ok {
			continue
		}
		p.Country, p.ISO, p.Region = "中国", "CN", v.name
		p.territory()
		if i < cityProvinces {
			p.City = v.name
		}
		switch {
		case isSchool(rest) && !strings.ContainsAny(rest, "市县区州盟") && cutKind(rest, v.kind) == rest:
			p.school(s)
		case i < cityProvinces:
			p.District = strings.TrimSpace(strings.TrimPrefix(rest, v.kind))
		default:
			p.city(v.name, cutKind(rest, v.kind))
		}
		return true
	}
	return false
}

// isSchool tells whether a text names a university or college.
func isSchool(s string) bool { return strings.Contains(s, "大学") || strings.Contains(s, "学院") }

// school takes a school where a place should be. It is with the other remarks.
func (p *place) school(s string) { p.ISP = strings.TrimSpace(s + " " + p.ISP) }

// cutKind cuts the word for a division's kind, which may be short: "宁夏回族自治区" or "宁夏自治区".
func cutKind(s, kind string) string {
	if rest, ok := strings.CutPrefix(s, kind); ok {
		return rest
	}
	return strings.TrimPrefix(s, "自治区")
}

// cityKinds end the name of a city or of what is on its level. Only the first is left out of the name.
var cityKinds = []string{"市", "自治州", "地区", "盟", "州"}

// city splits what follows the province after the first of cityKinds: "锡林郭勒盟二连浩特市" is in 锡林郭勒盟. 州 also is the
// end of cities' own names: "杭州市". "吉林市" after 吉林 is the city that has its province's name.
func (p *place) city(province, s string) {
	if rest, ok := strings.CutPrefix(s, "市"); ok {
		p.City, p.District = province, rest
		return
	}
	end, next := 0, 0
	for i, kind := range cityKinds {
		at := strings.Index(s, kind)
		if at <= 0 || end > 0 && at >= end || kind == "州" && strings.HasPrefix(s[at+len(kind):], "市") {
			continue
		}
		if end, next = at, at+len(kind); i > 0 {
			end = next
		}
	}
	p.City, p.District = s[:end], s[next:]
}
