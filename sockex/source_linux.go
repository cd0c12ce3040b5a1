package sockex

import (
	"fmt"
	"math"
	"math/bits"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysSource is what Linux needs of a file.
type sysSource struct {
	raw       syscall.RawConn
	unspliced bool // its file system has no sendfile
}

// fileCall is a system call on a file's descriptor. It is kept with the transfer, so that a call allocates nothing.
type fileCall struct {
	what   fileKind
	socket int
	buf    []byte
	offset int64
	n      int
	moved  int
	stat   unix.Stat_t
	err    error
	run    func(fd uintptr) // method, kept
}

type fileKind uint8

const (
	statFile fileKind = iota
	readFile
	sendFile
)

// on makes the call, while the file is not closed.
func (c *fileCall) on(s *source, what fileKind) error {
	if c.run == nil {
		c.run = c.method
	}
	c.what = what
	if s.sys.raw.Control(c.run) != nil {
		return errClosedSource
	}
	if c.err == unix.EBADF {
		return errUnreadable
	}
	return c.err
}

// errUnreadable is that of a file that was opened for writing only. EBADF alone would be a socket's.
var errUnreadable = fmt.Errorf("%w: %w", ErrSource, unix.EBADF)

func (c *fileCall) method(fd uintptr) {
	switch c.what {
	case statFile:
		c.err = unix.Fstat(int(fd), &c.stat)
	case readFile:
		c.err = readFull(int(fd), c.buf, c.offset)
	case sendFile:
		at := c.offset
		c.moved, c.err = unix.Sendfile(c.socket, int(fd), &at, c.n)
	}
}

// attach makes calls on the file possible.
func (t *transfer) attach(s *source) error {
	raw, err := s.f.SyscallConn()
	if err != nil {
		return errClosedSource
	}
	s.sys.raw = raw
	return nil
}

// readsFirst reports whether a part is in the first batch as a whole, with a head that is in it too.
func (t *transfer) readsFirst(o *FileOptions) bool {
	return o.Count > 0 && o.Count <= smallPart && o.Offset >= 0 && o.Offset < math.MaxInt64-smallPart && len(o.Head) <= batchBytes && t.chunk == 0
}

// open finds the file's size. Only a regular file is one.
func (t *transfer) open(s *source) error {
	if err := t.attach(s); err != nil {
		return err
	}
	c := &t.sys.file
	if err := c.on(s, statFile); err != nil {
		return err
	}
	if c.stat.Mode&unix.S_IFMT != unix.S_IFREG {
		return ErrSource
	}
	s.size = c.stat.Size
	return nil
}

// Buffers come in powers of two, so that one that waits for a slow peer is not much larger than what is in it.
const minBuffer, maxBuffer = 12, 20 // bits

var bufferPools [maxBuffer - minBuffer + 1]sync.Pool

// getBuffer returns a buffer of n bytes at least, n being at most 1 MiB.
func getBuffer(n int) []byte {
	class := max(bits.Len(uint(n-1)), minBuffer)
	if b, _ := bufferPools[class-minBuffer].Get().(*byte); b != nil {
		return unsafe.Slice(b, 1<<class)
	}
	return make([]byte, 1<<class)
}

func putBuffer(b []byte) {
	if len(b) > 0 {
		bufferPools[bits.Len(uint(len(b)-1))-minBuffer].Put(&b[0])
	}
}

// dropBuffers gives back what the transfer held.
func (t *transfer) dropBuffers() {
	s := &t.sys
	s.reserve(0)
	putBuffer(s.buf)
	s.buf = nil
	s.letters.drop()
	s.plain = plain{try: s.plain.try}
	s.file.buf = nil
	s.budget, s.corked, s.wasCorked, s.inGroup = 0, false, false, false
}
