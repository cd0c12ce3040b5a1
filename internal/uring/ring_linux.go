package uring

import (
	"fmt"
	"math"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is an io_uring instance. All its methods are for the thread that enabled it.
type Ring struct {
	fd       int
	enterFD  uintptr // registered, once enabled
	enterFl  uintptr
	Features uint32
	Flags    uint32

	rings, entries []byte // mapped

	sqHead, sqTail *uint32
	sqMask, sqSize uint32
	sqes           []SQE
	tail           uint32 // ours: what was filled
	shown          uint32 // what the kernel was shown

	cqHead, cqTail *uint32
	cqMask         uint32
	cqes           []CQE

	bufs []*Buffers
	arg  *waitArg
}

// waitArg is on the heap by itself: the kernel is given its address, and a stack may move.
type waitArg struct {
	get geteventsArg
	ts  timespec
}

// New makes a ring. Flags that this kernel does not know are an error (EINVAL). The ring is disabled if flags say so, until
// Enable. Errors are *os.SyscallError-like and reach the error number: EPERM and ENOSYS mean that io_uring is refused here.
func New(entries, cqEntries int, flags uint32) (*Ring, error) {
	p := params{flags: flags | SetupClamp}
	if cqEntries > 0 {
		p.flags |= SetupCQSize
		p.cqEntries = uint32(cqEntries)
	}
	fd, _, errno := unix.Syscall(sysSetup, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &Ring{fd: int(fd), enterFD: fd, Features: p.features, Flags: p.flags, arg: new(waitArg)}
	if err := r.mapRings(&p); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

func (r *Ring) mapRings(p *params) (err error) {
	size := int(p.cq.cqes) + int(p.cqEntries)*int(unsafe.Sizeof(CQE{}))
	if p.flags&SetupNoSQArray == 0 {
		size = max(size, int(p.sq.array)+int(p.sqEntries)*4)
	}
	const prot, how = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if r.rings, err = unix.Mmap(r.fd, offRings, size, prot, how); err != nil {
		return fmt.Errorf("mapping the rings: %w", err)
	}
	if r.entries, err = unix.Mmap(r.fd, offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(SQE{})), prot, how); err != nil {
		return fmt.Errorf("mapping the entries: %w", err)
	}
	word := func(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[off])) }
	r.sqHead, r.sqTail = word(p.sq.head), word(p.sq.tail)
	r.sqMask, r.sqSize = *word(p.sq.mask), p.sqEntries
	r.cqHead, r.cqTail, r.cqMask = word(p.cq.head), word(p.cq.tail), *word(p.cq.mask)
	r.cqes = unsafe.Slice((*CQE)(unsafe.Pointer(&r.rings[p.cq.cqes])), p.cqEntries)
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&r.entries[0])), p.sqEntries)
	if p.flags&SetupNoSQArray == 0 {
		for i := range p.sqEntries {
			*word(p.sq.array + 4*i) = i
		}
	}
	return nil
}

// Close releases the ring. The kernel cancels what is under way, but later: wait for it before, or it may write to memory
// that is another's by then.
func (r *Ring) Close() error {
	r.forgetSelf()
	err := unix.Close(r.fd)
	for _, b := range r.bufs {
		b.unmap()
	}
	r.bufs = nil
	for _, m := range [][]byte{r.rings, r.entries} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	r.rings, r.entries = nil, nil
	return err
}

// SQE is the next free entry, zeroed. It is nil when the queue is full: Enter first.
func (r *Ring) SQE() *SQE {
	if r.tail-atomic.LoadUint32(r.sqHead) >= r.sqSize {
		return nil
	}
	s := &r.sqes[r.tail&r.sqMask]
	*s = SQE{}
	r.tail++
	return s
}

// Room is how many entries are free.
func (r *Ring) Room() int { return int(r.sqSize - (r.tail - atomic.LoadUint32(r.sqHead))) }

// show makes what was filled visible to the kernel, and returns how much it has not taken yet.
func (r *Ring) show() uintptr {
	if r.shown != r.tail {
		atomic.StoreUint32(r.sqTail, r.tail)
		r.shown = r.tail
	}
	return uintptr(r.tail - atomic.LoadUint32(r.sqHead))
}

// Forever, as the time of Enter, is no bound.
const Forever = time.Duration(-1)

// Enter hands the filled entries to the kernel, lets it do what it put off, and waits for a result: at most d, not at all if
// d is 0, without bound if it is Forever. A raw wait does not tell Go's scheduler, so its time must be short. The end of the
// time and a signal are no error. EBUSY and EAGAIN mean that results have to be taken first.
func (r *Ring) Enter(d time.Duration, raw bool) error {
	if r.Ready() > 0 {
		d = 0
	}
	var least, flags uintptr = 0, enterGetEvents | r.enterFl
	var arg unsafe.Pointer
	var size uintptr
	if d != 0 {
		least = 1
	}
	if d > 0 {
		r.arg.ts = timespec{int64(d / time.Second), int64(d % time.Second)}
		r.arg.get = geteventsArg{ts: uint64(uintptr(unsafe.Pointer(&r.arg.ts)))}
		arg, size, flags = unsafe.Pointer(&r.arg.get), unsafe.Sizeof(geteventsArg{}), flags|enterExtArg
	}
	return enterError(r.enter(r.show(), least, flags, arg, size, raw || d == 0))
}

func (r *Ring) enter(n, least, flags uintptr, arg unsafe.Pointer, size uintptr, raw bool) (errno syscall.Errno) {
	if raw {
		_, _, errno = syscall.RawSyscall6(sysEnter, r.enterFD, n, least, flags, uintptr(arg), size)
	} else {
		_, _, errno = unix.Syscall6(sysEnter, r.enterFD, n, least, flags, uintptr(arg), size)
	}
	return errno
}

func enterError(errno syscall.Errno) error {
	switch errno {
	case 0, unix.ETIME, unix.EINTR:
		return nil
	}
	return fmt.Errorf("io_uring_enter: %w", errno)
}

// Ready is how many results can be taken.
func (r *Ring) Ready() uint32 { return atomic.LoadUint32(r.cqTail) - *r.cqHead }

// Results is the range of results that can be taken: At(head) up to and without At(tail). Advance gives their room back.
func (r *Ring) Results() (head, tail uint32) { return *r.cqHead, atomic.LoadUint32(r.cqTail) }

// At is a result of the range that Results returned.
func (r *Ring) At(i uint32) *CQE { return &r.cqes[i&r.cqMask] }

// Advance gives back the room of all results before i.
func (r *Ring) Advance(i uint32) { atomic.StoreUint32(r.cqHead, i) }

// Address is a pointer as an entry holds it. What it points to must be kept reachable, and must not move.
func Address(p unsafe.Pointer) uint64 { return uint64(uintptr(p)) }

// Length is a length as an entry holds it; what is longer is moved in parts.
func Length(n int) uint32 { return uint32(min(n, math.MaxInt32)) }
