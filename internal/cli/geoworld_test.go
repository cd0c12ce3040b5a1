package cli

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

func addrRow(first, last string, text ...string) testdb.Row {
	return testdb.Row{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last), Text: text}
}

// writeQQWry makes a QQWry.dat that knows two places.
func writeQQWry(t *testing.T, dir string) string {
	t.Helper()
	return writeDB(t, dir, "qqwry.dat", testdb.QQWry([]testdb.Row{
		addrRow("0.0.0.0", "1.2.2.255", "IANA", "CZ88.NET"),
		addrRow("1.2.3.0", "1.2.3.255", "中国–浙江–杭州", "电信"),
		addrRow("1.2.4.0", "8.8.7.255", "日本", "东京"),
		addrRow("8.8.8.0", "8.8.8.9", "美国", "谷歌公司DNS服务器"),
		addrRow("8.8.8.10", "255.255.254.255", "美国", " CZ88.NET"),
		addrRow("255.255.255.0", "255.255.255.255", "纯真网络", "2024年10月16日IP数据"),
	}))
}

// writeSystems makes an MMDB that knows the autonomous system of 1.2.3.0/24, and nothing else.
func writeSystems(t *testing.T, dir, name string) string {
	t.Helper()
	rows := []testdb.Row{addrRow("1.2.3.0", "1.2.3.255", "4134", "CHINANET-\x1b[31m")}
	return writeDB(t, dir, name, testdb.MMDB(rows, 24, true, "GeoLite2-ASN", func(r testdb.Row) any {
		return map[string]any{"autonomous_system_number": uint32(4134), "autonomous_system_organization": r.Text[1]}
	}))
}

// writeCities makes an MMDB of one city with names in two languages.
func writeCities(t *testing.T, dir, name, kind string) string {
	t.Helper()
	rows := []testdb.Row{addrRow("1.2.3.0", "1.2.3.127", "")}
	return writeDB(t, dir, name, testdb.MMDB(rows, 28, true, kind, func(testdb.Row) any {
		rec := map[string]any{"country": map[string]any{"iso_code": "CN", "names": map[string]any{"en": "China", "zh-CN": "中国"}}}
		if strings.Contains(kind, "Country") {
			rec["country"] = map[string]any{"iso_code": "HK"}
		} else {
			rec["city"] = map[string]any{"names": map[string]any{"en": "Hangzhou", "zh-CN": "杭州"}}
			rec["location"] = map[string]any{"latitude": 30.2936, "longitude": 120.1614}
		}
		return rec
	}))
}

// writeFarCities makes an MMDB of a place with long names.
func writeFarCities(t *testing.T) string {
	t.Helper()
	rows := []testdb.Row{addrRow("1.2.3.0", "1.2.3.127", "Mountain View"), addrRow("8.8.8.0", "8.8.8.255", "San Francisco")}
	return writeDB(t, t.TempDir(), "city.mmdb", testdb.MMDB(rows, 28, true, "GeoLite2-City", func(r testdb.Row) any {
		english := func(name string) any { return map[string]any{"names": map[string]any{"en": name}} }
		return map[string]any{"country": map[string]any{"iso_code": "US", "names": map[string]any{"en": "United States"}},
			"subdivisions": []any{english("California")}, "city": english(r.Text[0])}
	}))
}

func writeDB(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// geoWorld is a world with one folder of databases, and names that resolve to what a test says.
func geoWorld(t *testing.T) (*world, string) {
	w, dir := newWorld(t), t.TempDir()
	w.vars["SOCKEYE_CONFIG"] = writeDB(t, t.TempDir(), "config.toml", nil)
	w.vars["SOCKEYE_GEO_PATH"] = dir
	w.Databases = func(getenv func(string) string) []string { // but for those of this machine
		return slices.DeleteFunc(geodb.Find(getenv), func(path string) bool { return filepath.Dir(path) != dir })
	}
	w.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "two.example":
			return []netip.Addr{netip.MustParseAddr("1.2.3.4"), netip.MustParseAddr("::ffff:8.8.8.8")}, nil
		case "empty.example":
			return nil, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return w, dir
}
