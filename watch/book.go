package watch

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// entry is what is remembered of a socket, from the moment at which something was known of it until it is gone from the
// table and its closing has been told.
type entry struct {
	id    identity
	self  int32 // its place in book.slab
	flags flags
	state netstat.State
	since time.Time // zero: not known

	// own is the socket as a notice told of it, until a reading brings a row.
	own   *netstat.Socket
	actor *netstat.Process // who opened it or, later, closed it
	heir  *netstat.Process // the listener's, for a connection that came to it and whose holder is not known

	process *account // whom its bytes count for
	remote  *account
	counted Bytes // of the bytes that the system counts, how many the ledger has, those from before the watch included
	opening Bytes // those from before the watch
	delta   Bytes // in the reading at
	at      uint64
	last    Bytes           // told when the state became CLOSE, which is before the end
	info    netstat.TCPInfo // likewise
	late    [2]*account     // of an awaited entry: who pays for what the kernel tells at last
	lost    time.Time       // when it was in no reading any more
	heard   time.Time       // when the kernel told something of it last
}

type flags uint8

const (
	told     flags = 1 << iota // its opening was an event, or needs none
	ended                      // its closing was an event: only the row has to vanish
	dialled                    // it connected, so that the bytes that TCP_INFO has as sent are 1 more, for its SYN
	loose                      // in book.loose
	unhooked                   // disconnected: what it connects to next is another connection
	awaited                    // its closing was concluded, and the kernel will tell of it once more
)

// pair is the two ends of a connection.
type pair struct {
	netns         uint64
	local, remote netip.AddrPort
}

func pairOf(s *netstat.Socket) pair { return pair{s.NetNS, s.Local, s.Remote} }

// book holds the entries. They lie in a slab with a free list, so that churn costs no memory.
type book struct {
	slab  []entry
	row   []int32 // for each entry its row in the last reading, or none. Not in the entry, for nearly all rows are only counted through
	free  []int32
	index map[identity]int32
	rows  []int32 // for each row of the last reading its entry, or none
	spare []int32 // memory of the one before
	loose []int32 // entries without a row

	awaited int // entries of that flag

	// nameless are entries of connections that a reading had without a cookie: the socket was gone before the kernel could be
	// asked for one. The kernel's word on its end has a cookie, and finds them by their addresses.
	nameless map[pair]int32
	twins    map[pair]int32 // memory of unite
}

func (b *book) open() {
	b.index, b.nameless, b.twins = make(map[identity]int32), make(map[pair]int32), make(map[pair]int32)
}

// unite is for a connection that was closed while the table was read, and is in it twice: with its owner and without a cookie,
// as the walk of the descriptors saw it, and with its cookie and without an owner, as the list of the rest had it later. Both
// rows get the cookie, so that they are known as one socket.
func (b *book) unite(sockets []netstat.Socket) {
	clear(b.twins)
	for i := range sockets {
		if s := &sockets[i]; s.Cookie == 0 && s.Proto == netstat.TCP && s.Remote.Port() != 0 {
			b.twins[pairOf(s)] = int32(i)
		}
	}
	if len(b.twins) == 0 {
		return
	}
	for i := range sockets {
		s := &sockets[i]
		if s.Cookie == 0 || s.Inode != 0 || s.Proto != netstat.TCP {
			continue
		}
		if n, ok := b.twins[pairOf(s)]; ok {
			sockets[n].Cookie = s.Cookie
			delete(b.twins, pairOf(s))
		}
	}
}

// find is the entry of an identity, or none.
func (b *book) find(id identity) int32 {
	if e, ok := b.index[id]; ok {
		return e
	}
	return none
}

// add makes an entry.
func (b *book) add(id identity) int32 {
	var n int32
	if last := len(b.free) - 1; last >= 0 {
		n, b.free = b.free[last], b.free[:last]
	} else {
		n, b.slab, b.row = int32(len(b.slab)), append(b.slab, entry{}), append(b.row, none)
	}
	b.slab[n] = entry{id: id, self: n, flags: b.slab[n].flags & loose}
	b.index[id] = n
	b.loosen(n)
	return n
}

// loosen notes that an entry has no row.
func (b *book) loosen(n int32) {
	e := &b.slab[n]
	b.row[n] = none
	if e.flags&loose == 0 {
		e.flags |= loose
		b.loose = append(b.loose, n)
	}
}

// drop forgets an entry.
func (b *book) drop(n int32) {
	e := &b.slab[n]
	if b.index[e.id] == n {
		delete(b.index, e.id)
	}
	if e.flags&awaited != 0 {
		b.awaited--
	}
	*e, b.row[n] = entry{flags: e.flags & loose}, none // its place in book.loose stays, and is for whoever comes after it
	b.free = append(b.free, n)
}

// rename gives an entry the identity that its socket is known by now. One that has it already, made by a notice, is the same
// socket's, and is kept.
func (b *book) rename(n int32, id identity) {
	e := &b.slab[n]
	if _, taken := b.index[id]; e.id == id || taken {
		return
	}
	if b.index[e.id] == n {
		delete(b.index, e.id)
	}
	e.id = id
	b.index[id] = n
}

// await keeps an entry that was concluded to be closed until the kernel tells of it, so that it is not told twice.
func (b *book) await(n int32) {
	if e := &b.slab[n]; e.flags&awaited == 0 && b.awaited < maxAwaited {
		e.flags |= awaited
		b.awaited++
	}
}

// maxAwaited bounds their number. A connection that was reset stays until its process closes it, which may be never.
const maxAwaited = 1 << 14
