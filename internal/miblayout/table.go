package miblayout

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// Table is a decoded table: a view of the bytes it was made from, which must not change while it is in use. It may be read
// from several goroutines.
type Table struct {
	layout *Layout
	rows   []byte
}

// Row is one row. A field that the structure lacks is zero.
type Row struct {
	Local, Remote           netip.AddrPort // without a zone; the scope stands below
	LocalScope, RemoteScope uint32         // interface index of a link-local address, 0 elsewhere
	State                   State
	PID                     uint32
	Created                 int64 // FILETIME: 100 ns since 1601; 0 is not known
	Flags                   uint32
	Module                  uint64 // first word of OwningModuleInfo, which tells the services of one process apart
}

// SizeError is a table that says it has more rows than its bytes hold.
type SizeError struct {
	Kind fmt.Stringer // a Kind, or an IfKind
	Rows uint32       // dwNumEntries
	Len  int          // bytes
	Head []byte       // the first bytes of the table, 16 at most
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%v of %d bytes claims %d rows: begins % x", e.Kind, e.Len, e.Rows, e.Head)
}

// KindError is a kind that does not exist, or has another function.
type KindError string

func (e KindError) Error() string { return string(e) + " is no kind of table" }

// Parse checks that b holds the rows that its first word (dwNumEntries) promises and returns them. Bytes behind the last
// row do not matter: the system asks for more room than it fills. The error is a *SizeError or a KindError.
func Parse(k Kind, b []byte) (Table, error) {
	if _, ok := k.Layout(); !ok {
		return Table{}, KindError(k.String())
	}
	l := &layouts[k]
	if len(b) < 4 {
		return Table{}, sizeError(k, 0, b)
	}
	n := binary.LittleEndian.Uint32(b)
	if n == 0 {
		return Table{layout: l}, nil
	}
	if end := uint64(l.First) + uint64(n)*uint64(l.Size); end > uint64(len(b)) {
		return Table{}, sizeError(k, n, b)
	}
	return Table{l, b[l.First:][:int(n)*int(l.Size)]}, nil
}

func sizeError(k fmt.Stringer, rows uint32, b []byte) error {
	return &SizeError{Kind: k, Rows: rows, Len: len(b), Head: append([]byte(nil), b[:min(len(b), 16)]...)}
}

// Len is the number of rows.
func (t Table) Len() int {
	if t.layout == nil {
		return 0
	}
	return len(t.rows) / int(t.layout.Size)
}

// Raw is the i-th row as the system wrote it: what GetOwnerModuleFromTcpEntry and its relatives want to see again. It
// panics unless 0 <= i < Len, as a slice does.
func (t Table) Raw(i int) []byte {
	size := int(t.layout.Size)
	return t.rows[i*size:][:size:size]
}

// Row decodes the i-th row. It panics unless 0 <= i < Len, as a slice does.
func (t Table) Row(i int) (r Row) {
	b, l := t.Raw(i), t.layout
	r.Local = netip.AddrPortFrom(l.addr(b, l.Local), port(b, l.LocalPort))
	if Has(l.Remote) {
		r.Remote = netip.AddrPortFrom(l.addr(b, l.Remote), port(b, l.RemotePort))
	}
	r.LocalScope, r.RemoteScope = u32(b, l.LocalScope), u32(b, l.RemoteScope)
	r.State, r.PID, r.Flags = State(u32(b, l.State)), u32(b, l.PID), u32(b, l.Flags)
	r.Created, r.Module = int64(u64(b, l.Created)), u64(b, l.Module)
	return r
}

// LocalPort is the local port of the i-th row, for a caller that wants few of the rows. It panics unless 0 <= i < Len.
func (t Table) LocalPort(i int) uint16 { return port(t.Raw(i), t.layout.LocalPort) }

func (l *Layout) addr(b []byte, at uint8) netip.Addr {
	if l.V6 {
		return netip.AddrFrom16([16]byte(b[at:]))
	}
	return netip.AddrFrom4([4]byte(b[at:]))
}

// port takes the first two bytes of a DWORD, in network order. The other two are documented to hold anything.
func port(b []byte, at uint8) uint16 { return binary.BigEndian.Uint16(b[at:]) }

// u32 also serves for the scopes. The manual has them in network order, but they are in the host's: the numbers that
// Windows' own tools print after the percent sign are the plain ones.
func u32(b []byte, at uint8) uint32 {
	if !Has(at) {
		return 0
	}
	return binary.LittleEndian.Uint32(b[at:])
}

func u64(b []byte, at uint8) uint64 {
	if !Has(at) {
		return 0
	}
	return binary.LittleEndian.Uint64(b[at:])
}

// unixEpoch is 1970-01-01 as a FILETIME, and ticks how many of its units a second has.
const (
	unixEpoch = 116444736000000000
	ticks     = 10_000_000
)

// Time is the moment that a FILETIME stands for; 0, and what cannot be a moment (it is negative), is the zero time.
func Time(filetime int64) time.Time {
	if filetime <= 0 {
		return time.Time{}
	}
	since := filetime - unixEpoch
	return time.Unix(since/ticks, since%ticks*100)
}
