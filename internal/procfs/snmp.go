package procfs

import "bytes"

// SNMP is what is of use in /proc/net/snmp: counters of a network namespace since it was made.
type SNMP struct {
	ActiveOpens  uint64 // TCP connections begun here
	PassiveOpens uint64 // TCP connections that a listener took
}

// ParseSNMP parses /proc/net/snmp: for each protocol a line of names, then a line of numbers in the same order.
func ParseSNMP(b []byte) (SNMP, error) {
	var s SNMP
	names, values := tcpLines(b)
	if values == nil {
		return s, parseError("no TCP counters in snmp", b)
	}
	n := 0
	for _, c := range []struct {
		name string
		to   *uint64
	}{{"ActiveOpens", &s.ActiveOpens}, {"PassiveOpens", &s.PassiveOpens}} {
		if v, ok := column(names, values, c.name); ok {
			*c.to = v
			n++
		}
	}
	if n != 2 {
		return s, parseError("TCP counters of snmp", values)
	}
	return s, nil
}

func tcpLines(b []byte) (names, values []byte) {
	for line := range bytes.Lines(b) {
		if rest, ok := bytes.CutPrefix(line, []byte("Tcp:")); ok && names == nil {
			names = rest
		} else if ok {
			return names, rest
		}
	}
	return names, nil
}

func column(names, values []byte, name string) (uint64, bool) {
	f := bytes.Fields(values)
	for i, n := range bytes.Fields(names) {
		if string(n) == name && i < len(f) {
			return decimal(f[i])
		}
	}
	return 0, false
}
