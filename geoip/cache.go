package geoip

import (
	"math/bits"
	"sync/atomic"
)

// cache holds the places of one file by a key that the format has for them, mostly an offset. It only grows, by each place
// once, so the number of places in the file bounds it; and since the texts of a hostile file's places can all lie in the same
// bytes, so does its size. It takes no lock: a bucket is a chain that is only ever prepended to, by compare and swap.
//
// Places lie beside each other and have numbers, which a table can hold in less room than pointers.
type cache struct {
	buckets []atomic.Pointer[node]
	mask    uint64
	room    atomic.Int64  // bytes of texts that may still be kept
	made    atomic.Uint32 // nodes given out
	chunks  [chunkCount]atomic.Pointer[[]node]
}

// node holds a place. One that was made while another goroutine made the same stays unused.
type node struct {
	key  uint64
	next *node
	place
}

// Chunk i has firstChunk<<i nodes, so that a database that is asked once costs little.
const (
	firstChunk = 16
	chunkCount = 27
)

// textsPerByte is how many times the size of the file the texts may have together. Those of files in use have some 4 times,
// for each place has its own: QQWry tells of many a place in 11 bytes.
const textsPerByte = 16

// newCache makes room for a file of size bytes: a bucket for each 256, at least 64 and at most 131072 (1 MiB).
func newCache(size int) *cache {
	n := 64
	for n < 1<<17 && n < size/256 {
		n *= 2
	}
	c := &cache{buckets: make([]atomic.Pointer[node], n), mask: uint64(n - 1)}
	c.room.Store(int64(size)*textsPerByte + 1<<16)
	return c
}

// bucket mixes the key, whose low bits may all be alike (Fibonacci hashing).
func (c *cache) bucket(key uint64) *atomic.Pointer[node] {
	return &c.buckets[(key*0x9e3779b97f4a7c15>>40)&c.mask]
}

func (c *cache) get(key uint64) *place {
	for n := c.bucket(key).Load(); n != nil; n = n.next {
		if n.key == key {
			return &n.place
		}
	}
	return nil
}

// put keeps a place and returns it, or the one that another goroutine has put there meanwhile. Without room, it is not kept.
func (c *cache) put(key uint64, p place) *place {
	if size := p.size(); c.room.Add(-size) < 0 {
		c.room.Add(size)
		return &p
	}
	b := c.bucket(key)
	for n := c.newNode(key, p); ; {
		n.next = b.Load()
		for o := n.next; o != nil; o = o.next {
			if o.key == key {
				return &o.place
			}
		}
		if b.CompareAndSwap(n.next, n) {
			return &n.place
		}
	}
}

// newNode makes a node in the room of its number. Numbers beyond the last chunk's, of which there are as many as
// addresses of IPv4, have none: they are 0.
func (c *cache) newNode(key uint64, p place) *node {
	number := c.made.Add(1)
	chunk, i := locate(number)
	if chunk >= chunkCount {
		return &node{key: key, place: p}
	}
	if c.chunks[chunk].Load() == nil {
		nodes := make([]node, firstChunk<<chunk)
		c.chunks[chunk].CompareAndSwap(nil, &nodes)
	}
	n := &(*c.chunks[chunk].Load())[i]
	p.number = number
	n.key, n.place = key, p
	return n
}

// at returns the place with a number that a place has.
func (c *cache) at(number uint32) *place {
	chunk, i := locate(number)
	return &(*c.chunks[chunk].Load())[i].place
}

// locate tells where in the chunks a number, from 1 on, is.
func locate(number uint32) (chunk, i int) {
	n := uint64(number) + firstChunk - 1
	chunk = bits.Len64(n/firstChunk) - 1
	return chunk, int(n) - firstChunk<<chunk
}
