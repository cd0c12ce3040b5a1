package watch

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// tcp makes a connection, or, without a remote port, a listener.
func tcp(cookie uint64, local, remote uint16, state netstat.State) netstat.Socket {
	host := netip.MustParseAddr("127.0.0.1")
	return netstat.Socket{
		Proto: netstat.TCP, State: state, Cookie: cookie, NetNS: 1,
		Local: netip.AddrPortFrom(host, local), Remote: netip.AddrPortFrom(host, remote),
	}
}

func udp(cookie uint64, local uint16) netstat.Socket {
	s := tcp(cookie, local, 0, netstat.Unconnected)
	s.Proto = netstat.UDP
	return s
}

func with(s netstat.Socket, change func(*netstat.Socket)) netstat.Socket {
	change(&s)
	return s
}

func counted(s netstat.Socket, sent, received uint64) netstat.Socket {
	s.Info = netstat.TCPInfo{Known: true, Sent: sent, Received: received}
	return s
}

func owned(s netstat.Socket, p ...*netstat.Process) netstat.Socket {
	for i, p := range p {
		s.Owners = append(s.Owners, netstat.Owner{Process: p, FD: int32(i + 3)})
	}
	return s
}

func snapshot(sockets ...netstat.Socket) *netstat.Snapshot {
	return &netstat.Snapshot{Time: time.Unix(100, 0), Sockets: sockets}
}

// short is an event as tests compare it.
func short(e *Event) string {
	s := fmt.Sprint(e.Kind, " ", e.Socket.Local.Port())
	if e.Kind == StateChanged {
		s += fmt.Sprint(" ", e.OldState, ">", e.Socket.State)
	}
	return s
}

const (
	listen      = netstat.Listen
	established = netstat.Established
)

func TestDiff(t *testing.T) {
	inode := func(n uint64) func(*netstat.Socket) { return func(s *netstat.Socket) { s.Inode = n } }
	pid := func(n int) *netstat.Process { return &netstat.Process{PID: n, Name: "p"} }
	conn := tcp(1, 10, 20, established)
	noID := with(conn, func(s *netstat.Socket) { s.Cookie = 0 })
	for name, tc := range map[string]struct {
		old, new []netstat.Socket
		want     string
	}{
		"nothing":               {nil, nil, ""},
		"the same":              {[]netstat.Socket{conn}, []netstat.Socket{conn}, ""},
		"opened":                {nil, []netstat.Socket{conn}, "opened 10"},
		"closed":                {[]netstat.Socket{conn}, nil, "closed 10"},
		"state":                 {[]netstat.Socket{conn}, []netstat.Socket{tcp(1, 10, 20, netstat.CloseWait)}, "state 10 ESTABLISHED>CLOSE_WAIT"},
		"listener appeared":     {nil, []netstat.Socket{tcp(1, 10, 0, listen)}, "listener_appeared 10"},
		"listener vanished":     {[]netstat.Socket{tcp(1, 10, 0, listen)}, nil, "listener_vanished 10"},
		"bound, then listening": {[]netstat.Socket{tcp(1, 10, 0, netstat.Bound)}, []netstat.Socket{tcp(1, 10, 0, listen)}, "listener_appeared 10"},
		"bound only":            {nil, []netstat.Socket{tcp(1, 10, 0, netstat.Bound)}, ""},
		"into TIME_WAIT":        {[]netstat.Socket{conn}, []netstat.Socket{tcp(1, 10, 20, netstat.TimeWait)}, "closed 10"},
		"out of TIME_WAIT":      {[]netstat.Socket{tcp(1, 10, 20, netstat.TimeWait)}, nil, ""},
		"port used again":       {[]netstat.Socket{conn}, []netstat.Socket{tcp(2, 10, 20, established)}, "closed 10; opened 10"},
		"half open":             {[]netstat.Socket{tcp(1, 10, 20, netstat.SynRecv)}, []netstat.Socket{conn}, "opened 10"},
		"cookie learnt":         {[]netstat.Socket{with(noID, inode(7))}, []netstat.Socket{with(conn, inode(7))}, ""},
		"accepted":              {[]netstat.Socket{conn}, []netstat.Socket{with(conn, inode(7))}, ""},
		"inode used again": {[]netstat.Socket{with(conn, inode(7))},
			[]netstat.Socket{with(tcp(2, 10, 20, established), inode(7))}, "closed 10; opened 10"},
		"other namespace":           {[]netstat.Socket{conn}, []netstat.Socket{with(conn, func(s *netstat.Socket) { s.NetNS = 2 })}, "closed 10; opened 10"},
		"no identity but addresses": {[]netstat.Socket{noID}, []netstat.Socket{noID}, ""},
		"other owner":               {[]netstat.Socket{owned(noID, pid(5))}, []netstat.Socket{owned(noID, pid(6))}, "closed 10; opened 10"},
		"time of creation": {[]netstat.Socket{with(noID, func(s *netstat.Socket) { s.Created = time.Unix(1, 0) })},
			[]netstat.Socket{with(noID, func(s *netstat.Socket) { s.Created = time.Unix(2, 0) })}, "closed 10; opened 10"},
		"order turned round": {
			[]netstat.Socket{udp(1, 1), udp(2, 2), udp(3, 3)},
			[]netstat.Socket{udp(3, 3), udp(4, 4), udp(2, 2)}, "closed 1; opened 4"},
		"UDP": {[]netstat.Socket{udp(1, 1)}, []netstat.Socket{udp(2, 2)}, "closed 1; opened 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			Diff(snapshot(tc.old...), snapshot(tc.new...), func(e *Event) { got = append(got, short(e)) })
			if g := strings.Join(got, "; "); g != tc.want {
				t.Errorf("got  %s\nwant %s", g, tc.want)
			}
		})
	}
}

// TestDiffTells looks at what an event says.
func TestDiffTells(t *testing.T) {
	p := &netstat.Process{PID: 5, Name: "p"}
	old, new := snapshot(counted(owned(tcp(1, 10, 20, established), p), 7, 8)), snapshot()
	new.Time = time.Unix(200, 0)
	n := 0
	Diff(old, new, func(e *Event) {
		n++
		if e.Bytes != (Bytes{7, 8, infoBasis}) || e.OwnerFrom != OwnerHolds || e.Socket.Owners[0].Process != p || !e.Time.Equal(new.Time) || e.Source != FromReading {
			t.Errorf("%+v", e)
		}
		if _, known := e.Lifetime(); known {
			t.Error("the lifetime of what was there before cannot be known")
		}
	})
	if n != 1 {
		t.Fatal(n, "events")
	}
	// A connection that is closed but whose socket lives tells its last bytes in the later reading.
	new = snapshot(counted(tcp(1, 10, 20, netstat.Bound), 9, 9))
	Diff(old, new, func(e *Event) {
		if e.Kind != Closed || e.Bytes.Sent != 9 || e.Socket.State != established || len(e.Socket.Owners) != 1 {
			t.Errorf("%+v", e)
		}
	})
}

// FuzzDiff compares with the plainest way there is: two maps.
func FuzzDiff(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4}, []byte{4, 3, 2, 1})
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, []byte{14, 1, 2, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 13})
	f.Add([]byte{1, 0x81, 65}, []byte{65, 0xc1, 1})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		old, new := snapshot(sockets(a)...), snapshot(sockets(b)...)
		var got []string
		Diff(old, new, func(e *Event) { got = append(got, short(e)) })
		want := plainDiff(old, new)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got  %v\nwant %v", got, want)
		}
	})
}

// sockets makes a socket of each byte: its identity the lower six bits, its state the upper two. Each is there once.
func sockets(b []byte) (list []netstat.Socket) {
	seen := make(map[byte]bool)
	states := []netstat.State{established, netstat.CloseWait, listen, netstat.Bound}
	for _, c := range b {
		if id := c & 63; !seen[id] {
			seen[id] = true
			s := tcp(uint64(id)+1, uint16(id)+1, 20, states[c>>6])
			if id%3 == 0 { // known by its inode only
				s.Cookie, s.Inode = 0, uint64(id)+1
			}
			list = append(list, s)
		}
	}
	return list
}

func plainDiff(old, new *netstat.Snapshot) (list []string) {
	was := make(map[uint16]*netstat.Socket)
	for i := range old.Sockets {
		was[old.Sockets[i].Local.Port()] = &old.Sockets[i]
	}
	for i := range new.Sockets {
		s := &new.Sockets[i]
		o := was[s.Local.Port()]
		delete(was, s.Local.Port())
		switch {
		case o == nil && watched(s):
			list = append(list, short(&Event{Kind: newKind(s), Socket: *s}))
		case o != nil:
			if e, changed := changeOf(o, s); changed {
				list = append(list, short(&e))
			}
		}
	}
	for _, o := range was {
		if watched(o) {
			list = append(list, short(&Event{Kind: goneKind(o), Socket: *o}))
		}
	}
	return list
}
