package netstat

import (
	"errors"
	"fmt"
	"slices"
)

// FindPIDsByTCPPort answers which processes own the local TCP port: every process that holds a socket with that port, of
// IPv4 or IPv6, listening or not, in ascending order. Three answers are distinct:
//
//   - owned: the process ids, and a nil error;
//   - owned by nobody: no ids, and a nil error (a TIME_WAIT row belongs to nobody);
//   - could not find out: an error, with the ids that are known; errors.Is(err, ErrOwnerUnknown) when a socket has the
//     port but who owns it is not told, which mostly means: not permitted; and when the table could be read in part only.
func FindPIDsByTCPPort(port uint16) ([]int, error) { return findPIDs(QueryTCP, port) }

// FindPIDsByUDPPort answers which processes own the local UDP port, as [FindPIDsByTCPPort] does for TCP.
func FindPIDsByUDPPort(port uint16) ([]int, error) { return findPIDs(QueryUDP, port) }

func findPIDs(protos Protos, port uint16) ([]int, error) {
	t, err := Open(&Config{Few: true})
	if err != nil {
		return nil, err
	}
	defer t.Close()
	var s Snapshot
	if err := t.Read(Query{Protos: protos, LocalPorts: []uint16{port}, Owner: OwnerPID}, &s); err != nil {
		return nil, err
	}
	return s.ownersOfPort(port)
}

// ownersOfPort is the answer of a snapshot of all sockets with that port.
func (s *Snapshot) ownersOfPort(port uint16) ([]int, error) {
	pids, unknown := ownersOf(s.Sockets)
	if unknown > 0 {
		return pids, fmt.Errorf("netstat: port %d: %w for %d of %d sockets (%s)", port, ErrOwnerUnknown, unknown, len(s.Sockets), firstMissing(s.Sockets))
	}
	if i := slices.IndexFunc(s.Partial, isRows); i >= 0 { // a socket with that port may be among them
		return pids, fmt.Errorf("netstat: port %d: %w: %w", port, ErrOwnerUnknown, s.Partial[i])
	}
	return pids, nil
}

func isRows(err error) bool { return errors.Is(err, errRows) }

// ownersOf gathers the distinct process ids, and counts the sockets that have an owner nobody told us.
func ownersOf(sockets []Socket) (pids []int, unknown int) {
	for i := range sockets {
		for _, o := range sockets[i].Owners {
			pids = append(pids, o.Process.PID)
		}
		if sockets[i].Missing.Hides() {
			unknown++
		}
	}
	slices.Sort(pids)
	return slices.Compact(pids), unknown
}

func firstMissing(sockets []Socket) Missing {
	for i := range sockets {
		if m := sockets[i].Missing; m.Hides() {
			return m
		}
	}
	return NotMissing
}

// Hides reports whether the reason means that there may be an owner who is not shown, as against there being none.
func (m Missing) Hides() bool { return m == MissingPermission || m == MissingUnknown }
