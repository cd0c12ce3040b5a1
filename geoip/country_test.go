package geoip

import (
	"sort"
	"testing"
)

// The tables are searched by halves, so they must be in order.
func TestCountryTables(t *testing.T) {
	for name, table := range map[string][][2]string{"names": countryNames[:], "codes": countryCodes[:]} {
		if !sort.SliceIsSorted(table, func(i, j int) bool { return table[i][0] < table[j][0] }) {
			t.Errorf("%s are not in order", name)
		}
	}
	for _, c := range countryNames {
		if !isISO(c[0]) || codeOf(c[1]) != c[0] {
			t.Errorf("%s is %q, whose code is %q", c[0], c[1], codeOf(c[1]))
		}
	}
	for _, c := range countryCodes {
		if nameOf(c[1]) == "" {
			t.Errorf("%q is %s, which has no name", c[0], c[1])
		}
	}
}

// Countries that changed their names are known by the old and by the new one, in both languages; so are those that
// databases write with "and" or "Saint".
func TestCountryNames(t *testing.T) {
	for iso, names := range map[string][]string{
		"MK": {"North Macedonia", "Macedonia", "北马其顿", "马其顿"}, "SZ": {"Eswatini", "Swaziland", "埃斯瓦蒂尼", "斯威士兰"},
		"TR": {"Türkiye", "Turkey", "土耳其"}, "CV": {"Cabo Verde", "Cape Verde", "佛得角"}, "MN": {"Mongolia", "蒙古", "蒙古国"},
		"BA": {"Bosnia and Herzegovina", "Bosnia & Herzegovina", "波黑"}, "MF": {"Saint Martin", "St. Martin"}, "BD": {"孟加拉", "孟加拉国"},
		"KP": {"North Korea", "Democratic People's Republic of Korea", "朝鲜"}, "UM": {"United States Minor Outlying Islands", "U.S. Outlying Islands"},
		"TC": {"Turks and Caicos Islands"}, "VI": {"Virgin Islands, U.S.", "美属维尔京群岛"}, "BQ": {"Bonaire, Sint Eustatius, and Saba"},
	} {
		for _, name := range names {
			if got := codeOf(name); got != iso {
				t.Errorf("%s is %q, want %s", name, got, iso)
			}
		}
		if got := nameOf(iso); codeOf(got) != iso {
			t.Errorf("%s is %s", iso, got)
		}
	}
}

func TestCutCountry(t *testing.T) {
	for s, want := range map[string][3]string{
		"美国加利福尼亚州":   {"美国", "US", "加利福尼亚州"},
		"美国":         {"美国", "US", ""},
		"几内亚比绍":      {"几内亚比绍", "GW", ""},
		"蒙古国乌兰巴托":    {"蒙古国", "MN", "乌兰巴托"},
		"几内亚科纳克里":    {"几内亚", "GN", "科纳克里"},
		"Niger":      {"Niger", "NE", ""},
		"Nigeria":    {"Nigeria", "NG", ""},
		"欧洲":         {"", "", ""},
		"":           {"", "", ""},
		"日本 东京都":     {"日本", "JP", " 东京都"},
		"刚果(金)金沙萨":   {"刚果(金)", "CD", "金沙萨"},
		"俄罗斯联邦莫斯科":   {"俄罗斯联邦", "RU", "莫斯科"},
		"\xff\xfe不是": {"", "", ""},
	} {
		if name, iso, rest := cutCountry(s); [3]string{name, iso, rest} != want {
			t.Errorf("%q is %q %q %q", s, name, iso, rest)
		}
	}
}
