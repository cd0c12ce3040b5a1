package bpf

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	cmdMapLookup      = 1
	cmdMapUpdate      = 2
	cmdMapDelete      = 3
	cmdMapLookupBatch = 24
	mapHash           = 1
	mapNoPrealloc     = 1
)

// Hash is a hash map from numbers of 64 bits to values of one size. Not for concurrent use by this process.
type Hash struct {
	FD
	size         int // of a value
	keys, values []byte
	in, out      uint32 // where a reading by batches goes on: a number of the kernel's
	attr         batchAttr
}

// batch is how many entries one call asks for at first.
const batch = 256

// NewHash makes a map of at most n entries. Memory is taken as entries come, which programs on tracepoints may do from
// Linux 6.1.
func NewHash(valueSize, n int) (*Hash, error) {
	a := struct{ typ, key, value, max, flags uint32 }{mapHash, keySize, uint32(valueSize), uint32(n), mapNoPrealloc}
	fd, err := call(cmdMapCreate, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return nil, fmt.Errorf("bpf: create a hash map of %d x %d bytes: %w", n, valueSize, err)
	}
	h := &Hash{FD: fd, size: valueSize}
	h.room(batch)
	return h, nil
}

const keySize = 8

func (h *Hash) room(n int) { h.keys, h.values = make([]byte, n*keySize), make([]byte, n*h.size) }

type elemAttr struct {
	fd, _             uint32
	key, value, flags uint64
}

// elem makes a call on one entry. value may be empty.
func (h *Hash) elem(cmd uintptr, key uint64, value []byte) error {
	var pin runtime.Pinner
	defer pin.Unpin()
	k := &key
	pin.Pin(k)
	a := elemAttr{fd: uint32(h.FD), key: uint64(uintptr(unsafe.Pointer(k))), value: pinned(&pin, value)}
	_, err := call(cmd, unsafe.Pointer(&a), unsafe.Sizeof(a))
	return err
}

// Lookup copies an entry's value; false where there is none.
func (h *Hash) Lookup(key uint64, value []byte) (bool, error) {
	if len(value) != h.size {
		return false, fmt.Errorf("bpf: look up a value of %d bytes into %d", h.size, len(value))
	}
	err := h.elem(cmdMapLookup, key, value)
	if errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// Update sets an entry.
func (h *Hash) Update(key uint64, value []byte) error {
	if len(value) != h.size {
		return fmt.Errorf("bpf: set a value of %d bytes to %d", h.size, len(value))
	}
	return h.elem(cmdMapUpdate, key, value)
}

// Delete removes an entry; it is no error if there is none.
func (h *Hash) Delete(key uint64) error {
	if err := h.elem(cmdMapDelete, key, nil); !errors.Is(err, unix.ENOENT) {
		return err
	}
	return nil
}

type batchAttr struct {
	in, out, keys, values uint64
	count, fd             uint32
	elemFlags, flags      uint64
}

// Each hands over the values of all entries (Linux 5.6). A value is valid until take returns, and take must leave the map
// alone. Entries that come or go meanwhile may be among them or not.
func (h *Hash) Each(take func(value []byte)) error {
	for first := true; ; {
		n, err := h.next(first)
		if errors.Is(err, unix.ENOSPC) { // the next bucket holds more entries than there is room for
			h.room(2 * len(h.keys) / keySize)
			continue
		}
		last := errors.Is(err, unix.ENOENT)
		if err != nil && !last {
			return fmt.Errorf("bpf: read a hash map: %w", err)
		}
		for i := range n {
			take(h.values[i*h.size : (i+1)*h.size])
		}
		if last {
			return nil
		}
		h.in, first = h.out, false
	}
}

// next reads as many entries as there is room for, from where the last call stopped. ENOENT means that these are the last.
func (h *Hash) next(first bool) (int, error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(h)
	a := &h.attr
	*a = batchAttr{out: uint64(uintptr(unsafe.Pointer(&h.out))), keys: pinned(&pin, h.keys), values: pinned(&pin, h.values),
		count: uint32(len(h.keys) / keySize), fd: uint32(h.FD)}
	if !first {
		a.in = uint64(uintptr(unsafe.Pointer(&h.in)))
	}
	_, err := call(cmdMapLookupBatch, unsafe.Pointer(a), unsafe.Sizeof(*a))
	return int(a.count), err
}
