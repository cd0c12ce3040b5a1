package sockiter

import (
	"errors"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/internal/bpf"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// Files is the task-file program: slower than a Walker, but several may be read at once. Not for concurrent use itself.
type Files struct {
	path    string // of the pinned iterator, or empty
	prog    bpf.FD
	link    bpf.FD
	buf     []byte
	holders []Holder
	records []rawsock.Record
}

// NewFiles loads the task-file program.
func NewFiles() (*Files, error) {
	l, err := readLayout(taskFileFunctions)
	if err != nil {
		return nil, err
	}
	if l.iterTaskFile == 0 {
		return nil, fmt.Errorf("sockiter: this kernel has no iter/task_file with bpf_sock_from_file (Linux 5.11): %w", errors.ErrUnsupported)
	}
	return newFiles(l)
}

func newFiles(l *Layout) (*Files, error) {
	p, err := assembleTaskFile(l)
	if err != nil {
		return nil, err
	}
	f := &Files{prog: -1, link: -1, buf: make([]byte, 64<<10)}
	if f.prog, err = bpf.LoadIter(p, l.iterTaskFile); err != nil {
		return nil, err
	}
	if f.link, err = bpf.LinkIter(f.prog, 0); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// open begins a pass. A pinned iterator is a file that whoever may read it opens, without any privilege for bpf(2).
func (f *Files) open() (bpf.FD, error) {
	if f.path == "" {
		return bpf.NewIter(f.link)
	}
	fd, err := unix.Open(f.path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: f.path, Err: err}
	}
	return bpf.FD(fd), nil
}

// Run makes one pass. It brings everything that the program knows; of the wishes it heeds those that leave rows out.
func (f *Files) Run(want *Want, sink Sink) error {
	f.holders, f.records = f.holders[:0], f.records[:0]
	sink.Begin()
	it, err := f.open()
	if err != nil {
		return err
	}
	defer it.Close()
	for {
		n, err := unix.Read(int(it), f.buf)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err != nil {
			return fmt.Errorf("sockiter: read the iterator: %w", err)
		}
		if n == 0 {
			sink.Take(Batch{f.holders, f.records})
			return nil
		}
		if n%fileRecordSize != 0 {
			return fmt.Errorf("sockiter: %d bytes from the iterator are no multiple of %d", n, fileRecordSize)
		}
		f.take(f.buf[:n], want)
	}
}

// take appends the records that are wanted, gathering those of one descriptor table under one holder.
func (f *Files) take(b []byte, want *Want) {
	for ; len(b) > 0; b = b[fileRecordSize:] {
		r := (*fileRecord)(unsafe.Pointer(unsafe.SliceData(b)))
		if !want.has(&r.record) {
			continue
		}
		n := uint32(len(f.records))
		f.records = append(f.records, r.record)
		if last := len(f.holders) - 1; last >= 0 && f.holders[last].TID == r.holder.TID {
			f.holders[last].Last = n + 1
			continue
		}
		r.holder.First, r.holder.Last = n, n+1
		f.holders = append(f.holders, r.holder)
	}
}

func (w *Want) has(r *rawsock.Record) bool {
	if w.NetNS != 0 && r.NetNS != w.NetNS {
		return false
	}
	if r.Family == rawsock.AFUnix {
		return w.Unix
	}
	if len(w.Ports) == 0 {
		return true
	}
	for _, p := range w.Ports {
		if p == r.LocalPort {
			return true
		}
	}
	return false
}

// Close releases the program.
func (f *Files) Close() error {
	var errs []error
	for _, fd := range []bpf.FD{f.link, f.prog} {
		if fd >= 0 {
			errs = append(errs, fd.Close())
		}
	}
	f.link, f.prog = -1, -1
	return errors.Join(errs...)
}
