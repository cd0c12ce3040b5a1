package sockex

import (
	"errors"
	"math"
	"net/netip"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/sockeye-net/sockeye/internal/mswsock"
)

// sysTransfer is a transfer's state on Windows. It goes in rounds, an overlapped operation each; what the system reads while
// one is under way is here.
type sysTransfer struct {
	way      way
	function uintptr
	want     int64 // how many bytes the round under way sends
	ends     windows.TransmitFileBuffers
	elements []mswsock.Element
	bufs     []windows.WSABuf
	to       windows.Sockaddr
	blocks   []byte
	position int64 // where the file stood
	native   bool  // TransmitFile even on a client edition: for tests
	most     int64 // instead of roundBytes: for tests
}

// way is how pieces are sent.
type way uint8

const (
	byReads       way = iota // what is read is sent
	byLetters                // the same with datagrams
	byFile                   // TransmitFile
	byPackets                // TransmitPackets
	datagramPacks            // TransmitPackets with datagrams
)

// roundBytes is the most that a call of the system's functions is given: they take 2,147,483,646 bytes.
const roundBytes = 1 << 30

// isServer reports whether this is a server edition. A client edition has only two TransmitFile at once make progress, of
// all processes together (its documentation; golang.org/issue/73746): there others must not wait for them.
var isServer = sync.OnceValue(func() bool { return windows.RtlGetVersion().ProductType != workstation })

func (y *sysTransfer) limit() int64 {
	if y.most > 0 {
		return y.most
	}
	return roundBytes
}

// dropBuffers forgets everything but memory that may be used again.
func (t *transfer) dropBuffers() {
	y := &t.sys
	*y = sysTransfer{native: y.native, most: y.most, elements: y.elements[:0], bufs: y.bufs[:0]}
}

// begin finds out what kind of socket it is, and chooses.
func (t *transfer) begin(s windows.Handle, packets bool, to netip.AddrPort) error {
	y := &t.sys
	kind, err := windows.GetsockoptInt(s, windows.SOL_SOCKET, soType)
	if err != nil {
		return err
	}
	y.want = 0
	switch {
	case kind == windows.SOCK_DGRAM && !packets:
		return ErrSocketKind
	case kind == windows.SOCK_DGRAM:
		return t.beginLetters(s, to)
	case packets:
		y.choose(s, &mswsock.TransmitPacketsID, byPackets, byReads)
	case (isServer() || y.native) && t.isFile():
		y.choose(s, &mswsock.TransmitFileID, byFile, byReads)
		y.position, err = t.file.f.Seek(0, 1)
	default:
		y.way = byReads
	}
	return err
}

const (
	soType      = 0x1008 // SO_TYPE
	workstation = 1      // VER_NT_WORKSTATION
)

// choose takes the system's function where the socket's provider has it.
func (y *sysTransfer) choose(s windows.Handle, id *windows.GUID, native, other way) {
	var err error
	y.way = native
	if y.function, err = mswsock.Find(s, id); err != nil {
		y.way = other
	}
}

// isFile reports whether there is a file between head and tail.
func (t *transfer) isFile() bool {
	for i := range t.pieces {
		if t.pieces[i].source != nil {
			return true
		}
	}
	return false
}

func (t *transfer) beginLetters(s windows.Handle, to netip.AddrPort) error {
	if t.flags.has(TF_DISCONNECT) {
		return ErrFlags
	}
	peer := to
	if !peer.IsValid() {
		sa, err := windows.Getpeername(s)
		if err != nil {
			return err
		}
		peer = addrPortOf(sa)
		t.sys.choose(s, &mswsock.TransmitPacketsID, datagramPacks, byLetters)
	} else {
		t.sys.way = byLetters
		var err error
		if t.sys.to, err = letterAddr(s, peer); err != nil {
			return err
		}
	}
	return t.checkDatagrams(datagramLimit(peer))
}

// errNothing is that a round had nothing to send.
var errNothing = errors.New("nothing to send")

// round begins to send what comes next.
func (t *transfer) round(s windows.Handle, o *windows.Overlapped) error {
	t.sys.want = 0
	if t.first == len(t.pieces) {
		return errNothing
	}
	switch t.sys.way {
	case byFile:
		return t.roundFile(s, o)
	case byPackets, datagramPacks:
		return t.roundPackets(s, o)
	case byLetters:
		return t.roundLetter(s, o)
	}
	return t.roundReads(s, o)
}

// roundFile gives TransmitFile the head, a part of the file, and the tail if that part is the last.
func (t *transfer) roundFile(s windows.Handle, o *windows.Overlapped) error {
	y := &t.sys
	y.ends = windows.TransmitFileBuffers{}
	if p := t.pieces[t.first]; p.source == nil {
		if p.n > y.limit() || t.first+1 == len(t.pieces) {
			return t.roundReads(s, o)
		}
		y.ends.Head, y.ends.HeadLength = uintptr(unsafe.Pointer(unsafe.SliceData(p.mem))), uint32(p.n)
		y.want = p.n
		t.took(p.n)
	}
	p := t.pieces[t.first]
	n := min(p.n, y.limit())
	o.Offset, o.OffsetHigh = uint32(p.offset), uint32(p.offset>>32)
	y.want += n
	if t.took(n); n == p.n && t.first < len(t.pieces) && t.pieces[t.first].n < roundBytes {
		tail := t.pieces[t.first]
		y.ends.Tail, y.ends.TailLength = uintptr(unsafe.Pointer(unsafe.SliceData(tail.mem))), uint32(tail.n)
		y.want += tail.n
		t.took(tail.n)
	}
	flags := t.flags &^ (TF_DISCONNECT | TF_REUSE_SOCKET)
	return p.source.control(func(file windows.Handle) error {
		return mswsock.TransmitFile(y.function, s, file, uint32(n), uint32(t.chunk), o, &y.ends, uint32(flags))
	})
}

// roundPackets gives TransmitPackets elements.
func (t *transfer) roundPackets(s windows.Handle, o *windows.Overlapped) error {
	y := &t.sys
	y.elements = y.elements[:0]
	for t.first < len(t.pieces) && y.want < y.limit() {
		p := t.pieces[t.first]
		n := min(p.n, y.limit()-y.want)
		if n < p.n && y.way == datagramPacks {
			n = p.n // a datagram is not cut
		}
		e, err := p.element(n)
		if err != nil {
			return err
		}
		y.want += n
		if t.took(n) {
			e.Flags |= uint32(TP_ELEMENT_EOP)
		}
		y.elements = append(y.elements, e)
	}
	size := uint32(t.chunk)
	if y.way == datagramPacks && size == 0 {
		size = math.MaxUint32 // the elements say what is a datagram
	}
	return mswsock.TransmitPackets(y.function, s, y.elements, size, o, uint32(t.flags&^(TF_DISCONNECT|TF_REUSE_SOCKET)))
}

// element makes the system's element of the first n bytes.
func (p *piece) element(n int64) (e mswsock.Element, err error) {
	if p.source == nil {
		e.Flags = uint32(TP_ELEMENT_MEMORY)
		e.SetMemory(p.mem[:n])
		return e, nil
	}
	e.Flags, e.Length, e.Where = uint32(TP_ELEMENT_FILE), uint32(n), p.offset
	err = p.source.control(func(file windows.Handle) error {
		e.File = file
		return nil
	})
	return e, err
}

// roundReads reads the next block, and sends it with the memory around it.
func (t *transfer) roundReads(s windows.Handle, o *windows.Overlapped) error {
	y := &t.sys
	if len(y.blocks) == 0 && t.isFile() {
		y.blocks = make([]byte, min(t.fileBytes(), block))
	}
	bufs, err := t.take(y.blocks)
	if err != nil {
		return err
	}
	y.bufs = y.bufs[:0]
	for _, b := range bufs {
		y.bufs = append(y.bufs, windows.WSABuf{Len: uint32(len(b)), Buf: unsafe.SliceData(b)})
		y.want += int64(len(b))
	}
	return windows.WSASend(s, unsafe.SliceData(y.bufs), uint32(len(y.bufs)), nil, 0, o, nil)
}

// roundLetter sends one datagram.
func (t *transfer) roundLetter(s windows.Handle, o *windows.Overlapped) (err error) {
	y := &t.sys
	if y.blocks, err = t.letter(y.blocks[:0]); err != nil {
		return err
	}
	y.want = int64(len(y.blocks))
	y.bufs = append(y.bufs[:0], windows.WSABuf{Len: uint32(len(y.blocks)), Buf: unsafe.SliceData(y.blocks)})
	if y.to == nil {
		return windows.WSASend(s, &y.bufs[0], 1, nil, 0, o, nil)
	}
	return windows.WSASendto(s, &y.bufs[0], 1, nil, 0, y.to, o, nil)
}

// ended takes the result of a round, and reports whether there is another.
func (t *transfer) ended(n int, err error) (more bool, _ error) {
	switch {
	case err == errNothing:
		return false, nil
	case err == windows.ERROR_HANDLE_EOF:
		err = ErrShortFile
	case err == nil && int64(n) < t.sys.want:
		err = ErrShortFile
	}
	t.sent += int64(n)
	return err == nil && t.first < len(t.pieces), err
}

// restore leaves the file where it stood: the system's function may move it.
func (t *transfer) restore() {
	if t.sys.way == byFile && t.file.f != nil {
		_, _ = t.file.f.Seek(t.sys.position, 0)
	}
}

// control calls f with the file's handle, which is not closed meanwhile.
func (s *source) control(f func(windows.Handle) error) error {
	raw, err := s.f.SyscallConn()
	if err != nil {
		return errClosedSource
	}
	if ctlErr := raw.Control(func(fd uintptr) { err = f(windows.Handle(fd)) }); ctlErr != nil {
		return errClosedSource
	}
	return err
}

// letterAddr is an address as a socket of its family wants it: one of IPv4 is mapped on a socket of IPv6.
func letterAddr(s windows.Handle, a netip.AddrPort) (windows.Sockaddr, error) {
	info, err := protocolOf(s)
	ip := a.Addr()
	switch {
	case err != nil:
		return nil, err
	case info.AddressFamily == windows.AF_INET && ip.Unmap().Is4():
		return &windows.SockaddrInet4{Port: int(a.Port()), Addr: ip.Unmap().As4()}, nil
	case info.AddressFamily != windows.AF_INET6:
		return nil, ErrAddrFamily
	}
	zone, err := scopeOf(ip.Zone())
	return &windows.SockaddrInet6{Port: int(a.Port()), Addr: ip.As16(), ZoneId: zone}, err
}

func closedFile(err error) bool { return errors.Is(err, os.ErrClosed) }
