package view

import (
	"slices"

	"github.com/sockeye-net/sockeye/internal/geodb"
	"github.com/sockeye-net/sockeye/netstat"
)

// fieldKind says how a field of the filter is read and compared.
type fieldKind uint8

const (
	kindPort        fieldKind = iota // number, or the name of a service
	kindAddr                         // address, network, port
	kindNumber                       // of the socket
	kindOwnerNumber                  // of any of the owners
	kindText                         // of the socket
	kindOwnerText                    // of any of the owners
	kindProto
	kindFamily
	kindOwner   // whether there is one
	kindPlace   // of the remote end's place, in any case
	kindSpecial // name of its special-purpose range, or how it begins
	kindSystem  // its autonomous system: a number, also as AS13335
)

// filterField is a word of the filter language. Of the functions it has those of its kind. They answer false where the
// socket has no such value: it then equals nothing.
type filterField struct {
	name    string
	aliases []string
	kind    fieldKind
	needs   Needs
	protos  netstat.Protos // sockets that can have the value

	ports   func(*netstat.Socket) (a, b int32) // -1 is none
	addr    func(*netstat.Socket) netAddr
	number  func(*netstat.Socket) (uint64, bool)
	ownerNo func(*netstat.Owner) (uint64, bool)
	text    func(*Names, *netstat.Socket) (string, bool)
	ownerTx func(*netstat.Owner) string
	places  func(*place) (a, b string) // either may be meant; empty is none
}

// fieldByName finds a field, nil when there is none.
func fieldByName(name string) *filterField {
	for i := range filterFields {
		if f := &filterFields[i]; f.name == name || slices.Contains(f.aliases, name) {
			return f
		}
	}
	return nil
}

// allows reports whether the field may be compared this way.
func (f *filterField) allows(op operator) bool {
	switch f.kind {
	case kindPort, kindNumber, kindOwnerNumber, kindSystem:
		return op <= opGe
	case kindText, kindOwnerText, kindPlace, kindSpecial:
		return op == opEq || op == opNe || op >= opMatch
	}
	return op == opEq || op == opNe
}

// wants names the value the field is compared with, for messages.
func (f *filterField) wants() string {
	switch f.kind {
	case kindPort:
		return "a port"
	case kindAddr:
		return "an address"
	case kindNumber, kindOwnerNumber:
		return "a number"
	case kindProto:
		return "tcp, udp or unix"
	case kindFamily:
		return "4 or 6"
	case kindOwner:
		return "none, some, or why there is none"
	case kindSystem:
		return "the number of an autonomous system"
	}
	return "a name"
}

// word reports whether a field of few words has this one.
func (f *filterField) word(w string) bool {
	switch f.kind {
	case kindProto:
		return protoByName(w) != 0
	case kindFamily:
		return w == "4" || w == "6"
	}
	_, ok := missingByName(w)
	return w == "none" || w == "some" || ok
}

func protoByName(name string) netstat.Proto {
	for p := netstat.TCP; p <= netstat.Unix; p++ {
		if p.String() == name {
			return p
		}
	}
	return 0
}

func missingByName(name string) (netstat.Missing, bool) {
	for m := netstat.MissingPermission; m <= netstat.MissingUnknown; m++ {
		if m.String() == name {
			return m, true
		}
	}
	return 0, false
}

// FilterWords are the fields and words of the filter language, for completion.
func FilterWords() []string {
	words := []string{"state", "exclude", "and", "or", "not"}
	for i := range filterFields {
		words = append(words, filterFields[i].name)
	}
	return words
}

const (
	anyProto  = netstat.QueryTCP | netstat.QueryUDP | netstat.QueryUnix
	inetProto = netstat.QueryTCP | netstat.QueryUDP
)

var filterFields = [...]filterField{
	{name: "sport", kind: kindPort, protos: inetProto, ports: func(s *netstat.Socket) (a, b int32) { return portOf(s.Local), -1 }},
	{name: "dport", kind: kindPort, protos: inetProto, ports: func(s *netstat.Socket) (a, b int32) { return portOf(s.Remote), -1 }},
	{name: "port", kind: kindPort, protos: inetProto, ports: bothPorts},
	{name: "src", kind: kindAddr, protos: inetProto, addr: func(s *netstat.Socket) netAddr { return s.Local }},
	{name: "dst", kind: kindAddr, protos: inetProto, addr: func(s *netstat.Socket) netAddr { return s.Remote }},
	{name: "proto", kind: kindProto, protos: anyProto},
	{name: "family", kind: kindFamily, protos: inetProto},
	{name: "process", aliases: []string{"proc", "name"}, kind: kindOwnerText, protos: anyProto, needs: Needs{Owners: true},
		ownerTx: func(o *netstat.Owner) string { return o.Process.Name }},
	{name: "pid", kind: kindOwnerNumber, protos: anyProto, needs: Needs{Owners: true},
		ownerNo: func(o *netstat.Owner) (uint64, bool) { return uint64(o.Process.PID), o.Process.PID >= 0 }},
	{name: "fd", kind: kindOwnerNumber, protos: anyProto, needs: Needs{Owners: true},
		ownerNo: func(o *netstat.Owner) (uint64, bool) { return uint64(o.FD), o.FD >= 0 }},
	{name: "owner", kind: kindOwner, protos: anyProto, needs: Needs{Owners: true}},
	{name: "user", kind: kindText, protos: anyProto, needs: Needs{User: true},
		text: func(n *Names, s *netstat.Socket) (string, bool) { u := userOf(n, s); return u, u != "" }},
	{name: "uid", kind: kindNumber, protos: anyProto,
		number: func(s *netstat.Socket) (uint64, bool) { return uint64(s.UID), s.HasUID }},
	{name: "unit", aliases: []string{"module", "service", "container"}, kind: kindText, protos: anyProto,
		needs: Needs{Owners: true, Module: true}},
	{name: "dev", aliases: []string{"interface"}, kind: kindText, protos: inetProto,
		text: func(n *Names, s *netstat.Socket) (string, bool) { return n.Interface(s), s.Interface != 0 }},
	{name: "netns", kind: kindNumber, protos: anyProto,
		number: func(s *netstat.Socket) (uint64, bool) { return s.NetNS, s.NetNS != 0 }},
	{name: "inode", kind: kindNumber, protos: anyProto,
		number: func(s *netstat.Socket) (uint64, bool) { return s.Inode, s.Inode != 0 }},
	{name: "cookie", kind: kindNumber, protos: anyProto,
		number: func(s *netstat.Socket) (uint64, bool) { return s.Cookie, s.Cookie != 0 }},
	{name: "recv_q", aliases: []string{"recv-q"}, kind: kindNumber, protos: anyProto,
		number: recvQ},
	{name: "send_q", aliases: []string{"send-q"}, kind: kindNumber, protos: anyProto,
		number: sendQ},
	{name: "rx_bytes", kind: kindNumber, protos: netstat.QueryTCP, needs: Needs{Info: true},
		number: func(s *netstat.Socket) (uint64, bool) { return s.Info.Received, s.Info.Known }},
	{name: "tx_bytes", kind: kindNumber, protos: netstat.QueryTCP, needs: Needs{Info: true},
		number: func(s *netstat.Socket) (uint64, bool) { return s.Info.Sent, s.Info.Known }},
	{name: "rtt_us", aliases: []string{"rtt"}, kind: kindNumber, protos: netstat.QueryTCP, needs: Needs{Info: true},
		number: func(s *netstat.Socket) (uint64, bool) { return uint64(s.Info.RTT), s.Info.Known }},
	{name: "retrans", kind: kindNumber, protos: netstat.QueryTCP, needs: Needs{Info: true},
		number: func(s *netstat.Socket) (uint64, bool) { return uint64(s.Info.Retrans), s.Info.Known }},
	{name: "cwnd", kind: kindNumber, protos: netstat.QueryTCP, needs: Needs{Info: true},
		number: func(s *netstat.Socket) (uint64, bool) { return uint64(s.Info.Cwnd), s.Info.Known }},
	{name: "congestion", kind: kindText, protos: netstat.QueryTCP, needs: Needs{Info: true},
		text: congestionOf},
	{name: "path", kind: kindText, protos: netstat.QueryUnix, needs: Needs{Unix: true},
		text: func(_ *Names, s *netstat.Socket) (string, bool) { return s.Path, s.Path != "" }},
	{name: "peer", kind: kindNumber, protos: netstat.QueryUnix, needs: Needs{Unix: true},
		number: func(s *netstat.Socket) (uint64, bool) { return s.Peer, s.Peer != 0 }},
	{name: "type", kind: kindText, protos: netstat.QueryUnix, needs: Needs{Unix: true},
		text: func(_ *Names, s *netstat.Socket) (string, bool) { return s.Type.String(), s.Type != 0 }},
	{name: "country", aliases: []string{"iso", "geo_country", "geo_iso"}, kind: kindPlace, protos: inetProto, needs: fromDatabase(geodb.Country),
		places: func(p *place) (a, b string) { return p.iso, p.country }},
	{name: "region", aliases: []string{"geo_region"}, kind: kindPlace, protos: inetProto, needs: fromDatabase(geodb.City),
		places: func(p *place) (a, b string) { return p.region, "" }},
	{name: "city", aliases: []string{"geo_city", "district", "geo_district"}, kind: kindPlace, protos: inetProto, needs: fromDatabase(geodb.City),
		places: func(p *place) (a, b string) { return p.city, p.district }},
	{name: "isp", aliases: []string{"org", "geo_isp", "geo_org"}, kind: kindPlace, protos: inetProto, needs: fromDatabase(geodb.Provider),
		places: func(p *place) (a, b string) { return p.isp, p.org }},
	{name: "asn", aliases: []string{"geo_asn"}, kind: kindSystem, protos: inetProto, needs: fromDatabase(geodb.System)},
	{name: "special", aliases: []string{"geo_special"}, kind: kindSpecial, protos: inetProto, needs: geoNeeds},
}

// fromDatabase is for what nothing but a database tells.
func fromDatabase(part geodb.Parts) Needs { return Needs{Geo: true, GeoDB: part} }
