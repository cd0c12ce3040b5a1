package inetdiag

import "github.com/sockeye-net/sockeye/internal/rawsock"

// Rows gathers the rows of dumps, one after the other, and can forget those of a dump that must be read again: it is
// what netlink.Conn.Dump takes as its reader. The memory of Rows is used again when it is set to Rows[:0].
type Rows struct {
	Proto uint16 // protocol of the request
	NetNS uint32 // written to every record
	Rows  []rawsock.Record

	dec  Decoder
	mark int
	add  func(*rawsock.Record) bool
}

// Begin marks where the rows of the next dump begin.
func (r *Rows) Begin() {
	r.mark = len(r.Rows)
	r.dec.Proto = r.Proto
	if r.add == nil { // made once: a closure for each batch would allocate
		r.add = func(rec *rawsock.Record) bool {
			rec.NetNS = r.NetNS
			r.Rows = append(r.Rows, *rec)
			return true
		}
	}
}

// Retry forgets the rows since Begin.
func (r *Rows) Retry() { r.Rows = r.Rows[:r.mark] }

// Batch decodes one batch; see [Decoder.Decode].
func (r *Rows) Batch(b []byte) (done, interrupted bool, err error) { return r.dec.Decode(b, r.add) }

// UnixRows is [Rows] for Unix sockets.
type UnixRows struct {
	Rows []rawsock.Unix

	dec  UnixDecoder
	mark int
	add  func(*rawsock.Unix) bool
}

// Begin marks where the rows of the next dump begin.
func (r *UnixRows) Begin() {
	r.mark = len(r.Rows)
	if r.add == nil {
		r.add = func(rec *rawsock.Unix) bool {
			r.Rows = append(r.Rows, *rec)
			return true
		}
	}
}

// Retry forgets the rows since Begin.
func (r *UnixRows) Retry() { r.Rows = r.Rows[:r.mark] }

// Batch decodes one batch; see [UnixDecoder.Decode].
func (r *UnixRows) Batch(b []byte) (done, interrupted bool, err error) { return r.dec.Decode(b, r.add) }
