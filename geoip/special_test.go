package geoip

import (
	"net/netip"
	"testing"
)

// Each row is found by its own addresses, so none hides behind one before it or behind the test of the first byte.
func TestSpecialTables(t *testing.T) {
	for is4, table := range map[bool][]special{true: special4[:], false: special6[:]} {
		for i := range table {
			s := &table[i]
			p := s.prefix(is4)
			if p != p.Masked() {
				t.Errorf("%v has bits behind its length", p)
			}
			first, last := rangeOf(p)
			if findSpecial(last) != s && findSpecial(first) != s {
				t.Errorf("%v %s is hidden", p, s.name)
			}
			if before := first.Prev(); before.IsValid() && findSpecial(before) == s || findSpecial(last.Next()) == s {
				t.Errorf("%v %s is found outside of it", p, s.name)
			}
		}
	}
}

func TestSpecial(t *testing.T) {
	for addr, want := range map[string]string{
		"0.0.0.0": "0.0.0.0/32", "0.1.0.0": "0.0.0.0/8", "100.127.255.255": "100.64.0.0/10", "169.254.1.1": "169.254.0.0/16",
		"172.31.255.255": "172.16.0.0/12", "172.32.0.0": "", "192.0.0.1": "192.0.0.0/29", "192.0.0.9": "192.0.0.9/32", "192.0.0.200": "192.0.0.0/24",
		"198.19.255.255": "198.18.0.0/15", "203.0.113.9": "203.0.113.0/24", "239.1.2.3": "224.0.0.0/4", "240.0.0.1": "240.0.0.0/4",
		"255.255.255.255": "255.255.255.255/32", "8.8.8.8": "", "::ffff:10.0.0.1": "10.0.0.0/8",
		"::": "::/128", "::1": "::1/128", "64:ff9b::1": "64:ff9b::/96", "100::5": "100::/64", "2001:1::3": "2001:1::3/128", "2001:1::4": "2001::/23",
		"2001:200::": "", "2001:4:112::1": "2001:4:112::/48", "2001:2f::": "2001:20::/28", "2001:db8:ffff::": "2001:db8::/32", "2002:1::": "2002::/16",
		"2620:4f:8000::1": "2620:4f:8000::/48", "3fff:fff::": "3fff::/20", "3fff:1000::": "", "5f00::1": "5f00::/16", "fdff::1": "fc00::/7",
		"febf::1%lo": "fe80::/10", "fec0::1": "fec0::/10", "ff02::1": "ff00::/8", "2606:4700::1111": "",
	} {
		got, ok := Special(netip.MustParseAddr(addr))
		if ok != (want != "") || ok && (got.Prefix.String() != want || got.Name == "" || got.RFC == "") {
			t.Errorf("%s is %+v, want %s", addr, got, want)
		}
	}
	if _, ok := Special(netip.Addr{}); ok {
		t.Error("no address is special")
	}
}
