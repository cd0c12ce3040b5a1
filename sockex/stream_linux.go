package sockex

import (
	"errors"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Pieces are sent in two ways. Memory and small parts of files are gathered: the parts are read, and one sendmsg takes
// everything. A large part goes by sendfile, and then the socket is corked around it and what shares segments with it.

const (
	// smallPart is up to what size reading a part costs less than sendfile; see bench/results/transmit.md.
	smallPart = 32 << 10
	// batchBytes is how many bytes of files one sendmsg takes.
	batchBytes = 64 << 10
	// batchVecs is how many blocks of memory it takes (UIO_MAXIOV).
	batchVecs = 1024
	// sendfileMax is the most that one sendfile moves (MAX_RW_COUNT).
	sendfileMax = 1<<31 - 4096
)

// sysTransfer is a transfer's state on Linux.
type sysTransfer struct {
	batch           // what was gathered, and is being sent
	budget    int64 // how many bytes one call of step may still move before it gives way
	corked    bool
	wasCorked bool // by the caller
	inGroup   bool // the first piece shares segments with what was sent before it
	letters   letters
	file      fileCall
	plain     plain
}

// errYield is that of a step that has moved as much as it may at once.
var errYield = errors.New("to be continued")

// step sends what the socket takes. EAGAIN is that it has to wait for room, nil that everything has gone.
func (t *transfer) step(fd int) error {
	for {
		switch err := t.stepOnce(fd); {
		case err == unix.EINTR:
		case err != nil:
			return err
		case t.sys.empty() && !t.sys.corked && t.first == len(t.pieces):
			return nil
		case t.sys.budget < 0:
			return errYield
		}
	}
}

func (t *transfer) stepOnce(fd int) error {
	s := &t.sys
	if !s.empty() {
		n, err := s.send(fd)
		t.count(n)
		return err
	}
	over := t.first == len(t.pieces)
	switch {
	case s.corked && (over || !s.inGroup):
		t.uncork(fd)
		return nil
	case over:
		return nil
	case !s.inGroup:
		if err := t.beginGroup(fd); err != nil {
			return err
		}
	}
	if p := &t.pieces[t.first]; p.large() {
		return t.sendfile(fd, p)
	}
	return t.gather()
}

func (t *transfer) count(n int) {
	if n > 0 {
		t.sent += int64(n)
		t.sys.budget -= int64(n)
	}
}

// large reports whether a piece goes by sendfile.
func (p *piece) large() bool { return p.source != nil && p.n > smallPart && !p.source.sys.unspliced }

// beginGroup looks at the pieces that share segments, and corks the socket if a sendfile is among them: only so its last
// bytes and what follows have one segment.
func (t *transfer) beginGroup(fd int) (err error) {
	t.sys.inGroup = true
	n, large := 0, false
	for _, p := range t.left() {
		n, large = n+1, large || p.large()
		if p.end {
			break
		}
	}
	if n < 2 || !large {
		return nil
	}
	on, err := unix.GetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_CORK)
	if err != nil {
		return nil // a stream of another kind, which has no segments
	}
	if t.sys.wasCorked = on != 0; !t.sys.wasCorked {
		err = setCork(fd, 1)
	}
	t.sys.corked = err == nil
	return err
}

func setCork(fd, on int) error { return unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_CORK, on) }

// uncork undoes the cork, which sends what it held. It is to be called on every path.
func (t *transfer) uncork(fd int) {
	if t.sys.corked && !t.sys.wasCorked {
		_ = setCork(fd, 0)
	}
	t.sys.corked = false
}

// sendfile sends a part of the first piece from the page cache.
func (t *transfer) sendfile(fd int, p *piece) error {
	n := min(p.n, sendfileMax)
	if t.chunk > 0 {
		n = min(n, t.chunk)
	}
	if t.sys.budget < n {
		n = max(t.sys.budget, 1)
	}
	c := &t.sys.file
	c.socket, c.offset, c.n = fd, p.offset, int(n)
	err := c.on(p.source, sendFile)
	switch {
	case err == unix.EINVAL || err == unix.ENOSYS:
		p.source.sys.unspliced = true
		return nil
	case err != nil:
		return err
	case c.moved == 0:
		return ErrShortFile
	}
	t.count(c.moved)
	t.sys.inGroup = !t.took(int64(c.moved))
	return nil
}

// gather fills the batch with the pieces that come next, up to a large one or the end of a segment.
func (t *transfer) gather() error {
	b := &t.sys.batch
	room := t.plan()
	b.reserve(room.file)
	for len(b.iov) < batchVecs && room.all > 0 && t.first < len(t.pieces) {
		p := &t.pieces[t.first]
		if p.large() {
			break
		}
		k := min(p.n, room.all)
		if p.source == nil {
			b.addMemory(p.mem[:k])
		} else {
			if k = min(k, int64(b.room())); k == 0 {
				break
			}
			b.addPart(p.source, p.offset, int(k))
		}
		room.all -= k
		if t.took(k) {
			t.sys.inGroup = false
			break
		}
	}
	b.flags = unix.MSG_NOSIGNAL
	if t.first == len(t.pieces) {
		t.sys.inGroup = false
	}
	if t.sys.inGroup && !t.sys.corked {
		b.flags |= unix.MSG_MORE
	}
	return t.read()
}

// room is how much a batch takes.
type room struct {
	all  int64
	file int
}

// plan finds out how many bytes of files the next batch will read.
func (t *transfer) plan() room {
	r := room{all: batchBytes * 4}
	if t.chunk > 0 {
		r.all = t.chunk
	}
	for _, p := range t.left() {
		if p.large() || int64(r.file) >= r.all {
			break
		}
		if p.source != nil {
			if int64(r.file)+p.n > batchBytes {
				if r.file == 0 {
					r.file = int(min(p.n, batchBytes, r.all))
				}
				break
			}
			r.file += int(p.n)
		}
		if p.end {
			break
		}
	}
	return r
}

// batch is memory and parts of files for one sendmsg.
type batch struct {
	iov   []unix.Iovec
	next  int // of iov: what was not sent yet
	parts []part
	buf   []byte
	used  int
	flags int
	msg   unix.Msghdr
}

// part is a part of a file that is to be read to a place in the buffer.
type part struct {
	source *source
	offset int64
	to, n  int
}

func (b *batch) empty() bool { return b.next == len(b.iov) }

func (b *batch) room() int { return len(b.buf) - b.used }

// reserve makes the batch empty, with a buffer of n bytes at least.
func (b *batch) reserve(n int) {
	clear(b.iov)
	clear(b.parts)
	b.iov, b.parts, b.next, b.used = b.iov[:0], b.parts[:0], 0, 0
	if n > len(b.buf) {
		putBuffer(b.buf)
		b.buf = getBuffer(n)
	}
}

func (b *batch) addMemory(p []byte) {
	v := unix.Iovec{Base: unsafe.SliceData(p)}
	v.SetLen(len(p))
	b.iov = append(b.iov, v)
}

// addPart adds a part of a file. Parts that follow one another in file and buffer are read by one call.
func (b *batch) addPart(s *source, offset int64, n int) {
	b.addMemory(b.buf[b.used : b.used+n])
	if k := len(b.parts) - 1; k >= 0 && b.parts[k].source == s && b.parts[k].offset+int64(b.parts[k].n) == offset {
		b.parts[k].n += n
	} else {
		b.parts = append(b.parts, part{s, offset, b.used, n})
	}
	b.used += n
}

// read reads the batch's parts into its buffer.
func (t *transfer) read() error {
	b, c := &t.sys.batch, &t.sys.file
	for _, p := range b.parts {
		c.buf, c.offset = b.buf[p.to:p.to+p.n], p.offset
		if err := c.on(p.source, readFile); err != nil {
			b.iov = b.iov[:0]
			return p.source.explain(err)
		}
	}
	return nil
}

// explain says what an error of reading means for a file that was not looked at before.
func (s *source) explain(err error) error {
	switch {
	case !s.unchecked:
	case err == ErrShortFile:
		return ErrRange
	case err == unix.ESPIPE || err == unix.EISDIR:
		return ErrSource
	}
	return err
}

func readFull(file int, b []byte, at int64) error {
	for len(b) > 0 {
		switch n, err := unix.Pread(file, b, at); {
		case err == unix.EINTR:
		case err != nil:
			return err
		case n == 0:
			return ErrShortFile
		default:
			b, at = b[n:], at+int64(n)
		}
	}
	return nil
}

// send sends what is left of the batch.
func (b *batch) send(fd int) (int, error) {
	left := b.iov[b.next:]
	b.msg = unix.Msghdr{Iov: unsafe.SliceData(left)}
	b.msg.SetIovlen(len(left))
	n, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.msg)), uintptr(b.flags))
	if errno != 0 {
		return 0, errno
	}
	b.advance(int(n))
	return int(n), nil
}

// advance takes n bytes off.
func (b *batch) advance(n int) {
	for b.next < len(b.iov) {
		v := &b.iov[b.next]
		k := min(n, int(v.Len))
		n -= k
		if k == int(v.Len) {
			b.next++
			continue
		}
		v.Base = (*byte)(unsafe.Add(unsafe.Pointer(v.Base), k))
		v.SetLen(int(v.Len) - k)
		return
	}
}
