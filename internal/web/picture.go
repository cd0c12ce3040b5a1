package web

import (
	"net/netip"
	"slices"
	"strconv"
	"time"
	"unique"

	"github.com/sockeye-net/sockeye/internal/view"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// picture is the machine at one reading: copies, since what a watcher gives is valid until its next reading only.
type picture struct {
	seq      uint64 // 0 before the first reading
	time     time.Time
	interval time.Duration
	sockets  []netstat.Socket
	flows    []flow // of the sockets, one each
	owners   []netstat.Owner
	usage    [3][]view.UsageRow // by watch.By
	links    []view.TrafficRow
	partial  []error
	open     int // how many of these are for everybody: not what names files

	public  []netstat.Socket // the sockets as everybody may see them, when somebody has asked
	written [topics][accesses]written
}

// flow is what a socket moved.
type flow struct {
	id     uint64
	rx, tx float64 // bytes a second
	since  time.Time
}

// draw makes the next picture. The sockets' owners are in one array, so that a picture takes few allocations.
func (h *Hub) draw(r *watch.Report, links []view.TrafficRow, failed error) {
	p := h.spare
	h.spare, h.now = h.now, p
	p.reset(h.spare.seq+1, r.Time, h.cfg.Watcher.Interval())
	h.names.Forget()
	if h.cfg.Refresh != nil {
		h.cfg.Refresh(&h.names)
	}
	h.cfg.Watcher.Flows(func(f *watch.Flow) bool {
		p.add(f, h.ids.socket(f.Socket, p.seq))
		return true
	})
	for by := range p.usage {
		h.addUsage(p, watch.By(by))
	}
	p.links = links
	p.partial = append(p.partial, r.Partial...)
	if failed != nil {
		p.partial = append(p.partial, failed)
	}
	p.open = len(p.partial)
	if h.cfg.Missing != nil {
		p.partial = append(p.partial, h.cfg.Missing()...)
	}
	h.ids.prune(p.seq)
	h.forgetDetails()
}

func (p *picture) reset(seq uint64, at time.Time, interval time.Duration) {
	clear(p.owners)
	*p = picture{seq: seq, time: at, interval: interval, sockets: p.sockets[:0], flows: p.flows[:0], owners: p.owners[:0], public: p.public[:0],
		usage: [3][]view.UsageRow{p.usage[0][:0], p.usage[1][:0], p.usage[2][:0]}, written: p.written}
	for t := range p.written {
		for a := range p.written[t] {
			w := &p.written[t][a]
			*w = written{text: w.text[:0], rows: w.rows[:0]}
		}
	}
}

// add copies a socket.
func (p *picture) add(f *watch.Flow, id uint64) {
	s := *f.Socket
	ownStrings(&s)
	if len(s.Owners) > 0 {
		from := len(p.owners)
		p.owners = append(p.owners, s.Owners...)
		s.Owners = p.owners[from:len(p.owners):len(p.owners)]
	}
	p.sockets = append(p.sockets, s)
	p.flows = append(p.flows, flow{id: id, rx: p.rate(f.Delta.Received), tx: p.rate(f.Delta.Sent), since: f.Since})
}

// ownStrings makes a socket's strings the program's own: those of a watcher are overwritten.
func ownStrings(s *netstat.Socket) {
	if s.Module != "" {
		s.Module = unique.Make(s.Module).Value()
	}
	if s.Path != "" {
		s.Path = unique.Make(s.Path).Value()
	}
}

func (p *picture) rate(bytes uint64) float64 {
	if p.interval <= 0 {
		return 0
	}
	return float64(bytes) / p.interval.Seconds()
}

var usageWords = [...]string{watch.ByProcess: "process", watch.ByUnit: "unit", watch.ByRemote: "remote"}

func (h *Hub) addUsage(p *picture, by watch.By) {
	for _, u := range h.cfg.Watcher.Usage(by, nil) {
		told := u.Total.Basis != watch.NotCounted || u.Uncounted == 0
		p.usage[by] = append(p.usage[by], view.UsageRow{Time: p.time, By: usageWords[by], Usage: u, Interval: p.interval, Told: told})
	}
	view.SortUsage(p.usage[by], "rate")
}

// redacted are the sockets as whoever holds no token may see them.
func (p *picture) redacted() []netstat.Socket {
	if len(p.public) < len(p.sockets) {
		p.public = slices.Grow(p.public[:0], len(p.sockets))[:len(p.sockets)]
		for i := range p.sockets {
			p.public[i] = p.sockets[i]
			redact(&p.public[i])
		}
	}
	return p.public
}

// redact leaves of a socket what every user of a machine can find out about it: not whose process it is. This may well be a
// process of another user, whom this program can see and the viewer cannot.
func redact(s *netstat.Socket) {
	if len(s.Owners) > 0 || s.Missing == netstat.NotMissing {
		s.Missing = netstat.MissingPermission
	}
	s.Owners, s.Module, s.Cgroup = nil, "", 0
}

// missing is what somebody may know of what is not there.
func (p *picture) missing(a Access) []error {
	if a == Full {
		return p.partial
	}
	return p.partial[:p.open]
}

// rows are the sockets that somebody may see.
func (p *picture) rows(a Access) []netstat.Socket {
	if a == Full {
		return p.sockets
	}
	return p.redacted()
}

// identities give a number to everything that is shown, which stays the same as long as it is there.
type identities struct {
	last    uint64
	sockets book[socketKey]
	twins   map[socketKey]int // of the picture that is made, how many more there are
	process book[*netstat.Process]
	units   book[string]
	remotes book[netip.Addr]
	links   book[string]
}

// book is the numbers of one kind of things.
type book[K comparable] struct {
	last    uint64
	numbers map[K]numbered
}

type numbered struct{ id, seq uint64 }

func (b *book[K]) of(k K, seq uint64) uint64 {
	n, ok := b.numbers[k]
	if !ok {
		if b.numbers == nil {
			b.numbers = make(map[K]numbered)
		}
		b.last++
		n.id = b.last
	}
	n.seq = seq
	b.numbers[k] = n
	return n.id
}

// prune forgets what the last picture did not have.
func (b *book[K]) prune(seq uint64) {
	for k, n := range b.numbers {
		if n.seq+1 < seq {
			delete(b.numbers, k)
		}
	}
}

func (i *identities) prune(seq uint64) {
	clear(i.twins)
	i.sockets.prune(seq)
	i.process.prune(seq)
	i.units.prune(seq)
	i.remotes.prune(seq)
	i.links.prune(seq)
}

// socketKey tells a socket from all others: its cookie, else its inode, else, where a system has neither, its ends, and how many
// there were with the same ones before it. Its owner is no part of it: the numbers of rows are for everybody.
type socketKey struct {
	netns, cookie, inode uint64
	proto                netstat.Proto
	local, remote        netip.AddrPort
	before               int
}

func keyOf(s *netstat.Socket) socketKey {
	switch {
	case s.Cookie != 0:
		return socketKey{netns: s.NetNS, cookie: s.Cookie}
	case s.Inode != 0:
		return socketKey{netns: s.NetNS, inode: s.Inode}
	}
	return socketKey{proto: s.Proto, local: s.Local, remote: s.Remote}
}

// socket is the number of a socket of the picture with this number.
func (i *identities) socket(s *netstat.Socket, seq uint64) uint64 {
	k := keyOf(s)
	if i.sockets.numbers[k].seq == seq { // ends that several sockets share, as with SO_REUSEADDR
		if i.twins == nil {
			i.twins = make(map[socketKey]int)
		}
		first := k
		i.twins[first]++
		k.before = i.twins[first]
	}
	return i.sockets.of(k, seq)
}

func linkKey(r *view.TrafficRow) string { return strconv.FormatUint(r.NetNS, 36) + "/" + r.Name }
