package unixpipe

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// spillSize is more than the largest packet that Linux lets anybody send (4,263,616 bytes were the most to be had).
const spillSize = 4<<20 + 1<<18

// spills are where the rest of a packet goes that is longer than the reader's buffer: the kernel throws away what finds no
// room. Few are needed, because only a call that is under way has one. They are not the garbage collector's: one takes as
// much memory as was ever used of it, mostly a few pages.
var spills [4]atomic.Pointer[[]byte]

func takeSpill() *[]byte {
	for i := range spills {
		if spills[i].Load() != nil {
			if s := spills[i].Swap(nil); s != nil {
				return s
			}
		}
	}
	return newSpill()
}

func newSpill() *[]byte {
	b, err := unix.Mmap(-1, 0, spillSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		b = nil // then what does not fit is lost, which Received.Cut tells
	}
	return &b
}

func putSpill(s *[]byte) {
	for i := range spills {
		if spills[i].Load() == nil && spills[i].CompareAndSwap(nil, s) {
			return
		}
	}
	if *s != nil {
		unix.Munmap(*s)
	}
}

// RecvWhole receives one message without waiting: into a, and what does not fit there into memory that it makes. It leaves
// what it got in the Msg, and calls little: goroutines that wait for a message have been here, and a stack of 2 KiB is to
// be enough for them.
func (m *Msg) RecvWhole(fd int, a []byte) (got *Received, rest []byte, errno unix.Errno) {
	spill := takeSpill()
	errno = m.recv(fd, a, *spill, 0)
	if more := m.got.N - len(a); errno == 0 && more > 0 {
		rest = clone((*spill)[:min(more, len(*spill))])
	}
	putSpill(spill)
	return &m.got, rest, errno
}

//go:noinline
func clone(b []byte) []byte { return append([]byte(nil), b...) }
