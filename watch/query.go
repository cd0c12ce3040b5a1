package watch

import (
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
)

// wants reports whether a socket that the kernel told of is one that the query asks for. A reading asks the table.
func (w *Watcher) wants(s *netstat.Socket) bool {
	q := &w.cfg.Query
	if s.Proto == 0 { // neither TCP nor UDP: it is no socket of the table, but its bytes count
		return len(q.LocalPorts) == 0
	}
	if !q.Protos.Has(s.Proto) {
		return false
	}
	if p := s.Local.Port(); len(q.LocalPorts) > 0 && !slices.Contains(q.LocalPorts, p) && !(p == 0 && s.State == netstat.SynSent) {
		return false // a socket that connects has no port yet
	}
	if !q.AllNetNS && s.NetNS != w.netns {
		return false
	}
	v4 := s.Local.Addr().Is4()
	return q.Families == 0 || v4 && q.Families&netstat.IPv4 != 0 || !v4 && q.Families&netstat.IPv6 != 0
}
