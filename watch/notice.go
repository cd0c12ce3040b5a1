package watch

import (
	"time"

	"github.com/sockeye-net/sockeye/netstat"
)

// notice is something that the kernel told of a socket, in the form that all feeds bring it in.
type notice struct {
	kind   noticeKind
	time   time.Time
	socket netstat.Socket // identity, addresses, and the new state
	old    netstat.State
	actor  *netstat.Process // who made it happen, nil where not known
	bytes  Bytes            // destroyed
}

type noticeKind uint8

const (
	changed   noticeKind = iota // of state
	destroyed                   // the socket is gone
	talked                      // a datagram socket was used for the first time
)

// datagrams is what BPF programs have counted of a socket that the kernel itself does not count.
type datagrams struct {
	socket      netstat.Socket
	actor       *netstat.Process // who used it first
	first, last time.Time
	bytes       Bytes
}

// feed is how the kernel tells of what happens between two readings.
type feed interface {
	source() Source
	// complete reports whether it tells of every connection's opening and closing, so that a reading need only bring the
	// sockets that are held by somebody.
	complete() bool
	// drain takes what has been told since, without waiting. It returns how many notices were lost; overflow without a number
	// is lost == 0 and overflow true.
	drain(take func(*notice)) (lost uint64, overflow bool, err error)
	// counts reports whether datagrams are counted; count gives all counts, forget ends one (not within take).
	counts() bool
	count(take func(*datagrams)) error
	forget(cookie uint64)
	close() error
}
