// Package ports knows what decides whether a local port can be bound: by trying it ([Bind]), by the rules of the system
// ([Policy]), and by the sockets that have it ([Explain]). It finds ports that are free ([Search]).
//
// Trying is the only proof, and disturbs little: a test binds and closes at once, and never listens. A program that binds the
// same port without SO_REUSEADDR in that very moment is refused, so nothing here tries again and again.
package ports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:generate go run golang.org/x/tools/cmd/stringer@v0.52.0 -type=Trouble,Kind,Relation -linecomment -output=zstring.go

// Range is the ports from First to Last, both included. The zero Range has none.
type Range struct{ First, Last uint16 }

// Contains reports whether a port is in the range.
func (r Range) Contains(port uint16) bool { return port != 0 && r.First <= port && port <= r.Last }

// String is FIRST-LAST, or the one port.
func (r Range) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// In finds the range that has the port.
func In(ranges []Range, port uint16) (Range, bool) {
	i := slices.IndexFunc(ranges, func(r Range) bool { return r.Contains(port) })
	if i < 0 {
		return Range{}, false
	}
	return ranges[i], true
}

// ParseRange reads FIRST-LAST, or one port.
func ParseRange(text string) (r Range, err error) {
	first, last, two := strings.Cut(text, "-")
	if !two {
		last = first
	}
	a, err1 := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	if err1 != nil || err2 != nil || a == 0 || a > b {
		return Range{}, fmt.Errorf("%q is no range of ports, such as 8000-8100", text)
	}
	return Range{uint16(a), uint16(b)}, nil
}

// ParseRanges reads ranges with commas between them, as the kernel writes net.ipv4.ip_local_reserved_ports.
func ParseRanges(text string) (list []Range, err error) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		if part == "" {
			continue
		}
		r, err := ParseRange(part)
		if err != nil {
			return list, err
		}
		list = append(list, r)
	}
	return list, nil
}

// Policy is what the system says about ports as such.
type Policy struct {
	// Ephemeral are the ports that the system picks from for who asks for none, as outgoing connections do; Reserved those that
	// it leaves out then, which any program may bind nevertheless.
	Ephemeral Range
	Reserved  []Range
	Privilege uint16 // a port below it needs a privilege; 0 where none does
	Assumed   bool   // Ephemeral is the default of this system, which does not tell what it is set to
}

// Picked reports whether the system may give the port to an outgoing connection at any time.
func (p *Policy) Picked(port uint16) bool {
	_, reserved := In(p.Reserved, port)
	return p.Ephemeral.Contains(port) && !reserved
}

// ReadPolicy asks the system. What could not be read is zero, and said by the errors.
func ReadPolicy() (Policy, []error) { return readPolicy() }
