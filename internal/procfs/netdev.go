package procfs

import "bytes"

// NetDev is a line of /proc/net/dev (proc_pid_net(5)): the counters of an interface since it was made or reset. RxDropped
// includes what the hardware had no room for (rx_missed_errors).
type NetDev struct {
	Name                                    []byte // refers to the text
	RxBytes, RxPackets, RxErrors, RxDropped uint64
	TxBytes, TxPackets, TxErrors, TxDropped uint64
}

// netDevColumns is the number of counters in a line: eight received, eight sent.
const netDevColumns = 16

// DecodeNetDev calls emit for every interface. It allocates nothing; the NetDev is used again for the next one. A line that
// cannot be understood ends it with an error.
func DecodeNetDev(b []byte, emit func(*NetDev)) error {
	var d NetDev
	for n := 0; len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte{'\n'})
		if n < 2 && bytes.IndexByte(line, '|') >= 0 { // the heading
			continue
		}
		if !d.parse(line) {
			return parseError("interface", line)
		}
		emit(&d)
	}
	return nil
}

// parse takes a line apart. Older kernels let a name contain a colon, and put no space behind the one that ends it.
func (d *NetDev) parse(line []byte) bool {
	colon := bytes.LastIndexByte(line, ':')
	if colon < 0 {
		return false
	}
	d.Name = bytes.TrimLeft(line[:colon], " ")
	var v [netDevColumns]uint64
	rest := line[colon+1:]
	for i := range v {
		var ok bool
		if v[i], rest, ok = netDevCounter(rest); !ok {
			return false
		}
	}
	d.RxBytes, d.RxPackets, d.RxErrors, d.RxDropped = v[0], v[1], v[2], v[3]
	d.TxBytes, d.TxPackets, d.TxErrors, d.TxDropped = v[8], v[9], v[10], v[11]
	return len(d.Name) > 0 && len(bytes.TrimLeft(rest, " ")) == 0
}

// netDevCounter cuts the first number off.
func netDevCounter(b []byte) (n uint64, rest []byte, ok bool) {
	b = bytes.TrimLeft(b, " ")
	end := bytes.IndexByte(b, ' ')
	if end < 0 {
		end = len(b)
	}
	n, ok = decimal(b[:end])
	return n, b[end:], ok
}
