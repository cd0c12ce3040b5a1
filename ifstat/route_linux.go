package ifstat

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/netns"
	"github.com/sockeye-net/sockeye/internal/rtlink"
)

// noticeBuffer is how much about interfaces may wait between two readings: some hundred notices. If there are more,
// everything is read anew.
const noticeBuffer = 1 << 20

// rereadAfter is when everything is read even without a notice: of some changes, such as the alias of an interface that is
// down, the kernel sends none.
const rereadAfter = 30 * time.Second

// route reads a namespace by rtnetlink. What interfaces are is read once, and again when the kernel says that something
// changed; from reading to reading only their counters are.
type route struct {
	ns      netns.Namespace
	conn    *netlink.Conn
	notices *netlink.Notices // nil where there are none: then everything is read every time
	dec     rtlink.Decoder
	request struct{ link, addr, stats []byte }

	links      []link // by index
	next       []link // those of a dump that is under way
	addrs      []addr
	hasParents bool // this kernel tells parent devices
	noStats    bool // this kernel has no request for counters alone

	staleLinks, staleAddrs bool
	whole                  time.Time // when everything about the interfaces was read
	gone                   uint64    // how many interfaces were seen to go
	take                   func([]byte) error
	dumps                  dumps
}

// link is an interface that is known.
type link struct {
	Interface
	parent   bool // it has a parent device
	askSpeed bool
}

type addr struct {
	index  uint32
	prefix netip.Prefix
}

// dumps are the readers of the three dumps. They are made once, since each one in an interface would be allocated.
type dumps struct {
	link  linkDump
	addr  addrDump
	stats statsDump
}

func openRoute(ns netns.Namespace) (space, error) {
	r := &route{ns: ns, staleLinks: true, staleAddrs: true}
	var err error
	if ns.Own {
		r.conn, err = netlink.OpenRoute()
	} else {
		r.conn, err = netlink.OpenRouteIn(ns.Path)
	}
	if err != nil {
		return nil, err
	}
	r.subscribe()
	r.request.link = rtlink.AppendLinkRequest(nil)
	r.request.addr = rtlink.AppendAddrRequest(nil)
	r.request.stats = rtlink.AppendStatsRequest(nil)
	r.dumps = dumps{linkDump{route: r}, addrDump{route: r}, statsDump{route: r}}
	h := noticed{r}
	r.take = func(b []byte) error {
		_, _, err := r.dec.Decode(b, h)
		return err
	}
	return r, nil
}

// subscribe asks for notices. Where they are refused the table does without.
func (r *route) subscribe() {
	groups := []uint32{netlink.GroupLink, netlink.GroupAddr4, netlink.GroupAddr6}
	if r.ns.Own {
		r.notices, _ = netlink.Subscribe(netlink.Route, noticeBuffer, groups...)
	} else {
		r.notices, _ = netlink.SubscribeIn(r.ns.Path, netlink.Route, noticeBuffer, groups...)
	}
}

func (r *route) inode() uint64  { return r.ns.Inode }
func (r *route) method() Method { return RTNetlink }

func (r *route) close() error {
	err := r.conn.Close()
	if r.notices != nil {
		err = errors.Join(err, r.notices.Close())
	}
	return err
}

func (r *route) changed() (bool, error) {
	err := r.listen()
	return r.staleLinks || r.staleAddrs, err
}

// listen takes in the notices that wait.
func (r *route) listen() error {
	if r.notices == nil {
		r.staleLinks, r.staleAddrs = true, true
		return nil
	}
	overflowed, err := r.notices.Receive(r.take)
	if overflowed || err != nil {
		r.staleLinks, r.staleAddrs = true, true
	}
	return err
}

// noticed handles notices.
type noticed struct{ *route }

func (n noticed) Link(l *rtlink.Link) {
	n.staleLinks = true
	if !l.Gone {
		return
	}
	n.gone++
	if at, ok := n.find(l.Index); ok { // whoever has the index next is another
		n.links = slices.Delete(n.links, at, at+1)
	}
}

func (n noticed) Addr(*rtlink.Addr)           { n.staleAddrs = true }
func (n noticed) Stats(uint32, *rtlink.Stats) {}

// find gives the position of an interface, or where it would be.
func (r *route) find(index uint32) (int, bool) {
	at := sort.Search(len(r.links), func(i int) bool { return r.links[i].Index >= index })
	return at, at < len(r.links) && r.links[at].Index == index
}

// attempts is how often a namespace is read when an interface goes while it is: the one read may be the next with its index.
const attempts = 4

func (r *route) read(s *Snapshot) error {
	if err := r.listen(); err != nil {
		return err
	}
	r.staleLinks = r.staleLinks || s.Time.Sub(r.whole) >= rereadAfter
	for range attempts {
		gone := r.gone
		if err := r.refresh(s); err != nil {
			return err
		}
		if err := r.listen(); err != nil {
			return err
		}
		if r.gone == gone {
			break
		}
	}
	for i := range r.links {
		s.Interfaces = append(s.Interfaces, r.links[i].Interface)
	}
	return nil
}

// refresh brings r.links up to date.
func (r *route) refresh(s *Snapshot) error {
	if !r.staleLinks && !r.noStats {
		if done, err := r.readStats(); done || err != nil {
			return r.settle(s, err)
		}
	}
	return r.settle(s, r.readLinks(s))
}

func (r *route) settle(s *Snapshot, err error) error {
	if err != nil {
		return err
	}
	r.speeds()
	if !r.staleAddrs {
		return nil
	}
	if err := r.readAddrs(); err != nil {
		s.Partial = append(s.Partial, fmt.Errorf("the addresses of interfaces may be missing: %w", err))
	}
	return nil
}

// readStats reads the counters of the known interfaces. It is not done when there are others, of which no notice has come
// yet, or when this kernel cannot.
func (r *route) readStats() (done bool, err error) {
	d := &r.dumps.stats
	err = r.conn.Dump(r.request.stats, d)
	switch {
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		r.noStats = true
		return false, nil
	case errors.Is(err, netlink.ErrInterrupted):
		return false, nil
	}
	return d.strangers == 0 && d.count == len(r.links), err
}

// readLinks reads everything about the interfaces but their addresses.
func (r *route) readLinks(s *Snapshot) error {
	r.staleLinks, r.whole = false, s.Time
	err := r.conn.Dump(r.request.link, &r.dumps.link)
	if errors.Is(err, netlink.ErrInterrupted) {
		s.Partial = append(s.Partial, fmt.Errorf("some interfaces may be missing: %w", err))
		err = nil
	}
	if err != nil {
		r.staleLinks = true
		return err
	}
	r.adopt()
	return nil
}

// adopt makes what a dump gave the known interfaces.
func (r *route) adopt() {
	for i := 1; i < len(r.next); i++ {
		if r.next[i-1].Index > r.next[i].Index { // older kernels list them in the order of a hash table
			sort.Slice(r.next, func(a, b int) bool { return r.next[a].Index < r.next[b].Index })
			break
		}
	}
	for i := range r.next {
		r.hasParents = r.hasParents || r.next[i].parent
	}
	for i := range r.next {
		l := &r.next[i]
		l.Physical = isPhysical(&l.Interface, l.parent, r.hasParents)
	}
	r.links, r.next = r.next, r.links
}

// readAddrs reads the addresses of the known interfaces.
func (r *route) readAddrs() error {
	r.staleAddrs = false
	r.addrs = r.addrs[:0]
	if err := r.conn.Dump(r.request.addr, &r.dumps.addr); err != nil {
		r.staleAddrs = true
		return err
	}
	slices.SortStableFunc(r.addrs, func(a, b addr) int { return int(a.index) - int(b.index) })
	for i := range r.links {
		r.links[i].setAddrs(r.addrs)
	}
	return nil
}

// setAddrs takes the interface's own addresses out of those of all. A slice that was handed out is not written to again.
func (l *link) setAddrs(all []addr) {
	from := sort.Search(len(all), func(i int) bool { return all[i].index >= l.Index })
	to := from
	same := true
	for ; to < len(all) && all[to].index == l.Index; to++ {
		same = same && to-from < len(l.Addrs) && l.Addrs[to-from] == all[to].prefix
	}
	if same && to-from == len(l.Addrs) {
		return
	}
	l.Addrs = nil
	for _, a := range all[from:to] {
		l.Addrs = append(l.Addrs, a.prefix)
	}
}
