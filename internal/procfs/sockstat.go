package procfs

import "bytes"

// Sockstat is how many sockets there are in a network namespace. They can be read without reading the table, and say how
// large it will be.
type Sockstat struct {
	TCP, TCP6 int // in use: neither closed nor in TIME_WAIT
	UDP, UDP6 int
	Orphan    int // TCP sockets without a descriptor, of the whole machine
	TimeWait  int // TCP of both families
}

// Parse adds what /proc/net/sockstat or /proc/net/sockstat6 tells.
func (s *Sockstat) Parse(b []byte) error {
	for line := range bytes.Lines(b) {
		name, rest, found := bytes.Cut(line, []byte{':'})
		if !found {
			return parseError("socket count", line)
		}
		switch string(name) {
		case "TCP":
			found = counts(rest, map[string]*int{"inuse": &s.TCP, "orphan": &s.Orphan, "tw": &s.TimeWait})
		case "TCP6":
			found = counts(rest, map[string]*int{"inuse": &s.TCP6})
		case "UDP":
			found = counts(rest, map[string]*int{"inuse": &s.UDP})
		case "UDP6":
			found = counts(rest, map[string]*int{"inuse": &s.UDP6})
		}
		if !found {
			return parseError("socket count", line)
		}
	}
	return nil
}

// counts parses pairs of a name and a number.
func counts(b []byte, into map[string]*int) bool {
	f := bytes.Fields(b)
	for ; len(f) >= 2; f = f[2:] {
		p := into[string(f[0])]
		if p == nil {
			continue
		}
		n, ok := decimal(f[1])
		if !ok || n > 1<<31-1 {
			return false
		}
		*p = int(n)
	}
	return len(f) == 0
}
