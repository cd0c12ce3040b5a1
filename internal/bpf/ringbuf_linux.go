package bpf

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const mapRingbuf = 27

// Ring is a ring buffer that programs write records to and this process reads. Not for concurrent use.
type Ring struct {
	FD
	consumer, data []byte // data with the producer's page before it
}

// NewRing makes a ring of size bytes, a power of two and at least a page.
func NewRing(size int) (*Ring, error) {
	a := struct{ typ, key, value, max, flags uint32 }{mapRingbuf, 0, 0, uint32(size), 0}
	fd, err := call(cmdMapCreate, unsafe.Pointer(&a), unsafe.Sizeof(a))
	if err != nil {
		return nil, fmt.Errorf("bpf: create a ring of %d bytes: %w", size, err)
	}
	r := &Ring{FD: fd}
	if err := r.mapInto(size); err != nil {
		return nil, errors.Join(fmt.Errorf("bpf: map a ring into memory: %w", err), r.Close())
	}
	return r, nil
}

func (r *Ring) mapInto(size int) (err error) {
	page := os.Getpagesize()
	if r.consumer, err = unix.Mmap(int(r.FD), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return err
	}
	r.data, err = unix.Mmap(int(r.FD), int64(page), page+2*size, unix.PROT_READ, unix.MAP_SHARED)
	return err
}

func position(page []byte) *uint64 { return (*uint64)(unsafe.Pointer(&page[0])) }

// Read hands over the records that are complete, without waiting for any. A record is valid until take returns. A record
// that makes no sense ends the reading, and what was written until then is given up.
func (r *Ring) Read(take func([]byte)) error {
	from := atomic.LoadUint64(position(r.consumer))
	to := atomic.LoadUint64(position(r.data))
	next, err := walkRing(r.data[os.Getpagesize():], from, to, take)
	atomic.StoreUint64(position(r.consumer), next)
	return err
}

// Close unmaps the ring and releases the descriptor.
func (r *Ring) Close() error {
	var errs []error
	for _, m := range [][]byte{r.consumer, r.data} {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
		}
	}
	r.consumer, r.data = nil, nil
	return errors.Join(append(errs, r.FD.Close())...)
}
