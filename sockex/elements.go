package sockex

import (
	"math"
	"net/netip"
	"os"
)

// Element is a part of what TransmitPackets sends: memory, or a part of a file. It is TRANSMIT_PACKETS_ELEMENT of
// mswsock.h. One of no bytes is passed over.
type Element struct {
	// Flags is TP_ELEMENT_MEMORY or TP_ELEMENT_FILE, and TP_ELEMENT_EOP. Without the first two it is what Buffer or File
	// says; both at once are an error.
	Flags ElementFlags

	Buffer []byte // memory: all of it

	File   *os.File
	Offset int64 // in the file; -1 is where the file stands
	Length int64 // of the part; 0 is from Offset to the file's end
}

// Memory is an element of memory.
func Memory(b []byte) Element { return Element{Flags: TP_ELEMENT_MEMORY, Buffer: b} }

// FilePart is an element of a file: n bytes from offset, or with n 0 all from there.
func FilePart(f *os.File, offset, n int64) Element {
	return Element{Flags: TP_ELEMENT_FILE, File: f, Offset: offset, Length: n}
}

// EndOfPacket is the element with TP_ELEMENT_EOP: a segment of a stream, or a datagram, ends with it.
func (e Element) EndOfPacket() Element {
	e.Flags |= TP_ELEMENT_EOP
	return e
}

// Current is the Offset of a file's own position.
const Current = -1

// ElementFlags are those of an element, with the values of mswsock.h.
type ElementFlags uint32

// The flags of elements.
const (
	TP_ELEMENT_MEMORY ElementFlags = 1 // it is Buffer
	TP_ELEMENT_FILE   ElementFlags = 2 // it is a part of File
	TP_ELEMENT_EOP    ElementFlags = 4 // a segment or datagram ends with it
)

const elementFlags = TP_ELEMENT_MEMORY | TP_ELEMENT_FILE | TP_ELEMENT_EOP

// isFile reports what an element is.
func (e *Element) isFile() (bool, error) {
	kind := e.Flags & (TP_ELEMENT_MEMORY | TP_ELEMENT_FILE)
	switch {
	case e.Flags&^elementFlags != 0, kind == TP_ELEMENT_MEMORY|TP_ELEMENT_FILE, e.File != nil && e.Buffer != nil:
		return false, ErrElement
	case kind == TP_ELEMENT_FILE && e.File == nil, kind == TP_ELEMENT_MEMORY && e.File != nil:
		return false, ErrElement
	case e.File == nil && (e.Offset != 0 || e.Length != 0):
		return false, ErrElement
	}
	return e.File != nil, nil
}

// piece is what is left of an element: memory, or n bytes of a file.
type piece struct {
	mem    []byte
	source *source
	offset int64
	n      int64
	end    bool // a segment or datagram ends here
}

// memory and part make pieces.
func memory(b []byte) piece { return piece{mem: b, n: int64(len(b))} }

// skip takes k bytes off its front.
func (p *piece) skip(k int64) {
	p.n -= k
	if p.source != nil {
		p.offset += k
		return
	}
	p.mem = p.mem[k:]
}

// part is n bytes of a file from offset, or with n 0 all of them. It must be there now.
func (s *source) part(offset, n int64) (piece, error) {
	switch {
	case offset < 0 || n < 0 || offset > s.size:
		return piece{}, ErrRange
	case n == 0:
		n = s.size - offset
	case n > s.size-offset:
		return piece{}, ErrRange
	}
	return piece{source: s, offset: offset, n: n}, nil
}

// addFile checks a TransmitFile's wishes, before a byte goes, and makes its pieces.
func (t *transfer) addFile(o *FileOptions) error {
	t.add(memory(o.Head))
	switch {
	case t.file.f != nil:
		p, err := t.filePart(o)
		if err != nil {
			return err
		}
		t.add(p)
	case o.Offset != 0 || o.Count != 0:
		return ErrRange
	}
	t.add(memory(o.Tail))
	return nil
}

// filePart is the file's part. The size of one that is read before anything goes is not asked for: reading tells.
func (t *transfer) filePart(o *FileOptions) (piece, error) {
	if t.readsFirst(o) {
		t.file.unchecked = true
		return piece{source: &t.file, offset: o.Offset, n: o.Count}, t.attach(&t.file)
	}
	if err := t.open(&t.file); err != nil {
		return piece{}, err
	}
	return t.file.part(o.Offset, o.Count)
}

// addElements does the same for TransmitPackets.
func (t *transfer) addElements(all []Element) error {
	var last *source
	for i := range all {
		e := &all[i]
		file, err := e.isFile()
		if err != nil {
			return err
		}
		p := memory(e.Buffer)
		if file {
			if last == nil || last.f != e.File {
				last = &source{f: e.File}
				if err := t.open(last); err != nil {
					return err
				}
			}
			if p, err = last.element(e); err != nil {
				return err
			}
		}
		p.end = e.Flags&TP_ELEMENT_EOP != 0
		t.add(p)
	}
	return nil
}

func (s *source) element(e *Element) (piece, error) {
	at := e.Offset
	if at == Current {
		var err error
		if at, err = s.f.Seek(0, 1); err != nil {
			return piece{}, err
		}
	}
	return s.part(at, e.Length)
}

// add puts a piece behind the others. An empty one only ends what is before it.
func (t *transfer) add(p piece) {
	switch last := len(t.pieces) - 1; {
	case p.n > 0:
		t.pieces = append(t.pieces, p)
	case p.end && last >= 0:
		t.pieces[last].end = true
	}
}

// The largest datagrams of IPv4 and IPv6: 65,535 bytes less the headers that count in it (RFC 768, RFC 791, RFC 8200).
const (
	maxDatagram4 = 65507
	maxDatagram6 = 65527
)

// checkDatagrams finds one that is too long before any goes: the kernel would only say so after those before it.
func (t *transfer) checkDatagrams(limit int64) error {
	if t.chunk > 0 && t.chunk <= limit {
		return nil
	}
	n := int64(0)
	for i := range t.pieces {
		n += t.pieces[i].n
		if n > limit {
			return ErrMessageSize
		}
		if t.pieces[i].end {
			n = 0
		}
	}
	return nil
}

// datagramLimit is that of a datagram to an address.
func datagramLimit(to netip.AddrPort) int64 {
	if to.Addr().Is6() && !to.Addr().Is4In6() {
		return maxDatagram6
	}
	return maxDatagram4
}

// chunkSize is a size of sends as it is used: 0 is no limit.
func chunkSize(n int) (int64, error) {
	switch {
	case n < 0:
		return 0, ErrRange
	case n == 0 || int64(n) >= math.MaxUint32:
		return 0, nil
	}
	return int64(n), nil
}
