package watch

import (
	"time"

	"github.com/sockeye-net/sockeye/ifstat"
)

// links watches the interfaces.
type links struct {
	table       *ifstat.Table
	now, before *ifstat.Snapshot
	changes     []ifstat.Change
}

func openLinks(allNetNS bool) (*links, error) {
	t, err := ifstat.Open(&ifstat.Config{AllNetNS: allNetNS})
	if err != nil {
		return nil, err
	}
	l := &links{table: t, now: new(ifstat.Snapshot), before: new(ifstat.Snapshot)}
	if err := t.Read(l.now); err != nil {
		_ = t.Close()
		return nil, err
	}
	return l, nil
}

func (l *links) close() error { return l.table.Close() }

// readLinks makes events of what changed among the interfaces, if anything did.
func (w *Watcher) readLinks() {
	if w.links == nil {
		return
	}
	if err := w.links.read(&w.report); err != nil {
		w.report.Partial = append(w.report.Partial, err)
	}
}

func (l *links) read(r *Report) error {
	if changed, err := l.table.Changed(); err == nil && !changed {
		return nil
	}
	if err := l.table.Read(l.before); err != nil {
		return err
	}
	l.now, l.before = l.before, l.now
	l.changes = ifstat.Diff(l.changes[:0], l.before, l.now)
	for i := range l.changes {
		c := ownChange(&l.changes[i])
		r.add(Event{Kind: linkKinds[c.Event], Source: FromReading, Time: time.Now(), Link: c})
	}
	return nil
}

var linkKinds = map[ifstat.Event]Kind{
	ifstat.Appeared: LinkAppeared, ifstat.Vanished: LinkVanished, ifstat.WentUp: LinkUp, ifstat.WentDown: LinkDown,
	ifstat.Flapped: LinkFlapped, ifstat.Renamed: LinkRenamed, ifstat.Changed: LinkChanged,
}

// ownChange is a change that does not share memory with snapshots.
func ownChange(c *ifstat.Change) *ifstat.Change {
	own := *c
	for _, i := range []**ifstat.Interface{&own.Old, &own.New} {
		if *i != nil {
			kept := **i
			*i = &kept
		}
	}
	return &own
}
