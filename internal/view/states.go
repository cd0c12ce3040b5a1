package view

import (
	"math/bits"
	"strings"

	"github.com/sockeye-net/sockeye/netstat"
)

// allStates has the bit of every state there is.
const allStates = netstat.States(1<<(netstat.DeleteTCB+1) - 2)

// stateNames are the states in netstat's spelling, by number, and lower case with '-' as ss has it.
var stateNames = [...]string{
	netstat.Established: "established", netstat.SynSent: "syn-sent", netstat.SynRecv: "syn-recv",
	netstat.FinWait1: "fin-wait-1", netstat.FinWait2: "fin-wait-2", netstat.TimeWait: "time-wait",
	netstat.Closed: "closed", netstat.CloseWait: "close-wait", netstat.LastAck: "last-ack",
	netstat.Listen: "listening", netstat.Closing: "closing", netstat.Bound: "bound",
	netstat.Unconnected: "unconnected", netstat.DeleteTCB: "delete-tcb",
}

// stateGroups are ss's names of several states (scan_state in its source), all but "all".
var stateGroups = map[string]netstat.States{
	"connected":    connectedStates,
	"synchronized": connectedStates &^ (1 << netstat.SynSent),
	"bucket":       miniStates,
	"big":          allStates &^ miniStates,
}

const (
	miniStates      = netstat.States(1<<netstat.SynRecv | 1<<netstat.TimeWait)
	idleStates      = netstat.States(1<<netstat.Listen | 1<<netstat.Closed | 1<<netstat.Unconnected | 1<<netstat.Bound)
	connectedStates = allStates &^ (idleStates | miniStates)
)

// parseState reads the name of a state, in ss's or netstat's spelling, or of a group of states.
func parseState(name string) (netstat.States, bool) {
	name = strings.ToLower(name)
	if set, ok := stateGroups[name]; ok {
		return set, true
	}
	if name == "all" {
		return allStates, true
	}
	plain := plainState(name)
	if st, ok := stateAliases[plain]; ok {
		return netstat.StatesOf(st), true
	}
	for st := netstat.Established; st <= netstat.DeleteTCB; st++ {
		if plainState(stateNames[st]) == plain {
			return netstat.StatesOf(st), true
		}
	}
	return 0, false
}

// plainState makes fin-wait-1, FIN_WAIT1 and fin_wait_1 the same.
func plainState(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(name)
}

var stateAliases = map[string]netstat.State{
	"estab": netstat.Established, "synrcv": netstat.SynRecv, "close": netstat.Closed, "listen": netstat.Listen,
	"unconn": netstat.Unconnected,
}

// appendStates writes the set in the form that parses to it: the shorter one of its members and what it leaves out.
func appendStates(dst []byte, set netstat.States) []byte {
	switch set {
	case allStates:
		return append(dst, "state all"...)
	case 0:
		return append(dst, "exclude all"...)
	}
	word, left := "state ", set
	if bits.OnesCount32(uint32(set)) > bits.OnesCount32(uint32(allStates))/2 {
		word, left = "exclude ", allStates&^set
	}
	for st := netstat.Established; st <= netstat.DeleteTCB; st++ {
		if left&(1<<st) != 0 {
			dst = append(append(append(dst, word...), stateNames[st]...), ' ')
		}
	}
	return dst[:len(dst)-1]
}

// StateWords are the words that may follow "state" in a filter, for completion.
func StateWords() []string {
	words := append([]string{"all", "connected", "synchronized", "bucket", "big"}, stateNames[1:]...)
	return words
}
