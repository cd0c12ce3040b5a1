package inetdiag

import (
	"bytes"
	"encoding/binary"

	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// UnixDecoder decodes rows of Unix sockets. It keeps the names it has seen, so that reading the same sockets again
// allocates nothing; it is for one goroutine at a time. The zero value is ready.
type UnixDecoder struct {
	rec   rawsock.Unix
	names map[string]string
}

// maxNames bounds the memory of names that were seen and may be gone; beyond it they are forgotten.
const maxNames = 1 << 16

// Decode calls emit for every row of a batch, as [Decoder.Decode] does. Record names are valid for good.
func (d *UnixDecoder) Decode(batch []byte, emit func(*rawsock.Unix) bool) (done, interrupted bool, err error) {
	for len(batch) > 0 && !done {
		var m message
		if m, batch, err = protocol.Next(batch); err != nil {
			return done, interrupted, err
		}
		interrupted = interrupted || m.Flags&flagInterrupted != 0
		if m.Type != typeFamily {
			done, err = control(&m)
		} else if err = d.decodeRow(m.Body); err == nil && !emit(&d.rec) {
			err = ErrStopped
		}
		if err != nil {
			return done, interrupted, err
		}
	}
	return done, interrupted, nil
}

// decodeRow decodes struct unix_diag_msg and the attributes behind it.
func (d *UnixDecoder) decodeRow(b []byte) error {
	if len(b) < sizeUnixMsg {
		return protocol.Malformed("row is cut short", b)
	}
	if b[0] != rawsock.AFUnix {
		return protocol.Malformed("row of a strange family", b)
	}
	d.rec = rawsock.Unix{Type: b[1], State: b[2], Inode: binary.NativeEndian.Uint32(b[4:]), Cookie: cookie(b[8:])}
	for b = b[sizeUnixMsg:]; len(b) > 0; {
		a, rest, err := protocol.NextAttr(b)
		if err != nil {
			return err
		}
		if err := d.decodeAttr(a); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

func (d *UnixDecoder) decodeAttr(a attr) error {
	switch want := unixAttrSize(a.Type); {
	case len(a.Body) < want:
		return protocol.Malformed("attribute is cut short", a.Body)
	case a.Type == unixName:
		d.rec.Name = d.name(a.Body)
	case a.Type == unixPeer:
		d.rec.Peer = binary.NativeEndian.Uint32(a.Body)
	case a.Type == unixRQL:
		d.rec.RecvQ = binary.NativeEndian.Uint32(a.Body)
		d.rec.SendQ = binary.NativeEndian.Uint32(a.Body[4:])
	case a.Type == unixUID:
		d.rec.UID = binary.NativeEndian.Uint32(a.Body)
	}
	return nil
}

func unixAttrSize(typ uint16) int {
	switch typ {
	case unixPeer, unixUID:
		return 4
	case unixRQL:
		return 8
	}
	return 0
}

// name turns sun_path into a string: a path without the NUL behind it; an abstract name, which begins with NUL and may
// hold more of them, with '@' for each, as /proc/net/unix has it.
func (d *UnixDecoder) name(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if b[0] != 0 {
		b, _, _ = bytes.Cut(b, []byte{0})
	}
	if s, ok := d.names[string(b)]; ok {
		return s
	}
	if d.names == nil || len(d.names) >= maxNames {
		d.names = make(map[string]string)
	}
	s := string(bytes.ReplaceAll(b, []byte{0}, []byte{'@'}))
	d.names[string(b)] = s
	return s
}
