package netstat

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sockeye-net/sockeye/internal/inetdiag"
	"github.com/sockeye-net/sockeye/internal/netlink"
	"github.com/sockeye-net/sockeye/internal/rawsock"
	"github.com/sockeye-net/sockeye/internal/sockiter"
)

// iterator is what the two BPF programs have in common.
type iterator interface {
	Run(*sockiter.Want, sockiter.Sink) error
	Close() error
}

// bpfSource has a BPF program walk the descriptor tables, and a lister tell the sockets that are in none: without a file
// (TIME_WAIT, orphans, accept queues, MPTCP's subflows), or with one that no descriptor refers to.
type bpfSource struct {
	it   iterator
	kind Method
	list lister
	more []rawsock.Record // memory for the lister's rows
	unix []rawsock.Unix
}

func newBPFSource(it iterator, kind Method, netns uint32) (source, error) {
	l, err := openLister(netns)
	if err != nil {
		return nil, errors.Join(err, it.Close())
	}
	return &bpfSource{it: it, kind: kind, list: l}, nil
}

func (b *bpfSource) method() Method { return b.kind }
func (b *bpfSource) close() error   { return errors.Join(b.it.Close(), b.list.close()) }

func (b *bpfSource) fill(t *table, q *Query) error {
	p := &pass{bpfSource: b, t: t, q: q}
	p.count()
	listed := p.beside(p.listFileless)
	err := p.walk()
	listErr := listed()
	if err != nil {
		return p.withoutOwners(err)
	}
	if listErr != nil {
		t.missing(incompleteList("the list of sockets without a descriptor", listErr))
	}
	p.merge()
	p.listRest()
	if q.AllNetNS && p.elsewhere() {
		p.otherNamespaces()
	}
	t.rows.addUnix(q)
	p.doubtNewcomers()
	t.doubtOwnerless(q)
	if q.Cookies {
		p.cookies()
	}
	t.noteText(b.list)
	return nil
}

// withoutOwners lists the sockets when the walk failed for something that passes, such as descriptors running out.
func (p *pass) withoutOwners(err error) error {
	if netlink.Refused(err) {
		return err
	}
	p.t.rows.reset()
	p.t.procs.incomplete = true
	p.t.missing(fmt.Errorf("owners could not be looked for: %w", err))
	plain := procSource{kind: p.kind, list: p.list, more: p.more, unix: p.unix}
	err = plain.fillRows(p.t, p.q)
	p.more, p.unix = plain.more, plain.unix
	return err
}

// pass is one reading.
type pass struct {
	*bpfSource
	t      *table
	q      *Query
	before census // what the kernel counts, before the walk
	found  inUse  // what was found of that
	merged int    // rows of more that were merged
	bare   bool   // a row has no cookie
	mptcp  bool   // there are MPTCP connections, whose subflows have no descriptor
	apart  bool   // there are MPTCP sockets in other namespaces
	half   bool   // there are connections half open, which have no socket yet
	later  bool   // what has no descriptor is listed after the walk, and only if there is any
}

func (p *pass) want() *sockiter.Want {
	w := &sockiter.Want{Ports: p.q.LocalPorts, Unix: p.q.wantsUnix(), Info: p.q.Info, Cgroup: p.q.Owner == OwnerModule}
	if !p.q.AllNetNS {
		w.NetNS = p.t.netns
	}
	return w
}

// count takes the census before the walk, for what is said after it of sockets that it did not find.
func (p *pass) count() {
	if !p.q.Held && p.q.Protos.Has(TCP) {
		p.before = readCensus(p.t.netns)
		p.later = p.everyConnection() && p.before.known && p.before.timeWait == 0
	}
}

// doubtNewcomers is for a TCP socket that was listed and that the walk gave no owner: it may have come after its process
// was looked at, or gone before. Only where the census says that none came or went is it held by nobody.
func (p *pass) doubtNewcomers() {
	if p.q.Owner == OwnerNone || p.q.Held || !p.t.rows.unheld() {
		return
	}
	after := readCensus(p.t.netns)
	p.t.procs.moving = !p.before.known || !after.known || p.before.inUse != after.inUse || p.before.opens != after.opens
}

// everyConnection reports whether the walk has to find all connections. A port's are listed in any case.
func (p *pass) everyConnection() bool {
	return !p.q.Held && len(p.q.LocalPorts) == 0 && p.q.Protos.Has(TCP) && p.q.States.Has(Established)
}

// listFileless lists what the walk may not see, in the states of filelessStates. A port's sockets are few, so they are all
// listed; so is UDP, and Unix sockets, whose names the walk does not bring.
func (p *pass) listFileless() (err error) {
	p.more, p.unix = p.more[:0], p.unix[:0]
	if states := p.filelessStates(); p.q.Protos.Has(TCP) && states != 0 {
		p.more, err = p.list.list(p.more, p.tcp(states, p.q.LocalPorts))
	}
	if p.q.Protos.Has(UDP) && udpStates(p.q.States) != 0 {
		var udpErr error
		p.more, udpErr = p.list.list(p.more, p.udp())
		err = errors.Join(err, udpErr)
	}
	if p.q.wantsUnix() {
		var unixErr error
		p.unix, unixErr = p.list.listUnix(p.unix)
		err = errors.Join(err, unixErr)
	}
	return err
}

func (p *pass) tcp(states uint32, ports []uint16) *listing {
	return &listing{proto: rawsock.ProtoTCP, families: p.q.Families, states: states, ports: ports, info: p.q.Info}
}

func (p *pass) udp() *listing {
	return &listing{proto: rawsock.ProtoUDP, families: p.q.Families, states: udpStates(p.q.States), ports: p.q.LocalPorts}
}

// filelessStates are the states to list beside the walk: of the whole table all but established connections, which are
// nearly all held by descriptors, or, where there is nothing in TIME_WAIT, less. LISTEN is among them to learn of
// connections that wait to be accepted.
func (p *pass) filelessStates() uint32 {
	states := kernelStates(p.q.States)
	switch {
	case p.q.Held:
		states &= 1 << rawsock.Listen // the walk finds the rest; a listener of MPTCP has its row here
	case p.later:
		states &= unhashedStates
	case p.everyConnection():
		states = inetdiag.AllStates &^ (1 << rawsock.Established) // the count can only be compared when all are there
	}
	if len(p.q.LocalPorts) == 0 {
		states |= 1 << rawsock.Listen
	}
	return states
}

const (
	// unhashedStates are those whose sockets are not in the table of connections, so that listing them is cheaper.
	unhashedStates = 1<<rawsock.Listen | 1<<rawsock.BoundInactive
	hashedStates   = inetdiag.AllStates &^ unhashedStates
	// withFile are those in which a socket may be held by a process.
	withFile = inetdiag.AllStates &^ (1<<rawsock.TimeWait | 1<<rawsock.NewSynRecv)
)

// small is how many connections are gone through sooner than another processor wakes up to help.
const small = 16384

func (p *pass) small() bool { return p.before.known && p.before.inUse[0]+p.before.inUse[1] < small }

// beside runs a listing while the walk goes on, or at once where it is quick, and returns what waits for it.
func (p *pass) beside(list func() error) (wait func() error) {
	if p.q.Held {
		err := list()
		return func() error { return err }
	}
	listed := make(chan error, 1)
	go func() { listed <- list() }()
	return func() error { return <-listed }
}

// Begin and Take make rows of what the walk brings, on its own goroutine.
func (p *pass) Begin()                { p.again() }
func (p *pass) Take(b sockiter.Batch) { p.take(&b) }

// batches carries what the walk brings to another goroutine, so that it is looked at while the walk goes on. An empty
// batch is a new beginning, for which the walk waits until nothing of the former one is in use: its memory goes.
type batches struct {
	got  chan sockiter.Batch
	gone chan struct{}
}

func (b *batches) Begin() {
	b.got <- sockiter.Batch{}
	<-b.gone
}

func (b *batches) Take(got sockiter.Batch) { b.got <- got }

// walk runs the iterator and makes rows of what it brings.
func (p *pass) walk() (err error) {
	if p.small() || p.q.Held {
		return p.it.Run(p.want(), p)
	}
	b := batches{got: make(chan sockiter.Batch, 16), gone: make(chan struct{})}
	go func() {
		defer close(b.got)
		err = p.it.Run(p.want(), &b)
	}()
	for got := range b.got {
		if got.Holders == nil {
			p.again()
			b.gone <- struct{}{}
			continue
		}
		p.take(&got)
	}
	return err
}

// again forgets the rows of a walk that is repeated.
func (p *pass) again() {
	p.t.rows.reset()
	p.t.rows.reserve(int(p.before.inUse[0] + p.before.inUse[1]))
	p.bare = false
	p.found, p.mptcp, p.half, p.apart = inUse{}, false, false, false
}

// take makes rows of a batch.
func (p *pass) take(b *sockiter.Batch) {
	p.t.rows.walked = b.Records
	for i := range b.Holders {
		h := &b.Holders[i]
		proc := p.t.holder(h, p.q)
		for k := h.First; k < h.Last; k++ {
			p.takeRecord(k, proc, h.TID != h.PID)
		}
	}
}

func (t *table) holder(h *sockiter.Holder, q *Query) uint32 {
	ticks := h.Start / (1e9 / ticksPerSecond)
	t.rows.procs = append(t.rows.procs, t.procs.get(int(h.PID), ticks, h.Name(), q.Owner == OwnerModule))
	return uint32(len(t.rows.procs) - 1)
}

func (p *pass) takeRecord(k, proc uint32, thread bool) {
	rows := &p.t.rows
	r := &rows.walked[k]
	if r.Inode == 0 {
		return // being closed: an orphan from now on
	}
	s := rows.slotOf(r.Inode)
	if inet := r.Proto == rawsock.ProtoTCP || r.Proto == rawsock.ProtoUDP; inet && !rows.seen(s) {
		p.tally(r)
		if p.q.matches(r, p.t.netns) {
			rows.add(k, s)
			p.bare = p.bare || r.Cookie == 0
		} else {
			rows.slots[s].row = skipped
		}
	}
	if r.State == rawsock.Listen && r.Cwnd > 0 {
		p.half = true
	}
	if r.Proto == rawsock.ProtoMPTCP {
		rows.slots[s].many = true
		p.mptcp = p.mptcp || r.State != rawsock.Listen
		p.apart = p.apart || r.NetNS != p.t.netns
	}
	if rows.slots[s].row == skipped || p.q.Owner == OwnerNone {
		return
	}
	if !thread || !rows.owned(s, rows.procs[proc].PID, int32(r.FD)) {
		rows.own(s, proc, int32(r.FD))
	}
}

// tally counts a connection that was found. Listeners are counted as they are listed: one that begins to listen during
// the walk must not stand in for a connection that was not found.
func (p *pass) tally(r *rawsock.Record) {
	if r.State != rawsock.Listen {
		p.found.count(r, p.t.netns)
	}
}

// merge adds the listed rows that have not been merged yet.
func (p *pass) merge() {
	rows := &p.t.rows
	rows.more, rows.unix = p.more, p.unix
	for i := range p.more[p.merged:] {
		if r := &p.more[p.merged+i]; r.State == rawsock.Listen {
			p.found.count(r, p.t.netns)
		}
	}
	rows.merge(p.merged, func(r *rawsock.Record) bool {
		p.tally(r)
		return p.q.matches(r, p.t.netns)
	})
	p.merged = len(p.more)
}

// listRest lists connections that are in no descriptor table, as far as there can be any, cheapest first: those that wait
// to be accepted; those on their way out or half open; every one. A further list replaces one that was not enough, because
// rows without a file have nothing by which one could be told from another.
func (p *pass) listRest() {
	if p.q.Held && p.mptcp {
		p.listMore(p.tcp(kernelStates(p.q.States)&withFile&hashedStates, p.q.LocalPorts))
	}
	if !p.everyConnection() || p.allFound() && !(p.later && p.half) {
		return
	}
	ports, start := p.waiting(), p.mark()
	if p.later && !p.half && len(ports) > 0 {
		p.listMore(p.tcp(hashedStates, ports))
		if p.allFound() {
			return
		}
		p.undo(start)
	}
	if p.later {
		p.listMore(p.tcp(hashedStates&^(1<<rawsock.Established), nil))
		start = p.mark()
	}
	if len(ports) > 0 {
		p.listMore(p.tcp(1<<rawsock.Established, ports))
	}
	if !p.allFound() {
		p.undo(start)
		p.listMore(p.tcp(1<<rawsock.Established, nil))
	}
}

// elsewhere reports whether other namespaces have to be listed: where only held sockets are wanted, all but the rows of
// MPTCP and the names of Unix sockets come with the walk.
func (p *pass) elsewhere() bool { return !p.q.Held || p.apart || p.q.wantsUnix() }

// mark is a state of the table to which undo returns.
type mark struct {
	rows, more int
	found      inUse
}

func (p *pass) mark() mark { return mark{len(p.t.rows.list), p.merged, p.found} }

func (p *pass) undo(m mark) {
	p.t.rows.truncate(m.rows)
	p.more, p.merged, p.found = p.more[:m.more], m.more, m.found
}

// allFound reports whether every connection is proven to be found. One that began and went to TIME_WAIT meanwhile is new,
// and need not be there.
func (p *pass) allFound() bool {
	after := readCensus(p.t.netns)
	return !p.mptcp && p.before.proves(p.found, &after, p.q.Families)
}

// waiting are the ports of listeners on which connections wait to be accepted.
func (p *pass) waiting() (ports []uint16) {
	for i := range p.more {
		if r := &p.more[i]; r.State == rawsock.Listen && r.RecvQ > 0 {
			ports = append(ports, r.LocalPort)
		}
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func (p *pass) listMore(l *listing) {
	var err error
	if p.more, err = p.list.list(p.more, l); err != nil {
		p.t.missing(incompleteList("the list of established connections", err))
	}
	p.merge()
}

// addUnix makes rows of the Unix sockets, whose owners are known by inode.
func (r *rows) addUnix(q *Query) {
	for i := range r.unix {
		if u := &r.unix[i]; q.States.Has(unixState(u.State)) {
			r.list = append(r.list, row{uint32(i) | unixBit, r.known(u.Inode)})
		}
	}
}

func openWalker(t *table) (source, error) {
	w, err := sockiter.OpenWalker(t.walkerRoom())
	if err != nil {
		return nil, err
	}
	return newBPFSource(w, Walker, t.netns)
}

func openTaskFile(t *table) (source, error) {
	f, err := sockiter.OpenFiles()
	if err != nil {
		return nil, err
	}
	return newBPFSource(f, TaskFile, t.netns)
}

// walkerRoom is how many records the walker is given room for: the sockets that the kernel counts, and some for those
// that are shared or yet to come. It is given more when that is not enough.
func (t *table) walkerRoom() int {
	if t.few {
		return roomForFew
	}
	c := readCensus(t.netns)
	n := c.inUse[0] + c.inUse[1]
	return n + n/16 + roomForFew
}

const roomForFew = 1024
