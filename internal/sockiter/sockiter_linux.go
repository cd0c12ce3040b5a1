package sockiter

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

const vmlinuxPath = "/sys/kernel/btf/vmlinux"

// ErrNotNative is returned where this process does not see the process ids that the kernel uses: inside a PID namespace.
var ErrNotNative = errors.New("process ids here are not the kernel's own (inside a PID namespace)")

// ErrTooMany is returned by a pinned walker when the machine has more sockets than it was made for.
var ErrTooMany = errors.New("more sockets than the pinned table holds")

// Want says what a pass has to bring. The zero Want is every TCP and UDP socket of every network namespace.
type Want struct {
	NetNS  uint32   // only the namespace with this inode; 0 for all
	Ports  []uint16 // only these local ports; empty for all. Unix sockets have none and are brought in any case
	Unix   bool
	Info   bool // Sent, Received, RTT, Retrans, Cwnd
	Cgroup bool
}

// Batch is a part of what a pass brings: for each holder the records First to Last. It is valid until the next pass.
type Batch struct {
	Holders []Holder
	Records []rawsock.Record // of the pass so far
}

// Sink takes what a pass brings while it goes on.
type Sink interface {
	// Begin comes first, and again when the pass has to be repeated: what came before is to be forgotten.
	Begin()
	Take(Batch)
}

// Walker is the loaded walker program. Not for concurrent use.
type Walker struct {
	link    bpf.FD
	records []rawsock.Record
	ctl     []byte
	maps    [2][]byte // to unmap
	layout  *Layout
	prog    bpf.FD
	fds     []bpf.FD
	buf     []byte
	holders []Holder
	lock    int // directory lock of pinned objects, -1
	room    int // records that the array holds, of which those in records are mapped
}

// initPIDNS is the inode of the first PID namespace (PROC_PID_INIT_INO of include/linux/proc_ns.h).
const initPIDNS = 0xeffffffc

// native reports whether the process ids that the kernel uses are those that this process sees.
func native() error {
	var st unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &st); err != nil {
		return fmt.Errorf("sockiter: the PID namespace cannot be told: %w", err)
	}
	if st.Ino != initPIDNS {
		return fmt.Errorf("sockiter: %w", ErrNotNative)
	}
	return nil
}

// readLayout maps the kernel's types into memory and finds what the programs need.
func readLayout(functions []string) (*Layout, error) {
	if err := native(); err != nil {
		return nil, err
	}
	f, err := os.Open(vmlinuxPath)
	if err != nil {
		return nil, fmt.Errorf("sockiter: the kernel offers no type information: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b, err := unix.Mmap(int(f.Fd()), 0, int(st.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil { // before Linux 6.16 it cannot be mapped
		if b, err = os.ReadFile(vmlinuxPath); err != nil {
			return nil, err
		}
		return ResolveLayout(b, functions)
	}
	defer unix.Munmap(b)
	return ResolveLayout(b, functions)
}

// walkBuffer is what one read takes: few holders, so that they are looked at while the walk goes on.
const walkBuffer = 16 * holderSize

// NewWalker loads the walker with room for n records.
func NewWalker(n int) (*Walker, error) {
	l, err := readLayout(walkerFunctions)
	if err != nil {
		return nil, err
	}
	if l.rdonlyCast == 0 || l.iterTask == 0 {
		return nil, fmt.Errorf("sockiter: this kernel has no bpf_rdonly_cast (Linux 6.2): %w", errors.ErrUnsupported)
	}
	return newWalker(l, n)
}

func newWalker(l *Layout, n int) (*Walker, error) {
	w := &Walker{layout: l, lock: -1, buf: make([]byte, walkBuffer)}
	if err := w.load(n); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// The places of descriptors in Walker.fds.
const (
	fdRecords = iota
	fdControl
)

func (w *Walker) load(n int) (err error) {
	w.room = n
	recs, err := w.keep(bpf.NewArray(rawsock.Size, n))
	if err != nil {
		return err
	}
	ctl, err := w.keep(bpf.NewArray(ctlSize, 1))
	if err != nil {
		return err
	}
	if err := w.mapInto(recs, ctl, n); err != nil {
		return err
	}
	p, err := assembleWalker(w.layout, int(recs), int(ctl))
	if err != nil {
		return err
	}
	if w.prog, err = w.keep(bpf.LoadIter(p, w.layout.iterTask)); err != nil {
		return err
	}
	if err := w.learn(); err != nil {
		return err
	}
	w.link, err = w.keep(bpf.LinkIter(w.prog, 0))
	return err
}

// keep remembers a descriptor so that Close releases it.
func (w *Walker) keep(fd bpf.FD, err error) (bpf.FD, error) {
	if err == nil {
		w.fds = append(w.fds, fd)
	}
	return fd, err
}

func (w *Walker) mapInto(recs, ctl bpf.FD, n int) error {
	r, err := recs.Map(rawsock.Size, n, false)
	if err != nil {
		return err
	}
	c, err := ctl.Map(ctlSize, 1, true)
	if err != nil {
		return errors.Join(err, unix.Munmap(r))
	}
	w.maps = [2][]byte{r, c}
	w.records, w.ctl = unsafe.Slice((*rawsock.Record)(unsafe.Pointer(&r[0])), n), c
	return nil
}

// word is a 64-bit member of the control block.
func (w *Walker) word(at int) *uint64 { return (*uint64)(unsafe.Pointer(&w.ctl[at])) }

// learn lets the walker see a socket of this process, so that it knows one when it meets it.
func (w *Walker) learn() error {
	s, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	*w.word(ctlPID), *w.word(ctlFD) = uint64(os.Getpid()), uint64(s)
	link, err := bpf.LinkIter(w.prog, os.Getpid())
	if err != nil {
		return err
	}
	defer link.Close()
	if err := w.pass(link, nil); err != nil {
		return err
	}
	if atomic.LoadUint64(w.word(ctlOps)) == 0 {
		return errors.New("sockiter: the walker did not see this process")
	}
	return nil
}

// pass runs the iterator behind link once and hands the holders on as they come.
func (w *Walker) pass(link bpf.FD, sink Sink) error {
	atomic.StoreUint64(w.word(ctlCount), 0)
	w.holders = w.holders[:0]
	it, err := bpf.NewIter(link)
	if err != nil {
		return err
	}
	defer it.Close()
	for {
		n, err := unix.Read(int(it), w.buf)
		if err == unix.EINTR || err == unix.EAGAIN { // EAGAIN: the kernel gives way after a million objects without output
			continue
		}
		if err != nil {
			return fmt.Errorf("sockiter: read the iterator: %w", err)
		}
		if n == 0 {
			return nil
		}
		from := len(w.holders)
		if w.holders, err = decodeHolders(w.holders, w.buf[:n]); err != nil {
			return err
		}
		if sink != nil {
			sink.Take(Batch{w.within(w.holders[from:]), w.records})
		}
	}
}

// within cuts off what found no room in the array, which the end of the pass will notice.
func (w *Walker) within(holders []Holder) []Holder {
	for i := range holders {
		holders[i].Last = min(holders[i].Last, uint32(len(w.records)))
		holders[i].First = min(holders[i].First, holders[i].Last)
	}
	return holders
}

// Run makes one pass. Records that no holder names are leftovers of a process the kernel visited twice.
func (w *Walker) Run(want *Want, sink Sink) error {
	for {
		sink.Begin()
		w.ask(want)
		if err := w.pass(w.link, sink); err != nil {
			return err
		}
		n := int(atomic.LoadUint64(w.word(ctlCount)))
		if n <= len(w.records) {
			return nil
		}
		sink.Begin() // nothing of the memory that goes may be in use
		if err := w.grow(n); err != nil {
			return err
		}
	}
}

// ask writes the wishes into the control block.
func (w *Walker) ask(want *Want) {
	var flags uint64
	for bit, on := range map[uint64]bool{flagPorts: len(want.Ports) > 0, flagUnix: want.Unix, flagInfo: want.Info, flagCgroup: want.Cgroup} {
		if on {
			flags |= bit
		}
	}
	*w.word(ctlFlags), *w.word(ctlNetNS) = flags, uint64(want.NetNS)
	if len(want.Ports) > 0 {
		clear(w.ctl[ctlPorts:ctlSize])
		for _, p := range want.Ports {
			*w.word(ctlPorts + int(p)/64*8) |= 1 << (p % 64)
		}
	}
}

// grow makes room for n records and some more: of a pinned array by mapping more of it, else by a new array, which takes a
// new program.
func (w *Walker) grow(n int) error {
	if n <= w.room {
		return w.remap(min(n+n/4, w.room))
	}
	bigger, err := NewWalker(n + n/4)
	if err != nil {
		return err
	}
	bigger.buf, bigger.holders = w.buf, w.holders
	err = w.Close()
	*w = *bigger
	return err
}

func (w *Walker) remap(n int) error {
	old := w.maps
	if err := w.mapInto(w.fds[fdRecords], w.fds[fdControl], n); err != nil {
		return err
	}
	return errors.Join(unix.Munmap(old[0]), unix.Munmap(old[1]))
}

// Close releases the program and its memory; results are no longer valid.
func (w *Walker) Close() error {
	var errs []error
	for i, m := range w.maps {
		if m != nil {
			errs = append(errs, unix.Munmap(m))
			w.maps[i] = nil
		}
	}
	for _, fd := range w.fds {
		errs = append(errs, fd.Close())
	}
	if w.lock >= 0 {
		errs = append(errs, unix.Close(w.lock))
		w.lock = -1
	}
	w.fds, w.records, w.ctl = nil, nil, nil
	return errors.Join(errs...)
}
