package netstat

import (
	"errors"
	"fmt"

	"github.com/sockeye-net/sockeye/internal/netns"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// foreign gathers the sockets of every network namespace but our own. The netlink sockets by which they are listed are
// closed again at once: one that stays open keeps its namespace alive.
type foreign struct {
	inet []rawsock.Record
	unix []rawsock.Unix
}

func (f *foreign) list(t *table, q *Query) {
	all, denied, err := netns.List()
	if err != nil {
		t.missing(fmt.Errorf("not every network namespace can be found, so that %w: %w", errRows, err))
	}
	if denied > 0 {
		t.missing(errNamespacesDenied(denied))
	}
	for _, ns := range all {
		if ns.Inode == uint64(t.netns) {
			continue
		}
		if err := f.add(q, &ns); err != nil {
			t.missing(incompleteList(fmt.Sprintf("network namespace %d", ns.Inode), err))
		}
	}
}

func (f *foreign) add(q *Query, ns *netns.Namespace) error {
	d, err := openDiagIn(ns.Path, uint32(ns.Inode))
	if err != nil {
		return err
	}
	defer d.close()
	for _, l := range q.listings() {
		var listErr error
		f.inet, listErr = d.list(f.inet, &l)
		err = errors.Join(err, listErr)
	}
	if q.wantsUnix() {
		var unixErr error
		f.unix, unixErr = d.listUnix(f.unix)
		err = errors.Join(err, unixErr)
	}
	return err
}

// otherNamespaces adds what the walk did not see in them.
func (p *pass) otherNamespaces() {
	f := foreign{p.more, p.unix}
	f.list(p.t, p.q)
	p.more, p.unix = f.inet, f.unix
	p.merge()
}
