package ports

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/sockeye-net/sockeye/netstat"
)

// Bind is a way to bind a port.
type Bind struct {
	Proto  netstat.Proto // TCP or UDP
	Addr   netip.Addr    // the wildcard of its family, or a local address, with its zone if it is a link-local one
	V6Only bool          // IPV6_V6ONLY: the wildcard of IPv6 is for that alone, and not for IPv4 too
	// Reuse is what most servers set for TCP: SO_REUSEADDR on Linux, so that connections of an earlier server which the kernel
	// still remembers (TIME_WAIT) do not matter. On Windows every test without it is with SO_EXCLUSIVEADDRUSE.
	Reuse bool
	Share bool // SO_REUSEPORT: side by side with listeners of the same user that have it too (Linux, TCP)
}

// String is the address with what is special.
func (b Bind) String() string {
	text := b.Addr.String()
	if b.Addr.Is6() {
		text = "[" + text + "]"
	}
	if b.V6Only && b.Addr.IsUnspecified() {
		text += " v6only"
	}
	if b.Reuse {
		text += " " + Reusing
	}
	if b.Share {
		text += " with SO_REUSEPORT"
	}
	return text
}

// Trouble says why a bind failed.
type Trouble uint8

// The troubles: the port is in use; this user may not; the address is not one of this machine's; the machine has no such
// family of addresses; anything else.
const (
	InUse        Trouble = iota + 1 // in_use
	NotPermitted                    // not_permitted
	NoAddress                       // no_address
	NoFamily                        // no_family
	Other                           // other
)

// BindError is a bind that failed. Unwrap reaches the system's error number.
type BindError struct {
	Bind    Bind
	Port    uint16
	Trouble Trouble
	Err     error
}

func (e *BindError) Error() string {
	return fmt.Sprintf("bind %v port %d on %v: %v", e.Bind.Proto, e.Port, e.Bind, e.Err)
}

func (e *BindError) Unwrap() error { return e.Err }

// Try binds the port in this way and lets go of it at once. It never listens, and it takes no datagrams away from anybody:
// those who share a UDP port get each its part, so UDP is never tried with Reuse or Share. The error is a *BindError.
func (b Bind) Try(port uint16) error {
	if b.Proto == netstat.UDP {
		b.Reuse, b.Share = false, false
	}
	if err := b.try(port); err != nil {
		return &BindError{Bind: b, Port: port, Trouble: troubleOf(err), Err: err}
	}
	return nil
}

// TroubleOf is that of an error of Try; another error is Other, and nil is 0.
func TroubleOf(err error) Trouble {
	var e *BindError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return e.Trouble
	}
	return Other
}

// The wildcards.
var (
	any4 = netip.IPv4Unspecified()
	any6 = netip.IPv6Unspecified()
)

// Everywhere are the strictest ways to take a port on all addresses of the families.
func Everywhere(proto netstat.Proto, families netstat.Families) (ways []Bind) {
	if families == 0 || families&netstat.IPv4 != 0 {
		ways = append(ways, Bind{Proto: proto, Addr: any4})
	}
	if families == 0 || families&netstat.IPv6 != 0 {
		ways = append(ways, Bind{Proto: proto, Addr: any6, V6Only: true})
	}
	return ways
}

// TryEverywhere tries the port in each of these ways. A machine that has no IPv6 does not need it, unless it alone is asked for.
func TryEverywhere(ways []Bind, port uint16) error {
	families := 0
	var none error
	for _, b := range ways {
		switch err := b.Try(port); TroubleOf(err) {
		case 0:
			families++
		case NoFamily, NoAddress:
			none = err
		default:
			return err
		}
	}
	if families == 0 {
		return none
	}
	return nil
}
