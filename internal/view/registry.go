package view

import (
	"cmp"

	"github.com/sockeye-net/sockeye/netstat"
)

var (
	ownerNeeds  = Needs{Owners: true}
	moduleNeeds = Needs{Owners: true, Module: true}
	infoNeeds   = Needs{Info: true}
	geoNeeds    = Needs{Geo: true}
)

// columns is every column there is, in the order of the fields of a JSON object; those without json are for people only.
var columns = [...]Column{
	{Name: "proto", Header: "PROTO", text: textProto, json: jsonProto,
		compare: func(_ *Names, a, b *netstat.Socket) int { return cmp.Compare(a.Proto, b.Proto) }},
	{Name: "family", Header: "FAM", Right: true, drop: 16, text: textFamily, json: number(familyValue), compare: byNumber(familyValue)},
	{Name: "type", Header: "TYPE", drop: 6, text: textType, json: jsonType,
		compare: func(_ *Names, a, b *netstat.Socket) int { return cmp.Compare(a.Type, b.Type) }},
	{Name: "state", Header: "STATE", text: textState, json: jsonState, compare: byState},
	{Name: "local_addr", Header: "LOCAL ADDR", aliases: []string{"addr"}, shrink: 9, text: textLocalAddr, json: jsonLocalAddr, compare: byLocal},
	{Name: "local_port", Header: "PORT", Right: true, aliases: []string{"port", "sport"}, num: localPort, text: plain(localPort), json: number(localPort), compare: byNumber(localPort)},
	{Name: "remote_addr", Header: "REMOTE ADDR", shrink: 9, text: textRemoteAddr, json: jsonRemoteAddr, compare: byRemote},
	{Name: "remote_port", Header: "RPORT", Right: true, aliases: []string{"dport"}, num: remotePort, text: plain(remotePort), json: number(remotePort), compare: byNumber(remotePort)},
	{Name: "path", wide: true, Header: "PATH", shrink: 12, text: textPath, json: jsonPath,
		compare: func(_ *Names, a, b *netstat.Socket) int { return cmp.Compare(a.Path, b.Path) }},
	{Name: "peer", Header: "PEER", Right: true, drop: 13, num: peerValue, text: plain(peerValue), json: number(peerValue), compare: byNumber(peerValue)},
	{Name: "interface", wide: true, Header: "DEV", aliases: []string{"dev"}, shrink: 6, text: textInterface, json: jsonInterface, compare: byInterface},
	{Name: "netns", Header: "NETNS", Right: true, num: netnsValue, text: plain(netnsValue), json: number(netnsValue), compare: byNumber(netnsValue)},
	{Name: "uid", Header: "UID", Right: true, drop: 4, num: uidValue, text: plain(uidValue), json: number(uidValue), compare: byNumber(uidValue)},
	{Name: "user", wide: true, Header: "USER", drop: 3, Needs: Needs{User: true}, shrink: 8, text: textUser, json: jsonUser, compare: byUser},
	{Name: "inode", Header: "INODE", Right: true, drop: 14, num: inodeValue, text: plain(inodeValue), json: number(inodeValue), compare: byNumber(inodeValue)},
	{Name: "cookie", Header: "COOKIE", Right: true, drop: 15, num: cookieValue, text: plain(cookieValue), json: number(cookieValue), compare: byNumber(cookieValue)},
	{Name: "recv_q", Header: "RECV-Q", Right: true, drop: 10, num: recvQ, text: plain(recvQ), json: number(recvQ), compare: byNumber(recvQ)},
	{Name: "send_q", Header: "SEND-Q", Right: true, drop: 11, num: sendQ, text: plain(sendQ), json: number(sendQ), compare: byNumber(sendQ)},
	{Name: "module", wide: true, Header: "UNIT", drop: 7, aliases: []string{"unit"}, Needs: moduleNeeds, shrink: 10, text: textModule, json: jsonModule, compare: byModule},
	{Name: "owners", wide: true, Header: "PROCESS", Needs: ownerNeeds, shrink: 24, squeeze: 16, text: textOwners, json: jsonOwners, compare: byProcess},
	{Name: "owner_missing", Header: "MISSING", drop: 12, Needs: ownerNeeds, text: textMissing, json: jsonMissing,
		compare: func(_ *Names, a, b *netstat.Socket) int { return cmp.Compare(a.Missing, b.Missing) }},
	{Name: "rx_bytes", Header: "RX", Right: true, drop: 1, Needs: infoNeeds, num: rxValue, text: plain(rxValue), json: number(rxValue), compare: byNumber(rxValue)},
	{Name: "tx_bytes", Header: "TX", Right: true, drop: 2, Needs: infoNeeds, num: txValue, text: plain(txValue), json: number(txValue), compare: byNumber(txValue)},
	{Name: "rtt_us", Header: "RTT µs", Right: true, drop: 5, aliases: []string{"rtt"}, Needs: infoNeeds, num: rttValue, text: plain(rttValue), json: number(rttValue), compare: byNumber(rttValue)},
	{Name: "retrans", Header: "RETRANS", Right: true, drop: 8, Needs: infoNeeds, num: retransValue, text: plain(retransValue), json: number(retransValue), compare: byNumber(retransValue)},
	{Name: "cwnd", Header: "CWND", Right: true, drop: 9, Needs: infoNeeds, num: cwndValue, text: plain(cwndValue), json: number(cwndValue), compare: byNumber(cwndValue)},
	{Name: "congestion", Header: "CONGESTION", drop: 17, Needs: infoNeeds, text: textCongestion, json: quoted(textCongestion),
		compare: func(_ *Names, a, b *netstat.Socket) int { return cmp.Compare(a.Info.Congestion, b.Info.Congestion) }},
	placeColumn(Column{Name: "geo", wide: true, Header: "GEO", shrink: 16, squeeze: 8, late: true, text: textPlace, json: jsonPlace}, byPlace),

	{Name: "local", wide: true, Header: "LOCAL", aliases: []string{"src"}, shrink: 14, port: true, text: textLocal, json: quoted(textLocal), compare: byLocal},
	{Name: "remote", wide: true, Header: "REMOTE", aliases: []string{"dst"}, shrink: 14, port: true, text: textRemote, json: quoted(textRemote), compare: byRemote},
	{Name: "process", wide: true, Header: "PROCESS", aliases: []string{"name"}, Needs: ownerNeeds, shrink: 8, text: textProcess, json: jsonProcesses, compare: byProcess},
	{Name: "pid", Header: "PID", Right: true, Needs: ownerNeeds, text: ownerList(pidValue), json: jsonOwnerList(pidValue), compare: byPID},
	{Name: "fd", Header: "FD", Right: true, Needs: ownerNeeds, text: ownerList(fdValue), json: jsonOwnerList(fdValue), compare: byFD},
	placeColumn(Column{Name: "place", wide: true, Header: "PLACE", shrink: 16, squeeze: 8, late: true, text: textPlace, json: jsonPlaceText}, byPlace),
	geoColumn("country", "COUNTRY"), geoColumn("iso", "ISO"), geoColumn("region", "REGION"), geoColumn("city", "CITY"),
	geoColumn("district", "DISTRICT"), geoColumn("isp", "ISP"), geoColumn("org", "ORG"), geoColumn("asn", "ASN"),
	geoColumn("latitude", "LAT"), geoColumn("longitude", "LON"), geoColumn("special", "SPECIAL"), geoColumn("via", "VIA"),
	geoColumn("source", "SOURCE"),
}

// schemaColumns is how many of the columns make up a JSON object; the rest are made of these.
const schemaColumns = 28

// The numbers of a socket; false where it has none.

func familyValue(s *netstat.Socket) (uint64, bool)  { f := familyOf(s); return uint64(f), f != 0 }
func localPort(s *netstat.Socket) (uint64, bool)    { return uint64(s.Local.Port()), s.Local.IsValid() }
func remotePort(s *netstat.Socket) (uint64, bool)   { return uint64(s.Remote.Port()), s.Remote.IsValid() }
func peerValue(s *netstat.Socket) (uint64, bool)    { return s.Peer, s.Peer != 0 }
func netnsValue(s *netstat.Socket) (uint64, bool)   { return s.NetNS, s.NetNS != 0 }
func uidValue(s *netstat.Socket) (uint64, bool)     { return uint64(s.UID), s.HasUID }
func inodeValue(s *netstat.Socket) (uint64, bool)   { return s.Inode, s.Inode != 0 }
func cookieValue(s *netstat.Socket) (uint64, bool)  { return s.Cookie, s.Cookie != 0 }
func recvQ(s *netstat.Socket) (uint64, bool)        { return uint64(s.RecvQ), s.HasQueues }
func sendQ(s *netstat.Socket) (uint64, bool)        { return uint64(s.SendQ), s.HasQueues }
func rxValue(s *netstat.Socket) (uint64, bool)      { return s.Info.Received, s.Info.Known }
func txValue(s *netstat.Socket) (uint64, bool)      { return s.Info.Sent, s.Info.Known }
func rttValue(s *netstat.Socket) (uint64, bool)     { return uint64(s.Info.RTT), s.Info.Known }
func retransValue(s *netstat.Socket) (uint64, bool) { return uint64(s.Info.Retrans), s.Info.Known }
func cwndValue(s *netstat.Socket) (uint64, bool) {
	return uint64(s.Info.Cwnd), s.Info.Known && s.Info.Cwnd != 0
}

func pidValue(o *netstat.Owner) (uint64, bool) { return uint64(o.Process.PID), true }
func fdValue(o *netstat.Owner) (uint64, bool)  { return uint64(o.FD), o.FD >= 0 }
