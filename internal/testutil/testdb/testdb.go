// Package testdb writes address databases for tests: QQWry.dat, ipv6wry.db, xdb, ipdb, MMDB and GeoIP.dat. It is no part of
// the product, which only reads them, and shares no code with what reads them.
package testdb

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// Row is a range of addresses and what is to be said of it. Which texts there are depends on the format.
type Row struct {
	First, Last netip.Addr
	Text        []string
}

// provinces are few, so that texts repeat as they do in real files.
var provinces = []string{"浙江", "江苏", "广东", "四川", "湖北", "新疆", "西藏", "内蒙古", "吉林", "香港"}

var providers = []string{"电信", "联通", "移动", "教育网", "阿里云", "广电", "铁通", "", " CZ88.NET", "腾讯云"}

// Texts makes the country and the area of place number n as newer QQWry files have them.
func Texts(n int) []string {
	p := provinces[n%len(provinces)]
	where := fmt.Sprintf("中国–%s–第%d市", p, n/len(provinces)%4000)
	if n%7 == 0 {
		where = fmt.Sprintf("中国–%s", p)
	}
	return []string{where, providers[n/3%len(providers)]}
}

// Rows4 covers all of IPv4 with n ranges of random lengths and one of about places texts each. The last is the version
// record of QQWry.
func Rows4(n, places int, seed uint64) []Row {
	r := rand.New(rand.NewPCG(seed, 4))
	starts := map[uint32]bool{0: true, 0xffffff00: true}
	for len(starts) < n {
		starts[r.Uint32()%0xffffff00] = true
	}
	sorted := make([]uint32, 0, n)
	for s := range starts {
		sorted = append(sorted, s)
	}
	slices.Sort(sorted)
	rows := make([]Row, n)
	for i, s := range sorted {
		last := uint32(0xffffffff)
		if i+1 < n {
			last = sorted[i+1] - 1
		}
		rows[i] = Row{addr4(s), addr4(last), Texts(r.IntN(places))}
	}
	rows[n-1].Text = []string{"纯真网络", "2024年10月16日IP数据"}
	return rows
}

// Rows6 makes n ranges of 2400::/8, /64 at the smallest, with nothing between them.
func Rows6(n, places int, seed uint64) []Row {
	r := rand.New(rand.NewPCG(seed, 6))
	starts := map[uint64]bool{0x24 << 56: true}
	for len(starts) < n {
		starts[0x24<<56|r.Uint64()>>8] = true
	}
	sorted := make([]uint64, 0, n)
	for s := range starts {
		sorted = append(sorted, s)
	}
	slices.Sort(sorted)
	rows := make([]Row, n)
	for i, s := range sorted {
		last := uint64(0x25<<56 - 1)
		if i+1 < n {
			last = sorted[i+1] - 1
		}
		rows[i] = Row{addr6(s, 0), addr6(last, ^uint64(0)), Texts(r.IntN(places))}
	}
	return rows
}

func addr4(v uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, v)))
}

func addr6(hi, lo uint64) netip.Addr {
	return netip.AddrFrom16([16]byte(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, hi), lo)))
}

// Prefixes splits a range into prefixes.
func Prefixes(first, last netip.Addr) (all []netip.Prefix) {
	for {
		p := netip.PrefixFrom(first, first.BitLen())
		for p.Bits() > 0 && first.AsSlice()[(p.Bits()-1)/8]>>(7-(p.Bits()-1)%8)&1 == 0 {
			up := netip.PrefixFrom(first, p.Bits()-1)
			if lastOf(up).Compare(last) > 0 {
				break
			}
			p = up
		}
		all = append(all, p)
		end := lastOf(p)
		if end.Compare(last) >= 0 {
			return all
		}
		first = end.Next()
	}
}

func lastOf(p netip.Prefix) netip.Addr {
	if p.Addr().Is4() {
		a := p.Addr().As4()
		return addr4(binary.BigEndian.Uint32(a[:]) | uint32(uint64(1)<<(32-p.Bits())-1))
	}
	a := p.Addr().As16()
	hi, lo := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	if p.Bits() <= 64 {
		return addr6(hi|(1<<(64-p.Bits())-1), ^uint64(0))
	}
	return addr6(hi, lo|(1<<(128-p.Bits())-1))
}
