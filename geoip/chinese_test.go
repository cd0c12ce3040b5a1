package geoip

import "testing"

func TestChinese(t *testing.T) {
	for _, c := range []struct {
		where, rest string
		want        place
	}{
		{"中国–浙江–杭州", "电信", place{Country: "中国", ISO: "CN", Region: "浙江", City: "杭州", ISP: "电信"}},
		{"中国–浙江–杭州–西湖区", " CZ88.NET", place{Country: "中国", ISO: "CN", Region: "浙江", City: "杭州", District: "西湖区"}},
		{"中国–台湾–台北–a–b", "", place{Country: "中国", ISO: "TW", Region: "台湾", City: "台北", District: "a–b"}},
		{"中国–澳门", "", place{Country: "中国", ISO: "MO", Region: "澳门"}},
		{"美国–加利福尼亚州–洛杉矶", "谷歌", place{Country: "美国", ISO: "US", Region: "加利福尼亚州", City: "洛杉矶", ISP: "谷歌"}},
		{"中国\t江苏省\t南京市", "中国电信", place{Country: "中国", ISO: "CN", Region: "江苏省", City: "南京市", ISP: "中国电信"}},
		{"浙江省杭州市", "电信", place{Country: "中国", ISO: "CN", Region: "浙江", City: "杭州", ISP: "电信"}},
		{"浙江省杭州市萧山区", "", place{Country: "中国", ISO: "CN", Region: "浙江", City: "杭州", District: "萧山区"}},
		{"浙江省", "移动", place{Country: "中国", ISO: "CN", Region: "浙江", ISP: "移动"}},
		{"北京市", "教育网", place{Country: "中国", ISO: "CN", Region: "北京", City: "北京", ISP: "教育网"}},
		{"重庆市万州区", "", place{Country: "中国", ISO: "CN", Region: "重庆", City: "重庆", District: "万州区"}},
		{"吉林省吉林市", "", place{Country: "中国", ISO: "CN", Region: "吉林", City: "吉林"}},
		{"吉林市", "", place{Country: "中国", ISO: "CN", Region: "吉林", City: "吉林"}},
		{"广西桂林市", "", place{Country: "中国", ISO: "CN", Region: "广西", City: "桂林"}},
		{"广西壮族自治区南宁市", "", place{Country: "中国", ISO: "CN", Region: "广西", City: "南宁"}},
		{"宁夏自治区银川市", "", place{Country: "中国", ISO: "CN", Region: "宁夏", City: "银川"}},
		{"内蒙古锡林郭勒盟二连浩特市", "", place{Country: "中国", ISO: "CN", Region: "内蒙古", City: "锡林郭勒盟", District: "二连浩特市"}},
		{"内蒙古呼和浩特市", "", place{Country: "中国", ISO: "CN", Region: "内蒙古", City: "呼和浩特"}},
		{"广东省广州市天河区", "", place{Country: "中国", ISO: "CN", Region: "广东", City: "广州", District: "天河区"}},
		{"江苏省苏州工业园区", "", place{Country: "中国", ISO: "CN", Region: "江苏", City: "苏州", District: "工业园区"}},
		{"云南省大理州大理市", "", place{Country: "中国", ISO: "CN", Region: "云南", City: "大理州", District: "大理市"}},
		{"云南省大理州", "", place{Country: "中国", ISO: "CN", Region: "云南", City: "大理州"}},
		{"湖北省恩施自治州", "", place{Country: "中国", ISO: "CN", Region: "湖北", City: "恩施自治州"}},
		{"黑龙江省大兴安岭地区", "", place{Country: "中国", ISO: "CN", Region: "黑龙江", City: "大兴安岭地区"}},
		{"海南省澄迈县", "", place{Country: "中国", ISO: "CN", Region: "海南", District: "澄迈县"}},
		{"台湾省台北市", "", place{Country: "中国", ISO: "TW", Region: "台湾", City: "台北"}},
		{"香港", "电讯盈科", place{Country: "中国", ISO: "HK", Region: "香港", ISP: "电讯盈科"}},
		{"香港特别行政区", "", place{Country: "中国", ISO: "HK", Region: "香港"}},
		{"中国", "移动", place{Country: "中国", ISO: "CN", ISP: "移动"}},
		{"中国移动", "", place{Country: "中国", ISO: "CN", ISP: "移动"}},
		{"中国广东省深圳市", "", place{Country: "中国", ISO: "CN", Region: "广东", City: "深圳"}},
		{"日本东京都", "", place{Country: "日本", ISO: "JP", Region: "东京都"}},
		{"美国 加利福尼亚州", "", place{Country: "美国", ISO: "US", Region: "加利福尼亚州"}},
		{"南京大学鼓楼校区", "", place{Country: "中国", ISO: "CN", ISP: "南京大学鼓楼校区"}},
		{"成都信息工程学院", "CZ88.NET", place{Country: "中国", ISO: "CN", ISP: "成都信息工程学院"}},
		{"浙江大学", "学生宿舍", place{Country: "中国", ISO: "CN", Region: "浙江", ISP: "浙江大学 学生宿舍"}},
		{"北京师范大学", "", place{Country: "中国", ISO: "CN", Region: "北京", City: "北京", ISP: "北京师范大学"}},
		{"吉林大学", "", place{Country: "中国", ISO: "CN", Region: "吉林", ISP: "吉林大学"}},
		{"湖北省武汉市武汉大学", "", place{Country: "中国", ISO: "CN", Region: "湖北", City: "武汉", District: "武汉大学"}},
		{"北京市海淀区清华大学", "", place{Country: "中国", ISO: "CN", Region: "北京", City: "北京", District: "海淀区清华大学"}},
		{"浙江省大学城", "", place{Country: "中国", ISO: "CN", Region: "浙江", District: "大学城"}},
		{"美国斯坦福大学", "", place{Country: "美国", ISO: "US", Region: "斯坦福大学"}},
		{"印尼雅加达", "", place{Country: "印尼", ISO: "ID", Region: "雅加达"}},
		{"局域网", "对方和您在同一内部网", place{Country: "局域网", ISP: "对方和您在同一内部网"}},
		{"欧洲", "CZ88.NET", place{Country: "欧洲"}},
		{"–", "", place{}},
		{"", "", place{}},
	} {
		if got := chinese(c.where, c.rest); got != c.want {
			t.Errorf("%s %s is\n%+v, want\n%+v", c.where, c.rest, got, c.want)
		}
	}
}

func TestXDBPlace(t *testing.T) {
	for _, c := range []struct {
		text      string
		structure int
		want      place
	}{
		{"中国|0|浙江省|杭州市|电信", 2, place{Country: "中国", ISO: "CN", Region: "浙江省", City: "杭州市", ISP: "电信"}},
		{"中国|浙江省|杭州市|电信|CN", 3, place{Country: "中国", ISO: "CN", Region: "浙江省", City: "杭州市", ISP: "电信"}},
		{"中国|浙江省|杭州市|电信", 3, place{Country: "中国", ISO: "CN", Region: "浙江省", City: "杭州市", ISP: "电信"}},
		{"中国|台湾省|台北市|0", 3, place{Country: "中国", ISO: "TW", Region: "台湾省", City: "台北市"}},
		{"United States|California|0|Google LLC|US", 3, place{Country: "United States", ISO: "US", Region: "California", ISP: "Google LLC"}},
		{"0|0|内网IP|内网IP|0", 3, place{City: "内网IP", ISP: "内网IP"}},
		{"0|0|0|内网IP|内网IP", 2, place{City: "内网IP", ISP: "内网IP"}},
		{"英国|0|英格兰|伦敦|BT", 2, place{Country: "英国", ISO: "GB", Region: "英格兰", City: "伦敦", ISP: "BT"}},
		{"英国|英格兰|伦敦|BT|GB", 2, place{Country: "英国", ISO: "GB", Region: "英格兰", City: "伦敦", ISP: "BT"}},
		{"Tuvalu|0|0|0|TV|-8.5|179.2", 3, place{Country: "Tuvalu", ISO: "TV"}},
		{"Nowhere|0|0|0|TV|-8.5|179.2", 3, place{Country: "Nowhere", ISO: "TV"}},
		{"Australia", 3, place{Country: "Australia", ISO: "AU"}},
		{"", 3, place{}},
	} {
		if got := xdbPlace(c.text, c.structure); got != c.want {
			t.Errorf("%s is\n%+v, want\n%+v", c.text, got, c.want)
		}
	}
}

func TestIPDBPlace(t *testing.T) {
	fields := []string{"country", "area", "pad1"}
	if got, want := ipdbPlace(fields, [][]byte{[]byte("浙江省杭州市"), []byte("电信"), nil}), (place{Country: "中国", ISO: "CN", Region: "浙江", City: "杭州", ISP: "电信"}); got != want {
		t.Errorf("%+v", got)
	}
	fields = []string{"country_name", "country_code", "asn", "latitude", "longitude"}
	got := ipdbPlace(fields, [][]byte{[]byte("Australia"), []byte("AU"), []byte("AS13335"), []byte("-33.4"), []byte("200")})
	if want := (place{Country: "Australia", ISO: "AU", ASN: 13335}); got != want {
		t.Errorf("%+v", got)
	}
}

func TestMMDBPlace(t *testing.T) {
	type m = map[string]any
	for name, c := range map[string]struct {
		record any
		want   place
	}{
		"GeoLite2-City": {m{"country": m{"iso_code": "GB", "names": m{"en": "United Kingdom", "zh-CN": "英国"}}, "city": m{"names": m{"en": "Boxford"}},
			"subdivisions": []any{m{"iso_code": "ENG", "names": m{"en": "England"}}, m{"names": m{"en": "West Berkshire"}}},
			"location":     m{"latitude": 51.75, "longitude": -1.25}},
			place{Country: "英国", ISO: "GB", Region: "England", City: "Boxford", Latitude: 51.75, Longitude: -1.25, HasPosition: true}},
		"GeoLite2-Country, registered only": {m{"registered_country": m{"iso_code": "DE", "names": m{"en": "Germany"}}}, place{Country: "Germany", ISO: "DE"}},
		"GeoIP2-ISP": {m{"autonomous_system_number": uint64(1221), "autonomous_system_organization": "Telstra Pty Ltd", "isp": "Telstra Internet", "organization": "x"},
			place{ASN: 1221, Org: "Telstra Pty Ltd", ISP: "Telstra Internet"}},
		"DB-IP Lite City": {m{"city": m{"names": m{"en": "Mountain View"}}, "country": m{"iso_code": "US", "is_in_european_union": false, "names": m{"en": "United States"}},
			"subdivisions": []any{m{"names": m{"en": "California"}}}, "location": m{"latitude": float32(37.5), "longitude": float32(-122.25)}},
			place{Country: "United States", ISO: "US", Region: "California", City: "Mountain View", Latitude: 37.5, Longitude: -122.25, HasPosition: true}},
		"ipinfo lite": {m{"as_domain": "cloudflare.com", "as_name": "Cloudflare, Inc.", "asn": "AS13335", "country": "Australia", "country_code": "AU"},
			place{Country: "Australia", ISO: "AU", ASN: 13335, Org: "Cloudflare, Inc."}},
		"ipinfo location": {m{"city": "Oslo", "country": "NO", "lat": "59.5", "lng": "10.5", "region": "Oslo County"},
			place{Country: "Norway", ISO: "NO", Region: "Oslo County", City: "Oslo", Latitude: 59.5, Longitude: 10.5, HasPosition: true}},
		"ip-location-db": {m{"country_code": "jp", "state1": "Tokyo", "city": "Chiyoda", "latitude": 35.5, "longitude": 139.75},
			place{Country: "Japan", ISO: "JP", Region: "Tokyo", City: "Chiyoda", Latitude: 35.5, Longitude: 139.75, HasPosition: true}},
		"ipinfo country and system": {m{"country": "XK", "country_name": "Republic of Kosova", "asn": "as13335", "as_name": "Cloudflare, Inc."},
			place{Country: "Republic of Kosova", ISO: "XK", ASN: 13335, Org: "Cloudflare, Inc."}},
		"a number with a sign":          {m{"asn": int(13335)}, place{ASN: 13335}},
		"a number that is none":         {m{"asn": int(-1), "as_number": uint64(1 << 40)}, place{}},
		"sing-geoip":                    {"cn", place{Country: "China", ISO: "CN"}},
		"IP2Location without knowledge": {m{"country": m{"iso_code": "-", "names": m{"en": "-"}}, "city": m{"names": m{"en": "-"}}}, place{}},
		"of no use":                     {m{"country": []any{}, "city": uint64(7), "location": "x", "asn": "ASx", "subdivisions": []any{uint64(1)}}, place{}},
		"no map":                        {"text", place{}},
		"no country":                    {"1x", place{}},
		"a list":                        {[]any{"cn"}, place{}},
	} {
		if got := mmdbPlace(c.record, []string{"zh-CN", "en"}); got != c.want {
			t.Errorf("%s is\n%+v, want\n%+v", name, got, c.want)
		}
	}
}
