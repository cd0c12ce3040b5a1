package watch

import (
	"errors"
	"time"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/netstat"
)

// noticeFeed is the kernel's notices of destroyed sockets, of this network namespace.
type noticeFeed struct {
	from    *netlink.Notices
	decoder inetdiag.DestroyDecoder
	netns   uint64
	names   namer
}

// noticeQueue is the size asked for, in bytes; an ordinary user gets what net.core.rmem_max allows.
const noticeQueue = 8 << 20

var errNoticesHere = errors.New("connections of other network namespaces that are shorter than a reading are not seen (run as root, with BPF)")

func openNotices(w *Watcher) (feed, error) {
	var groups []uint32
	if w.cfg.Query.Protos.Has(netstat.TCP) {
		groups = append(groups, netlink.GroupTCPDestroy, netlink.GroupTCP6Destroy)
	}
	if w.cfg.Query.Protos.Has(netstat.UDP) {
		groups = append(groups, netlink.GroupUDPDestroy, netlink.GroupUDP6Destroy)
	}
	size := w.cfg.Queue
	if size == 0 {
		size = noticeQueue
	}
	n, err := netlink.Subscribe(netlink.Diag, size, groups...)
	if err != nil {
		return nil, err
	}
	if w.cfg.Query.AllNetNS {
		w.partial = append(w.partial, errNoticesHere)
	}
	return &noticeFeed{from: n, netns: w.netns, names: namer{}}, nil
}

func (f *noticeFeed) source() Source               { return FromNotice }
func (f *noticeFeed) counts() bool                 { return false }
func (f *noticeFeed) complete() bool               { return false }
func (f *noticeFeed) count(func(*datagrams)) error { return nil }
func (f *noticeFeed) forget(uint64)                {}
func (f *noticeFeed) close() error                 { return f.from.Close() }

func (f *noticeFeed) drain(take func(*notice)) (lost uint64, overflow bool, err error) {
	now := time.Now()
	var n notice
	overflow, err = f.from.Receive(func(batch []byte) error {
		return f.decoder.Decode(batch, func(d *inetdiag.Destroyed) {
			f.convert(&n, d, now)
			take(&n)
		})
	})
	return 0, overflow, err
}

func (f *noticeFeed) convert(n *notice, d *inetdiag.Destroyed, now time.Time) {
	*n = notice{kind: destroyed, time: now, socket: netstat.Socket{
		Proto: protoOf(d.Proto), State: netstat.Closed, Cookie: d.Cookie, NetNS: f.netns, Interface: d.Interface,
		Local:  f.names.addrPort(d.Family, &d.Local, d.LocalPort, d.Interface),
		Remote: f.names.addrPort(d.Family, &d.Remote, d.RemotePort, d.Interface),
	}}
	if !d.HasInfo {
		return
	}
	n.socket.Info = netstat.TCPInfo{Known: true, Sent: d.Sent, Received: d.Received, RTT: d.RTT, Retrans: d.Retrans, Cwnd: d.Cwnd}
	n.bytes = Bytes{Sent: d.Sent, Received: d.Received, Basis: FromTCPInfo}
	if d.HasPayload {
		n.bytes.Sent = d.PayloadSent
	}
}
