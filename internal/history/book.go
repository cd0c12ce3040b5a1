package history

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// entry is a socket while the recorder knows of it.
type entry struct {
	id     int64 // in table live; 0 until it is stored there
	stored bool  // by a transaction that was committed
	dirty  bool
	more   bool    // than bytes have changed
	key    addrKey // in byAddr

	socket         netstat.Socket // without owners
	owners         []*process
	opened, closed int64
	flags          Flags
	source         watch.Source
	ownerFrom      watch.OwnerFrom

	base    watch.Bytes // moved before it was watched
	bytes   watch.Bytes // of the whole life
	counted watch.Bytes // that are in totals
	known   bool        // its opening is in totals
	summed  int64       // when it was last added to them, at first when it began
	summing bool        // this batch does
	learned learned
}

type cookieKey struct{ netns, cookie uint64 }

// addrKey finds sockets whose cookie is not known, as on Windows.
type addrKey struct {
	netns, id     uint64 // inode, else process
	proto         netstat.Proto
	local, remote netip.AddrPort
}

func keyOf(s *netstat.Socket) addrKey {
	k := addrKey{netns: s.NetNS, id: s.Inode, proto: s.Proto, local: s.Local, remote: s.Remote}
	if k.id == 0 && len(s.Owners) > 0 {
		k.id = uint64(s.Owners[0].Process.PID)
	}
	return k
}

// port is what somebody listens on.
type port struct {
	netns  uint64
	proto  netstat.Proto
	number uint16
}

// book is every socket that is open, and what has to be written.
type book struct {
	byCookie map[cookieKey]*entry
	byAddr   map[addrKey]*entry
	dirty    []*entry // those that ended are only here
	ended    int      // of dirty
	ports    map[port]int

	// gone are those that ended a moment ago: a reading that was under way may still have them.
	gone    map[any]int
	reading int
}

// remembered is for how many readings.
const remembered = 3

// identityOf is what tells a socket from others in gone.
func identityOf(s *netstat.Socket) any {
	if s.Cookie != 0 {
		return cookieKey{s.NetNS, s.Cookie}
	}
	return keyOf(s)
}

// pass forgets what ended some readings ago.
func (b *book) pass() {
	b.reading++
	for k, when := range b.gone {
		if b.reading-when > remembered {
			delete(b.gone, k)
		}
	}
}

func newBook() book {
	return book{byCookie: make(map[cookieKey]*entry), byAddr: make(map[addrKey]*entry), ports: make(map[port]int), gone: make(map[any]int)}
}

// find finds the entry of a socket; one that was first seen without a cookie is known by it from now on.
func (b *book) find(s *netstat.Socket) *entry {
	if s.Cookie != 0 {
		if e := b.byCookie[cookieKey{s.NetNS, s.Cookie}]; e != nil {
			return e
		}
	}
	key := keyOf(s)
	e := b.byAddr[key]
	if e != nil && s.Cookie != 0 {
		delete(b.byAddr, key)
		e.socket.Cookie = s.Cookie
		b.byCookie[cookieKey{s.NetNS, s.Cookie}] = e
	}
	return e
}

func (b *book) add(s *netstat.Socket, e *entry) {
	if s.Cookie != 0 {
		b.byCookie[cookieKey{s.NetNS, s.Cookie}] = e
	} else {
		e.key = keyOf(s)
		b.byAddr[e.key] = e
	}
	if s.State == netstat.Listen {
		b.ports[portOf(s)]++
	}
	b.touch(e)
}

func portOf(s *netstat.Socket) port { return port{s.NetNS, s.Proto, s.Local.Port()} }

// remove ends an entry.
func (b *book) remove(e *entry) {
	if e.socket.Cookie != 0 {
		delete(b.byCookie, cookieKey{e.socket.NetNS, e.socket.Cookie})
	}
	if b.byAddr[e.key] == e {
		delete(b.byAddr, e.key)
	}
	if p := portOf(&e.socket); e.socket.State == netstat.Listen {
		if b.ports[p]--; b.ports[p] <= 0 {
			delete(b.ports, p)
		}
	}
	b.ended++
}

// touch has an entry written with the next batch.
func (b *book) touch(e *entry) {
	e.more = true
	b.touchBytes(e)
}

// touchBytes is touch where nothing but bytes has changed.
func (b *book) touchBytes(e *entry) {
	if !e.dirty {
		e.dirty = true
		b.dirty = append(b.dirty, e)
	}
}

// written forgets what waited.
func (b *book) written(now int64) {
	for _, e := range b.dirty {
		e.dirty, e.more, e.stored = false, false, true
		if e.summing {
			e.counted, e.known, e.summed = e.bytes, true, now
		}
		e.learned = learned{len(e.owners) > 0, e.socket.State}
	}
	clear(b.dirty)
	b.dirty, b.ended = b.dirty[:0], 0
}

// shed forgets the oldest of those that ended, each with a last word, and says how many.
func (b *book) shed(most int, abandon func(*entry)) (lost int) {
	if b.ended <= most {
		return 0
	}
	excess := b.ended - most
	b.dirty = slices.DeleteFunc(b.dirty, func(e *entry) bool {
		if e.closed == 0 || lost == excess {
			return false
		}
		lost++
		abandon(e)
		return true
	})
	b.ended -= lost
	return lost
}

// unstore has everything written to a new file, which has learned nothing yet.
func (b *book) unstore() {
	for _, e := range b.all() {
		b.touch(e)
	}
	for _, e := range b.dirty {
		e.stored, e.learned = false, learned{}
	}
}

// skips are sockets that are not recorded.
func skips(s *netstat.Socket) bool { return s.Proto != netstat.TCP && s.Proto != netstat.UDP }

func (r *recorder) opened(e *watch.Event) {
	if skips(&e.Socket) {
		return
	}
	delete(r.book.gone, identityOf(&e.Socket))
	if found := r.book.find(&e.Socket); found != nil {
		r.refresh(found, &e.Socket, e.OwnerFrom)
		return
	}
	r.enter(&e.Socket, e.OwnerFrom, e.Source, micros(e.Time), 0)
}

// enter begins a life.
func (r *recorder) enter(s *netstat.Socket, from watch.OwnerFrom, source watch.Source, opened int64, flags Flags) *entry {
	n := &entry{opened: opened, flags: flags, source: source, summed: micros(r.store.cfg.Now())}
	r.refresh(n, s, from)
	if r.incoming(s, from) {
		n.flags |= Incoming
	}
	r.book.add(s, n)
	return n
}

// incoming reports whether the other end began.
func (r *recorder) incoming(s *netstat.Socket, from watch.OwnerFrom) bool {
	if s.State == netstat.Listen || s.Remote.Port() == 0 {
		return false
	}
	return from == watch.OwnerOfListener || r.book.ports[portOf(s)] > 0
}

// refresh takes what is new about a socket.
func (r *recorder) refresh(n *entry, s *netstat.Socket, from watch.OwnerFrom) {
	state := n.socket.State
	if s.State != state || s.Remote != n.socket.Remote || s.Local != n.socket.Local {
		r.book.touchKnown(n)
	}
	if len(s.Owners) > 0 && (len(n.owners) == 0 || n.ownerFrom == watch.OwnerOfListener && from != watch.OwnerOfListener) {
		n.owners, n.ownerFrom = r.ownersOf(s), from
		r.book.touchKnown(n)
	}
	cookie := n.socket.Cookie
	n.socket = *s
	n.socket.Owners = nil
	if cookie != 0 {
		n.socket.Cookie = cookie
	}
	switch {
	case state == netstat.Listen: // ports counts it until it ends
		n.socket.State = state
	case s.State == netstat.Listen && state != 0: // it is in the book, and did not listen before
		r.book.ports[portOf(&n.socket)]++
	}
}

// touchKnown is touch for an entry that is in the book already.
func (b *book) touchKnown(e *entry) {
	if e.socket.Proto != 0 {
		b.touch(e)
	}
}

func (r *recorder) ownersOf(s *netstat.Socket) (all []*process) {
	for i := range s.Owners {
		if p := s.Owners[i].Process; p != nil {
			if known := r.process(p); !slices.Contains(all, known) {
				all = append(all, known)
			}
		}
	}
	slices.SortFunc(all, compareAge)
	return all
}

// process asks a process for its details when it is seen first: later it may be gone.
func (r *recorder) process(p *netstat.Process) *process {
	key := processKey{program{name: p.Name, unit: p.Module}, p.PID, started(p.Started)}
	if known := r.procs[key]; known != nil {
		return known
	}
	d, _ := r.what.Details(p) // what it does not tell is not known
	known := &process{program: program{p.Name, d.Exe, p.Module}, pid: p.PID, started: key.started, cmdline: cmdline(d.Args), user: d.User}
	r.procs[key] = known
	return known
}

// livedIn is the state that is remembered of a connection, of its last two: ESTABLISHED of one that was, SYN_SENT of one
// that nobody answered. The states between that and the end are those of its last moment only.
func livedIn(before, last netstat.State) netstat.State {
	switch last {
	case netstat.FinWait1, netstat.FinWait2, netstat.TimeWait, netstat.CloseWait, netstat.LastAck, netstat.Closing:
		return netstat.Established
	case netstat.Closed:
		if before != 0 && before != netstat.Closed {
			return livedIn(0, before)
		}
	}
	return last
}

func (r *recorder) closed(e *watch.Event) {
	if skips(&e.Socket) {
		return
	}
	n, before := r.book.find(&e.Socket), netstat.State(0)
	if n != nil {
		before = n.socket.State
	}
	if n == nil {
		opened, flags := micros(e.Since), Flags(0)
		if opened == 0 {
			opened, flags = micros(e.Time), OpenedBefore
		}
		if e.Inferred {
			flags |= Inferred
		}
		n = r.enter(&e.Socket, e.OwnerFrom, e.Source, opened, flags)
	} else {
		r.refresh(n, &e.Socket, e.OwnerFrom)
	}
	n.socket.State = livedIn(before, n.socket.State)
	n.closed, n.source = max(micros(e.Time), n.opened), e.Source
	if e.Bytes.Basis != watch.NotCounted {
		n.bytes = e.Bytes
	}
	if e.Bytes.Basis == watch.FromSocketBPF || e.Bytes.Basis == watch.FromEStats { // counted since this watch began
		n.bytes.Sent, n.bytes.Received = n.bytes.Sent+n.base.Sent, n.bytes.Received+n.base.Received
	}
	r.book.touch(n)
	r.book.remove(n)
	r.book.gone[identityOf(&e.Socket)] = r.book.reading
}

// sweep takes what the last reading tells: sockets that no event told of, and bytes. It has to be a reading that was just
// made, or what ended since would be in it. Listeners come first: by them one knows which connections came in.
func (r *recorder) sweep() {
	r.book.pass()
	now := micros(r.store.cfg.Now())
	for _, listens := range [...]bool{true, false} {
		r.what.Sockets.Flows(func(f *watch.Flow) bool {
			if !skips(f.Socket) && (f.Socket.State == netstat.Listen) == listens {
				r.flow(f, now)
			}
			return true
		})
	}
}

func (r *recorder) flow(f *watch.Flow, now int64) {
	n := r.book.find(f.Socket)
	if n == nil {
		if _, gone := r.book.gone[identityOf(f.Socket)]; gone {
			return
		}
		n = r.found(f, now)
	}
	r.refresh(n, f.Socket, watch.OwnerHolds)
	r.count(n, f)
	if n.due(now) {
		r.book.touchBytes(n)
	}
}

// sumEvery is how often, in microseconds, what is open is added to totals; what ended is at once.
const sumEvery = 60 * 1e6

// due reports whether there is something to add.
func (e *entry) due(now int64) bool {
	return (now-e.summed >= sumEvery || now < e.summed) && e.unsummed()
}

func (e *entry) unsummed() bool { return !e.known || e.bytes != e.counted }

// settle has everything added to totals that is not yet.
func (b *book) settle() {
	for _, e := range b.all() {
		if e.unsummed() {
			b.touchBytes(e)
		}
	}
}

// all is everything that is open.
func (b *book) all() []*entry {
	return slices.AppendSeq(slices.Collect(maps.Values(b.byCookie)), maps.Values(b.byAddr))
}

// found begins the life of a socket that was there before the watch, or goes on with one that an earlier recorder began.
func (r *recorder) found(f *watch.Flow, now int64) *entry {
	opened, flags := micros(f.Since), Flags(0)
	if opened == 0 {
		opened, flags = now, OpenedBefore
	}
	n := r.enter(f.Socket, watch.OwnerHolds, watch.FromReading, opened, flags)
	if flags != 0 && f.Socket.Info.Known { // counted by the kernel since it was opened, which was before
		n.base = watch.Bytes{Sent: f.Socket.Info.Sent, Received: f.Socket.Info.Received}
		n.counted = watch.Bytes{Sent: n.base.Sent - min(f.Total.Sent, n.base.Sent), Received: n.base.Received - min(f.Total.Received, n.base.Received)}
		n.base = n.counted
	}
	r.adopt(n)
	return n
}

func (r *recorder) count(n *entry, f *watch.Flow) {
	if f.Total.Basis == watch.NotCounted {
		return
	}
	all := watch.Bytes{Sent: n.base.Sent + f.Total.Sent, Received: n.base.Received + f.Total.Received, Basis: f.Total.Basis}
	if all != n.bytes {
		n.bytes = all
		r.book.touchBytes(n)
	}
}
