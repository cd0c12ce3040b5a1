package geoip

import "sync/atomic"

// cache holds the places of one file by a key that the format has for them, mostly an offset. It only grows, by each place
// once, so the number of places in the file bounds it. It takes no lock: a bucket is a chain that is only ever prepended
// to, by compare and swap.
type cache struct {
	buckets []atomic.Pointer[node]
	mask    uint64
}

type node struct {
	key  uint64
	next *node
	place
}

// newCache makes room for a file of size bytes: a bucket for each 256, at least 64 and at most 131072 (1 MiB).
func newCache(size int) *cache {
	n := 64
	for n < 1<<17 && n < size/256 {
		n *= 2
	}
	return &cache{make([]atomic.Pointer[node], n), uint64(n - 1)}
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

// put keeps a place and returns it, or the one that another goroutine has put there meanwhile.
func (c *cache) put(key uint64, p place) *place {
	b := c.bucket(key)
	for n := (&node{key: key, place: p}); ; {
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

// len counts the places.
func (c *cache) len() (n int) {
	for i := range c.buckets {
		for o := c.buckets[i].Load(); o != nil; o = o.next {
			n++
		}
	}
	return n
}
