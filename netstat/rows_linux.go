package netstat

import (
	mathbits "math/bits"
	"slices"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// none stands for no index.
const none = ^uint32(0)

// rows is a table in the making: rows of several sources, each socket once, with its owners chained to it. Everything is
// an index into slices that are used again, so that a socket costs no allocation.
//
// The rows of the BPF iterators lie in memory that the kernel fills, and are only referred to. A row of another source
// goes into more.
type rows struct {
	walked []rawsock.Record // by the BPF iterators, one for each descriptor
	more   []rawsock.Record // sock_diag or /proc/net
	unix   []rawsock.Unix

	list  []row  // the table
	slots []slot // one for each inode that is known
	index hash   // inode to slot
	links []link // owners, chained
	procs []*Process

	cookies map[uint32]uint64 // by slot, of rows whose record has none
}

// row refers to a record and to the slot of its inode (or none).
type row struct {
	rec  uint32 // index in walked; in more where moreBit, in unix where unixBit is set
	slot uint32
}

const (
	moreBit = 1 << 31
	unixBit = 1 << 30
	recMask = unixBit - 1
)

// slot gathers what is known by inode. MPTCP connections have several rows for one inode, and a descriptor whose own
// record is no row.
type slot struct {
	inode uint32
	row   uint32 // the row, if a source that shows each socket once has given it; else none
	owner uint32 // first of the chain in links, or none
	many  bool   // an MPTCP socket's, which may have several rows
}

type link struct {
	proc uint32 // index in procs
	fd   int32
	next uint32
}

func (r *rows) reset() {
	r.walked = nil
	r.more, r.unix, r.list, r.slots, r.links = r.more[:0], r.unix[:0], r.list[:0], r.slots[:0], r.links[:0]
	clear(r.procs)
	r.procs = r.procs[:0]
	clear(r.cookies)
	r.index.reset()
}

// reserve makes room for n sockets.
func (r *rows) reserve(n int) {
	r.list = slices.Grow(r.list, n)
	r.slots = slices.Grow(r.slots, n)
	r.links = slices.Grow(r.links, n)
	if bits := uint8(mathbits.Len(uint(2 * n))); bits > r.index.bits() {
		r.index.resize(bits, r.slots)
	}
}

// slotOf finds or makes the slot of an inode.
func (r *rows) slotOf(inode uint32) uint32 {
	at := r.index.find(inode, r.slots)
	if s := r.index.table[at]; s != none {
		return s
	}
	n := uint32(len(r.slots))
	r.slots = append(r.slots, slot{inode: inode, row: none, owner: none})
	r.index.set(at, n, r.slots)
	return n
}

// known is the slot of an inode, or none.
func (r *rows) known(inode uint32) uint32 {
	if inode == 0 || len(r.index.table) == 0 {
		return none
	}
	return r.index.table[r.index.find(inode, r.slots)]
}

// own adds an owner to a slot.
func (r *rows) own(s uint32, proc uint32, fd int32) {
	r.links = append(r.links, link{proc, fd, r.slots[s].owner})
	r.slots[s].owner = uint32(len(r.links) - 1)
}

// owned reports whether the slot has that descriptor of that process already: the threads of a process whose leader has
// ended all show the table that they share.
func (r *rows) owned(s uint32, pid int, fd int32) bool {
	for at := r.slots[s].owner; at != none; at = r.links[at].next {
		if l := &r.links[at]; l.fd == fd && r.procs[l.proc].PID == pid {
			return true
		}
	}
	return false
}

// add makes a row of a record, with its inode's slot.
func (r *rows) add(rec, slot uint32) {
	r.slots[slot].row = uint32(len(r.list))
	r.list = append(r.list, row{rec, slot})
}

// skipped marks the slot of a socket that is not wanted as having its row.
const skipped = none - 1

// seen reports whether a socket has its row, or is not wanted.
func (r *rows) seen(slot uint32) bool { return slot != none && r.slots[slot].row != none }

// merge makes rows of the records in more from index from on that keep wants, leaving out sockets that were seen. The rows
// of an MPTCP connection have the inode of its descriptor, whose slot has owners and no row: they all stay.
func (r *rows) merge(from int, keep func(*rawsock.Record) bool) {
	for i := from; i < len(r.more); i++ {
		rec := &r.more[i]
		s := r.known(rec.Inode)
		if r.seen(s) || !keep(rec) {
			continue
		}
		if rec.Inode != 0 && (s == none || !r.slots[s].many) {
			r.add(uint32(i)|moreBit, r.slotOf(rec.Inode))
			continue
		}
		r.list = append(r.list, row{uint32(i) | moreBit, s})
	}
}

// truncate takes back all rows but the first n.
func (r *rows) truncate(n int) {
	for _, w := range r.list[n:] {
		if w.slot != none {
			r.slots[w.slot].row = none
		}
	}
	r.list = r.list[:n]
}

func (r *rows) record(w row) *rawsock.Record {
	if w.rec&moreBit != 0 {
		return &r.more[w.rec&recMask]
	}
	return &r.walked[w.rec]
}

// hash maps inodes to slots: open addressing over a power of two.
type hash struct {
	table []uint32
	shift uint8
}

const firstHash = 10 // log2 of the first size

func (h *hash) reset() {
	for i := range h.table {
		h.table[i] = none
	}
}

// find is the place of an inode in the table, or the empty place where it belongs.
func (h *hash) find(inode uint32, slots []slot) uint32 {
	if h.table == nil {
		h.resize(firstHash, nil)
	}
	mask := uint32(len(h.table) - 1)
	at := inode * 0x9e3779b1 >> h.shift
	for {
		if s := h.table[at]; s == none || slots[s].inode == inode {
			return at
		}
		at = (at + 1) & mask
	}
}

// set fills an empty place, and makes the table larger when it is half full.
func (h *hash) set(at, s uint32, slots []slot) {
	h.table[at] = s
	if 2*len(slots) > len(h.table) {
		h.resize(h.bits()+1, slots)
	}
}

func (h *hash) bits() uint8 {
	if h.table == nil {
		return 0
	}
	return 32 - h.shift
}

func (h *hash) resize(bits uint8, slots []slot) {
	h.table, h.shift = make([]uint32, 1<<bits), 32-bits
	h.reset()
	for i := range slots {
		h.table[h.find(slots[i].inode, slots)] = uint32(i)
	}
}
