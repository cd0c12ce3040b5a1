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

func TestCutCountry(t *testing.T) {
	for s, want := range map[string][3]string{
		"美国加利福尼亚州":   {"美国", "US", "加利福尼亚州"},
		"美国":         {"美国", "US", ""},
		"几内亚比绍":      {"几内亚比绍", "GW", ""},
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
