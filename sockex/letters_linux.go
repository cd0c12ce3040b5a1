package sockex

import (
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// letters are the datagrams that a batch was made for. One sendmmsg takes them, those of one size in a row as one message
// that the kernel cuts (UDP_SEGMENT).
type letters struct {
	sizes    []letter
	first    int // of sizes: what was not sent yet
	messages []message
	controls []segmentSize
	to       []byte // a sockaddr; empty: the socket is connected
	segments int    // how many one message may be cut into; 1 is not to cut
}

// letter is a datagram: so many blocks of the batch, and bytes.
type letter struct{ vecs, n int }

// message is struct mmsghdr.
type message struct {
	hdr unix.Msghdr
	n   uint32
}

// segmentSize is the control message that asks for UDP_SEGMENT.
type segmentSize struct {
	hdr  unix.Cmsghdr
	size uint16
	_    [6]byte
}

const (
	// maxSegments is UDP_MAX_SEGMENTS of Linux 6.9 and later; before it was 64.
	maxSegments, oldSegments = 128, 64
	// batchLetters is how many datagrams are prepared at once, and letterBytes how many bytes of files they have.
	batchLetters = 256
	letterBytes  = 128 << 10
)

func (l *letters) drop() {
	clear(l.messages)
	l.sizes, l.messages, l.first = l.sizes[:0], l.messages[:0], 0
	l.to = nil
}

// post sends the datagrams that the socket takes, as step does for a stream.
func (t *transfer) post(fd int) error {
	for {
		switch err := t.postOnce(fd); {
		case err == unix.EINTR:
		case err != nil:
			return err
		case t.sys.letters.empty() && t.first == len(t.pieces):
			return nil
		case t.sys.budget < 0:
			return errYield
		}
	}
}

func (l *letters) empty() bool { return l.first == len(l.sizes) }

func (t *transfer) postOnce(fd int) error {
	l := &t.sys.letters
	if l.empty() {
		return t.write()
	}
	done, err := l.send(fd, &t.sys.batch)
	for ; done > 0; done-- {
		k := l.sizes[l.first]
		l.first++
		t.sys.batch.next += k.vecs
		t.count(k.n)
	}
	return err
}

// write makes the next datagrams.
func (t *transfer) write() error {
	l, b := &t.sys.letters, &t.sys.batch
	b.reserve(t.planLetters())
	l.sizes, l.first = l.sizes[:0], 0
	for len(l.sizes) < batchLetters && t.first < len(t.pieces) {
		vecs, file := t.measure()
		if len(l.sizes) > 0 && (len(b.iov)+vecs > batchVecs || file > b.room()) {
			break
		}
		l.sizes = append(l.sizes, t.letter())
	}
	return t.read()
}

// letter takes the pieces of one datagram.
func (t *transfer) letter() letter {
	b, made := &t.sys.batch, letter{}
	for t.first < len(t.pieces) {
		p := &t.pieces[t.first]
		k := p.n
		if t.chunk > 0 {
			k = min(k, t.chunk-int64(made.n))
		}
		if p.source == nil {
			b.addMemory(p.mem[:k])
		} else {
			b.addPart(p.source, p.offset, int(k))
		}
		made.vecs, made.n = made.vecs+1, made.n+int(k)
		if t.took(k) || int64(made.n) == t.chunk {
			break
		}
	}
	return made
}

// measure says of how many blocks the next datagram is, and how many bytes of files it has.
func (t *transfer) measure() (vecs, file int) {
	n := int64(0)
	for _, p := range t.left() {
		k := p.n
		if t.chunk > 0 {
			k = min(k, t.chunk-n)
		}
		vecs, n = vecs+1, n+k
		if p.source != nil {
			file += int(k)
		}
		if n == t.chunk || p.end && k == p.n {
			break
		}
	}
	return vecs, file
}

// planLetters finds out how many bytes of files the next datagrams want.
func (t *transfer) planLetters() int {
	n := int64(0)
	for i, p := range t.left() {
		if i == batchVecs || n >= letterBytes {
			break
		}
		if p.source != nil {
			n += p.n
		}
	}
	_, least := t.measure()
	return max(int(min(n, letterBytes)), least)
}

// send hands the letters to the kernel, and says how many of them it took.
func (l *letters) send(fd int, b *batch) (int, error) {
	for {
		l.address(b)
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(l.messages))), uintptr(len(l.messages)),
			unix.MSG_NOSIGNAL, 0, 0)
		switch {
		case errno == 0:
			return l.count(int(n)), nil
		case !l.less(errno):
			return 0, errno
		}
	}
}

// less has messages cut into fewer, or not at all, where the kernel or the way to the peer does not do it. It reports
// whether that is another try.
func (l *letters) less(errno syscall.Errno) bool {
	cut := l.messages[0].hdr.Control != nil
	switch {
	case !cut:
		return false
	case errno != unix.EINVAL && errno != unix.EMSGSIZE && errno != unix.EIO && errno != unix.EOPNOTSUPP && errno != unix.ENOPROTOOPT:
		return false
	case l.segments > oldSegments:
		l.segments = oldSegments
	default:
		l.segments = 1
	}
	return true
}

// address makes messages of the letters that are left.
func (l *letters) address(b *batch) {
	left := l.sizes[l.first:]
	if cap(l.controls) < len(left) {
		l.controls = make([]segmentSize, len(left)) // the kernel is given their addresses: they must not move
	}
	l.messages = l.messages[:0]
	iov := b.iov[b.next:]
	for len(left) > 0 {
		run := l.run(left)
		m := message{}
		vecs := 0
		for _, k := range left[:run] {
			vecs += k.vecs
		}
		m.hdr.Iov = unsafe.SliceData(iov)
		m.hdr.SetIovlen(vecs)
		if len(l.to) > 0 {
			m.hdr.Name, m.hdr.Namelen = unsafe.SliceData(l.to), uint32(len(l.to))
		}
		if run > 1 {
			l.cut(&m.hdr, left[0].n)
		}
		m.n = uint32(run) // the kernel writes how many bytes it took, once it has
		l.messages = append(l.messages, m)
		left, iov = left[run:], iov[vecs:]
	}
}

// run is how many letters go as one message: those of one size, and perhaps a shorter one behind them.
func (l *letters) run(left []letter) int {
	size, total, n := left[0].n, 0, 0
	for _, k := range left[:min(len(left), l.segments)] {
		if k.n > size || total+k.n > maxDatagram4 {
			break
		}
		total += k.n
		if n++; k.n < size {
			break
		}
	}
	return max(n, 1)
}

func (l *letters) cut(h *unix.Msghdr, size int) {
	c := &l.controls[:cap(l.controls)][len(l.messages)]
	c.size = uint16(size)
	c.hdr = unix.Cmsghdr{Level: unix.SOL_UDP, Type: unix.UDP_SEGMENT}
	c.hdr.SetLen(unix.CmsgLen(2))
	h.Control = (*byte)(unsafe.Pointer(c))
	h.SetControllen(unix.CmsgSpace(2))
}

// count is how many letters n messages were.
func (l *letters) count(n int) (done int) {
	left := l.sizes[l.first:]
	for range n {
		run := l.run(left)
		left = left[run:]
		done += run
	}
	return done
}

// setLetters prepares for datagrams to an address, or to the peer of a connected socket.
func (t *transfer) setLetters(raw syscall.RawConn, to netip.AddrPort) (err error) {
	l := &t.sys.letters
	l.segments = maxSegments
	if !to.IsValid() {
		return nil
	}
	ctlErr := raw.Control(func(fd uintptr) { l.to, err = sockaddrFor(int(fd), to) })
	if ctlErr != nil {
		return ctlErr
	}
	return err
}
