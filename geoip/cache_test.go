package geoip

import (
	"strings"
	"sync"
	"testing"
)

// Each place has one number, by which it is found, whoever puts it there first.
func TestCacheNumbers(t *testing.T) {
	const places = 5000
	c := newCache(1 << 20)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for key := range uint64(places) {
				p := c.put(key, place{ASN: uint32(key)})
				if p.ASN != uint32(key) || p != c.get(key) || p != c.at(p.number) {
					t.Errorf("place %d is %+v", key, p)
					return
				}
			}
		})
	}
	group.Wait()
	if n := c.len(); n != places {
		t.Errorf("%d places of %d", n, places)
	}
}

// The chunks follow one another without a gap, up to the last number that has room.
func TestLocate(t *testing.T) {
	for number, want := range map[uint32][2]int{1: {0, 0}, 16: {0, 15}, 17: {1, 0}, 48: {1, 31}, 49: {2, 0}, 112: {2, 63}, 113: {3, 0},
		firstChunk<<chunkCount - firstChunk: {chunkCount - 1, firstChunk<<(chunkCount-1) - 1}, firstChunk<<chunkCount - firstChunk + 1: {chunkCount, 0},
		0xffffffff: {28, 14}} {
		if chunk, i := locate(number); [2]int{chunk, i} != want {
			t.Errorf("%d is at %d of chunk %d, want %v", number, i, chunk, want)
		}
	}
}

// A file whose places have more text than it can hold does not fill the memory: the rest is told and not kept.
func TestCacheRoom(t *testing.T) {
	c := newCache(1 << 10)
	long := strings.Repeat("x", 1<<10)
	for key := range uint64(1000) {
		if p := c.put(key, place{City: long, ASN: uint32(key)}); p.City != long || p.ASN != uint32(key) {
			t.Fatalf("place %d is %+v", key, p)
		}
	}
	if n := c.len(); n < textsPerByte || n > 1<<16>>10+textsPerByte {
		t.Errorf("%d places of 1 KiB are kept of a file of that size", n)
	}
	if p := c.put(5000, place{City: long}); p.number != 0 || c.get(5000) != nil {
		t.Error("a place that is not kept has a number")
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
