package geoip_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// treeRows are fewer: a range with random ends makes some 15 leaves of IPv4, or 60 of IPv6.
const treeRows, treeRows6 = 20_000, 3_000

func TestProofIPDB(t *testing.T) {
	fields := []string{"country_name", "region_name", "city_name", "owner_domain", "isp_domain", "latitude", "longitude", "country_code"}
	rows := append(testdb.Rows6(treeRows6, proofPlaces, 5), rows4(treeRows)...)
	want := chinese("ipdb")
	for i := range rows {
		l := want(rows[i])
		rows[i].Text = []string{l.Country, l.Region, l.City, "", l.ISP, "30.5", "-120.25", l.ISO,
			"Country", l.Region, "City", "owner", "ISP", "1", "2", "XK"}
	}
	path := write(t, "city.ipdb", testdb.IPDB(rows, fields, []string{"CN", "EN"}))
	said := func(r testdb.Row) geoip.Location {
		return geoip.Location{Country: r.Text[0], Region: r.Text[1], City: r.Text[2], ISP: r.Text[4], ISO: r.Text[7],
			Latitude: 30.5, Longitude: -120.25, HasPosition: true, Source: "ipdb", NetworkSource: source(r.Text[4], "ipdb")}
	}
	four := rows[treeRows6:]
	t.Run("IPv4 and IPv6", func(t *testing.T) {
		db := open(t, path, geoip.Languages("cn"))
		families(t, db, four, rows[:treeRows6], said)
		if i := db.Info(); fmt.Sprint(i.Languages) != "[CN EN]" || i.Built.Year() != 2018 || !i.HasIPv4 || !i.HasIPv6 {
			t.Errorf("info is %+v", i)
		}
	})
	t.Run("English", func(t *testing.T) {
		loc, err := open(t, path).Lookup(four[1000].First)
		if err != nil || loc.Country != "Country" || loc.ISO != "XK" || loc.Org != "owner" {
			t.Errorf("%+v, %v", loc, err)
		}
	})
}

func source(s, name string) string {
	if s == "" {
		return ""
	}
	return name
}

// families proves what a file with both families lists of IPv4 first, or of IPv6: by lookups, and by counting.
func families(t *testing.T, db *geoip.DB, rows4, rows6 []testdb.Row, want func(testdb.Row) geoip.Location) {
	t.Helper()
	for _, rows := range [][]testdb.Row{rows4, rows6} {
		for _, r := range rows {
			for _, a := range []netip.Addr{r.First, r.Last, middle(r.First, r.Last)} {
				proofLookup(t, db, a, r, want(r))
			}
		}
	}
	counts := map[bool]int{}
	for _, r := range append(append([]testdb.Row{}, rows4...), rows6...) {
		counts[r.First.Is6()] += len(testdb.Prefixes(r.First, r.Last))
	}
	for l, err := range db.All() {
		if err != nil {
			t.Fatal(err)
		}
		counts[l.First.Is6()]--
	}
	if counts[true] != 0 || counts[false] != 0 {
		t.Errorf("missing or too many: %v", counts)
	}
	checkAll(t, db, 10)
}

// maxmind is a record as in GeoIP2 City with ISP.
func maxmind(r testdb.Row) any {
	l := chinese("")(r)
	names := func(s string) map[string]any {
		if s == "" {
			return map[string]any{}
		}
		return map[string]any{"names": map[string]any{"en": "en " + s, "zh-CN": s}}
	}
	country := names(l.Country)
	country["iso_code"] = l.ISO
	return map[string]any{"country": country, "subdivisions": []any{names(l.Region)}, "city": names(l.City),
		"location": map[string]any{"latitude": 30.5, "longitude": -120.25, "time_zone": "Asia/Shanghai"},
		"traits":   map[string]any{"autonomous_system_number": uint32(len(l.City)), "autonomous_system_organization": l.ISP, "is_anycast": true}}
}

func TestProofMMDB(t *testing.T) {
	rows := rows4(treeRows)
	six := testdb.Rows6(treeRows6, proofPlaces, 5)
	want := func(r testdb.Row) geoip.Location {
		l := chinese("mmdb")(r)
		l.Latitude, l.Longitude, l.HasPosition = 30.5, -120.25, true
		l.ASN, l.Org, l.ISP = uint32(len(l.City)), l.ISP, ""
		l.NetworkSource = source(l.City+l.Org, "mmdb")
		return l
	}
	for _, bits := range []int{24, 28, 32} {
		t.Run(fmt.Sprintf("IPv4, %d bits", bits), func(t *testing.T) {
			db := open(t, write(t, "city.mmdb", testdb.MMDB(rows, bits, false, "GeoIP2-City", maxmind)), geoip.Languages("zh-CN"))
			proof(t, db, rows, want)
		})
	}
	t.Run("IPv6", func(t *testing.T) {
		both := append(rows[:len(rows):len(rows)], six...)
		db := open(t, write(t, "city.mmdb", testdb.MMDB(both, 28, true, "GeoIP2-City", maxmind)), geoip.Languages("zh-CN"))
		families(t, db, rows, six, want)
		if i := db.Info(); i.Type != "GeoIP2-City" || i.Built.Year() != 2025 || !i.HasIPv4 || !i.HasIPv6 || len(i.Languages) != 2 {
			t.Errorf("info is %+v", i)
		}
	})
}

func TestProofLegacy(t *testing.T) {
	six := testdb.Rows6(treeRows6, proofPlaces, 5)
	country := func(r testdb.Row) []byte { return []byte{byte(1 + len(r.Text[0])%200)} }
	city := func(r testdb.Row) []byte {
		return append([]byte("\x30\x30\x31\x00M\xfcnchen"+fmt.Sprint(len(r.Text[0]))+"\x00\x00"), 0xe8, 0x48, 0x24, 0x20, 0x48, 0x1d, 0, 0, 0)
	}
	system := func(r testdb.Row) []byte { return []byte(fmt.Sprintf("AS%d Name\x00", 1+len(r.Text[0]))) }
	for name, c := range map[string]struct {
		edition byte
		size    int
		rows    []testdb.Row
		data    func(testdb.Row) []byte
		want    func(testdb.Row) geoip.Location
	}{
		"country":    {1, 3, rows4(treeRows), country, nil},
		"country v6": {12, 3, six, country, nil},
		"city": {2, 3, rows4(treeRows), city, func(r testdb.Row) geoip.Location {
			return geoip.Location{Country: "China", ISO: "CN", Region: "01", City: "München" + fmt.Sprint(len(r.Text[0])),
				Latitude: 57.796, Longitude: 11.9008, HasPosition: true, Source: "geoip.dat"}
		}},
		"asnum": {9, 3, rows4(treeRows), system, func(r testdb.Row) geoip.Location {
			return geoip.Location{ASN: uint32(1 + len(r.Text[0])), Org: "Name", NetworkSource: "geoip.dat"}
		}},
		"isp v6": {22, 4, six, system, func(r testdb.Row) geoip.Location {
			return geoip.Location{ISP: fmt.Sprintf("AS%d Name", 1+len(r.Text[0])), NetworkSource: "geoip.dat"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, write(t, "GeoIP.dat", testdb.Legacy(c.rows, c.edition, c.size, c.data)))
			if i := db.Info(); i.Version != "TEST 20260704 Build" || i.Built.Year() != 2026 {
				t.Errorf("info is %+v", i)
			}
			if c.want == nil {
				checkAll(t, db, 1)
				return
			}
			proof(t, db, c.rows, c.want)
		})
	}
}
