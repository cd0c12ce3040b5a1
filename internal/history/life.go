package history

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/geoip"
	"github.com/sockeye-net/sockeye/netstat"
	"github.com/sockeye-net/sockeye/watch"
)

// Flags say what is particular about a life.
type Flags uint16

// The flags; they are combined with |.
const (
	OpenedBefore Flags = 1 << iota // it was there when it was first seen: Opened is that time, and it is older
	Inferred                       // nothing was known of it until it was closed
	EndUnknown                     // recording ended before it did: Closed is when it was last known to be there
	Incoming                       // the other end connected to a listener here
)

// Life is one connection or listener, or another socket, from its beginning to its end.
type Life struct {
	Socket netstat.Socket // with its owners; of one that ended State is that in which it lived; Info has the bytes of the whole life, where they are known
	Opened time.Time
	Closed time.Time // while Open: when it was last known to be there
	Open   bool
	Flags  Flags

	Bytes     watch.Bytes
	Source    watch.Source // who told of it, at last
	OwnerFrom watch.OwnerFrom
	Place     *geoip.Location // of the remote end, as it was known then; nil is not known
}

// Details are what is known of a process beyond its name.
type Details struct{ Exe, Cmdline, User string }

// spanOf is the class of a life's length: the least n for which it is shorter than 4^n seconds. Questions for what lived at
// a time look, in each class, at what began at most 4^n seconds before, so they need not go through everything older.
func spanOf(d time.Duration) int {
	n := 0
	for limit := time.Second; d >= limit && n < maxSpan; limit *= 4 {
		n++
	}
	return n
}

// maxSpan is the class of all that lived longer than 4^14 seconds, which are eight years.
const maxSpan = 15

// spanLength is the bound of a class, in microseconds.
func spanLength(n int) int64 {
	if n >= maxSpan {
		return 1 << 61
	}
	return int64(1e6) << (2 * n)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// blob is an address as it is stored.
func blob(a netip.Addr) []byte {
	if !a.IsValid() {
		return nil
	}
	b := a.As16()
	return b[:]
}

// family is 4 or 6, by the socket's own address.
func family(s *netstat.Socket) int {
	if s.Local.Addr().Is4() || !s.Local.IsValid() && s.Remote.Addr().Is4() {
		return 4
	}
	return 6
}

// address undoes blob: in a socket of IPv6 a mapped address stays one.
func address(b []byte, family int, zone string) netip.Addr {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return netip.Addr{}
	}
	if family == 4 {
		return a.Unmap()
	}
	return a.WithZone(zone)
}
