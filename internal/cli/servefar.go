package cli

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
)

// farDocument is a list of sockets as another sockeye writes it.
type farDocument struct {
	Schema  int         `json:"schema"`
	Time    time.Time   `json:"time"`
	Host    string      `json:"host"`
	Sockets []farSocket `json:"sockets"`
	Partial []string    `json:"partial"`
}

// farSocket is one of them.
type farSocket struct {
	Proto      string     `json:"proto"`
	State      string     `json:"state"`
	LocalAddr  netip.Addr `json:"local_addr"`
	LocalPort  uint16     `json:"local_port"`
	RemoteAddr netip.Addr `json:"remote_addr"`
	RemotePort uint16     `json:"remote_port"`
	Interface  string     `json:"interface"`
	NetNS      uint64     `json:"netns"`
	UID        *uint32    `json:"uid"`
	User       string     `json:"user"`
	Inode      uint64     `json:"inode"`
	Cookie     uint64     `json:"cookie"`
	RecvQ      *uint32    `json:"recv_q"`
	SendQ      *uint32    `json:"send_q"`
	Module     string     `json:"module"`
	Owners     []farOwner `json:"owners"`
	Missing    string     `json:"owner_missing"`
	Rx         *uint64    `json:"rx_bytes"`
	Tx         *uint64    `json:"tx_bytes"`
	RTT        uint32     `json:"rtt_us"`
	Retrans    uint32     `json:"retrans"`
	Cwnd       uint32     `json:"cwnd"`
	Congestion string     `json:"congestion"`
}

type farOwner struct {
	PID     int       `json:"pid"`
	Name    string    `json:"name"`
	FD      *int32    `json:"fd"`
	Exe     string    `json:"exe"`
	Cmdline string    `json:"cmdline"`
	Module  string    `json:"module"`
	User    string    `json:"user"`
	Started time.Time `json:"started"`
}

// farTable is the socket table of another machine. What a number means there (users, interfaces) it has from the same answer.
type farTable struct {
	doc        *farDocument
	sockets    []netstat.Socket
	users      map[uint32]string
	interfaces []string // by index, from 1 on
	processes  map[farProcess]*netstat.Process
	details    map[*netstat.Process]netstat.Details
}

type farProcess struct {
	pid     int
	name    string
	started time.Time
}

// table checks the document, and makes sockets of it.
func (d *farDocument) table() (*farTable, error) {
	t := &farTable{doc: d, users: make(map[uint32]string), interfaces: []string{""}, processes: make(map[farProcess]*netstat.Process),
		details: make(map[*netstat.Process]netstat.Details)}
	for i := range d.Sockets {
		s, err := t.socket(&d.Sockets[i])
		if err != nil {
			return nil, fmt.Errorf("socket %d of the answer: %w", i+1, err)
		}
		t.sockets = append(t.sockets, s)
	}
	return t, nil
}

// numbered is the value of an enum with that name.
func numbered[T interface {
	~uint8
	fmt.Stringer
}](name string, last T) (T, error) {
	for v := T(0); v <= last; v++ {
		if v.String() == name {
			return v, nil
		}
	}
	return 0, fmt.Errorf("%q is not known here", view.CleanText(name))
}

func (t *farTable) socket(f *farSocket) (s netstat.Socket, err error) {
	proto, err1 := numbered(f.Proto, netstat.Unix)
	state, err2 := numbered(f.State, netstat.DeleteTCB)
	missing, err3 := numbered(f.Missing, netstat.MissingUnknown)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, err
	}
	s = netstat.Socket{Proto: proto, State: state, Missing: missing, NetNS: f.NetNS, Inode: f.Inode, Cookie: f.Cookie, Module: f.Module,
		Interface: t.interfaceIndex(f.Interface)}
	if f.LocalAddr.IsValid() {
		s.Local = netip.AddrPortFrom(f.LocalAddr, f.LocalPort)
	}
	if f.RemoteAddr.IsValid() {
		s.Remote = netip.AddrPortFrom(f.RemoteAddr, f.RemotePort)
	}
	if f.UID != nil {
		s.UID, s.HasUID = *f.UID, true
		t.users[s.UID] = f.User
	}
	if f.RecvQ != nil && f.SendQ != nil {
		s.RecvQ, s.SendQ, s.HasQueues = *f.RecvQ, *f.SendQ, true
	}
	s.Info = f.info()
	for i := range f.Owners {
		s.Owners = append(s.Owners, t.owner(&f.Owners[i]))
	}
	return s, nil
}

func (f *farSocket) info() netstat.TCPInfo {
	if f.Rx == nil || f.Tx == nil {
		return netstat.TCPInfo{}
	}
	c, _ := numbered(f.Congestion, netstat.CongestionLoss) // a word that is new there is left out
	return netstat.TCPInfo{Known: true, Received: *f.Rx, Sent: *f.Tx, RTT: f.RTT, Retrans: f.Retrans, Cwnd: f.Cwnd, Congestion: c}
}

// interfaceIndex numbers the names as they come.
func (t *farTable) interfaceIndex(name string) uint32 {
	if name == "" {
		return 0
	}
	if i := slices.Index(t.interfaces, name); i > 0 {
		return uint32(i)
	}
	t.interfaces = append(t.interfaces, name)
	return uint32(len(t.interfaces) - 1)
}

func (t *farTable) owner(f *farOwner) netstat.Owner {
	key := farProcess{f.PID, f.Name, f.Started}
	p := t.processes[key]
	if p == nil {
		p = &netstat.Process{PID: f.PID, Name: f.Name, Module: f.Module, Started: f.Started}
		t.processes[key] = p
		t.details[p] = netstat.Details{Exe: f.Exe, Module: f.Module, User: f.User, Started: f.Started}
		if d := t.details[p]; f.Cmdline != "" {
			d.Args = []string{f.Cmdline} // as one: where the words end is not told
			t.details[p] = d
		}
	}
	o := netstat.Owner{Process: p, FD: -1}
	if f.FD != nil {
		o.FD = *f.FD
	}
	return o
}

// env is the world of a command, with that machine in the place of this one.
func (t *farTable) env(e *Env) *Env {
	far := *e
	far.Open = func(*netstat.Config) (SocketTable, error) { return t, nil }
	far.Details = func(p *netstat.Process) (netstat.Details, error) { return t.details[p], nil }
	far.Hostname = func() string { return t.doc.Host }
	far.Now = func() time.Time { return t.doc.Time }
	far.Names = view.Names{ServicePort: e.Names.ServicePort,
		UserName:      func(uid uint32) string { return t.users[uid] },
		InterfaceName: func(_ uint64, index uint32) string { return t.interfaces[min(int(index), len(t.interfaces)-1)] }}
	if slices.ContainsFunc(t.sockets, func(s netstat.Socket) bool { return !s.HasUID }) {
		far.Names.OwnerUser = func(p *netstat.Process) string { return t.details[p].User }
	}
	return &far
}

// All is one pass over the sockets that match.
func (t *farTable) All(q netstat.Query) iter.Seq2[*netstat.Socket, error] {
	return func(yield func(*netstat.Socket, error) bool) {
		for i := range t.sockets {
			if s := &t.sockets[i]; asks(&q, s) && !yield(s, nil) {
				return
			}
		}
		for _, text := range t.doc.Partial {
			if !yield(nil, errors.New(text)) {
				return
			}
		}
	}
}

// Read takes them all.
func (t *farTable) Read(q netstat.Query, snap *netstat.Snapshot) error {
	snap.Time, snap.Sockets, snap.Partial = t.doc.Time, snap.Sockets[:0], nil
	for s, err := range t.All(q) {
		if err != nil {
			snap.Partial = append(snap.Partial, err)
			continue
		}
		snap.Sockets = append(snap.Sockets, *s)
	}
	return nil
}

// Close has nothing to release.
func (t *farTable) Close() error { return nil }

// asks reports whether a query is about a socket.
func asks(q *netstat.Query, s *netstat.Socket) bool {
	family := netstat.IPv6
	if s.Local.Addr().Is4() {
		family = netstat.IPv4
	}
	families := cmp.Or(q.Families, netstat.IPv4|netstat.IPv6)
	return q.Protos.Has(s.Proto) && q.States.Has(s.State) && families&family != 0 &&
		(len(q.LocalPorts) == 0 || slices.Contains(q.LocalPorts, s.Local.Port()))
}
