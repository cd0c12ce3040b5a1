package netstat

import (
	"os"

	"github.com/sockeye-net/sockeye/internal/procfs"
	"github.com/sockeye-net/sockeye/internal/rawsock"
)

// inUse counts the sockets of this network namespace as /proc/net/sockstat does: those in the kernel's tables of listeners,
// connections and ports, without TIME_WAIT and what is half open. Index 0 is IPv4, 1 IPv6.
type inUse struct {
	tcp, udp [2]int
}

// readInUse is zero where the counts cannot be read, or not those of the namespace; then nothing seems to be missing.
func readInUse(netns uint32) inUse {
	if own, err := ownNetNS(); err != nil || own != netns {
		return inUse{}
	}
	var s procfs.Sockstat
	for _, path := range []string{"/proc/thread-self/net/sockstat", "/proc/thread-self/net/sockstat6"} {
		b, err := os.ReadFile(path)
		if err != nil || s.Parse(b) != nil {
			return inUse{}
		}
	}
	return inUse{tcp: [2]int{s.TCP, s.TCP6}, udp: [2]int{s.UDP, s.UDP6}}
}

func (in *inUse) count(r *rawsock.Record, own uint32) {
	if r.NetNS != own {
		return
	}
	v6 := 0
	if r.Family == rawsock.AFInet6 {
		v6 = 1
	}
	switch {
	case r.Proto == rawsock.ProtoUDP:
		in.udp[v6]++
	case r.Proto == rawsock.ProtoTCP && countedStates&(1<<r.State) != 0:
		in.tcp[v6]++
	}
}

// countedStates are the states in which a socket stands in one of the tables.
const countedStates = 1<<rawsock.Established | 1<<rawsock.SynSent | 1<<rawsock.SynRecv | 1<<rawsock.FinWait1 | 1<<rawsock.FinWait2 |
	1<<rawsock.CloseWait | 1<<rawsock.LastAck | 1<<rawsock.Listen | 1<<rawsock.Closing

func (in *inUse) lacksTCP(want *inUse, f Families) bool { return lacks(in.tcp, want.tcp, f) }
func (in *inUse) lacksUDP(want *inUse, f Families) bool { return lacks(in.udp, want.udp, f) }

func lacks(have, want [2]int, f Families) bool {
	return f != IPv6 && have[0] < want[0] || f != IPv4 && have[1] < want[1]
}
