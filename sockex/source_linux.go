package sockex

import (
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

// open finds the file's size. Only a regular file is one.
func (s *source) open() error {
	raw, err := s.f.SyscallConn()
	if err != nil {
		return errClosedSource
	}
	s.sys.raw = raw
	var st unix.Stat_t
	err = s.control(func(fd int) error { return unix.Fstat(fd, &st) })
	switch {
	case err != nil:
		return err
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return ErrSource
	}
	s.size = st.Size
	return nil
}

// control calls f with the file's descriptor, which is not closed meanwhile.
func (s *source) control(f func(fd int) error) error {
	var err error
	if ctlErr := s.sys.raw.Control(func(fd uintptr) { err = f(int(fd)) }); ctlErr != nil {
		return errClosedSource
	}
	return err
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
	s.plain = plain{}
	s.budget, s.corked, s.wasCorked, s.inGroup = 0, false, false, false
}
