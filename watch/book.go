package watch

import (
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// entry is what is remembered of a socket, from the moment at which something was known of it until it is gone from the
// table and its closing has been told.
type entry struct {
	id    identity
	row   int32 // in the last reading, or none
	flags flags
	state netstat.State
	since time.Time // zero: not known

	// own is the socket as a notice told of it, until a reading brings a row.
	own   *netstat.Socket
	actor *netstat.Process // who opened it or, later, closed it
	heir  *netstat.Process // the listener's, for a connection that came to it and whose holder is not known

	process *account // whom its bytes count for
	remote  *account
	counted Bytes           // of the bytes that the system counts, how many the ledger has, those from before the watch included
	opening Bytes           // those from before the watch
	delta   Bytes           // in the last reading
	last    Bytes           // told when the state became CLOSE, which is before the end
	info    netstat.TCPInfo // likewise
	missed  uint8           // readings since it had a row
}

type flags uint8

const (
	told    flags = 1 << iota // its opening was an event, or needs none
	ended                     // its closing was an event: only the row has to vanish
	dialled                   // it connected, so that the bytes that TCP_INFO has as sent are 1 more, for its SYN
	loose                     // in book.loose
)

// book holds the entries. They lie in a slab with a free list, so that churn costs no memory.
type book struct {
	slab  []entry
	free  []int32
	index map[identity]int32
	rows  []int32 // for each row of the last reading its entry, or none
	spare []int32 // memory of the one before
	loose []int32 // entries without a row
}

func (b *book) open() { b.index = make(map[identity]int32) }

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
		n, b.slab = int32(len(b.slab)), append(b.slab, entry{})
	}
	b.slab[n] = entry{id: id, row: none, flags: b.slab[n].flags & loose}
	b.index[id] = n
	b.loosen(n)
	return n
}

// loosen notes that an entry has no row.
func (b *book) loosen(n int32) {
	e := &b.slab[n]
	e.row = none
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
	*e = entry{row: none, flags: e.flags & loose} // its place in book.loose stays, and is for whoever comes after it
	b.free = append(b.free, n)
}

// rename gives an entry the identity that its socket is known by now.
func (b *book) rename(n int32, id identity) {
	e := &b.slab[n]
	if e.id == id {
		return
	}
	if b.index[e.id] == n {
		delete(b.index, e.id)
	}
	e.id = id
	if _, taken := b.index[id]; !taken {
		b.index[id] = n
	}
}
