package uring

import (
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Buffers is a pool that the kernel takes buffers from as data arrives (io_uring_register_buf_ring(3)). Its memory is not
// Go's, so that nothing in it is pinned or scanned.
type Buffers struct {
	Size   int // of one buffer
	Count  int
	group  uint16
	ring   []byte // mapped: the entries
	memory []byte // mapped: the buffers
	ents   []bufferEntry
	tail   uint16
	shared *uint32
}

// bufferEntry is struct io_uring_buf. The tail lies in that of the first.
type bufferEntry struct {
	addr uint64
	len  uint32
	bid  uint16
	tail uint16
}

// NewBuffers gives the kernel count buffers of size bytes each, as group. count is a power of two, 32768 at most.
func (r *Ring) NewBuffers(count, size int, group uint16) (*Buffers, error) {
	b := &Buffers{Size: size, Count: count, group: group}
	if err := b.allocate(); err != nil {
		b.unmap()
		return nil, err
	}
	reg := struct {
		addr         uint64
		entries      uint32
		group, flags uint16
		_            [3]uint64
	}{addr: Address(unsafe.Pointer(&b.ring[0])), entries: uint32(count), group: group}
	if err := r.register(registerPBufRing, unsafe.Pointer(&reg), 1); err != nil {
		b.unmap()
		return nil, err
	}
	r.bufs = append(r.bufs, b)
	for i := range count {
		b.Give(uint16(i))
	}
	b.Publish()
	return b, nil
}

func (b *Buffers) allocate() (err error) {
	const prot, how = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_PRIVATE | unix.MAP_ANON
	if b.ring, err = unix.Mmap(-1, 0, b.Count*int(unsafe.Sizeof(bufferEntry{})), prot, how|unix.MAP_POPULATE); err != nil {
		return fmt.Errorf("mapping the ring of %d buffers: %w", b.Count, err)
	}
	if b.memory, err = unix.Mmap(-1, 0, b.Count*b.Size, prot, how); err != nil {
		return fmt.Errorf("mapping %d buffers of %d bytes: %w", b.Count, b.Size, err)
	}
	b.ents = unsafe.Slice((*bufferEntry)(unsafe.Pointer(&b.ring[0])), b.Count)
	b.shared = (*uint32)(unsafe.Pointer(&b.ring[12]))
	return nil
}

func (b *Buffers) unmap() {
	for _, m := range [][]byte{b.ring, b.memory} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	b.ring, b.memory = nil, nil
}

// Give gives a buffer back. The kernel sees it after Publish.
func (b *Buffers) Give(id uint16) {
	e := &b.ents[int(b.tail)&(b.Count-1)]
	e.addr = Address(unsafe.Pointer(&b.memory[int(id)*b.Size]))
	e.len = uint32(b.Size)
	e.bid = id
	b.tail++
}

// Publish shows the kernel what was given back. The tail is the upper half of a word whose lower half is the first
// entry's bid; there is no atomic store of 16 bits.
func (b *Buffers) Publish() {
	v := uint32(b.ents[0].bid) | uint32(b.tail)<<16
	if bigEndian {
		v = uint32(b.ents[0].bid)<<16 | uint32(b.tail)
	}
	atomic.StoreUint32(b.shared, v)
}

// bigEndian tells the machine's order of bytes.
var bigEndian = func() bool {
	x := uint16(1)
	return *(*byte)(unsafe.Pointer(&x)) == 0
}()

// Bytes is the memory of a buffer, up to n bytes of it.
func (b *Buffers) Bytes(id uint16, n int) []byte {
	at := int(id) * b.Size
	return b.memory[at : at+n : at+b.Size]
}
