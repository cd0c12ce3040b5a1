package netstat

import (
	"errors"
	"fmt"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/iphlpapi"
	"github.com/sockeye-net/sockeye/internal/miblayout"
)

// estats fills Socket.Info from Windows' extended statistics. They are off until an Administrator switches them on, for each
// connection and each group, and count from then on. So the reading that first meets a connection switches them on, those
// that follow make one call a group, and closing the table switches off what it had switched on.
type estats struct {
	calls   estatsCalls
	known   map[iphlpapi.Connection]*counted // by their ends
	round   uint64
	refused [2]error // of IPv4 and IPv6: the system does not do it here, or not for this user, and is not asked again

	// Of the reading at hand:
	began, failed int   // connections
	why           error // of the first that failed
}

// estatsCalls is what iphlpapi.EStats does.
type estatsCalls interface {
	Get(iphlpapi.Connection, miblayout.EStats) (rod []byte, on bool, err error)
	Enable(c iphlpapi.Connection, g miblayout.EStats, on bool) error
}

// groups are those that TCPInfo is made of.
var groups = [...]miblayout.EStats{miblayout.EStatsData, miblayout.EStatsPath, miblayout.EStatsSndCong}

// counted is a connection whose statistics are on.
type counted struct {
	conn  iphlpapi.Connection
	port  uint16 // local
	v6    bool
	round uint64
	ours  [len(groups)]bool // this table switched the group on
}

// countedStates are those in which a connection carries data, or has just done so.
var countedStates = StatesOf(Established, FinWait1, FinWait2, CloseWait, Closing, LastAck)

// errBegan is what is wrong with a connection whose counting began with this reading.
var errBegan = errors.New("the system counts from this reading on: keep the table open and read it again")

func newEStats() estats {
	return estats{calls: new(iphlpapi.EStats), known: map[iphlpapi.Connection]*counted{}}
}

func (e *estats) begin() {
	e.round++
	e.began, e.failed, e.why = 0, 0, nil
}

// info is what is counted on the connection of a row, which is in s already.
func (e *estats) info(s *Socket, src source, raw []byte) TCPInfo {
	if !countedStates.Has(s.State) {
		return TCPInfo{}
	}
	conn := iphlpapi.ConnectionOf(src.kind, raw)
	k := e.known[conn.Ends()]
	if k == nil {
		if e.refused[index(src.v6)] != nil {
			return TCPInfo{}
		}
		k = &counted{port: s.Local.Port(), v6: src.v6}
	}
	k.conn, k.round = conn, e.round
	info, on, err := e.read(k)
	if err == nil && !on {
		err = e.enable(k)
	}
	e.note(k, on, err)
	return info
}

func index(v6 bool) int {
	if v6 {
		return 1
	}
	return 0
}

// read makes a TCPInfo of the groups, unless one of them is off.
func (e *estats) read(k *counted) (info TCPInfo, on bool, err error) {
	var parts estatsParts
	for _, g := range groups {
		rod, on, err := e.calls.Get(k.conn, g)
		if err != nil || !on {
			return TCPInfo{}, false, err
		}
		if err := parts.decode(g, rod); err != nil {
			return TCPInfo{}, false, err
		}
	}
	return parts.info(), true, nil
}

// enable switches on what is off. It is off, too, where another connection has the ends of one that is remembered.
func (e *estats) enable(k *counted) error {
	k.ours = [len(groups)]bool{}
	for i, g := range groups {
		_, on, err := e.calls.Get(k.conn, g)
		if err == nil && !on {
			err = e.calls.Enable(k.conn, g, true)
			k.ours[i] = err == nil
		}
		if err != nil {
			e.disable(k)
			return err
		}
	}
	return nil
}

// disable switches off what this table switched on. A connection that is gone needs it no more, so errors do not matter.
func (e *estats) disable(k *counted) {
	for i, g := range groups {
		if k.ours[i] {
			e.calls.Enable(k.conn, g, false)
		}
	}
	k.ours = [len(groups)]bool{}
}

// note remembers what became of a connection. One that closed since the table was read is nobody's fault.
func (e *estats) note(k *counted, on bool, err error) {
	switch {
	case err == nil:
		e.known[k.conn.Ends()] = k
		if !on {
			e.began++
		}
		return
	case errors.Is(err, windows.ERROR_NOT_FOUND):
	case errors.Is(err, windows.ERROR_ACCESS_DENIED):
		e.refused[index(k.v6)] = fmt.Errorf("TCP information: run as Administrator: %w", err)
	case isMissing(err):
		e.refused[index(k.v6)] = fmt.Errorf("TCP information: %w: it takes the extended statistics of Windows Vista or later: %w", errors.ErrUnsupported, err)
	default:
		if e.failed++; e.failed == 1 {
			e.why = err
		}
	}
	delete(e.known, k.conn.Ends())
}

// isMissing reports whether the system lacks the call: Windows before Vista, and Wine.
func isMissing(err error) bool {
	var dll *windows.DLLError
	return errors.As(err, &dll) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) || errors.Is(err, windows.ERROR_CALL_NOT_IMPLEMENTED)
}

// forget drops the connections that the query would have shown and that were not there.
func (e *estats) forget(q *Query) {
	for ends, k := range e.known {
		if k.round != e.round && q.covers(k) {
			delete(e.known, ends)
		}
	}
}

// problems says what could not be told.
func (e *estats) problems() (problems []error) {
	for _, err := range e.refused {
		if err != nil {
			problems = append(problems, err)
			break // one is enough: the other says the same of the other family
		}
	}
	if e.began > 0 {
		problems = append(problems, fmt.Errorf("TCP information of %d connections: %w", e.began, errBegan))
	}
	if e.failed > 0 {
		problems = append(problems, fmt.Errorf("TCP information of %d connections: %w", e.failed, e.why))
	}
	return problems
}

// covers reports whether the query shows the connection as long as it lives.
func (q *Query) covers(k *counted) bool {
	return q.Protos.Has(TCP) && !q.Held && (q.States == 0 || countedStates&^q.States == 0) &&
		(q.Families == 0 || q.Families&familyOf(k.v6) != 0) &&
		(len(q.LocalPorts) == 0 || slices.Contains(q.LocalPorts, k.port))
}

func (e *estats) close() {
	for _, k := range e.known {
		e.disable(k)
	}
	clear(e.known)
}

// estatsParts are the groups of one connection.
type estatsParts struct {
	data miblayout.TCPData
	path miblayout.TCPPath
	cwnd uint32 // bytes
}

func (p *estatsParts) decode(g miblayout.EStats, rod []byte) (err error) {
	switch g {
	case miblayout.EStatsData:
		p.data, err = miblayout.DecodeTCPData(rod)
	case miblayout.EStatsPath:
		p.path, err = miblayout.DecodeTCPPath(rod)
	case miblayout.EStatsSndCong:
		p.cwnd, err = miblayout.DecodeTCPCwnd(rod, int(unsafe.Sizeof(uintptr(0))))
	}
	return err
}

// info takes what corresponds to Linux' tcpi_bytes_acked and tcpi_bytes_received, not DataBytesOut and DataBytesIn, which
// count bytes again that were sent again.
func (p *estatsParts) info() TCPInfo {
	return TCPInfo{Known: true, Sent: p.data.Acked, Received: p.data.Received, RTT: p.path.SmoothedRTT * 1000,
		Retrans: p.path.Retrans, Cwnd: p.cwnd / max(p.path.MSS, 1)}
}
