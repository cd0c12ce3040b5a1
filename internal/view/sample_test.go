package view

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/netstat"
)

func ap(text string) netip.AddrPort { return netip.MustParseAddrPort(text) }

var (
	nginx   = &netstat.Process{PID: 4242, Name: "nginx", Module: "nginx.service"}
	worker  = &netstat.Process{PID: 4243, Name: "nginx", Module: "nginx.service"}
	browser = &netstat.Process{PID: 77, Name: "fire\x1b[31mfox"}
)

// sampleNames knows root, www and lo.
func sampleNames() *Names {
	return &Names{
		UserName:      func(uid uint32) string { return map[uint32]string{0: "root", 33: "www-data"}[uid] },
		InterfaceName: func(_ uint64, index uint32) string { return map[uint32]string{1: "lo", 2: "eth0"}[index] },
		ServicePort:   func(name string) (uint16, bool) { return 9999, name == "odd-service" },
		Place:         samplePlace,
	}
}

// samplePlace knows the addresses of the samples, whatever they are set aside for, and what is special without a database.
func samplePlace(a netip.Addr) *geoip.Location {
	loc, _ := geoip.NewSet().Lookup(a)
	switch a.Unmap().String() {
	case "203.0.113.9":
		loc = geoip.Location{Country: "中国", ISO: "CN", Region: "浙江", City: "杭州\x1b[31m", ISP: "电信", ASN: 4134, Org: "China Telecom",
			Latitude: 30.29365, Longitude: -120.1614, HasPosition: true, Source: "qqwry", NetworkSource: "mmdb"}
	case "2001:db8:1:2:3:4:5:6":
		loc = geoip.Location{Country: "Germany", ISO: "DE", Org: "Example, \"Net\"", ASN: 64500, Source: "mmdb", NetworkSource: "mmdb"}
	case "10.0.0.5":
		loc = geoip.Location{Country: "China", ISO: "CN", Region: "Beijing", City: "Beijing", Source: "xdb"}
	}
	if !loc.Found() {
		return nil
	}
	return &loc
}

// sampleSockets is one of each kind.
func sampleSockets() []netstat.Socket {
	return []netstat.Socket{
		{Proto: netstat.TCP, State: netstat.Listen, Local: ap("0.0.0.0:443"), Remote: ap("0.0.0.0:0"), HasUID: true, HasQueues: true, Inode: 12345,
			Cookie: 77, NetNS: 4026531840, SendQ: 511, Module: "nginx.service",
			Owners: []netstat.Owner{{Process: nginx, FD: 6}, {Process: worker, FD: 6}}},
		{Proto: netstat.TCP, State: netstat.Established, Local: ap("10.0.0.5:443"), Remote: ap("203.0.113.9:51000"), UID: 33, HasUID: true, HasQueues: true,
			Inode: 12346, NetNS: 4026531840, RecvQ: 5, SendQ: 70000, Interface: 2, Owners: []netstat.Owner{{Process: worker, FD: 9}},
			Info: netstat.TCPInfo{Known: true, Sent: 1 << 40, Received: 300, RTT: 25000, Retrans: 2, Cwnd: 10,
				Congestion: netstat.CongestionLoss, HasPayload: true}},
		{Proto: netstat.TCP, State: netstat.TimeWait, Local: ap("[::ffff:127.0.0.1]:443"), Remote: ap("[::ffff:127.0.0.1]:40000"),
			HasQueues: true, NetNS: 4026531840, Missing: netstat.MissingTimeWait},
		{Proto: netstat.TCP, State: netstat.Established, Local: ap("[2001:db8::5]:50000"), Remote: ap("[2001:db8:1:2:3:4:5:6]:443"),
			UID: 1000, HasUID: true, HasQueues: true, Inode: 5, NetNS: 4026531840, Missing: netstat.MissingPermission},
		{Proto: netstat.UDP, State: netstat.Unconnected, Local: ap("127.0.0.53:53"), Remote: ap("0.0.0.0:0"), HasUID: true, HasQueues: true, Inode: 6,
			Interface: 1, NetNS: 4026531840, Owners: []netstat.Owner{{Process: browser, FD: -1}}},
		{Proto: netstat.UDP, State: netstat.Established, Local: ap("[fe80::1%eth0]:546"), Remote: ap("[fe80::2%eth0]:547"), HasUID: true, HasQueues: true,
			Inode: 7, NetNS: 4026532000},
		{Proto: netstat.UDP, State: netstat.Unconnected, Local: ap("0.0.0.0:5353")}, // as on Windows
		{Proto: netstat.Unix, Type: netstat.Stream, State: netstat.Listen, Path: "/run/my \"odd\"\n\xff.sock", HasUID: true, HasQueues: true, Inode: 8,
			NetNS: 4026531840, Owners: []netstat.Owner{{Process: nginx, FD: 3}, {Process: nginx, FD: 4}}},
		{Proto: netstat.Unix, Type: netstat.Datagram, State: netstat.Unconnected, Peer: 4321, HasUID: true, HasQueues: true, Inode: 9, NetNS: 4026531840},
	}
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// randomSocket draws from few values, so that filters hit.
func randomSocket(r *rand.Rand) netstat.Socket {
	s := netstat.Socket{Proto: pick(r, netstat.TCP, netstat.UDP, netstat.Unix), State: netstat.State(1 + r.IntN(14)), HasUID: r.IntN(4) > 0,
		UID: uint32(r.IntN(3)), Inode: uint64(r.IntN(4)), RecvQ: uint32(r.IntN(3)), Missing: netstat.Missing(r.IntN(7))}
	for range r.IntN(3) {
		s.Owners = append(s.Owners, netstat.Owner{Process: pick(r, nginx, worker, browser), FD: int32(r.IntN(4) - 1)})
	}
	if s.Proto == netstat.Unix {
		s.Type, s.Path, s.Peer = pick(r, netstat.Stream, netstat.Datagram), pick(r, "", "/run/x", "@y"), uint64(r.IntN(3))
		return s
	}
	addrs := []string{"0.0.0.0", "127.0.0.1", "10.0.0.5"}
	if r.IntN(2) == 0 {
		addrs = []string{"::ffff:10.0.0.5", "::1", "::", "fe80::1%eth0"}
	}
	port := func() uint16 { return pick[uint16](r, 0, 22, 80, 443, 50000) }
	s.Local = netip.AddrPortFrom(netip.MustParseAddr(pick(r, addrs...)), port())
	s.Remote = netip.AddrPortFrom(netip.MustParseAddr(pick(r, addrs...)), port())
	s.Interface = uint32(r.IntN(3))
	if s.Proto == netstat.TCP {
		s.Info = netstat.TCPInfo{Known: r.IntN(2) == 0, RTT: uint32(r.IntN(100))}
	}
	return s
}

// randomExpr is a filter of some depth.
func randomExpr(r *rand.Rand, depth int) string {
	if depth > 0 {
		a, b := randomExpr(r, depth-1), randomExpr(r, depth-1)
		switch r.IntN(5) {
		case 0:
			return "(" + a + " and " + b + ")"
		case 1:
			return "(" + a + " or " + b + ")"
		case 2:
			return "not (" + a + ")"
		case 3:
			return "(" + a + ") (" + b + ")"
		}
	}
	return randomTerm(r)
}

func randomTerm(r *rand.Rand) string {
	eq := pick(r, "=", "!=")
	rel := pick(r, "=", "!=", "<", "<=", ">", ">=")
	match := pick(r, "=", "!=", "~", "!~")
	port := pick(r, "22", ":80", "https", "50000")
	addr := pick(r, "10.0.0.0/8", "127.0.0.1", "[::1]", "*:80", "[::]:443", "10.0.0.5:443", "fe80::/10", "fe80::1%eth0", "0.0.0.0/0")
	switch r.IntN(14) {
	case 0:
		return fmt.Sprintf("%s %s %s", pick(r, "sport", "dport", "port"), rel, port)
	case 1, 2:
		return fmt.Sprintf("%s %s %s", pick(r, "src", "dst"), eq, addr)
	case 3:
		return fmt.Sprintf("proto %s %s", eq, pick(r, "tcp", "udp", "unix"))
	case 4:
		return fmt.Sprintf("family %s %s", eq, pick(r, "4", "6"))
	case 5, 6:
		return fmt.Sprintf("%s %s", pick(r, "state", "exclude"), pick(r, "established", "connected", "LISTEN", "all", "bucket", "unconn"))
	case 7:
		return fmt.Sprintf("state %s %s", eq, pick(r, "TIME_WAIT", "LISTEN,ESTABLISHED"))
	case 8:
		return fmt.Sprintf("%s %s %d", pick(r, "pid", "uid", "inode", "recv_q", "rtt_us", "fd", "peer"), rel, pick(r, 0, 1, 2, 50, 4242))
	case 9:
		return fmt.Sprintf("%s %s %s", pick(r, "process", "user", "path", "unit", "dev", "type"), match, pick(r, "nginx", "root", "lo", "stream", "^.$", "/run"))
	case 10:
		return fmt.Sprintf("owner %s %s", eq, pick(r, "none", "some", "permission"))
	case 11:
		return fmt.Sprintf("asn %s %s", rel, pick(r, "4134", "AS64500", "0"))
	case 12:
		return fmt.Sprintf("%s %s %s", pick(r, "country", "region", "city", "isp", "special"), match, pick(r, "cn", "中国", "Beijing", "private", "^.$"))
	}
	return fmt.Sprintf("sport = %s or sport = %s", port, pick(r, "22", "443"))
}

var sampleTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
