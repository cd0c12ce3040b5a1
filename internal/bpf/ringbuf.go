package bpf

import (
	"fmt"
	"sync/atomic"
	"unsafe"
)

// A record in the ring begins with its length, which also says whether it is being written or was given up, and a
// number that is the kernel's own (include/uapi/linux/bpf.h; Documentation/bpf/ringbuf.rst).
const (
	ringHeader  = 8
	ringBusy    = 1 << 31
	ringDiscard = 1 << 30
)

// walkRing hands over the records between the positions from and to, up to the first that is still being written, and
// returns the position behind the last. data is the ring mapped twice in a row, so that no record is cut in two.
func walkRing(data []byte, from, to uint64, take func([]byte)) (uint64, error) {
	mask := uint64(len(data)/2 - 1)
	for from < to {
		rest := data[from&mask:]
		head := atomic.LoadUint32((*uint32)(unsafe.Pointer(&rest[0])))
		if head&ringBusy != 0 {
			return from, nil
		}
		n := uint64(head &^ (ringBusy | ringDiscard))
		whole := (ringHeader + n + 7) &^ 7
		if whole > to-from || whole > uint64(len(rest)) {
			return to, fmt.Errorf("bpf: a record of %d bytes at %d passes the ring's end at %d", n, from, to)
		}
		if head&ringDiscard == 0 {
			take(rest[ringHeader : ringHeader+n])
		}
		from += whole
	}
	return from, nil
}
