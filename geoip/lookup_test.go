package geoip_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/internal/testutil/testdb"
)

// row makes one range.
func row(first, last string, text ...string) testdb.Row {
	return testdb.Row{First: netip.MustParseAddr(first), Last: netip.MustParseAddr(last), Text: text}
}

// small is a QQWry.dat with the forms that the proof does not have.
func small(t testing.TB) *geoip.DB {
	return open(t, write(t, "qqwry.dat", testdb.QQWry([]testdb.Row{
		row("0.0.0.0", "0.255.255.255", "IANA机构", " CZ88.NET"),
		row("1.0.0.0", "1.0.0.255", "浙江省杭州市", "阿里云"),
		row("1.0.1.0", "1.0.1.255", "北京市海淀区", "联通"),
		row("1.0.2.0", "1.0.2.255", "美国", "CZ88.NET"),
		row("1.0.3.0", "223.255.255.255", "中国–香港", "电讯盈科"),
		row("224.0.0.0", "254.255.255.255", "IANA", "保留地址"),
		row("255.255.255.0", "255.255.255.255", "纯真网络", "2024年10月16日IP数据"),
	})))
}

func TestLookup(t *testing.T) {
	db := small(t)
	for addr, want := range map[string]geoip.Location{
		"1.0.0.7":   {Country: "中国", ISO: "CN", Region: "浙江", City: "杭州", ISP: "阿里云", Source: "qqwry", NetworkSource: "qqwry"},
		"1.0.1.255": {Country: "中国", ISO: "CN", Region: "北京", City: "北京", District: "海淀区", ISP: "联通", Source: "qqwry", NetworkSource: "qqwry"},
		"1.0.2.0":   {Country: "美国", ISO: "US", Source: "qqwry"},
		"8.8.8.8":   {Country: "中国", ISO: "HK", Region: "香港", ISP: "电讯盈科", Source: "qqwry", NetworkSource: "qqwry"},
		// Special-purpose ranges are not asked for, but for those that somebody has.
		"10.1.2.3":    {Special: "Private-Use", Source: "iana"},
		"127.0.0.1":   {Special: "Loopback", Source: "iana"},
		"192.88.99.1": {Special: "Deprecated (6to4 Relay Anycast)", Country: "中国", ISO: "HK", Region: "香港", ISP: "电讯盈科", Source: "qqwry", NetworkSource: "qqwry"},
		"fe80::1":     {Special: "Link-Local Unicast", Source: "iana"},
		"2001:db8::1": {Special: "Documentation", Source: "iana"},
		// The file has a gap from 255.0.0.0 to 255.255.254.255, and no IPv6.
		"255.0.0.1":    {Special: "Reserved", Source: "iana"},
		"2400:3200::1": {},
	} {
		got, err := db.Lookup(netip.MustParseAddr(addr))
		if err != nil {
			t.Error(addr, err)
		}
		want.Addr, want.First, want.Last = netip.MustParseAddr(addr), got.First, got.Last
		if got != want {
			t.Errorf("%s is\n%+v, want\n%+v", addr, got, want)
		}
		if got.Found() != (want.Source != "") {
			t.Errorf("%s: found is %v", addr, got.Found())
		}
	}
}

func TestLookupInside(t *testing.T) {
	db := small(t)
	for addr, want := range map[string]struct {
		via     geoip.Via
		addr    string
		special string
	}{
		"1.0.0.1":                        {geoip.Direct, "1.0.0.1", ""},
		"::ffff:1.0.0.1":                 {geoip.Mapped, "1.0.0.1", ""},
		"2002:100:1:5::9":                {geoip.SixToFour, "1.0.0.1", ""},
		"2002:a01:203::1":                {geoip.SixToFour, "10.1.2.3", "Private-Use"},
		"2001:0:4136:e378:0:0:feff:fffe": {geoip.Teredo, "1.0.0.1", ""},
		"64:ff9b::1.0.0.1":               {geoip.NAT64, "1.0.0.1", ""},
		"64:ff9b:1::1.0.0.1":             {geoip.Direct, "64:ff9b:1::1.0.0.1", "IPv4-IPv6 Translat."},
		"fe80::1%eth0":                   {geoip.Direct, "fe80::1", "Link-Local Unicast"},
	} {
		got, err := db.Lookup(netip.MustParseAddr(addr))
		if err != nil || got.Via != want.via || got.Addr != netip.MustParseAddr(want.addr) || got.Special != want.special {
			t.Errorf("%s is %+v, %v", addr, got, err)
		}
		if want.addr == "1.0.0.1" && (got.City != "杭州" || got.First != netip.MustParseAddr("1.0.0.0")) {
			t.Errorf("%s is %+v", addr, got)
		}
	}
	if got, err := db.Lookup(netip.Addr{}); err != nil || got != (geoip.Location{}) {
		t.Errorf("no address is %+v, %v", got, err)
	}
}

func TestPrefix(t *testing.T) {
	for _, c := range []struct{ first, last, want string }{
		{"1.0.0.0", "1.0.0.255", "1.0.0.0/24"},
		{"0.0.0.0", "255.255.255.255", "0.0.0.0/0"},
		{"1.0.0.1", "1.0.0.1", "1.0.0.1/32"},
		{"2400::", "2400:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2400::/16"},
		{"1.0.0.0", "1.0.0.254", ""},
		{"1.0.0.1", "1.0.1.0", ""},
		{"1.0.0.0", "2400::", ""},
	} {
		l := geoip.Location{First: netip.MustParseAddr(c.first), Last: netip.MustParseAddr(c.last)}
		if p, ok := l.Prefix(); ok != (c.want != "") || ok && p.String() != c.want {
			t.Errorf("%s-%s is %v, %v", c.first, c.last, p, ok)
		}
	}
}

func TestString(t *testing.T) {
	l, _ := small(t).Lookup(netip.MustParseAddr("1.0.1.1"))
	if s := l.String(); s != "中国 北京 海淀区 联通" {
		t.Errorf("%q", s)
	}
	if s := (&geoip.Location{}).String(); s != "" {
		t.Errorf("%q", s)
	}
}

func TestClosed(t *testing.T) {
	db := small(t)
	db.Close()
	if _, err := db.Lookup(netip.MustParseAddr("8.8.8.8")); !errors.Is(err, geoip.ErrClosed) {
		t.Error(err)
	}
	if _, err := db.Reload(); !errors.Is(err, geoip.ErrClosed) {
		t.Error(err)
	}
	if err := db.Verify(); !errors.Is(err, geoip.ErrClosed) {
		t.Error(err)
	}
	if i := db.Info(); i.Format != 0 || db.Close() != nil {
		t.Errorf("info of a closed database is %+v, or it does not close again", i)
	}
}
