package netstat

import (
	"os"

	"github.com/sockeye-net/sockeye/internal/procfs"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// census is what the kernel counts in a network namespace, without looking at a socket. It tells whether a walk through
// descriptor tables saw every connection: one may be held by a message in flight, or by an io_uring, only.
type census struct {
	inUse    inUse
	timeWait int
	opens    uint64 // TCP connections begun and taken, ever
	known    bool
}

// inUse counts sockets as /proc/net/sockstat does: those in the kernel's tables of listeners and connections, without
// TIME_WAIT and what is half open. Index 0 is IPv4, 1 IPv6.
type inUse [2]int

// readCensus is unknown where the counts cannot be read, or are not those of the namespace.
func readCensus(netns uint32) (c census) {
	if own, err := ownNetNS(); err != nil || own != netns {
		return c
	}
	var s procfs.Sockstat
	for _, path := range []string{"/proc/thread-self/net/sockstat", "/proc/thread-self/net/sockstat6"} {
		if b, err := os.ReadFile(path); err != nil || s.Parse(b) != nil {
			return c
		}
	}
	b, err := os.ReadFile("/proc/thread-self/net/snmp")
	if err != nil {
		return c
	}
	n, err := procfs.ParseSNMP(b)
	return census{inUse: inUse{s.TCP, s.TCP6}, timeWait: s.TimeWait, opens: n.ActiveOpens + n.PassiveOpens, known: err == nil}
}

// proves reports whether found, counted between the census and the one after it, must be every connection there is: none
// was opened meanwhile that could stand in for one that was not found.
func (c *census) proves(found inUse, after *census, f Families) bool {
	if !c.known || !after.known || c.inUse != after.inUse || c.opens != after.opens {
		return false
	}
	return (f == IPv6 || found[0] >= c.inUse[0]) && (f == IPv4 || found[1] >= c.inUse[1])
}

func (in *inUse) count(r *rawsock.Record, own uint32) {
	if r.NetNS != own || r.Proto != rawsock.ProtoTCP || countedStates&(1<<r.State) == 0 {
		return
	}
	if r.Family == rawsock.AFInet6 {
		in[1]++
	} else {
		in[0]++
	}
}

// countedStates are the states in which a socket stands in one of the tables.
const countedStates = 1<<rawsock.Established | 1<<rawsock.SynSent | 1<<rawsock.SynRecv | 1<<rawsock.FinWait1 | 1<<rawsock.FinWait2 |
	1<<rawsock.CloseWait | 1<<rawsock.LastAck | 1<<rawsock.Listen | 1<<rawsock.Closing
