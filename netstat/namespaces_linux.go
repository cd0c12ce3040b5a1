package netstat

import (
	"fmt"

	"github.com/sockeye-net/sockeye/internal/netns"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// otherNamespaces appends the TCP and UDP sockets of every network namespace but our own. The sockets by which they are
// listed are closed again at once: one that stays open keeps its namespace alive.
func otherNamespaces(t *table, q *Query, dst []rawsock.Record) []rawsock.Record {
	all, denied, err := netns.List()
	if err != nil {
		t.missing(fmt.Errorf("not every network namespace can be found: %w", err))
	}
	if denied > 0 {
		t.missing(fmt.Errorf("the network namespaces of %d processes of other users are not shown: run as root", denied))
	}
	for _, ns := range all {
		if ns.Inode == uint64(t.netns) {
			continue
		}
		var err error
		if dst, err = listNamespace(q, dst, &ns); err != nil {
			t.missing(fmt.Errorf("network namespace %d: %w", ns.Inode, err))
		}
	}
	return dst
}

func listNamespace(q *Query, dst []rawsock.Record, ns *netns.Namespace) ([]rawsock.Record, error) {
	d, err := openDiagIn(ns.Path, uint32(ns.Inode))
	if err != nil {
		return dst, err
	}
	defer d.close()
	if q.Protos.Has(TCP) {
		if dst, err = d.list(dst, &listing{proto: rawsock.ProtoTCP, families: q.Families, states: kernelStates(q.States), ports: q.LocalPorts, info: q.Info}); err != nil {
			return dst, err
		}
	}
	if q.Protos.Has(UDP) {
		dst, err = d.list(dst, &listing{proto: rawsock.ProtoUDP, families: q.Families, states: udpStates(q.States), ports: q.LocalPorts})
	}
	return dst, err
}

// otherNamespaces adds what the walk did not see in them.
func (p *pass) otherNamespaces() {
	p.more = otherNamespaces(p.t, p.q, p.more)
	p.merge()
}
